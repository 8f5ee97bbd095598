"""A kill, a full disk, an interruption: nothing looks whole that is not, and `resume` ends well."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checkpoints import SMALL_PIECES, check_whole, is_readable, make_recipe, make_specs
from initializers import checkpoint
from initializers._files import filesystem
from initializers.checkpoint import _write as module

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "checkpoints.py"
MOST = 250_000  # three files


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for changed, name, size in SMALL_PIECES:
        monkeypatch.setattr(changed, name, size)


def write(path: Path, **arguments: Any) -> Path:
    return checkpoint.write(make_recipe(), make_specs(), path, max_shard_size=MOST, **arguments)


def run(folder: Path, kill_at: int, *options: str) -> subprocess.CompletedProcess[str]:
    """Write in a process that kills itself; see `checkpoints.write_and_die`."""
    command = [sys.executable, str(SCRIPT), str(folder), str(kill_at), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Return at how many moments the process can be killed."""
    result = run(tmp_path_factory.mktemp("whole"), 0)
    assert result.returncode == 0, result.stderr
    return int(result.stdout)


def look_whole(folder: Path) -> list[Path]:
    """Return what a reader takes for a checkpoint: an index, or without one a file of the name."""
    return [
        path
        for path in (folder / "model.safetensors.index.json", folder / "model.safetensors")
        if path.exists()
    ]


