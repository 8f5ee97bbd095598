"""Kills, full disks, interruptions: no partial file looks complete, and `resume` finishes it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from checkpoints import (
    MOST,
    check_whole,
    find_readable,
    is_readable,
    make_recipe,
    make_specs,
    write_shards,
)
from initializers import checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_pieces")]

SCRIPT = Path(__file__).parents[2] / "checkpoints.py"


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


@pytest.mark.parametrize("number", range(10))
def test_a_run_killed_at_a_random_moment_is_resumed(
    tmp_path: Path, calls: int, number: int
) -> None:
    """The resumed run is killed once more."""
    moments = random.Random(number)
    # One kill in each tenth of the run, so that each part of the work is hit.
    first = moments.randrange(calls * number // 10, calls * (number + 1) // 10) + 1
    for options in ([], ["resume"]):
        result = run(tmp_path, first, *options)
        if result.returncode != 0:
            assert result.returncode == -signal.SIGKILL, result.stderr
        for path in tmp_path.iterdir():
            assert path.suffix != ".partial" or not is_whole_before_its_time(path)
        for path in find_readable(tmp_path):
            check_whole(path)
        first = moments.randrange(1, max(first // 2, 2))
    path = write_shards(tmp_path, resume=True)
    check_whole(path)
    assert checkpoint.verify(path).ok
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob("*.lock"))


def is_whole_before_its_time(path: Path) -> bool:
    """Whether the safetensors library reads a partial file before all of it is written."""
    if not is_readable(path):
        return False
    wanted = path.with_name(path.name.removesuffix(".partial"))
    others = write_shards(path.parent / "reference", resume=True).parent
    return path.read_bytes() != (others / wanted.name).read_bytes()


@pytest.mark.parametrize("number", range(3))
def test_a_kill_during_overwrite_leaves_the_old_or_the_new(
    tmp_path: Path, calls: int, number: int
) -> None:
    """The old checkpoint stays until the new one is complete; no index mixes the two."""
    recipe = make_recipe(1)
    checkpoint.write(recipe, make_specs(), tmp_path, max_shard_size=MOST)
    kill_at = random.Random(number).randrange(calls * 3 // 4, calls + 1)
    result = run(tmp_path, kill_at, "overwrite")
    assert result.returncode in (0, -signal.SIGKILL), result.stderr
    for path in find_readable(tmp_path):
        new = checkpoint.verify(path, make_recipe()).ok
        assert new or checkpoint.verify(path, recipe).ok
    check_whole(write_shards(tmp_path, resume=True, overwrite=True))


def test_resume_keeps_finished_files(tmp_path: Path) -> None:
    halfway: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        if done > total * 0.7:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_shards(tmp_path, progress=stop)
    finished = {path: path.stat().st_ino for path in tmp_path.glob("*.partial")}
    assert finished
    check_whole(write_shards(tmp_path, resume=True, progress=lambda *at: halfway.append(at)))
    for path, inode in finished.items():  # renamed, and not made anew
        assert path.with_suffix("").stat().st_ino == inode
    assert halfway == sorted(halfway)
    assert halfway[-1][0] == halfway[-1][1]


def test_resume_refuses_another_request(tmp_path: Path) -> None:
    interrupt(tmp_path)
    with pytest.raises(ValueError, match="`resume` must continue the interrupted run"):
        checkpoint.write(make_recipe(2), make_specs(), tmp_path, max_shard_size=MOST, resume=True)
    check_whole(write_shards(tmp_path, resume=True))


def test_overwrite_discards_an_interrupted_run(tmp_path: Path) -> None:
    interrupt(tmp_path)
    recipe = make_recipe(2)
    path = checkpoint.write(recipe, make_specs(), tmp_path, max_shard_size=MOST)
    check_whole(path, recipe)


@pytest.mark.parametrize("damage", ["shorter", "gone", "zeros", "bit", "header"])
def test_resume_compares_every_byte(tmp_path: Path, damage: str) -> None:
    interrupt(tmp_path)
    partial = min(tmp_path.glob("*.partial"))
    data = bytearray(partial.read_bytes())
    if damage == "shorter":
        del data[-1]
    elif damage == "zeros":  # a crash may save a file's size without its data
        data[5000:] = bytes(len(data) - 5000)
    elif damage == "bit":
        data[-1] ^= 1
    elif damage == "header":
        data[4000:4096] = bytes(96)
    partial.unlink()
    if damage != "gone":
        partial.write_bytes(data)
    check_whole(write_shards(tmp_path, resume=True))


@pytest.mark.parametrize("named", [True, False])
def test_resume_does_not_trust_a_file_by_its_name(tmp_path: Path, named: bool) -> None:
    path = write_shards(tmp_path)
    shard = min(tmp_path.glob("*-of-*"))
    data = shard.read_bytes()
    shard.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    if not named:
        path.unlink()
    with pytest.raises(FileExistsError, match="there already"):
        write_shards(tmp_path, resume=True)
    assert shard.read_bytes() != data
    check_whole(write_shards(tmp_path, resume=True, overwrite=True))
    assert shard.read_bytes() == data


def interrupt(folder: Path) -> None:
    """Stop in the second file, as Ctrl-C does."""

    def stop(done: int, total: int) -> None:
        if done > total * 0.6:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=r"is not whole; \d+ of \d+ kB are kept"):
        write_shards(folder, progress=stop)


def test_an_interrupt_keeps_what_is_written(tmp_path: Path) -> None:
    interrupt(tmp_path)
    assert not find_readable(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".partial"}
    check_whole(write_shards(tmp_path, resume=True))


def test_an_interrupt_at_the_start_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="nothing is left"):
        checkpoint.write(make_recipe(), make_specs(), tmp_path, progress=stop)
    assert list(tmp_path.iterdir()) == []
