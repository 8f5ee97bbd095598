"""Other processors, for real: digests and golden tests of the crate under emulation, as a table.

Needs Debian 12 on x86-64 and root, for its packages; `crossarch_toolchain.sh` fetches what it needs
into target/crossarch, and pip the machine for WebAssembly.

    python tools/crossarch.py              every target, golden tests too; writes the table in docs/
    python tools/crossarch.py --short      this machine's vector widths against the table in docs/
    python tools/crossarch.py --only s390x  one target; the other rows of the table stay
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
TOOLS = ROOT / "target" / "crossarch"
PAGE = ROOT / "docs" / "reproducibility.md"
BEGIN, END = "<!-- crossarch -->\n", "<!-- /crossarch -->"


class Target(NamedTuple):
    """A target of the compiler, how its programs are linked and run, and what it is."""

    triple: str
    compiler: str
    runner: str
    builds_std: bool
    sets_mode: bool
    what: str


TARGETS = {
    "aarch64": Target(
        "aarch64-unknown-linux-gnu",
        "aarch64-linux-gnu-gcc",
        "qemu-aarch64 -L /usr/aarch64-linux-gnu",
        False,
        True,
        "ARM 64-bit, NEON",
    ),
    "s390x": Target(
        "s390x-unknown-linux-gnu",
        "s390x-linux-gnu-gcc",
        "qemu-s390x -L /usr/s390x-linux-gnu",
        True,
        False,
        "IBM Z, big-endian",
    ),
    "i686": Target(
        "i686-unknown-linux-gnu",
        "i686-linux-gnu-gcc",
        "/usr/i686-linux-gnu/lib/ld-linux.so.2 --library-path /usr/i686-linux-gnu/lib",
        True,
        True,
        "x86 32-bit",
    ),
    "wasm32": Target(
        "wasm32-wasip1",
        str(TOOLS / "wasm-ld"),
        f"{sys.executable} tools/run_wasm.py",
        True,
        False,
        "WebAssembly, one thread",
    ),
    "windows": Target(
        "x86_64-pc-windows-gnu",
        "x86_64-w64-mingw32-gcc",
        "tools/run_wine.sh",
        True,
        True,
        "x86-64 under wine",
    ),
}
WASMTIME = "wasmtime==50.*"
WIDTHS = {"scalar": "SSE2 only", "128": "SSE4.2", "256": "AVX2", "512": "AVX-512"}


def run(
    command: list[str], environment: Mapping[str, str] | None = None, must_pass: bool = True
) -> str:
    """Return the output of a command in the repository; its errors go to the terminal."""
    result = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
    )
    if result.returncode and must_pass:
        sys.exit(f"{result.stdout}\nfailed: {' '.join(command)}")
    return result.stdout


def read_digests(output: str) -> dict[str, dict[str, str]]:
    """Return the digests by vector width and sampler."""
    rows = {}
    for line in output.splitlines():
        width, *pairs = line.split()
        rows[width] = dict(pair.split("=") for pair in pairs)
    return rows


def count_tests(command: list[str], environment: Mapping[str, str]) -> str:
    """Return how many tests passed and failed; that none was found is no success."""
    counts = re.search(r"(\d+) passed; (\d+) failed", run(command, environment, must_pass=False))
    if counts is None or counts[1] == counts[2] == "0":
        return "not run"
    return f"{counts[1]} passed" + (f", {counts[2]} failed" if counts[2] != "0" else "")


def emulate(target: Target) -> tuple[dict[str, dict[str, str]], str]:
    """Return the digests of a target and what the golden tests said."""
    name = target.triple.upper().replace("-", "_")
    environment = {
        "RUSTC": str(TOOLS / "rustc"),
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_TARGET_DIR": str(TOOLS / "build"),
        "PYTHONPATH": str(TOOLS / "python"),
        f"CARGO_TARGET_{name}_LINKER": target.compiler,
        f"CARGO_TARGET_{name}_RUNNER": target.runner,
    }
    build = ["--quiet", "--locked", "--release", "--target", target.triple]
    if target.builds_std:
        build.append("-Zbuild-std=std,panic_abort")
    digests = read_digests(run(["cargo", "run", *build, "--example", "digests"], environment))
    tests = count_tests(["cargo", "test", *build, "--test", "value_stability"], environment)
    if target.sets_mode:
        mode = count_tests(["cargo", "test", *build, "--lib", "float_mode"], environment)
        tests += f"; of the mode {mode}"
    return digests, tests


def describe(platform: str, digests: dict[str, str], tests: str) -> str:
    """Return a row of the table."""
    cells = [f"`{digest[:8]}`" for digest in digests.values()]
    return f"| {' | '.join([platform, *cells, tests])} |"


def replace_rows(old: list[str], new: list[str], name: str) -> list[str]:
    """Return the table with new rows of one target; the rows of a target stand together.

    A row stays where the new ones have none of its platform: this machine may lack its vectors.
    """
    made = {row.split("|")[1] for row in new}
    is_its = [row.startswith(f"| {name}") for row in old]
    first = is_its.index(True) if any(is_its) else len(old)
    its = [row for row, its in zip(old, is_its, strict=True) if its]
    kept = [row for row in its if row.split("|")[1] not in made]
    others = [row for row, its in zip(old, is_its, strict=True) if not its]
    return others[:first] + new + kept + others[first:]


def write_rows(new: list[str], name: str, samplers: Iterable[str]) -> None:
    """Write the rows of one target into the page: a run of an hour that ends early leaves them."""
    before, rest = PAGE.read_text().split(BEGIN)
    old, after = rest.split(END)
    columns = ["platform", *samplers, "golden tests"]
    heading = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    table = heading + replace_rows(old.splitlines()[2:], new, name)
    PAGE.write_text(before + BEGIN + "\n".join(table) + "\n" + END + after)


def main() -> int:
    """Run what was asked for, and say whether all digests agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--short", action="store_true", help="this machine only, against the page")
    parser.add_argument("--only", choices=TARGETS, help="one target; the other rows stay")
    arguments = parser.parse_args()

    command = ["cargo", "run", "--quiet", "--locked", "--release", "--example", "digests"]
    native = read_digests(run(command))
    expected = native["scalar"]
    differs = []

    def show(name: str, found: dict[str, dict[str, str]], what: str, tests: str) -> None:
        """Print and write the rows of one target."""
        rows = []
        for width, digests in found.items():
            vectors = f", {WIDTHS[width]}" if len(found) > 1 else ""
            platform = f"{name}{what.format(vectors)}"
            rows.append(describe(platform, digests, tests))
            if digests != expected or "failed" in tests or "not run" in tests:
                differs.append(platform)
        print("\n".join(rows), flush=True)
        if not arguments.short:
            write_rows(rows, name, expected)

    show("x86-64", native, "{}", "`make rust`")
    if arguments.short:
        if f"`{expected['normal'][:8]}`" not in PAGE.read_text():
            differs.append("docs/reproducibility.md")
    else:
        run(["tools/crossarch_toolchain.sh", str(TOOLS)])
        if not (TOOLS / "python").exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target"]
            run([*pip, str(TOOLS / "python"), WASMTIME])
        for name, target in TARGETS.items():
            if arguments.only in (None, name):
                found, tests = emulate(target)
                show(name, found, f" ({target.what}{{}})", tests)
    print("all the same" if not differs else f"DIFFERENT: {differs}")
    return bool(differs)


if __name__ == "__main__":
    sys.exit(main())