@pytest.mark.parametrize("number", range(10))
def test_killed_at_a_random_moment(tmp_path: Path, calls: int, number: int) -> None:
    """With a second kill while it is resumed."""
    moments = random.Random(number)
    # The first are spread over the whole, so that each part of the work is met.
    first = moments.randrange(calls * number // 10, calls * (number + 1) // 10) + 1
    for options in ([], ["resume"]):
        result = run(tmp_path, first, *options)
        if result.returncode != 0:
            assert result.returncode == -signal.SIGKILL, result.stderr
        for path in tmp_path.iterdir():
            assert path.suffix != ".partial" or not is_whole_before_its_time(path)
        for path in look_whole(tmp_path):
            check_whole(path)
        first = moments.randrange(1, max(first // 2, 2))
    path = write(tmp_path, resume=True)
    check_whole(path)
    assert checkpoint.verify(path).ok
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob("*.lock"))


def is_whole_before_its_time(path: Path) -> bool:
    """Whether a reader takes a partial file for whole, while not all of it is written."""
    if not is_readable(path):
        return False
    wanted = path.with_name(path.name.removesuffix(".partial"))
    others = write(path.parent / "reference", resume=True).parent
    return path.read_bytes() != (others / wanted.name).read_bytes()


@pytest.mark.parametrize("number", range(3))
def test_killed_while_it_replaces_another(tmp_path: Path, calls: int, number: int) -> None:
    """The old one stays until the new one is whole; nothing points to a mixture."""
    recipe = make_recipe(1)
    checkpoint.write(recipe, make_specs(), tmp_path, max_shard_size=MOST)
    kill_at = random.Random(number).randrange(calls * 3 // 4, calls + 1)
    result = run(tmp_path, kill_at, "overwrite")
    assert result.returncode in (0, -signal.SIGKILL), result.stderr
    for path in look_whole(tmp_path):
        new = checkpoint.verify(path, make_recipe()).ok
        assert new or checkpoint.verify(path, recipe).ok
    check_whole(write(tmp_path, resume=True, overwrite=True))


def test_resume_does_not_begin_anew(tmp_path: Path) -> None:
    halfway: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        if done > total * 0.7:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write(tmp_path, progress=stop)
    finished = {path: path.stat().st_ino for path in tmp_path.glob("*.partial")}
    assert finished
    check_whole(write(tmp_path, resume=True, progress=lambda *at: halfway.append(at)))
    for path, inode in finished.items():  # renamed, and not made anew
        assert path.with_suffix("").stat().st_ino == inode
    assert halfway == sorted(halfway)
    assert halfway[-1][0] == halfway[-1][1]


def test_resume_with_something_else(tmp_path: Path) -> None:
    interrupt(tmp_path)
    with pytest.raises(ValueError, match="`resume` must go on with what was begun"):
        checkpoint.write(make_recipe(2), make_specs(), tmp_path, max_shard_size=MOST, resume=True)
    check_whole(write(tmp_path, resume=True))


def test_what_was_begun_can_be_thrown_away(tmp_path: Path) -> None:
    interrupt(tmp_path)
    recipe = make_recipe(2)
    path = checkpoint.write(recipe, make_specs(), tmp_path, max_shard_size=MOST)
    check_whole(path, recipe)


@pytest.mark.parametrize("damage", ["shorter", "gone", "zeros", "bit", "header"])
def test_resume_trusts_bytes_only(tmp_path: Path, damage: str) -> None:
    interrupt(tmp_path)
    partial = min(tmp_path.glob("*.partial"))
    data = bytearray(partial.read_bytes())
    if damage == "shorter":
        del data[-1]
    elif damage == "zeros":  # as a crash leaves a file whose size came to the disk, and no more
        data[5000:] = bytes(len(data) - 5000)
    elif damage == "bit":
        data[-1] ^= 1
    elif damage == "header":
        data[4000:4096] = bytes(96)
    partial.unlink()
    if damage != "gone":
        partial.write_bytes(data)
    check_whole(write(tmp_path, resume=True))


@pytest.mark.parametrize("named", [True, False])
def test_resume_does_not_trust_a_name(tmp_path: Path, named: bool) -> None:
    path = write(tmp_path)
    shard = min(tmp_path.glob("*-of-*"))
    data = shard.read_bytes()
    shard.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    if not named:
        path.unlink()
    with pytest.raises(FileExistsError, match="there already"):
        write(tmp_path, resume=True)
    assert shard.read_bytes() != data
    check_whole(write(tmp_path, resume=True, overwrite=True))
    assert shard.read_bytes() == data


def interrupt(folder: Path) -> None:
    """Stop in the second file, as Ctrl-C does."""

    def stop(done: int, total: int) -> None:
        if done > total * 0.6:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=r"is not whole; \d+ of \d+ kB are kept"):
        write(folder, progress=stop)


def test_interrupted(tmp_path: Path) -> None:
    interrupt(tmp_path)
    assert not look_whole(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".partial"}
    check_whole(write(tmp_path, resume=True))


def test_interrupted_at_once(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="nothing is left"):
        checkpoint.write(make_recipe(), make_specs(), tmp_path, progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 1 MiB."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root mounts disks; `test_a_disk_that_fills` needs none")
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine mounts no disks; `test_a_disk_that_fills` needs none")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_disk_that_is_full(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found before anything is written; or when a file is made; or in the middle of it."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(700_000))
    with pytest.raises(
        OSError, match=r"not enough space: [\d.]+ [kMGT]?B are needed, [\d.]+ [kMGT]?B are free"
    ) as info:
        write(small_disk)
    assert info.value.errno == errno.ENOSPC
    assert list(small_disk.iterdir()) == [ballast]

    monkeypatch.setattr(module, "_check_space", lambda *arguments: None)
    for reserved in (True, False):
        if not reserved:  # as on a file system that cannot reserve
            monkeypatch.setattr(filesystem, "reserve", os.truncate)
        with pytest.raises(OSError, match=r"No space left on device; \d+ of \d+ kB are kept"):
            write(small_disk, resume=not reserved)
        assert not look_whole(small_disk)
    ballast.unlink()
    check_whole(write(small_disk, resume=True))


@pytest.mark.parametrize("direct", [True, False])
def test_a_disk_that_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: bool) -> None:
    room = [20]
    if not direct:
        monkeypatch.setattr(filesystem, "open_direct", lambda *arguments: None)
    write_all = filesystem.write_all

    def write_some(descriptor: int, data: Any, position: int) -> None:
        room[0] -= 1
        if room[0] == 0:  # and then there is room again, for what waits to be written
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_all(descriptor, data, position)

    monkeypatch.setattr(filesystem, "write_all", write_some)
    with pytest.raises(OSError, match=r"No space left on device; \d+ of \d+ kB are kept") as info:
        write(tmp_path)
    assert info.value.errno == errno.ENOSPC
    assert not look_whole(tmp_path)
    room[0] = 10**9
    check_whole(write(tmp_path, resume=True))


def test_a_system_that_takes_no_direct_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems open a file so, and then refuse."""
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
    check_whole(write(tmp_path))
    assert -1 in direct


def test_space_counts_what_will_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk with room for one checkpoint, on which a partial file of the last run lies."""
    whole = sum(path.stat().st_blocks for path in write(tmp_path / "a").parent.iterdir()) * 512
    folder = tmp_path / "b"
    folder.mkdir()
    stale = folder / "model-00001-of-00009.safetensors.partial"

    def free(_: Path) -> Any:
        used = sum(path.stat().st_blocks for path in folder.iterdir()) * 512
        return SimpleNamespace(free=whole + 8192 - used)

    monkeypatch.setattr(shutil, "disk_usage", free)
    for resume in (False, True):
        stale.write_bytes(bytes(100_000))
        check_whole(write(folder, resume=resume))
        for path in folder.iterdir():
            path.unlink()
    (folder / "other").write_bytes(bytes(100_000))
    stale.write_bytes(bytes(100_000))
    with pytest.raises(OSError, match="not enough space"):
        write(folder)
    assert stale.exists()  # a refusal removes nothing


