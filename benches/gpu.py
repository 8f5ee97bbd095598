"""Compares values of a GPU with those of the CPU, bit by bit, and measures their speed.

Compares every byte of 2^30 elements of each sampler and dtype, and of 2^32 + 64 elements of one,
whose offsets need 33 bits. Then times the samplers, torch's own samplers and the memory in turns,
in one run. Writes both tables into docs/gpu.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import warnings
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import initializers
from initializers import Constant, RandomNormal, RandomUniform, TruncatedNormal
from initializers.torch import fill_

PAGE = Path(__file__).parent.parent / "docs" / "gpu.md"
DEVICE = "cuda"
SEED = 2026
ROUNDS = 20
# Elements of a block: comparing in blocks bounds the CPU's memory.
BLOCK = 1 << 26

DTYPES = ("float32", "bfloat16", "float16", "float8_e4m3fn", "float8_e5m2", "float64")
SAMPLERS: dict[str, Any] = {
    "uniform": RandomUniform(-0.05, 0.05, seed=SEED),
    "normal": RandomNormal(0.0, 0.05, seed=SEED),
    "truncated to ±2": TruncatedNormal(0.0, 0.05, seed=SEED),
    "truncated to [−1, 3]": TruncatedNormal(0.0, 0.05, seed=SEED, bounds=(-1, 3)),
    "truncated to [8, 9]": TruncatedNormal(0.0, 0.05, seed=SEED, bounds=(8, 9)),
    "truncated to (−∞, 0]": TruncatedNormal(0.0, 0.05, seed=SEED, bounds=(-float("inf"), 0)),
    "constant": Constant(0.5),
}


def main() -> None:
    """Compare, time, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elements", type=int, default=1 << 30, help="of each comparison")
    parser.add_argument("--quick", action="store_true", help="compare 2^22 elements; write nothing")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("make gpu needs a GPU that torch can use (torch.cuda.is_available() is False)")
    # Without a usable kernel, the CPU would be compared with itself.
    warnings.simplefilter("error", RuntimeWarning)
    count = 1 << 22 if options.quick else options.elements
    machine = describe_machine()
    print(machine)
    same, equality = compare_all(count, options.quick)
    timings = time_all()
    if not options.quick:
        write_table("equality", f"{machine}\n\n{equality}")
        write_table("speed", f"{machine}\n\n{timings}")
    sys.exit(0 if same else "values differ from the CPU's")


def describe_machine() -> str:
    """Return the GPU's name and the versions of the software."""
    import triton

    return (
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}, Triton {triton.__version__}, "
        f"CUDA {torch.version.cuda}, initializers {initializers.__version__}, {date.today()}."
    )


def compare_all(count: int, quick: bool) -> tuple[bool, str]:
    """Return whether all bytes equal the CPU's, and the table."""
    rows = ["| sampler | " + " | ".join(DTYPES) + " |", "|---" * (len(DTYPES) + 1) + "|"]
    same = True
    for name, initializer in SAMPLERS.items():
        cells = []
        for dtype in DTYPES:
            differing = compare(initializer, dtype, count)
            same &= differing == 0
            cells.append("equal" if differing == 0 else f"**{differing} differ**")
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
        print(rows[-1], flush=True)
    text = f"{count:,} elements each, every byte compared with the CPU's:\n\n" + "\n".join(rows)
    if not quick:
        differing = compare(SAMPLERS["normal"], "float8_e5m2", (1 << 32) + 64)
        same &= differing == 0
        result = "equal" if differing == 0 else f"{differing} differ"
        text += f"\n\n2^32 + 64 normal values of float8_e5m2 (offsets of 33 bits): {result}."
        differing = compare_columns()
        same &= differing == 0
        result = "equal" if differing == 0 else f"{differing} differ"
        text += f"\n\nColumns 1001 to 3000 of 65,536 × 4096 normal values of float32: {result}."
    print(text, flush=True)
    return same, text


