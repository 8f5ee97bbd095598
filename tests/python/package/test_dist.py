"""tools/check_dist.py, the check of a release's files."""

from __future__ import annotations

import json
import sys
import tarfile
import zipfile
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


def write_archive(path: Path, data: bytes) -> None:
    """Write a wheel or an sdist with one file, as if it were compiled."""
    code = path.parent / "_core.abi3.so"
    code.write_bytes(data)
    if path.suffix == ".whl":
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.write(code, "initializers/_core.abi3.so")
    else:
        with tarfile.open(path, "w:gz") as sdist:
            sdist.add(code, "initializers/src/data")
    code.unlink()


def test_paths_of_a_machine(tmp_path: Path) -> None:
    wheel, sdist = tmp_path / RELEASE[0], tmp_path / RELEASE[-1]
    for path in ("/home/me/a.rs", "/root/.cargo/x", "C:\\Users\\me\\b.rs", "/Users/me/c.rs"):
        write_archive(wheel, b"\0" + path.encode() + b"\0")
        assert len(check_dist.list_paths(tmp_path)) > 0, path
    write_archive(wheel, b"\0/rustc/5980/library/std/src/env.rs\0src/roots.rs\0")
    write_archive(sdist, b"/srv/build/x.rs")
    assert check_dist.list_paths(tmp_path) == []
    assert check_dist.list_paths(tmp_path, Path("/srv/build")) == [
        f"{sdist.name}, initializers/src/data: /srv/build/"
    ]


def write_reports(folder: Path) -> None:
    """Write what the jobs of the release write, for every wheel and the sdist."""
    folder.mkdir()
    report = {"identical": True, "stream_version": 1, "tensors": 125, "runs": []}
    for number in range(check_dist.REPORTS):
        (folder / f"{number}.json").write_text(json.dumps(report))


def test_reports_of_selftest(tmp_path: Path) -> None:
    reports = tmp_path / "selftest"
    write_reports(reports)
    assert check_dist.list_wrong_reports(reports) == []
    wrong = reports / "1.json"
    wrong.write_text(wrong.read_text().replace("true", "false"))
    (reports / "0.json").unlink()
    assert check_dist.list_wrong_reports(reports) == [
        f"{check_dist.REPORTS - 1} reports of selftest instead of {check_dist.REPORTS}",
        "1.json: other values than those of stream version 1",
    ]


def test_every_wheel_of_the_workflow_reports() -> None:
    """A job writes as many reports as the check counts: two Pythons for a manylinux wheel."""
    text = (Path(__file__).parents[3] / ".github" / "workflows" / "release.yml").read_text()
    written = text.count("selftest --json")
    assert written == 5  # manylinux, Alpine, desktop, free-threaded, sdist
    assert check_dist.REPORTS == 2 * 2 + 2 + 4 + 4 + 1


def test_the_command_reports_by_its_exit_status(tmp_path: Path) -> None:
    dist, reports = tmp_path / "dist", tmp_path / "selftest"
    dist.mkdir()
    write_reports(reports)
    for name in RELEASE:
        write_archive(dist / name, b"\0src/lib.rs\0/cargo/registry/src/\0")
    assert check_dist.main([str(dist), str(reports)]) == 0
    (dist / RELEASE[3]).unlink()
    assert check_dist.main([str(dist), str(reports)]) == 1
    assert check_dist.main([str(dist)]) == 2
