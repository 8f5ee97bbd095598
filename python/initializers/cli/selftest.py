"""`initializers selftest`: compares this machine's values with everybody's.

The digests come from `tools/make_selftest.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .. import STREAM_VERSION, SeedGenerator, __version__, _core, deserialize, get_num_threads
from ._command import make_command
from ._errors import DIFFERS
from ._output import make_console, progress_bar, write_json

PATH = Path(__file__).parent.parent / "data" / "selftest.json"

_WIDTHS = {"scalar": "one value at a time", "128": "128 bits", "256": "256 bits", "512": "512 bits"}


@make_command(
    "selftest",
    "compare this machine's values with those of all others",
    "initializers selftest",
    "initializers selftest --json > selftest.json",
    section="Check",
)
def command(as_json: bool) -> int:
    """Compare the values that this machine makes with those of stream version 1.

    Every sampler, class and float type is drawn with every vector width that the processor has,
    and on several numbers of threads, and compared by SHA-256 with digests that come with the
    package. Exit status 1 if anything differs.
    """
    cases = json.loads(PATH.read_text(encoding="utf-8"))["cases"]
    started = time.perf_counter()
    with progress_bar("comparing", wanted=not as_json, unit="tensors") as advance:
        runs = list(_compare(cases, advance))
    report = {
        "identical": not any(run["differing"] for run in runs),
        "stream_version": STREAM_VERSION,
        "version": __version__,
        "cpu": cpu_name(),
        "machine": platform.machine(),
        "system": platform.system(),
        "byte_order": sys.byteorder,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "simd": _core.get_simd(),
        "threads": get_num_threads(),
        "tensors": len(cases),
        "runs": runs,
    }
    if as_json:
        write_json(report)
    else:
        _print(report, time.perf_counter() - started)
    return 0 if report["identical"] else DIFFERS


def draw(case: dict[str, Any]) -> str:
    """Return the SHA-256 of the little-endian bytes of the values that a case describes."""
    initializer: Any = deserialize({"class_name": case["class"], "config": case["config"]})
    if case.get("stream"):
        generator = SeedGenerator(case["config"]["seed"])
        generator._counter = case["stream"]
        initializer = initializer.with_seed(generator)
    shape = tuple(case["shape"])
    index = None
    if "start" in case:
        index = tuple(map(slice, case["start"], shape))
    values = initializer(shape, case["dtype"], index=index)
    bits = values.view(f"u{values.itemsize}")
    return hashlib.sha256(bits.astype(bits.dtype.newbyteorder("<"), copy=False)).hexdigest()


def _compare(cases: list[dict[str, Any]], advance: Any) -> Iterator[dict[str, Any]]:
    threads = get_num_threads()
    counts = sorted({1, 3, threads})
    settings = [(level, count) for level in _core.available_simd() for count in counts]
    total = len(settings) * len(cases)
    try:
        for number, (level, count) in enumerate(settings):
            _core.set_simd(level)
            _core.set_num_threads(count)
            differing = []
            for place, case in enumerate(cases):
                if advance is not None:
                    advance(number * len(cases) + place, total)
                if draw(case) != case["sha256"]:
                    differing.append({key: case[key] for key in case if key != "sha256"})
            yield {"simd": level, "threads": count, "differing": differing}
    finally:
        _core.set_simd(None)
        _core.set_num_threads(threads)


def _print(report: dict[str, Any], seconds: float) -> None:
    console = make_console()
    system = f"{report['machine']}, {report['system']}, {report['byte_order']}-endian"
    console.print(f"processor  {report['cpu']} ({system})")
    levels = list(dict.fromkeys(run["simd"] for run in report["runs"]))
    console.print(f"vectors    {', '.join(_WIDTHS.get(level, level) for level in levels)}")
    counts = dict.fromkeys(str(run["threads"]) for run in report["runs"])
    console.print(f"threads    {', '.join(counts)}")
    console.print(
        f"software   initializers {report['version']}, NumPy {report['numpy']}, "
        f"Python {report['python']}"
    )
    for run in report["runs"]:
        for case in run["differing"]:
            console.print(
                f"differs    {case['class']}({_list(case['config'])}) of {case['dtype']} "
                f"{tuple(case['shape'])}, vectors: {run['simd']}, threads: {run['threads']}",
                style="red",
            )
    count = f"{report['tensors']} tensors × {len(report['runs'])} settings in {seconds:.1f} s"
    version = f"stream version {report['stream_version']}"
    if report["identical"]:
        console.print(f"result     identical to {version} ({count})", style="bold green")
    else:
        console.print(f"result     NOT {version} ({count})", style="bold red")


def _list(config: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in config.items())


def cpu_name() -> str:
    """Return the processor's name as the system has it, or as much as Python knows."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() in ("model name", "Model"):
                    return value.strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or os.environ.get("PROCESSOR_IDENTIFIER", "unknown")
