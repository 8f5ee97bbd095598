"""Tell whether a folder has every file of a release, and no other, nor a path of a machine.

    python tools/check_dist.py dist selftest

The tags of the wheels are those of `.github/workflows/release.yml`. The second folder has what
`initializers selftest --json` wrote for each of them, and on both ends of the range of Pythons.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ABI3 = "cp310-abi3"
FREE_THREADED = "cp314-cp314t"
PLATFORMS = (
    r"manylinux_2_17_x86_64.manylinux2014_x86_64",
    r"manylinux_2_17_aarch64.manylinux2014_aarch64",
    r"musllinux_1_2_x86_64",
    r"musllinux_1_2_aarch64",
    r"macosx_\d+_\d+_arm64",
    r"macosx_\d+_\d+_x86_64",
    r"win_amd64",
    r"win_arm64",
)
# Platforms with a runner that has free-threaded Python.
FREE_THREADED_PLATFORMS = (*PLATFORMS[:2], PLATFORMS[4], PLATFORMS[6])


def list_problems(names: list[str]) -> list[str]:
    """Return what is missing, stands twice, or does not belong there."""
    patterns = [rf"initializers-[\d.]+-{ABI3}-{platform}\.whl" for platform in PLATFORMS]
    patterns += [
        rf"initializers-[\d.]+-{FREE_THREADED}-{platform}\.whl"
        for platform in FREE_THREADED_PLATFORMS
    ]
    patterns.append(r"initializers-[\d.]+\.tar\.gz")
    problems = []
    for pattern in patterns:
        found = [name for name in names if re.fullmatch(pattern, name)]
        if len(found) != 1:
            problems.append(f"{len(found)} files instead of 1: {pattern}")
    known = re.compile("|".join(patterns))
    problems += [
        f"not a file of the release: {name}" for name in names if not known.fullmatch(name)
    ]
    versions = {match[1] for name in names if (match := re.match(r"initializers-([\d.]+\d)", name))}
    if len(versions) > 1:
        problems.append(f"more than one version: {', '.join(sorted(versions))}")
    return problems


# Two Pythons for each manylinux wheel.
REPORTS = len(PLATFORMS) + 2 + len(FREE_THREADED_PLATFORMS) + 1


def list_wrong_reports(folder: Path) -> list[str]:
    """Return what is wrong with the reports of `initializers selftest --json`."""
    paths = sorted(folder.glob("*.json"))
    problems = []
    if len(paths) != REPORTS:
        problems.append(f"{len(paths)} reports of selftest instead of {REPORTS}")
    for path in paths:
        report = json.loads(path.read_text(encoding="utf-8"))
        if not (report["identical"] and report["stream_version"] == 1 and report["tensors"]):
            problems.append(f"{path.name}: other values than those of stream version 1")
    return problems


# Folders of people and of cargo, in compiled code and in lists of crates.
_PATHS = re.compile(rb"(?:/root/|/home/|/Users/|[A-Za-z]:[\\/]Users[\\/]|\.cargo[\\/])[^\0 \"]*")
_COMPILED = (".so", ".pyd", ".json", "RECORD", "METADATA")


def list_paths(folder: Path, *own: Path) -> list[str]:
    """Return the paths of machines in wheels and sdists: of `own` in all files, others in code."""
    given = [Path.home(), os.environ.get("CARGO_HOME"), *own]
    # With a separator: `src/roots.rs` is no path of /root.
    homes = {f"{path}{os.sep}".encode() for path in given if path} - {os.sep.encode() * 2}
    problems = []
    for path in sorted(folder.iterdir()):
        for name, data in read_members(path):
            found = {home for home in homes if home in data}
            if name.endswith(_COMPILED) and path.suffix == ".whl":
                found |= set(_PATHS.findall(data))
            problems += [
                f"{path.name}, {name}: {one.decode(errors='replace')}" for one in sorted(found)
            ]
    return problems


def read_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file in a wheel or an sdist."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            yield from ((name, wheel.read(name)) for name in wheel.namelist())
    elif path.name.endswith(".tar.gz"):
        with tarfile.open(path) as sdist:
            for member in sdist.getmembers():
                if (file := sdist.extractfile(member)) is not None:
                    yield member.name, file.read()


def main(arguments: list[str]) -> int:
    """Check a folder; return the exit status."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder, reports = map(Path, arguments)
    problems = list_problems(sorted(path.name for path in folder.iterdir()))
    problems += list_paths(folder)
    problems += list_wrong_reports(reports)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
