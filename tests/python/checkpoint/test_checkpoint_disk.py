"""Full disks, planted files, locks and limits: a checkpoint is complete, or the old one stays."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints import check_whole, find_readable, write_shards
from initializers._files import filesystem
from initializers.checkpoint import _write as module

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pieces")]

TESTS = Path(__file__).parents[2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 1 MiB."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip(
            "only root mounts disks; `test_a_disk_that_fills_keeps_what_is_written` needs none"
        )
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(
            "mounting failed; `test_a_disk_that_fills_keeps_what_is_written` needs no mount"
        )
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_is_reported_with_what_is_kept(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error comes before writing, when a file is created, or in the middle of it."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(700_000))
    with pytest.raises(
        OSError, match=r"not enough space: [\d.]+ [kMGT]?B are needed, [\d.]+ [kMGT]?B are free"
    ) as info:
        write_shards(small_disk)
    assert info.value.errno == errno.ENOSPC
    assert list(small_disk.iterdir()) == [ballast]

    monkeypatch.setattr(module, "_check_space", lambda *arguments: None)
    for reserved in (True, False):
        if not reserved:  # as on a file system that cannot reserve
            monkeypatch.setattr(filesystem, "reserve", os.truncate)
        with pytest.raises(OSError, match=r"No space left on device; \d+ of \d+ kB are kept"):
            write_shards(small_disk, resume=not reserved)
        assert not find_readable(small_disk)
    ballast.unlink()
    check_whole(write_shards(small_disk, resume=True))


@pytest.mark.parametrize("direct", [True, False])
def test_a_disk_that_fills_keeps_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: bool
) -> None:
    room = [20]
    if not direct:
        monkeypatch.setattr(filesystem, "open_direct", lambda *arguments: None)
    write_all = filesystem.write_all

    def write_some(descriptor: int, data: Any, position: int) -> None:
        room[0] -= 1
        if room[0] == 0:  # from then on there is room again, for the queued writes
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_all(descriptor, data, position)

    monkeypatch.setattr(filesystem, "write_all", write_some)
    with pytest.raises(OSError, match=r"No space left on device; \d+ of \d+ kB are kept") as info:
        write_shards(tmp_path)
    assert info.value.errno == errno.ENOSPC
    assert not find_readable(tmp_path)
    room[0] = 10**9
    check_whole(write_shards(tmp_path, resume=True))


def test_refused_direct_writes_become_ordinary_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems open a file for direct writes and then refuse them."""
    direct: list[int] = []
    open_direct, write_all = filesystem.open_direct, filesystem.write_all

    def open_it(path: Path, descriptor: int) -> int | None:
        found = open_direct(path, descriptor) or os.open(path, os.O_WRONLY)
        direct.append(found)
        return found

    def refuse(descriptor: int, data: Any, position: int) -> None:
        if direct and descriptor == direct[-1]:
            direct.append(-1)
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        write_all(descriptor, data, position)

    monkeypatch.setattr(filesystem, "open_direct", open_it)
    monkeypatch.setattr(filesystem, "write_all", refuse)
    check_whole(write_shards(tmp_path))
    assert -1 in direct


