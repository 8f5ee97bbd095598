"""Measures a whole process: small calls, the import, memory, models, the gain of threads."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
from contextlib import suppress

_CALL = """
import timeit, {module}
call = {call}
print(min(timeit.repeat(call, number=20_000, repeat=5)) / 20_000 * 1e6)"""
_OURS = "(lambda f: lambda: f((3, 3)))(initializers.RandomNormal(seed=1))"
_NUMPY = "(lambda f: lambda: f((3, 3), dtype='f4'))(numpy.random.default_rng(1).standard_normal)"
_IMPORT = """
import time, numpy
start = time.perf_counter(); import initializers
print((time.perf_counter() - start) * 1e3)"""
# Linux's high-water mark; getrusage's would start with that of the parent process.
_MEMORY = """
import re, initializers
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
before = peak()
out = initializers.RandomNormal(seed=1)((1 << 28,))
print(peak() - before - out.nbytes / 2**20)"""
# Median of five new models; the memory of the previous one has been freed.
_MODEL = """
import statistics, time
from initializers import Recipe
from initializers.recipe import model_specs
specs = model_specs("{model}")
recipe, times = Recipe.for_model("{model}", seed=1, **{numbers}), []
for _ in range(6):
    start = time.perf_counter(); weights = recipe.init(specs)
    times.append(time.perf_counter() - start)
    count = sum(array.size for array in weights.values()); del weights
print(statistics.median(times[1:]), count)"""
# Warm tensors, in turns with loops in the second-level cache: on one thread, and on all.
_THREADS = """
import statistics, threading, time, numpy, initializers
large, fill = numpy.zeros(1 << 24, "f4"), initializers.RandomNormal(seed=1)
def loop():
    small = numpy.zeros(1 << 16, "f4")
    for _ in range(256): fill(small.shape, out=small)
def loops(n):
    workers = [threading.Thread(target=loop) for _ in range(n)]
    start = time.perf_counter()
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    return (time.perf_counter() - start) / n
def tensor(n):
    initializers.set_num_threads(n)
    start = time.perf_counter(); fill(large.shape, out=large)
    return time.perf_counter() - start
times = {{}}
for _ in range(30):
    for call in (tensor, loops):
        for n in (1, {threads}): times.setdefault((call, n), []).append(call(n))
gain = lambda call: statistics.median(times[call, 1]) / statistics.median(times[call, {threads}])
print(gain(tensor), gain(loops))"""


def describe_machine() -> str:
    """Return the processor, its processors in number and the width of the vectors that are used."""
    from initializers import _core

    name = platform.processor() or platform.machine()
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
        name = names[0] if names else name
    return f"{name}, {os.cpu_count()} processors, vectors of {_core.get_simd()} bits"


def _run(code: str) -> list[float]:
    """Return the numbers that a new interpreter prints."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    output = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    return [float(number) for number in output.split()]


def measure_process(threads: int) -> dict[str, float]:
    """Return the results that are not a time per element."""
    gpt2, _ = _run(_MODEL.format(model="gpt2", numbers="dict(layers=12)"))
    llama, count = _run(_MODEL.format(model="llama-3.2-1b", numbers="{}"))
    tensor, loop = _run(_THREADS.format(threads=threads))
    return {
        "one (3, 3) call, µs": _run(_CALL.format(module="initializers", call=_OURS))[0],
        "the same by NumPy, µs": _run(_CALL.format(module="numpy", call=_NUMPY))[0],
        "import beyond NumPy, ms": statistics.median(_run(_IMPORT)[0] for _ in range(5)),
        "peak memory beyond an output of 1 GiB, MiB": _run(_MEMORY)[0],
        "GPT-2, 148 tensors by name, s": gpt2,
        "Llama-3.2-1B bfloat16, G elements/s": count / llama / 1e9,
        f"normal, warm: {threads} threads over one": tensor,
        f"a loop in cache: {threads} threads over one": loop,
    }
