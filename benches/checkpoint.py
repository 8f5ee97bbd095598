"""Rate and memory of writing a checkpoint, compared with other bytes written the same way.

Each round runs five writers in turn: zeros; random bytes, made beforehand; the same bytes through
the system's cache instead of direct writes; the model, by `initializers.checkpoint.write`; and the
model by `safetensors`, from arrays in memory. The first three use the code and buffers of `write`,
and sync at the end: they measure the disk. (Many virtual disks do not store zeros, and so write
them faster than any weights.) Each writer runs in its own process, which reports its peak memory.
The last model is then verified.

    python benches/checkpoint.py [--model llama-3.2-1b] [--rounds 5] [--folder .] [--once]
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import initializers
from initializers import Recipe, checkpoint
from initializers._arguments.dtypes import look_up
from initializers._files import filesystem
from initializers._files.direct_writer import BUFFER, Appender
from initializers._files.filesystem import new_file, reserve, sync_file
from initializers.recipe._sources import model_specs

WRITERS = ("zeros", "no pattern", "buffered", "model", "safetensors")
MODEL = "model.safetensors"


def recipe_of(name: str) -> Recipe:
    """Return the published recipe of a model."""
    make: Any = Recipe.for_model  # its overloads accept only known names
    recipe: Recipe = make(name.split("-")[0], seed=2024)
    return recipe


def write_bytes(path: Path, size: int, random: bool) -> None:
    """Write zeros, or random bytes, which are made before the clock starts."""
    source = np.zeros(BUFFER * 4, np.uint8)
    if random:
        source[:] = np.random.default_rng(1).integers(0, 256, source.size, np.uint8)
    start = time.perf_counter()
    with new_file(path) as descriptor:
        reserve(descriptor, size)
        appender = Appender(path, descriptor, 0)
        for low in range(0, size, BUFFER):
            length = min(BUFFER, size - low)
            first = (
                low // 4096 % (BUFFER * 3)
            )  # different blocks: some disks store equal blocks only once
            appender.reserve(length)[:] = source[first : first + length]
        appender.finish()
        appender.close()
    report(start)


def write_by_library(name: Any, path: Path) -> None:
    """Write arrays that are made before the clock starts, and flush them."""
    from safetensors.numpy import save_file

    arrays = recipe_of(name).init(model_specs(name))
    start = time.perf_counter()
    save_file(arrays, path, {"format": "pt"})
    sync_file(path)
    report(start)


def report(start: float) -> None:
    """Print the time since `start`, and the peak resident memory."""
    seconds = time.perf_counter() - start
    print(seconds, peak())


def peak() -> int:
    """Return this process's peak resident memory in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


def run(writer: str, name: Any, folder: Path) -> None:
    """Write once, in this process."""
    path = folder / MODEL
    if writer == "model":
        start = time.perf_counter()
        checkpoint.write(recipe_of(name), model_specs(name), path)
        report(start)
    elif writer == "verify":
        start = time.perf_counter()
        result = checkpoint.verify(path)
        if not result.ok:
            raise SystemExit(str(result))
        report(start)
    elif writer == "buffered":
        filesystem.open_direct = lambda path, descriptor: None
        write_bytes(path, size_of(name), True)
    elif writer == "safetensors":
        write_by_library(name, path)
    else:
        write_bytes(path, size_of(name), writer == "no pattern")


def size_of(name: Any) -> int:
    """Return the bytes of a model's weights."""
    specs = model_specs(name).values()
    return sum(math.prod(spec.shape) * look_up(spec.dtype).numpy.itemsize for spec in specs)


def measure(writer: str, name: str, folder: Path) -> tuple[float, int]:
    """Return seconds and peak memory of a writer in a process of its own."""
    if writer != "verify":
        (folder / MODEL).unlink(missing_ok=True)
        os.sync()  # this writer must not wait for earlier writes and deletions
    command = [sys.executable, __file__, "--model", name, "--folder", str(folder), "--run", writer]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, memory = result.stdout.split()
    return float(seconds), int(memory)


def main() -> None:
    """Print a row for each writer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="llama-3.2-1b")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--once", action="store_true", help="write and verify the model only")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run, options.model, options.folder)
        return
    size = size_of(options.model)
    print(
        f"{options.model}: {size / 1e9:.2f} GB of weights, {initializers.get_num_threads()} threads"
    )
    results: dict[str, list[tuple[float, int]]] = {}
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench-checkpoint-") as folder:
        for _ in range(1 if options.once else options.rounds):
            for writer in ("model",) if options.once else WRITERS:
                found = measure(writer, options.model, Path(folder))
                results.setdefault(writer, []).append(found)
                if writer == "model":
                    verified = measure("verify", options.model, Path(folder))
                    results.setdefault("verify", []).append(verified)
    print_table(results, size)


def print_table(results: dict[str, list[tuple[float, int]]], size: int) -> None:
    """Print medians and extremes; ratios are of medians."""
    medians = {writer: statistics.median(s for s, _ in runs) for writer, runs in results.items()}
    print(f"{'':<14}{'GB/s':>8}{'slowest':>10}{'fastest':>10}{'peak, MB':>10}", end="")
    print(f"{'of zeros':>10}{'of no pattern':>15}")
    for writer, runs in results.items():
        seconds = [s for s, _ in runs]
        row: list[Any] = [size / t / 1e9 for t in (medians[writer], max(seconds), min(seconds))]
        memory = max(m for _, m in runs) / 1e6
        print(f"{writer:<14}{row[0]:>8.2f}{row[1]:>10.2f}{row[2]:>10.2f}{memory:>10.0f}", end="")
        for other, width in (("zeros", 10), ("no pattern", 15)):
            ratio = medians[other] / medians[writer] if other in medians else math.nan
            print(f"{ratio:>{width}.0%}" if other in medians else f"{'':>{width}}", end="")
        print()


if __name__ == "__main__":
    main()
