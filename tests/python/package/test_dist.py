"""tools/check_dist.py, the check of a release's files."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "tools"))

import check_dist

ABI3 = [
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux_2_17_aarch64.manylinux2014_aarch64",
    *("musllinux_1_2_x86_64", "musllinux_1_2_aarch64", "macosx_11_0_arm64", "macosx_10_12_x86_64"),
    *("win_amd64", "win_arm64"),
]
FREE = [*ABI3[:2], "macosx_11_0_arm64", "win_amd64"]
RELEASE = [
    *(f"initializers-0.1.0-cp310-abi3-{platform}.whl" for platform in ABI3),
    *(f"initializers-0.1.0-cp314-cp314t-{platform}.whl" for platform in FREE),
    "initializers-0.1.0.tar.gz",
]


def test_a_complete_release_is_accepted() -> None:
    assert check_dist.list_problems(RELEASE) == []


def test_missing_and_unexpected_files_are_reported() -> None:
    for name in RELEASE:
        assert len(check_dist.list_problems([one for one in RELEASE if one != name])) == 1
    assert check_dist.list_problems([*RELEASE, "notes.txt"]) == [
        "not a file of the release: notes.txt"
    ]
    other = RELEASE[0].replace("0.1.0", "0.1.1")
    assert check_dist.list_problems([other, *RELEASE[1:]]) == [
        "more than one version: 0.1.0, 0.1.1"
    ]


def test_the_command_reports_by_its_exit_status(tmp_path: Path) -> None:
    for name in RELEASE:
        (tmp_path / name).touch()
    assert check_dist.main([str(tmp_path)]) == 0
    (tmp_path / RELEASE[3]).unlink()
    assert check_dist.main([str(tmp_path)]) == 1
    assert check_dist.main([]) == 2
