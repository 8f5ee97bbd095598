"""Compare the bytes of two builds in two folders.

    python tools/reproducible.py          the wheel and the sdist, each built twice from nothing
    python tools/reproducible.py --short  after `make wheel`: a second packaging of its extension,
                                          and an sdist from another folder, against those in dist/

`make reproducible` sets the flags that keep the machine's paths out; `check_dist` looks for them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from check_dist import list_paths

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
BIN = Path(sys.executable).parent
BUILD = ("build", "--release", "--locked", "--zig", "--compatibility", "manylinux2014")


def copy_sources(folder: Path) -> None:
    """Copy what git would commit into a new folder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)


def call_maturin(folder: Path, out: Path, *arguments: str, target: Path | None = None) -> None:
    """Run maturin in a folder of sources; what it builds goes into `target`."""
    # maturin asks the first python3 of the PATH for zig.
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    if target is not None:
        environment["CARGO_TARGET_DIR"] = str(target)
    command = [str(BIN / "maturin"), *arguments, "--out", str(out)]
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        sys.exit(f"{result.stderr}\nfailed in {folder}: {' '.join(command)}")


def hash_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each wheel and sdist in a folder."""
    files = sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")])
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def build_twice(place: Path) -> list[Path]:
    """Build everything in two folders of different names; return the folders of the results."""
    folders = [place / "one", place / "quite another"]
    for sources in folders:
        copy_sources(sources)
    for sources in folders:
        call_maturin(sources, Path(f"{sources} dist"), *BUILD, target=sources / "target")
        call_maturin(sources, Path(f"{sources} dist"), "sdist")
        shutil.rmtree(sources / "target")
    return [Path(f"{sources} dist") for sources in folders]


def package_again(place: Path) -> list[Path]:
    """Package the extension in target/ once more, and the sdist in another folder."""
    out = place / "dist"
    call_maturin(ROOT, out, *BUILD)
    copy_sources(place / "sources")
    call_maturin(place / "sources", out, "sdist")
    return [DIST, out]


def main() -> int:
    """Compare; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--short", action="store_true", help="dist/ against a second packaging")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        first, second = package_again(place) if arguments.short else build_twice(place)
        one, other = hash_files(first), hash_files(second)
        problems = list_paths(second, place, ROOT)
    for file in sorted(one.keys() | other.keys()):
        same = one.get(file) == other.get(file)
        print(f"{file}: {f'sha256 {one[file]}, twice' if same else 'DIFFERENT'}")
        if not same:
            problems.append(f"{file} differs")
    if len(one) < 2:
        problems.append(f"{first} lacks a wheel or an sdist: run `make wheel`")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
