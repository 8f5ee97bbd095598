"""Tell whether a folder has every file of a release, and no other.

    python tools/check_dist.py dist

Of each wheel only the tags count, which are those of `.github/workflows/release.yml`.
"""

from __future__ import annotations

import re
import sys
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


def main(arguments: list[str]) -> int:
    """Check a folder; return the exit status."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    problems = list_problems(sorted(path.name for path in Path(arguments[0]).iterdir()))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
