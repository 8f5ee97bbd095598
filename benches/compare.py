"""Time and memory of this package and its peers, measured in turn in one run.

Every peer runs in its own process and environment, so libraries that cannot be installed together
can be compared: each makes a few tensors, then the next peer does, and so on. Compare the ratios;
times of one machine say little. "fresh" includes allocating the array and the page faults of its
first use; "warm" fills one array repeatedly.

Prints tables, writes `target/bench/compare.json`, and pictures into docs/assets/. A part of the run
replaces that part of an earlier one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

from goals import print_goals
from pictures import draw
from process import describe_machine, measure_process

ROOT = Path(__file__).parents[1]
LARGE = 1 << 24
OURS = "initializers"
PARTS = ("main", "one thread", "dtypes", "sizes", "process")
# Seconds between two turns, because the threads of some peers spin for a while after their work.
_PAUSE = 0.1

# Peer → the environment that has it, and the command that installs it.
ENVIRONMENTS = {
    OURS: (".venv", "make demo"),
    "numpy": (".venv", "make demo"),
    "mkl_random": (".venv", ".venv/bin/python -m pip install mkl_random"),
    "torch": (".envs/torch", "make .envs/torch/.environment"),
    "jax": (".envs/jax", "make .envs/jax/.environment"),
    "jax jit": (".envs/jax", "make .envs/jax/.environment"),
    "keras on jax": (".envs/jax", "make .envs/jax/.environment"),
    "keras on tensorflow": (".envs/jax", "make .envs/jax/.environment"),
    "keras on torch": (".envs/torch", "make .envs/torch/.environment"),
}


class Case(NamedTuple):
    """One measurement: a row of the table."""

    sampler: str
    dtype: str
    size: int
    fresh: bool


class Worker:
    """A process that makes tensors with one library."""

    def __init__(self, peer: str, threads: int) -> None:
        directory, self.install = ENVIRONMENTS[peer]
        python = ROOT / directory / "bin" / "python"
        self.process: subprocess.Popen[str] | None = None
        if python.exists():
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_WAIT_POLICY": "PASSIVE"}
            environment["KERAS_BACKEND"] = peer.rpartition(" ")[2] if "keras" in peer else "jax"
            script = str(Path(__file__).with_name("peers.py"))
            self.process = subprocess.Popen(
                [str(python), script, peer, str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment,
            )

    def ask(self, line: str) -> Any:
        """Return the answer to a line; `"missing"` if the library is not installed."""
        if self.process is None or self.process.stdin is None or self.process.stdout is None:
            return "missing"
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline() or '"missing"')
        except BrokenPipeError:
            return "missing"

    def close(self) -> None:
        """End the process."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            self.process.wait()


def measure(workers: dict[str, Worker], case: Case, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of every peer that has the case, in turns."""
    able = [name for name, worker in workers.items() if worker.ask(json.dumps(case)) is True]
    times: dict[str, list[float]] = {name: [] for name in able}
    for _ in range(rounds):
        for name in able:
            time.sleep(_PAUSE)
            times[name].append(workers[name].ask("go"))
    return times


def show(case: Case, threads: int, times: dict[str, list[float]]) -> None:
    """Print one case: nanoseconds an element, their spread, and the ratio to this package."""
    ours = statistics.median(times[OURS])
    state = "fresh" if case.fresh else "warm"
    print(f"\n{case.sampler}, {case.dtype}, {case.size} elements, {state}, {threads} thread(s)")
    for name, seconds in sorted(times.items(), key=lambda pair: statistics.median(pair[1])):
        median = statistics.median(seconds)
        low, high = (value / case.size * 1e9 for value in (min(seconds), max(seconds)))
        figure = median / case.size * 1e9
        print(f"  {name:<20}{figure:>10.3f} ns [{low:.3f}, {high:.3f}]{median / ours:>9.2f}×")


def list_cases(part: str) -> list[Case]:
    """Return the cases of a part of the run."""
    samplers = ("uniform", "normal", "truncated", "he_normal")
    with_limit = ("constant", *samplers)
    if part == "main":
        cases = [
            Case(sampler, "float32", LARGE, fresh)
            for sampler in with_limit
            for fresh in (True, False)
        ]
        return [
            *cases,
            Case("normal", "bfloat16", LARGE, False),
            Case("normal", "float64", LARGE, True),
        ]
    if part == "dtypes":
        dtypes = ("float64", "float16", "bfloat16", "float8_e4m3fn")
        return [
            Case(s, d, LARGE, fresh) for s in samplers for d in dtypes for fresh in (True, False)
        ]
    sizes = (9, *(1 << n for n in (10, 14, 18, 20, 22, 26, 28)))
    return [Case("normal", "float32", size, True) for size in sizes]


def run_part(part: str, peers: set[str], threads: int, rounds: int) -> list[dict[str, Any]]:
    """Measure the cases of a part on a number of threads, and print them."""
    workers = {name: Worker(name, threads) for name in ENVIRONMENTS if name in peers}
    for name, worker in list(workers.items()):
        case = Case("normal", "float64" if name == "mkl_random" else "float32", 9, True)
        if worker.ask(json.dumps(case)) == "missing":
            print(f"{name} is missing: {worker.install}")
            worker.close()
            del workers[name]
    records = []
    for case in list_cases(part):
        times = measure(workers, case, min(rounds, 2) if case.size > LARGE else rounds)
        show(case, threads, times)
        records.append({**case._asdict(), "threads": threads, "seconds": times})
    for worker in workers.values():
        worker.close()
    return records


def main() -> None:
    """Measure, print and write everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the main cases, in a minute")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS, help="only these")
    parser.add_argument("--peers", nargs="*", default=list(ENVIRONMENTS), help="only these")
    options = parser.parse_args()
    quick, peers = options.quick, {OURS, *options.peers}
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    print(describe_machine())
    target = ROOT / "target" / "bench"
    target.mkdir(parents=True, exist_ok=True)
    path = target / ("quick.json" if quick else "compare.json")
    results = json.loads(path.read_text()) if path.exists() and not quick else {}
    for part in ["main"] if quick else options.parts:
        if part == "process":
            results[part] = figures = measure_process(most)
            print("\n" + "\n".join(f"{name}: {value:.3g}" for name, value in figures.items()))
            continue
        threads = 1 if part == "one thread" else most
        name = "main" if part == "one thread" else part
        results[part] = run_part(name, peers, threads, 1 if quick else 5)
    path.write_text(json.dumps(results, indent=1))
    print_goals(results)
    draw(results, target if quick else ROOT / "docs" / "assets")


if __name__ == "__main__":
    main()
