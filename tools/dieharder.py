"""Run Dieharder's tests, NIST's suite included, on the words; write docs/reliability.md.

Needs Debian's package `dieharder`. Tests that its list calls suspect or "do not use" are left out,
and those that take hours. It fails if any p-value is below `ALPHA` divided by their number.

    python tools/dieharder.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from _page import write_table

ROOT = Path(__file__).parent.parent
ALPHA = 1e-6
# Name of each stream of words → number of seeds that alternate.
STREAMS = {"one seed": 1, "1024 neighboring seeds, a word of each in turn": 1024}
# Numbers of Dieharder's tests: Diehard, NIST's STS, later ones.
TESTS = [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 15, 16, 17, 100, 101, 102, 204, 205, 206, 207, 208]
TESTS += [209]


def run(test: int, seeds: int) -> list[tuple[str, float]]:
    """Return (name, p-value) of one test on words of `seeds` seeds."""
    words = ROOT / "target" / "release" / "examples" / "words"
    with subprocess.Popen([words, str(seeds)], stdout=subprocess.PIPE) as writer:
        fields = ("test_name", "ntuple", "pvalues")
        command = ["dieharder", "-g", "200", "-d", str(test), "-c", ","]
        for field in fields:
            command += ["-D", field]
        output = subprocess.run(
            command, stdin=writer.stdout, capture_output=True, text=True, check=True
        ).stdout
        if writer.stdout is not None:
            writer.stdout.close()
    rows = [line.split(",") for line in output.splitlines() if line.count(",") == 2]
    return [(f"{name.strip()} {ntuple.strip()}", float(p)) for name, ntuple, p in rows]


def main() -> int:
    """Run every test on every stream."""
    build = ["cargo", "build", "--quiet", "--locked", "--release", "--example", "words"]
    subprocess.run(build, cwd=ROOT, check=True)
    table = ["| words of | tests | p-values | smallest | largest |", "|---|---:|---:|---|---|"]
    everything: list[tuple[str, float]] = []
    for name, seeds in STREAMS.items():
        found = []
        for test in TESTS:
            results = run(test, seeds)
            if not results:
                sys.exit(f"test {test} of dieharder gave no p-value")
            for what, p in results:
                print(f"{p:.6f}  {what}, {name}", flush=True)
            found += results
        lowest, highest = (f(found, key=lambda row: row[1]) for f in (min, max))
        cells = (f"{p:.5f} ({what.split(' ')[0]})" for what, p in (lowest, highest))
        table.append(f"| {name} | {len(TESTS)} | {len(found)} | {' | '.join(cells)} |")
        everything += found
    write_table("reliability.md", "dieharder", table)
    limit = ALPHA / len(everything)
    failed = [what for what, p in everything if not limit <= p <= 1 - limit]
    print(f"{len(everything)} p-values, limit {limit:.1g}: {failed or 'passed'}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
