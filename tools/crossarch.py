"""Other processors, for real: digests and golden tests of the crate under emulation, as a table.

Needs Debian 12 on x86-64 and root, for its packages; `crossarch_toolchain.sh` fetches what it needs
into target/crossarch, and pip the machine for WebAssembly. The targets stand in `_targets.py`.

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

from _page import read_table, write_table
from _targets import ROOT, TARGETS, TOOLS, Target

PAGE = "reproducibility.md"


CRATE = TOOLS / "crate"
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


def write_crate() -> None:
    """Write a manifest beside links to the sources: of what tests need, only `sha2`, half the time.

    Tests of the floating-point mode, inside of the crate, have the whole manifest.
    """
    CRATE.mkdir(parents=True, exist_ok=True)
    text = (ROOT / "Cargo.toml").read_text()
    sha2 = re.search(r"^\[dev-dependencies\]\n(?:.+\n)*?(sha2 = .+\n)", text, re.MULTILINE)
    assert sha2 is not None
    only = f"[dev-dependencies]\n{sha2[1]}"
    (CRATE / "Cargo.toml").write_text(re.sub(r"\[dev-dependencies\]\n(?:.+\n)*", only, text))
    # Not `--locked`: cargo takes the other crates out, and leaves versions as they are.
    (CRATE / "Cargo.lock").write_bytes((ROOT / "Cargo.lock").read_bytes())
    for name in ("README.md", "benches", "examples", "src", "tests"):
        if not (CRATE / name).is_symlink():
            (CRATE / name).symlink_to(ROOT / name)


def list_environment(target: Target) -> dict[str, str]:
    """Return the variables by which cargo builds and runs programs of a target."""
    name = target.triple.upper().replace("-", "_")
    return {
        "RUSTC": str(TOOLS / "rustc"),
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_TARGET_DIR": str(TOOLS / "build"),
        "PYTHONPATH": str(TOOLS / "python"),
        f"CARGO_TARGET_{name}_LINKER": target.compiler,
        f"CARGO_TARGET_{name}_RUNNER": target.runner,
    }


def emulate(target: Target) -> tuple[dict[str, dict[str, str]], str]:
    """Return the digests of a target and what the golden tests said."""
    environment = list_environment(target)
    build = ["--quiet", "--release", "--target", target.triple]
    if target.builds_std:
        build.append("-Zbuild-std=std,panic_abort")
    light = [*build, "--manifest-path", str(CRATE / "Cargo.toml")]
    digests = read_digests(run(["cargo", "run", *light, "--example", "digests"], environment))
    tests = count_tests(["cargo", "test", *light, "--test", "value_stability"], environment)
    if target.sets_mode:
        whole = [*build, "--locked", "--lib", "float_mode"]
        tests += f"; of the mode {count_tests(['cargo', 'test', *whole], environment)}"
    return digests, tests


def describe(platform: str, how: str, digests: dict[str, str], tests: str) -> str:
    """Return a row of the table."""
    cells = [f"`{digest[:8]}`" for digest in digests.values()]
    return f"| {' | '.join([platform, how, *cells, tests])} |"


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
    old = read_table(PAGE, "crossarch")
    columns = ["platform", "run", *samplers, "golden tests"]
    heading = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    write_table(PAGE, "crossarch", heading + replace_rows(old[2:], new, name))


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

    def show(name: str, found: dict[str, dict[str, str]], what: str, how: str, tests: str) -> None:
        """Print and write the rows of one target."""
        rows = []
        for width, digests in found.items():
            vectors = f", {WIDTHS[width]}" if len(found) > 1 else ""
            platform = f"{name}{what.format(vectors)}"
            rows.append(describe(platform, how, digests, tests))
            if digests != expected or "failed" in tests or "not run" in tests:
                differs.append(platform)
        print("\n".join(rows), flush=True)
        if not arguments.short:
            write_rows(rows, name, expected)

    show("x86-64", native, "{}", "real", "`make rust`")
    if arguments.short:
        table = "\n".join(read_table(PAGE, "crossarch"))
        if not all(f"`{digest[:8]}`" in table for digest in expected.values()):
            differs.append(f"docs/{PAGE}")
    else:
        run(["tools/crossarch_toolchain.sh", str(TOOLS)])
        if not (TOOLS / "python").exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target"]
            run([*pip, str(TOOLS / "python"), WASMTIME])
        write_crate()
        for name, target in TARGETS.items():
            if arguments.only in (None, name):
                found, tests = emulate(target)
                show(name, found, f" ({target.what}{{}})", target.how, tests)
    print("all the same" if not differs else f"DIFFERENT: {differs}")
    return bool(differs)


if __name__ == "__main__":
    sys.exit(main())
