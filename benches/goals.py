"""Compares speed goals with the results of `compare.py`: ratios of medians of one run."""

from __future__ import annotations

import statistics
from typing import Any

_KERAS = ("keras on jax", "keras on tensorflow", "keras on torch")
# (our sampler, dtype, new?; the peer, its dtype, new?; least ratio of the peer's time to ours).
_AT_LEAST = (
    ("uniform", "float32", False, "torch", "float32", False, 12),
    ("uniform", "float32", False, "numpy", "float32", False, 9),
    ("normal", "float32", False, "torch", "float32", False, 7),
    ("normal", "float32", False, "numpy", "float32", False, 18),
    ("normal", "float32", False, "jax jit", "float32", True, 25),
    ("normal", "float32", False, "mkl_random", "float64", True, 6),
    ("truncated", "float32", True, "jax", "float32", True, 30),
    ("truncated", "float32", True, "torch", "float32", True, 100),
    *(
        (sampler, "float32", True, peer, "float32", True, 80 if peer.endswith("torch") else 30)
        for sampler in ("truncated", "he_normal")
        for peer in _KERAS
    ),
    ("he_normal", "float32", True, "jax", "float32", True, 30),
    ("normal", "bfloat16", False, "torch", "bfloat16", False, 9),
)
# Sampler → the most time that a new float32 array may take, as a multiple of `np.full`.
_AT_MOST = {"uniform": 1.1, "normal": 1.4, "truncated": 1.3, "he_normal": 1.3}
# Goals for the process as a whole.
_PROCESS = {
    "one (3, 3) call, µs": ("≤", 3),
    "peak memory beyond an output of 1 GiB, MiB": ("≤", 8),
    "GPT-2, 148 tensors by name, s": ("≤", 0.15),
    "Llama-3.2-1B bfloat16, G elements/s": ("≥", 1.2),
}


def print_goals(results: dict[str, Any]) -> None:
    """Print a row for each goal for which both figures were measured."""
    if "main" in results:
        times = {
            (r["sampler"], r["dtype"], r["fresh"], peer): statistics.median(seconds)
            for r in results["main"]
            for peer, seconds in r["seconds"].items()
        }
        limit = times.get(("constant", "float32", True, "numpy"))
        for sampler, goal in _AT_MOST.items():
            if limit:
                ours = times[sampler, "float32", True, "initializers"]
                _print(f"{sampler}, new, over np.full, new", "≤", goal, ours / limit)
        ours_memset = _touching(times, "constant")
        for sampler in _AT_MOST:
            _print(
                f"{sampler}, new − warm, over that of a constant",
                "≤",
                1.3,
                _touching(times, sampler) / ours_memset,
            )
        for sampler, dtype, fresh, peer, its_dtype, its_fresh, goal in _AT_LEAST:
            if theirs := times.get((sampler, its_dtype, its_fresh, peer)):
                states = ["new" if state else "warm" for state in (fresh, its_fresh)]
                name = (
                    f"{peer}'s {sampler}, {its_dtype}, {states[1]}, over ours, {dtype}, {states[0]}"
                )
                _print(name, "≥", goal, theirs / times[sampler, dtype, fresh, "initializers"])
    process = results.get("process", {})
    for name, (sign, bound) in _PROCESS.items():
        if name in process:
            _print(name, sign, bound, process[name])
    if gains := [value for name, value in process.items() if name.endswith("threads over one")]:
        _print(
            "gain of the second thread, over that of a loop in cache", "≥", 0.9, gains[0] / gains[1]
        )


def _touching(times: dict[tuple[str, str, bool, str], float], sampler: str) -> float:
    """Return the additional time of a new array compared with a warm one."""
    fresh, warm = (times[sampler, "float32", state, "initializers"] for state in (True, False))
    return fresh - warm


def _print(name: str, sign: str, goal: float, value: float) -> None:
    reached = value <= goal if sign == "≤" else value >= goal
    print(f"{name:<70}{sign} {goal:<6g}{value:>8.2f}  {'reached' if reached else 'missed'}")
