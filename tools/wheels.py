"""Check the wheels and the sdist; try them on the lowest and the highest Python and NumPy.

`make wheels` builds them first; those for ARM and musl only where `make crossarch` left its tools.
The results go into docs/reproducibility.md.

    python tools/wheels.py                     the lowest and the highest Python found
    python tools/wheels.py --python P Q        these interpreters
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from _page import write_table

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ROOT / "target" / "wheels"
CROSS = ROOT / "target" / "crossarch" / "dist"
BIN = Path(sys.executable).parent
TESTS = ["tests/python/classes/test_golden.py", "tests/python/memory/test_float_mode.py"]
# Prints where the package is, so that another copy on the path is not tested instead.
ASK = (
    "import initializers as i, ml_dtypes as m, numpy as n, platform as p, sys;"
    "assert i.__file__.startswith(sys.prefix), i.__file__;"
    "print(p.python_version(), n.__version__, m.__version__)"
)


def run(*command: str | Path) -> str:
    """Return the output of a command in the repository; exit if it fails."""
    print("+", *command, flush=True)
    environment = {**os.environ, "UV_CACHE_DIR": str(ENVIRONMENTS / "cache")}
    environment.pop("PYTHONPATH", None)
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        sys.exit(f"{result.stdout}\nfailed: {' '.join(map(str, command))}")
    return result.stdout


def find_pythons() -> list[str]:
    """Return the lowest and the highest Python from 3.10, on the PATH or from pyenv."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = []
    for minor in range(10, 20):
        name = f"python3.{minor}"
        on_path = shutil.which(name)
        candidates = [on_path] if on_path else []
        candidates += map(str, versions.glob(f"3.{minor}.*/bin/{name}"))
        for candidate in candidates:
            # A shim of pyenv exists whether or not it leads to an interpreter.
            if not subprocess.run([candidate, "-c", ""], capture_output=True).returncode:
                found.append(candidate)
                break
    return [found[0], found[-1]]


def check(package: Path) -> str:
    """Return the results of abi3audit, auditwheel and twine as cells of the table."""
    run(BIN / "twine", "check", "--strict", package)
    if package.suffix != ".whl":
        return "| | | passed |"
    run(BIN / "abi3audit", "--strict", package)
    if "musllinux" in package.name:  # zig links musl as `libc.so`; auditwheel knows another name
        return "| 0 violations | not run | passed |"
    shown = run(BIN / "auditwheel", "show", package)
    tag = re.search(r'platform tag:\s+"(\w+)"', shown)
    if tag is None or tag[1] not in package.name:
        sys.exit(f"{shown}\nnot the platform of {package.name}")
    return f"| 0 violations | {tag[1]} | passed |"


def describe_selftest(output: str) -> str:
    """Return the result of `initializers selftest --json` in words."""
    report = json.loads(output)
    runs = {(run["simd"], run["threads"]) for run in report["runs"]}
    return f"{report['tensors']} tensors identical in {len(runs)} ways"


def count_passed(output: str) -> str:
    """Return the number of passed tests; exit if any was left out."""
    passed = re.search(r"\d+ passed", output)
    if passed is None or re.search(r"\d+ (skipped|xfailed)", output):
        sys.exit(f"{output}\nnot all tests ran")
    return passed[0]


def try_out(package: Path, python: str, resolution: str) -> str:
    """Return a file's cells, from a new environment with the oldest or newest packages."""
    environment = ENVIRONMENTS / "environment"
    inside = environment / "bin" / "python"
    run(BIN / "uv", "venv", "--quiet", "--clear", "--python", python, environment)
    install = (BIN / "uv", "pip", "install", "--quiet", "--python", inside)
    packages = ("-r", "pyproject.toml", "--extra", "cli", "--group", "test")
    run(*install, "--only-binary", ":all:", "--resolution", resolution, *packages)
    run(*install, "--no-deps", package)
    cells = run(inside, "-c", ASK).split()
    tests = run(inside, "-m", "pytest", "-p", "no:cacheprovider", *TESTS)
    selftest = run(environment / "bin" / "initializers", "selftest", "--json")
    return f"| {' | '.join(cells)} | {count_passed(tests)} | {describe_selftest(selftest)} |"


def try_on_arm() -> str:
    """Return the cells of the wheel for ARM, in Debian's Python under emulation."""
    script = "tools/wheel_arm.sh"
    cells = run(script, "-c", ASK.replace("sys.prefix", "sys.path[1]")).split()
    # The deselected test starts a second interpreter, which the emulator does not see.
    without = [
        "--deselect",
        "tests/python/classes/test_golden.py::test_golden_files_are_those_of_the_reference",
    ]
    tests = run(script, "-m", "pytest", "-p", "no:cacheprovider", *TESTS, *without)
    selftest = run(script, "-m", "initializers", "selftest", "--json")
    return f"| {' | '.join(cells)} | {count_passed(tests)} | {describe_selftest(selftest)} |"


def main() -> None:
    """Check and try everything; write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--python", nargs=2, metavar=("LOWEST", "HIGHEST"), help="interpreters")
    lowest, highest = parser.parse_args().python or find_pythons()

    (wheel,) = ROOT.glob("dist/*x86_64.whl")
    (sdist,) = ROOT.glob("dist/*.tar.gz")
    arm = list(CROSS.glob("*aarch64.whl"))
    musl = list(CROSS.glob("*musllinux*.whl"))

    checks = ["| file | abi3audit | auditwheel | twine |", "|---|---|---|---|"]
    checks += [f"| `{package.name}` {check(package)}" for package in (wheel, *arm, *musl, sdist)]

    tries = [
        "| from | Python | NumPy | ml_dtypes | golden values, mode | selftest |",
        "|---" * 6 + "|",
    ]
    for python in (lowest, highest):
        for resolution in ("lowest-direct", "highest"):
            tries.append(f"| x86-64 wheel {try_out(wheel, python, resolution)}")
    tries.append(f"| sdist {try_out(sdist, highest, 'highest')}")
    if arm:
        tries.append(f"| aarch64 wheel, emulated {try_on_arm()}")

    table = [*checks, "", *tries]
    print("\n".join(table))
    write_table("reproducibility.md", "wheels", table)


if __name__ == "__main__":
    main()