def compare(initializer: Any, dtype: str, count: int) -> int:
    """Return the number of elements that differ between the GPU and the CPU."""
    made = fill_(torch.empty(count, dtype=getattr(torch, dtype), device=DEVICE), initializer)
    differing = 0
    for low in range(0, count, BLOCK):
        high = min(low + BLOCK, count)
        expected = initializer((count,), dtype, index=(slice(low, high),))
        found = made[low:high].view(torch.uint8).cpu().numpy()
        differing += count_differing(found, expected)
    return differing


def compare_columns() -> int:
    """Return how many elements of a block of columns, not aligned to anything, differ."""
    from initializers._arguments.dtypes import look_up
    from initializers._filling import plan_fill
    from initializers.torch._launch import fill_on_device

    shape, initializer = (65536, 4096), SAMPLERS["normal"]
    part = torch.empty(65536, 2000, device=DEVICE)
    if not fill_on_device(plan_fill(initializer, shape, look_up("float32")), part, (0, 1001)):
        return int(part.numel())
    expected = initializer(shape, index=(slice(None), slice(1001, 3001)))
    return count_differing(part.view(torch.uint8).cpu().numpy().reshape(-1), expected)


def count_differing(found: Any, expected: Any) -> int:
    """Return how many elements differ in any byte."""
    bytes_expected = expected.reshape(-1).view(np.uint8)
    if np.array_equal(found, bytes_expected):
        return 0
    size = expected.dtype.itemsize
    return int((found != bytes_expected).reshape(-1, size).any(axis=1).sum())


def time_all() -> str:
    """Return the table of speeds: gigabytes a second, and ratios to torch's samplers."""
    rows = [
        "| work | GB/s | of the memory's | torch | GB/s | times as fast |",
        "|---|---|---|---|---|---|",
    ]
    count = 1 << 28
    for dtype in ("float32", "bfloat16"):
        kind = getattr(torch, dtype)
        tensor = torch.empty(count, dtype=kind, device=DEVICE)
        truncate = torch.nn.init.trunc_normal_
        peers: list[tuple[str, str, Callable[[], Any]]] = [
            ("uniform", "uniform_", tensor.uniform_),
            ("normal", "normal_", tensor.normal_),
            ("truncated to ±2", "trunc_normal_", partial(truncate, tensor)),
            ("truncated to [−1, 3]", "trunc_normal_", partial(truncate, tensor, a=-1, b=3)),
        ]
        for name, peer, theirs in peers:
            mine = partial(fill_, tensor, SAMPLERS[name])
            memory = partial(tensor.fill_, 0.5)
            times = time_in_turns([mine, theirs, memory])
            mine_rate, peer_rate, memory_rate = (
                count * tensor.element_size() / seconds / 1e9 for seconds in times
            )
            rows.append(
                f"| {name}, {dtype} | {mine_rate:.0f} | {mine_rate / memory_rate:.2f} | "
                f"`{peer}` | {peer_rate:.0f} | {mine_rate / peer_rate:.2f} |"
            )
            print(rows[-1], flush=True)
        print(f"writing zeros, {dtype}: {memory_rate:.0f} GB/s")
    return (
        f"{count:,} elements in place, medians of {ROUNDS} turns; the memory's speed is that of "
        f"`Tensor.fill_` in the same turns, {memory_rate:.0f} GB/s for bfloat16:\n\n"
        + "\n".join(rows)
    )


def time_in_turns(calls: list[Callable[[], Any]]) -> list[float]:
    """Return the median seconds of each call, by the GPU's clock."""
    for call in calls:
        for _ in range(3):
            call()
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, found in zip(calls, times, strict=True):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            torch.cuda.synchronize()
            start.record()
            call()
            end.record()
            torch.cuda.synchronize()
            found.append(start.elapsed_time(end) / 1e3)
    return [statistics.median(found) for found in times]


def write_table(name: str, text: str) -> None:
    """Replace the text between the page's marks `name`."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        sys.exit(f"{PAGE} must have the lines {begin} and {end}")
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
