"""Other processors, for real: digests and golden tests of the crate under emulation, as a table.

Needs Debian 12 on x86-64 and root, for its packages; `crossarch_toolchain.sh` fetches what it needs
into target/crossarch, and pip the machine for WebAssembly. The targets stand in `_targets.py`.

    python tools/crossarch.py              every target, golden tests too; writes the table in docs/
    python tools/crossarch.py --short      this machine's vector widths against the table in docs/
    python tools/crossarch.py --only s390x  one target; the other rows of the table stay
    python tools/crossarch.py --digests     every target, without the golden tests

Digests must be those of the first row in docs/: values never change.
"""

from __future__ import annotations

import argparse
import datetime
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
    """Return the first digits of the digests by vector width and sampler."""
    rows = {}
    for line in output.splitlines():
        width, *pairs = line.split()
        rows[width] = {name: digest[:8] for name, digest in (pair.split("=") for pair in pairs)}
    return rows


def read_expected() -> dict[str, str]:
    """Return the digests of the first row in the table."""
    heading, _, first, *_ = read_table(PAGE, "crossarch")
    pairs = zip(heading.split("|"), first.split("|"), strict=True)
    found = {name.strip(): re.fullmatch(" `([0-9a-f]{8})` ", cell) for name, cell in pairs}
    return {name: match[1] for name, match in found.items() if match}


def count_tests(command: list[str], environment: Mapping[str, str]) -> str:
    """Return how many tests passed and failed; that none was found is no success."""
    counts = re.search(r"(\d+) passed; (\d+) failed", run(command, environment, must_pass=False))
    if counts is None or counts[1] == counts[2] == "0":
        return "not run"
    return f"{counts[1]} passed" + (f", {counts[2]} failed" if counts[2] != "0" else "")


def prepare() -> None:
    """Fetch compilers and emulators, where they are missing; write the crate's manifest."""
    run(["tools/crossarch_toolchain.sh", str(TOOLS)])
    if not (TOOLS / "python").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target"]
        run([*pip, str(TOOLS / "python"), WASMTIME])
    write_crate()


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
    environment = {
        "RUSTC": str(TOOLS / "rustc"),
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_TARGET_DIR": str(TOOLS / "build"),
        "PYTHONPATH": str(TOOLS / "python"),
        # Link-time optimization takes longer than everything else here.
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
        f"CARGO_TARGET_{name}_LINKER": target.compiler,
        f"CARGO_TARGET_{name}_RUNNER": target.runner,
    }
    if target.compiler == "musl-gcc":  # its objects, and the unwinder of the compiler
        environment["RUSTFLAGS"] = f"-Clink-self-contained=no -L{TOOLS / 'musl'}"
    return environment


def emulate(target: Target, only_digests: bool) -> tuple[dict[str, dict[str, str]], str]:
    """Return the digests of a target and what the golden tests said, which may be left out."""
    environment = list_environment(target)
    build = ["--quiet", "--release", "--target", target.triple]
    if target.builds_std:
        build.append("-Zbuild-std=std,panic_abort")
    light = [*build, "--manifest-path", str(CRATE / "Cargo.toml")]
    digests = read_digests(run(["cargo", "run", *light, "--example", "digests"], environment))
    if only_digests:
        return digests, "left out"
    tests = count_tests(["cargo", "test", *light, "--test", "value_stability"], environment)
    if target.sets_mode:
        whole = [*build, "--locked", "--lib", "float_mode"]
        tests += f"; of the mode {count_tests(['cargo', 'test', *whole], environment)}"
    return digests, tests


def run_bare_wasm() -> dict[str, dict[str, str]]:
    """Return the digests of the crate in WebAssembly without a system: `tools/wasm`."""
    triple = "wasm32-unknown-unknown"
    [linker] = (TOOLS / "files" / "usr" / "lib").glob("llvm-*/bin/wasm-ld")
    environment = {
        "RUSTC": str(TOOLS / "rustc"),
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_TARGET_DIR": str(TOOLS / "build"),
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER": str(linker),
        "PYTHONPATH": str(TOOLS / "python"),
    }
    command = ["cargo", "build", "--quiet", "--locked", "--release", "--target", triple]
    command += ["-Zbuild-std=std,panic_abort", "--manifest-path", "tools/wasm/Cargo.toml"]
    run(command, environment)
    module = TOOLS / "build" / triple / "release" / "initializers_wasm.wasm"
    return read_digests(run([sys.executable, "tools/run_bare_wasm.py", str(module)], environment))


def describe(platform: str, how: str, digests: dict[str, str], tests: str) -> str:
    """Return a row of the table."""
    cells = [f"`{digest}`" for digest in digests.values()]
    today = f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}"
    return f"| {' | '.join([platform, how, today, *cells, tests])} |"


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
    columns = ["platform", "run", "on", *samplers, "golden tests"]
    heading = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    write_table(PAGE, "crossarch", heading + replace_rows(old[2:], new, name))


def main() -> int:
    """Run what was asked for, and say whether all digests agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--short", action="store_true", help="this machine only, against the page")
    parser.add_argument(
        "--only", choices=[*TARGETS, "bare"], help="one target; the other rows stay"
    )
    parser.add_argument("--digests", action="store_true", help="leave the golden tests out")
    parser.add_argument("--features", default="", help="the crate's features in the short form")
    arguments = parser.parse_args()

    expected = read_expected()
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

    if arguments.only is None:
        # The short form takes what `make rust` has built, with its features.
        profile = ["test", "--features", arguments.features] if arguments.short else ["release"]
        command = ["cargo", "run", "--quiet", "--locked", "--example", "digests"]
        command += ["--profile", *profile]
        show("x86-64", read_digests(run(command)), "{}", "real", "`make rust`")
    if not arguments.short:
        prepare()
        for name, target in TARGETS.items():
            if arguments.only in (None, name):
                found, tests = emulate(target, arguments.digests)
                show(name, found, f" ({target.what}{{}})", target.how, tests)
        if arguments.only in (None, "bare"):
            what = " (WebAssembly without a system)"
            show("bare wasm32", run_bare_wasm(), what, "emulated, wasmtime", "imports nothing")
    print("all the same" if not differs else f"DIFFERENT: {differs}")
    return bool(differs)


if __name__ == "__main__":
    sys.exit(main())