def test_free_space_includes_files_that_will_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk has room for one checkpoint and holds a partial file of an interrupted run."""
    whole = (
        sum(path.stat().st_blocks for path in write_shards(tmp_path / "a").parent.iterdir()) * 512
    )
    folder = tmp_path / "b"
    folder.mkdir()
    stale = folder / "model-00001-of-00009.safetensors.partial"

    def free(_: Path) -> Any:
        used = sum(path.stat().st_blocks for path in folder.iterdir()) * 512
        return SimpleNamespace(free=whole + 8192 - used)

    monkeypatch.setattr(shutil, "disk_usage", free)
    for resume in (False, True):
        stale.write_bytes(bytes(100_000))
        check_whole(write_shards(folder, resume=resume))
        for path in folder.iterdir():
            path.unlink()
    (folder / "other").write_bytes(bytes(100_000))
    stale.write_bytes(bytes(100_000))
    with pytest.raises(OSError, match="not enough space"):
        write_shards(folder)
    assert stale.exists()  # a refusal removes nothing


@pytest.mark.parametrize("plant", ["symlink", "dangling", "hard link", "mode", "owner", "whole"])
@pytest.mark.parametrize("resume", [False, True])
def test_planted_links_and_files_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: str, resume: bool
) -> None:
    """In a folder that others may write to, nothing of theirs is followed, kept or published."""
    shards = [
        path.read_bytes() for path in sorted(write_shards(tmp_path / "a").parent.glob("*-of-*"))
    ]
    victim = tmp_path / "victim"
    victim.write_bytes(shards[0])
    folder = tmp_path / "b"
    folder.mkdir()
    names = [f"model-{n:05}-of-00003.safetensors" for n in (1, 2, 3)]
    planted = [folder / f"{name}.partial" for name in (names[0], "model.safetensors.index.json")]
    for path in planted:
        if plant == "symlink":
            path.symlink_to(victim)
        elif plant == "dangling":
            path.symlink_to(tmp_path / "nothing")
        elif plant == "hard link":
            path.hardlink_to(victim)
        else:
            path.write_bytes(shards[0] if path == planted[0] else b"{}")
            path.chmod(0o666 if plant == "mode" else 0o600)
    if plant == "owner":  # then the files belong to another user
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    os.utime(planted[0], (7, 7), follow_symlinks=False)  # a new file has another time
    check_whole(write_shards(folder, resume=resume))
    assert victim.read_bytes() == shards[0]
    assert not (tmp_path / "nothing").exists()
    for path in folder.iterdir():
        assert path.is_file()
        assert not path.is_symlink()
        assert path.stat().st_nlink == 1
        assert not path.stat().st_mode & stat.S_IWOTH
    kept = (folder / names[0]).stat().st_mtime == 7
    assert kept == (plant == "whole" and resume)


@pytest.mark.parametrize("plant", ["symlink", "hard link", "folder"])
def test_a_planted_lock_is_refused(tmp_path: Path, plant: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    folder = tmp_path / "a"
    folder.mkdir()
    lock = folder / "model.safetensors.lock"
    if plant == "hard link":
        lock.hardlink_to(victim)
        check_whole(write_shards(folder))
        assert not lock.exists()
    else:
        if plant == "symlink":
            lock.symlink_to(victim)
        else:
            lock.mkdir()
        with pytest.raises(OSError, match=r"model\.safetensors\.lock"):
            write_shards(folder)
        assert os.listdir(folder) == [lock.name]
    assert victim.read_bytes() == b"mine"


def test_a_folder_at_a_partial_file_is_an_error(tmp_path: Path) -> None:
    partial = tmp_path / "model-00002-of-00003.safetensors.partial"
    partial.mkdir()
    with pytest.raises(OSError, match=r"directory; nothing is left: .*00002-of-00003"):
        write_shards(tmp_path)
    assert os.listdir(tmp_path) == [partial.name]
    partial.rmdir()
    check_whole(write_shards(tmp_path))


@pytest.mark.parametrize("number", range(4))
def test_an_error_during_renaming_releases_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The interpreter keeps the error and its traceback, and writes again."""
    rename = filesystem.rename
    names: list[str] = []

    def fail_once(source: Path, target: Path) -> None:
        names.append(target.name)
        if len(names) == number + 1:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
        rename(source, target)

    monkeypatch.setattr(filesystem, "rename", fail_once)
    with pytest.raises(PermissionError, match=r"(\d+) of \1 kB are kept") as info:
        write_shards(tmp_path)
    assert not (tmp_path / "model.safetensors.index.json").exists()
    assert not list(tmp_path.glob("*.lock"))
    check_whole(write_shards(tmp_path, resume=True))
    assert names[number] in str(info.value)
    assert not list(tmp_path.glob("*.partial"))


def test_a_failing_cleanup_does_not_hide_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise PermissionError(errno.EACCES, "cleanup", str(path))

    def stop(done: int, total: int) -> None:
        monkeypatch.setattr(filesystem, "remove", fail)
        raise ValueError("the cause")

    with pytest.raises(ValueError, match="the cause"):
        write_shards(tmp_path, progress=stop)
    monkeypatch.undo()
    check_whole(write_shards(tmp_path))


def test_a_lock_on_a_removed_file_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer opens the lock file, the previous one removes it, then a third creates its own."""
    path = tmp_path / "lock"
    lock_it = filesystem._lock
    third: list[Any] = []

    def slow(descriptor: int, name: Path) -> None:
        if not third:
            third.append(None)
            path.unlink()  # by the one before, which ends
            third.append(filesystem.lock(path))
            third[1].__enter__()
        lock_it(descriptor, name)

    monkeypatch.setattr(filesystem, "_lock", slow)
    with pytest.raises(BlockingIOError, match="another process"), filesystem.lock(path):
        pass
    third[1].__exit__(None, None, None)
    assert not path.exists()
    with filesystem.lock(path):
        assert path.exists()
    assert not path.exists()


def test_windows_locks_keep_a_second_writer_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`msvcrt.locking` replaces a missing `flock` and keeps the second writer out."""
    flock, names = fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB
    calls: list[tuple[int, int]] = []

    def locking(descriptor: int, mode: int, count: int) -> None:
        calls.append((mode, count))
        flock(descriptor, names)

    fake = SimpleNamespace(LK_NBLCK=2, locking=locking)
    monkeypatch.setattr(filesystem, "fcntl", None)
    monkeypatch.setattr(filesystem, "msvcrt", fake)

    def again(done: int, total: int) -> None:
        with pytest.raises(BlockingIOError, match="another process is writing this checkpoint"):
            write_shards(tmp_path)

    check_whole(write_shards(tmp_path, progress=again))
    assert set(calls) == {(2, 1)}
    assert not list(tmp_path.glob("*.lock"))


def test_a_limit_on_file_sizes_is_an_error(tmp_path: Path) -> None:
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[1]); import checkpoints as c; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); "
        "c.checkpoint.write(c.make_recipe(), c.make_specs(), sys.argv[2])"
    )
    command = [sys.executable, "-c", code, str(TESTS), str(tmp_path / "new")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert "File too large; nothing is left" in result.stderr.splitlines()[-1]
    assert list((tmp_path / "new").iterdir()) == []


def test_a_read_only_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file"):
        write_shards(tmp_path / "file" / "model.safetensors")
    if os.geteuid() == 0:  # root may write everywhere but here
        folder = Path("/proc/1/new")
        with pytest.raises(FileNotFoundError, match="/proc/1/new"):
            write_shards(folder)
    else:
        tmp_path.chmod(0o500)
        with pytest.raises(PermissionError, match=str(tmp_path)):
            write_shards(tmp_path)
        tmp_path.chmod(0o700)
    assert os.listdir(tmp_path) == ["file"]
