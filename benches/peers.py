"""One library in its own process, timed one call at a time; `compare.py` starts it.

Arguments: the peer's name and the number of threads (1 pins the process to one CPU). For each case
it reads a line of JSON and answers whether the peer has it; then every line `go` is one turn.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

Call = Callable[[], Any]

# Least number of elements between two readings of the clock.
_ELEMENTS = 1 << 14
# Seconds of a turn: a processor that slept is slow at first.
_TURN = 0.1


def initializers(sampler: str, dtype: str, size: int, fresh: bool) -> Call | None:
    """Return this package's call."""
    import initializers as package

    make = {
        "uniform": package.RandomUniform(0.0, 1.0, seed=1),
        "normal": package.RandomNormal(0.0, 1.0, seed=1),
        "truncated": package.TruncatedNormal(0.0, 1.0, seed=1),
        "he_normal": package.HeNormal(seed=1),
        "constant": package.Constant(0.5),
    }[sampler]
    if fresh:
        return lambda: make((size,), dtype)
    out = make((size,), dtype)
    return lambda: make((size,), out=out)


def numpy(sampler: str, dtype: str, size: int, fresh: bool) -> Call | None:
    """Return NumPy's call; it has no truncated normal."""
    import numpy as np

    generator: Any = np.random.default_rng(1)
    if dtype not in ("float32", "float64"):
        return None
    if sampler == "constant":
        out = np.full(size, 0.5, dtype)
        return (lambda: np.full(size, 0.5, dtype)) if fresh else (lambda: out.fill(0.5))
    method = {"uniform": generator.random, "normal": generator.standard_normal}.get(sampler)
    if method is None:
        return None
    if fresh:
        return lambda: method(size, dtype=dtype)
    out = np.zeros(size, dtype)
    return lambda: method(dtype=dtype, out=out)


def mkl_random(sampler: str, dtype: str, size: int, fresh: bool) -> Call | None:
    """Return mkl_random's call, which always makes a new float64 array."""
    state = import_module("mkl_random").RandomState(1)
    method = {"uniform": state.random_sample, "normal": state.standard_normal}.get(sampler)
    return None if method is None or dtype != "float64" or not fresh else lambda: method(size)


def torch(sampler: str, dtype: str, size: int, fresh: bool) -> Call | None:
    """Return the call of `torch.nn.init` or of the tensor."""
    package: Any = import_module("torch")
    kind = getattr(package, dtype, None)
    fill = {
        "uniform": lambda tensor: tensor.uniform_(),
        "normal": lambda tensor: tensor.normal_(),
        "truncated": lambda tensor: package.nn.init.trunc_normal_(tensor, a=-2.0, b=2.0),
    }.get(sampler)
    if fill is None or kind is None:
        return None
    if fresh:
        return lambda: fill(package.empty(size, dtype=kind))
    out = package.zeros(size, dtype=kind)
    return lambda: fill(out)


def jax(sampler: str, dtype: str, size: int, fresh: bool, *, jit: bool = False) -> Call | None:
    """Return the call of `jax.random`, which always makes a new array."""
    package: Any = import_module("jax")
    draw = {
        "uniform": lambda key: package.random.uniform(key, (size,), dtype),
        "normal": lambda key: package.random.normal(key, (size,), dtype),
        "truncated": lambda key: package.random.truncated_normal(key, -2.0, 2.0, (size,), dtype),
        "he_normal": lambda key: package.nn.initializers.he_normal()(key, (size, 1), dtype),
    }.get(sampler)
    if draw is None or not fresh or dtype == "float64":
        return None
    key = package.random.key(1)
    call = package.jit(draw) if jit else draw
    return lambda: call(key).block_until_ready()


def keras(sampler: str, dtype: str, size: int, fresh: bool) -> Call | None:
    """Return the call of `keras.initializers` on the backend of the environment."""
    package: Any = import_module("keras")
    classes = package.initializers
    make = {
        "uniform": classes.RandomUniform(0.0, 1.0, seed=1),
        "normal": classes.RandomNormal(0.0, 1.0, seed=1),
        "truncated": classes.TruncatedNormal(0.0, 1.0, seed=1),
        "he_normal": classes.HeNormal(seed=1),
    }.get(sampler)
    if make is None or not fresh or dtype == "float64":
        return None

    def call() -> None:
        value = make((size,), dtype)
        if hasattr(value, "block_until_ready"):
            value.block_until_ready()

    return call


PEERS: dict[str, Callable[..., Call | None]] = {
    "initializers": initializers,
    "numpy": numpy,
    "mkl_random": mkl_random,
    "torch": torch,
    "jax": jax,
    "jax jit": lambda *case: jax(*case, jit=True),
    "keras on jax": keras,
    "keras on tensorflow": keras,
    "keras on torch": keras,
}


def take_turn(call: Call, repeat: int) -> float:
    """Return the median time of a call, in seconds; the first call is a warm-up.

    Another process used the caches and the processors before.
    """
    times: list[float] = []
    end = time.perf_counter() + _TURN
    while len(times) < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(repeat):
            call()
        times.append((time.perf_counter() - start) / repeat)
    return statistics.median(times[1:])


def main() -> None:
    """Answer the requests of standard input on standard output."""
    name, threads = sys.argv[1], int(sys.argv[2])
    if threads == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of libraries must not look like an answer
    call: Call | None = None
    for line in sys.stdin:
        if line.strip() != "go":
            sampler, dtype, size, fresh = json.loads(line)
            repeat = max(1, _ELEMENTS // size)
            try:
                call = PEERS[name](sampler, dtype, size, fresh)
                if call is not None:
                    call()
            except ImportError:
                call = None
                answers.write('"missing"\n')
                continue
            except (NotImplementedError, RuntimeError, TypeError, ValueError):
                call = None  # an unsupported dtype
            answers.write(json.dumps(call is not None) + "\n")
        elif call is not None:
            answers.write(json.dumps(take_turn(call, repeat)) + "\n")


if __name__ == "__main__":
    main()
