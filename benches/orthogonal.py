"""Times random orthogonal matrices and their peers, in turns in one run, on all processors.

Every time includes drawing and factorizing. The rate counts the 2·m·n² - 2·n³/3 operations of the
reflectors (QR of a Gaussian matrix needs twice as many) over the time of multiplying them out: the
whole time without that of the first column, for which all reflectors are drawn. Environments of the
peers: `make .envs/torch/.built .envs/jax/.built`; LAPACK needs Debian's libopenblas-dev,
liblapack-dev, gfortran and pkg-config.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHAPES = [
    *(("float32", n, n) for n in (512, 1024, 2048, 4096)),
    ("float64", 2048, 2048),
    ("float32", 16384, 256),
    ("float32", 256, 16384),
]

# Seconds until the waiting threads of a peer sleep.
PAUSE = 0.3

# Each peer answers a line "dtype rows columns" with the seconds that it needed.
LOOP = """
import sys, time
for line in sys.stdin:
    dtype, rows, columns, *block = line.split()
    shape = int(rows), int(columns)
    start = time.perf_counter()
    make(dtype, shape, *block)
    print(time.perf_counter() - start, flush=True)
"""
PYTHON = {
    "initializers": (
        ".venv",
        """
import initializers
seeds = iter(range(10**9))
def make(dtype, shape, block=None):
    # A column of a tall matrix; it is a row of a wide one.
    part = (slice(1), slice(None)) if shape[0] < shape[1] else (slice(None), slice(1))
    index = part if block else None
    return initializers.Orthogonal(seed=next(seeds))(shape, dtype, index=index)
""",
    ),
    "NumPy": (
        ".venv",
        """
import numpy as np
generator = np.random.default_rng(1)
def make(dtype, shape):
    q, r = np.linalg.qr(generator.standard_normal((max(shape), min(shape)), dtype))
    q *= np.sign(r.diagonal())
    return q.T if shape[0] < shape[1] else q
""",
    ),
    "torch": (
        ".envs/torch",
        """
import torch
def make(dtype, shape):
    return torch.nn.init.orthogonal_(torch.empty(shape, dtype=getattr(torch, dtype)))
""",
    ),
    "JAX": (
        ".envs/jax",
        """
import jax
jax.config.update("jax_enable_x64", True)
made = jax.jit(jax.nn.initializers.orthogonal(), static_argnums=(1, 2))
key = jax.random.key(1)
def make(dtype, shape): return jax.block_until_ready(made(key, shape, dtype))
""",
    ),
}


class Worker:
    """A peer in its own process."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def ask(self, request: str) -> float:
        """Return the number that it answers, or NaN if it has died."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(request + "\n")
            stdin.flush()
            return float(stdout.readline())
        except (BrokenPipeError, ValueError):
            return math.nan


def start() -> dict[str, Worker]:
    """Start the installed peers; say what the others need."""
    # NumPy's wheels run slower with these variables, which are set for an older OpenBLAS.
    clean = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    peers: dict[str, Worker] = {}
    for name, (environment, code) in PYTHON.items():
        python = ROOT / environment / "bin" / "python"
        if python.exists():
            peers[name] = Worker([str(python), "-c", code + LOOP], clean)
        else:
            print(f"without {name}: make {environment}/.built", file=sys.stderr)
    build = ["cargo", "build", "--quiet", "--release", "--locked", "--example", "orthogonal_peers"]
    has_lapack = subprocess.run(["pkg-config", "--exists", "openblas"], check=False).returncode == 0
    if not has_lapack:
        print("without LAPACK: install libopenblas-dev", file=sys.stderr)
    subprocess.run(build + ["--features", "lapack"] * has_lapack, check=True, cwd=ROOT)
    rust = str(ROOT / "target" / "release" / "examples" / "orthogonal_peers")
    peers["LAPACK"] = Worker([rust], dict(os.environ))
    return peers


def measure(
    peers: dict[str, Worker], names: list[str], request: str, rounds: int
) -> dict[str, float]:
    """Return the median time of each peer; the first round is a warm-up."""
    times: dict[str, list[float]] = {name: [] for name in [*names, "draw"]}
    for _ in range(rounds):
        for name in names:
            time.sleep(PAUSE)
            times[name].append(peers[name].ask(request))
        times["draw"].append(peers["initializers"].ask(request + " first"))
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def main() -> None:
    """Print a row for each shape."""
    peers = start()
    peak = peers["LAPACK"].ask("peak")
    print(f"{peak / 1e9:.0f} billion float32 operations a second by multiply-adds alone")
    names = [name for name in peers if not math.isnan(peers[name].ask("float32 8 4"))]
    others = names[1:]
    print(f"\n{'milliseconds':<22}{names[0]:>13}{'draw':>7}", end="")
    print("".join(f"{name:>16}" for name in others) + f"{'GFLOP/s':>9}{'of peak':>9}")
    for dtype, rows, columns in SHAPES:
        rounds = 4 if rows * columns > 2048 * 2048 else 8
        medians = measure(peers, names, f"{dtype} {rows} {columns}", rounds)
        ours, draw = medians["initializers"], medians["draw"]
        longer, shorter = max(rows, columns), min(rows, columns)
        rate = (2 * longer * shorter**2 - 2 * shorter**3 / 3) / (ours - draw)
        share = rate / (peak if dtype == "float32" else peak / 2)
        print(f"{dtype} {rows} × {columns}".ljust(22), end="")
        print(f"{ours * 1e3:>13.1f}{draw * 1e3:>7.1f}", end="")
        print(
            "".join(f"{medians[n] * 1e3:>9.1f} {medians[n] / ours:>5.1f}×" for n in others), end=""
        )
        print(f"{rate / 1e9:>9.0f}{share:>9.0%}")
    for worker in peers.values():
        worker.process.kill()


if __name__ == "__main__":
    main()
