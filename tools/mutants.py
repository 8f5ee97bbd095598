"""Break the code on purpose, and check that a test notices.

Each file tests/mutants/*.patch is one mutant: a line that says what it breaks, a line with the test
that must fail, then the difference as `git diff -U1` writes it.

    # The Python layer computes scales and constants in whatever mode the thread has.
    # test: python -m pytest tests/python/memory/test_float_mode.py::test_values_and_mode_stay
    diff --git a/python/initializers/_classes/base.py b/python/initializers/_classes/base.py
    ...

The test is a command that starts with `python -m pytest` or `cargo test --release`, run without a
shell in a copy of the tree: once without the patch, where it must pass, and once with it, where it
must fail. If a patch of Rust has a test in Python, the extension is built first.
`make mutants` runs all; `python tools/mutants.py seed_lock` runs the named ones.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATCHES = ROOT / "tests" / "mutants"
WORK = ROOT / "target" / "mutants"
TREE = WORK / "tree"

_TEST = "# test: "
_EXTENSION = "_core.abi3.so"
# A mutant may hang: that counts as noticed.
_TIMEOUT = 600.0
# Exit statuses of failed tests: pytest's (others mean that tests were not found), cargo's.
_FAILED = {"python": 1, "cargo": 101}


@dataclass(frozen=True)
class Mutant:
    """One way to break the code.

    Attributes:
        path: The patch.
        breaks: What it breaks, in one line.
        command: The test that must fail, as the words of a command.
    """

    path: Path
    breaks: str
    command: tuple[str, ...]

    @property
    def is_rust(self) -> bool:
        """Whether the patch changes the crate."""
        lines = self.path.read_text().splitlines()
        changed = [line[6:] for line in lines if line.startswith("+++ b/")]
        return any(name.startswith(("src/", "Cargo")) for name in changed)


def read_mutant(path: Path) -> Mutant:
    """Return the mutant that a patch describes.

    Raises:
        ValueError: If its first lines do not give the description and the test.
    """
    first, second, *_ = [*path.read_text().splitlines(), "", ""]
    command = tuple(shlex.split(second.removeprefix(_TEST)))
    if (
        not first.startswith("# ")
        or not second.startswith(_TEST)
        or not {*command[:1]} <= {*_FAILED}
    ):
        raise ValueError(
            f"{path.name} must begin with a line '# …' and a line '{_TEST}python …' or "
            f"'{_TEST}cargo …', received: {first!r}, {second!r}"
        )
    return Mutant(path, first.removeprefix("# "), command)


def apply(mutant: Mutant, tree: Path, *options: str) -> None:
    """Apply a patch to a tree, or check or reverse it with options of `git apply`.

    Raises:
        ValueError: If the patch does not apply to the code.
    """
    # Inside a repository, git would take the tree for a part of it and skip the patch.
    outside = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    done = subprocess.run(
        ["git", "apply", *options, str(mutant.path)],
        cwd=tree,
        env=outside,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise ValueError(f"{mutant.path.name} does not fit the code: {done.stderr.strip()}")


def main(names: list[str]) -> int:
    """Run the named mutants, or all; return 1 if one survives."""
    mutants = [read_mutant(path) for path in sorted(PATCHES.glob("*.patch"))]
    unknown = set(names) - {mutant.path.stem for mutant in mutants}
    if unknown:
        raise SystemExit(f"no such mutants: {', '.join(sorted(unknown))}")
    _copy_tree()
    passed: dict[tuple[str, ...], bool] = {}
    killed, wrong = 0, 0
    for mutant in mutants:
        if names and mutant.path.stem not in names:
            continue
        started = time.monotonic()
        if mutant.command not in passed:
            passed[mutant.command] = _run(mutant, build=_needs_extension(mutant)) == "passed"
        if passed[mutant.command]:
            apply(mutant, TREE)
            result = _run(mutant, build=_needs_extension(mutant))
            apply(mutant, TREE, "-R")
            if _needs_extension(mutant):
                _restore_extension()
            verdict = {"failed": "killed", "passed": "SURVIVED"}.get(result, result)
        else:
            verdict = "NOT RUN: its test fails without it"
        is_killed = verdict == "killed"
        killed, wrong = killed + is_killed, wrong + (not is_killed)
        seconds = time.monotonic() - started
        print(f"{mutant.path.stem:32} {verdict:10} {seconds:5.0f} s  {mutant.breaks}", flush=True)
    print(f"{killed} of {killed + wrong} mutants killed")
    return 1 if wrong else 0


def _copy_tree() -> None:
    """Copy the files of the repository that Git does not ignore, and the extension."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, TREE / name)
    _restore_extension()


def _restore_extension() -> None:
    shutil.copy2(ROOT / "python/initializers" / _EXTENSION, TREE / "python/initializers")


def _needs_extension(mutant: Mutant) -> bool:
    return mutant.is_rust and mutant.command[0] == "python"


def _run(mutant: Mutant, *, build: bool) -> str:
    """Return `"passed"`, `"failed"`, or why the test could not run."""
    program, *arguments = mutant.command
    if build and not _build_extension():
        return "DOES NOT BUILD"
    if program == "cargo":
        # Cargo's exit status does not distinguish a failed test from code that does not compile.
        tested, _, _ = " ".join(arguments).partition(" -- ")
        if _call(["cargo", *tested.split(), "--no-run"]) != 0:
            return "DOES NOT BUILD"
    status = _call([sys.executable if program == "python" else program, *arguments])
    if status is None or status == _FAILED[program] or status < 0:  # timeout, or killed by a signal
        return "failed"
    return "passed" if status == 0 else f"NO TEST: status {status}"


def _build_extension() -> bool:
    build = ["cargo", "rustc", "--lib", "--crate-type", "cdylib", "--features", "python"]
    if _call([*build, "--release", "--locked"]) != 0:
        return False
    built = WORK / "build" / "release" / "libinitializers.so"
    shutil.copy2(built, TREE / "python/initializers" / _EXTENSION)
    return True


def _call(command: list[str]) -> int | None:
    """Return the exit status of a command in the tree, or None if it takes too long."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(TREE / "python"),
        "CARGO_TARGET_DIR": str(WORK / "build"),
        # Fast builds rather than fast code.
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    }
    with (WORK / "log.txt").open("ab") as log:
        log.write(f"\n== {shlex.join(command)}\n".encode())
        log.flush()
        try:
            return subprocess.run(
                command, cwd=TREE, env=environment, stdout=log, stderr=log, timeout=_TIMEOUT
            ).returncode
        except subprocess.TimeoutExpired:
            return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
