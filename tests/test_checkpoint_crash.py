"""A kill, a full disk, an interruption: nothing looks whole that is not, and `resume` ends well."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from checkpoints import SMALL_PIECES, check_whole, is_readable, make_recipe, make_specs
from initializers import _appender, checkpoint
from initializers import checkpoint as module

SCRIPT = Path(__file__).with_name("checkpoints.py")
MOST = 250_000  # four files


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
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob("*.journal"))


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
    check_whole(write(tmp_path, resume=True, progress=lambda *at: halfway.append(at)))
    assert halfway[0][0] > halfway[0][1] * 0.4


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


@pytest.mark.parametrize("damage", ["shorter", "gone", "journal", "digest"])
def test_resume_with_damaged_files(tmp_path: Path, damage: str) -> None:
    interrupt(tmp_path)
    partial = min(tmp_path.glob("*.partial"))
    journal = tmp_path / "model.safetensors.journal"
    if damage == "shorter":
        os.truncate(partial, partial.stat().st_size - 1)
    elif damage == "gone":
        partial.unlink()
    elif damage == "journal":
        journal.write_bytes(journal.read_bytes() + b"99")  # a line that was cut short
    else:
        journal.write_bytes(journal.read_bytes()[:10])
    check_whole(write(tmp_path, resume=True))


def interrupt(folder: Path) -> None:
    """Stop in the second file, as Ctrl-C does."""

    def stop(done: int, total: int) -> None:
        if done > total * 0.6:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=r"is not whole; \d+ of \d+ bytes are kept"):
        write(folder, progress=stop)


def test_interrupted(tmp_path: Path) -> None:
    interrupt(tmp_path)
    assert not look_whole(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".partial", ".journal"}
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
        OSError, match=r"not enough space: \d+ bytes are needed, \d+ are free"
    ) as info:
        write(small_disk)
    assert info.value.errno == errno.ENOSPC
    assert list(small_disk.iterdir()) == [ballast]

    monkeypatch.setattr(module, "_check_space", lambda *arguments: None)
    for reserved in (True, False):
        if not reserved:  # as on a file system that cannot reserve
            monkeypatch.setattr(module, "reserve", os.truncate)
        with pytest.raises(OSError, match=r"No space left on device; \d+ of \d+ bytes are kept"):
            write(small_disk, resume=not reserved)
        assert not look_whole(small_disk)
    ballast.unlink()
    check_whole(write(small_disk, resume=True))


@pytest.mark.parametrize("direct", [True, False])
def test_a_disk_that_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: bool) -> None:
    room = [10]
    write_all = _appender.write_all

    def write_some(file: Any, data: Any, position: int) -> None:
        room[0] -= 1
        if room[0] == 0:  # and then there is room again, for what waits to be written
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_all(file, data, position)

    monkeypatch.setattr(_appender, "write_all", write_some)
    if not direct:
        monkeypatch.setattr(_appender, "open_direct", lambda file: None)
    with pytest.raises(
        OSError, match=r"No space left on device; \d+ of \d+ bytes are kept"
    ) as info:
        write(tmp_path)
    assert info.value.errno == errno.ENOSPC
    assert not look_whole(tmp_path)
    room[0] = 10**9
    check_whole(write(tmp_path, resume=True))


def test_a_system_that_takes_no_direct_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems open a file so, and then refuse."""

    class Refusing(FileIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(_appender, "open_direct", lambda file: Refusing(file.name, "r+"))
    check_whole(write(tmp_path))


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
    with pytest.raises((NotADirectoryError, FileExistsError), match="file"):
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
