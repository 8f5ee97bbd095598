"""The memory limit: that of the machine, and those of this process's control groups."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from initializers._memory import limit
from initializers._memory.limit import exceeds_memory, memory_limit

GIB = 2**30
INFO = "MemTotal:       8388608 kB\nMemFree:         123456 kB\nSwapTotal:      2097152 kB\n"
MACHINE = 8 * GIB + 2 * GIB


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 8 GiB of memory, 2 GiB of swap and no control groups."""
    monkeypatch.setattr(limit, "_PROC", str(tmp_path / "proc"))
    monkeypatch.setattr(limit, "_GROUPS", str(tmp_path / "groups"))
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "groups").mkdir()
    (tmp_path / "proc/meminfo").write_text(INFO)


def write(path: Path, number: int | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{number}\n")


def test_a_machine_without_control_groups() -> None:
    assert memory_limit() == MACHINE


def test_a_system_without_information_has_no_limit(tmp_path: Path) -> None:
    (tmp_path / "proc/meminfo").unlink()
    assert memory_limit() == math.inf


@pytest.mark.parametrize("place", ["", "user.slice", "user.slice/job.scope"])
def test_limits_of_control_groups_version_2(tmp_path: Path, place: str) -> None:
    """The process's group counts, and every group above it; others do not."""
    (tmp_path / "proc/self/cgroup").write_text("0::/user.slice/job.scope\n")
    for name in ("user.slice", "user.slice/job.scope"):
        write(tmp_path / "groups" / name / "memory.max", "max")
        write(tmp_path / "groups" / name / "memory.swap.max", "max")
    write(tmp_path / "groups/other/memory.max", 1)
    assert memory_limit() == MACHINE
    write(tmp_path / "groups" / place / "memory.max", 3 * GIB)
    assert memory_limit() == 5 * GIB
    write(tmp_path / "groups" / place / "memory.swap.max", GIB // 2)
    assert memory_limit() == 3.5 * GIB
    assert exceeds_memory(int(3.5 * GIB) + 1)
    assert not exceeds_memory(int(3.5 * GIB))


@pytest.mark.parametrize("place", ["", "docker", "docker/a:b"])
def test_limits_of_control_groups_version_1(tmp_path: Path, place: str) -> None:
    (tmp_path / "proc/self/cgroup").write_text(
        "12:cpu,cpuacct:/elsewhere\n5:hugetlb,memory:/docker/a:b\n1:name=systemd:/init\n0::/docker\n"
    )
    write(tmp_path / "groups/memory/docker/a:b/memory.limit_in_bytes", 2**63 - 4096)
    write(tmp_path / "groups/memory/elsewhere/memory.limit_in_bytes", 1)
    assert memory_limit() == MACHINE
    write(tmp_path / "groups/memory" / place / "memory.limit_in_bytes", 3 * GIB)
    assert memory_limit() == 5 * GIB
    write(tmp_path / "groups/memory" / place / "memory.memsw.limit_in_bytes", 4 * GIB)
    assert memory_limit() == 4 * GIB


@pytest.mark.parametrize("path", ["/docker/0123", "/../../kubepods/0123", "/"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_container_sees_its_group_at_the_top(tmp_path: Path, path: str, version: int) -> None:
    """The path is the host's or leads out of the namespace; only the top folder exists."""
    (tmp_path / "proc/self/cgroup").write_text(f"{'4:memory' if version == 1 else '0:'}:{path}\n")
    name = "memory/memory.limit_in_bytes" if version == 1 else "memory.max"
    write(tmp_path / "groups" / name, GIB)
    assert memory_limit() == 3 * GIB


@pytest.mark.parametrize("text", ["", "\n", "0\n", "0::\n", "a:b:c:d\n", "0::/\udcff/x\n"])
def test_malformed_lines_are_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "proc/self/cgroup").write_bytes(text.encode(errors="surrogateescape"))
    assert memory_limit() == MACHINE