@pytest.mark.parametrize("plant", ["symlink", "dangling", "hard link", "mode", "owner", "whole"])
@pytest.mark.parametrize("resume", [False, True])
def test_links_and_files_planted_at_our_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: str, resume: bool
) -> None:
    """In a folder that others write to: nothing of theirs is followed, kept or published."""
    shards = [path.read_bytes() for path in sorted(write(tmp_path / "a").parent.glob("*-of-*"))]
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
    if plant == "owner":  # whose the files are, as this process then sees it
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    os.utime(planted[0], (7, 7), follow_symlinks=False)  # a new file has another time
    check_whole(write(folder, resume=resume))
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
def test_a_planted_lock(tmp_path: Path, plant: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    folder = tmp_path / "a"
    folder.mkdir()
    lock = folder / "model.safetensors.lock"
    if plant == "hard link":
        lock.hardlink_to(victim)
        check_whole(write(folder))
        assert not lock.exists()
    else:
        if plant == "symlink":
            lock.symlink_to(victim)
        else:
            lock.mkdir()
        with pytest.raises(OSError, match=r"model\.safetensors\.lock"):
            write(folder)
        assert os.listdir(folder) == [lock.name]
    assert victim.read_bytes() == b"mine"


def test_a_folder_at_the_name_of_a_partial_file(tmp_path: Path) -> None:
    partial = tmp_path / "model-00002-of-00003.safetensors.partial"
    partial.mkdir()
    with pytest.raises(OSError, match=r"directory; nothing is left: .*00002-of-00003"):
        write(tmp_path)
    assert os.listdir(tmp_path) == [partial.name]
    partial.rmdir()
    check_whole(write(tmp_path))


@pytest.mark.parametrize("number", range(4))
def test_an_error_while_publishing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """With the error and its traceback kept, the same interpreter goes on."""
    rename = filesystem.rename
    names: list[str] = []

    def fail_once(source: Path, target: Path) -> None:
        names.append(target.name)
        if len(names) == number + 1:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
        rename(source, target)

    monkeypatch.setattr(filesystem, "rename", fail_once)
    with pytest.raises(PermissionError, match=r"(\d+) of \1 kB are kept") as info:
        write(tmp_path)
    assert not (tmp_path / "model.safetensors.index.json").exists()
    assert not list(tmp_path.glob("*.lock"))
    check_whole(write(tmp_path, resume=True))
    assert names[number] in str(info.value)
    assert not list(tmp_path.glob("*.partial"))


def test_a_cleanup_that_fails_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise PermissionError(errno.EACCES, "cleanup", str(path))

    def stop(done: int, total: int) -> None:
        monkeypatch.setattr(filesystem, "remove", fail)
        raise ValueError("the cause")

    with pytest.raises(ValueError, match="the cause"):
        write(tmp_path, progress=stop)
    monkeypatch.undo()
    check_whole(write(tmp_path))


def test_the_lock_of_a_file_that_is_removed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process opens the lock file, the one before removes it, and then a third makes its own."""
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


def test_locks_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `flock` is missing, `msvcrt.locking` keeps the second one out."""
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
            write(tmp_path)

    check_whole(write(tmp_path, progress=again))
    assert set(calls) == {(2, 1)}
    assert not list(tmp_path.glob("*.lock"))


def test_a_limit_on_files(tmp_path: Path) -> None:
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[1]); import checkpoints as c; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); "
        "c.checkpoint.write(c.make_recipe(), c.make_specs(), sys.argv[2])"
    )
    command = [sys.executable, "-c", code, str(SCRIPT.parent), str(tmp_path / "new")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert "File too large; nothing is left" in result.stderr.splitlines()[-1]
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file"):
        write(tmp_path / "file" / "model.safetensors")
    if os.geteuid() == 0:  # who may write everywhere but here
        folder = Path("/proc/1/new")
        with pytest.raises(FileNotFoundError, match="/proc/1/new"):
            write(folder)
    else:
        tmp_path.chmod(0o500)
        with pytest.raises(PermissionError, match=str(tmp_path)):
            write(tmp_path)
        tmp_path.chmod(0o700)
    assert os.listdir(tmp_path) == ["file"]
