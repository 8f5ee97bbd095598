"""Replays every crash of `checkpoint.write`: files are complete and right, or visibly incomplete.

The file operations of a run are recorded. After every prefix of them a crash is simulated: all,
none or some of the operations that were not synced have happened, and the last write is torn. Then
the folder is read, verified and resumed.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load

from initializers import Recipe, checkpoint
from initializers._files import direct_writer, filesystem
from initializers.checkpoint import _write

pytestmark = pytest.mark.slow

SPECS = {"a": (16, 12), "b": (9, 30), "c": (150,), "d": (12, 16)}
MOST = 1400  # three files
RULES = {"b": "orthogonal", "*": "random_normal"}
OLD, NEW = (Recipe(RULES, seed=seed, convention="torch") for seed in (1, 2))
# Files that a reader opens first.
ENTRIES = ("model.safetensors", "model.safetensors.index.json")
VALUES = [recipe.init(SPECS) for recipe in (OLD, NEW)]


@pytest.fixture(autouse=True)
def small_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (direct_writer, _write):
        monkeypatch.setattr(module, "BUFFER", 256)
    monkeypatch.setattr(direct_writer, "ALIGNMENT", 8)  # smaller than any file system accepts
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # recorded, and slow


@dataclass
class Disk:
    """A folder: its state on the disk, and the operations since the last sync.

    Attributes:
        data: File → bytes on the disk.
        names: Name → file, on the disk.
        writes: (file, position, bytes), not synced; an empty write at its end stands for a size.
        renames: (removed name or None, new name or None, file), not synced.
    """

    data: dict[int, bytes] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    writes: list[tuple[int, int, bytes]] = field(default_factory=list)
    renames: list[tuple[str | None, str | None, int]] = field(default_factory=list)

    def copy(self) -> Disk:
        return Disk(dict(self.data), dict(self.names), list(self.writes), list(self.renames))

    def apply(self, operation: tuple[Any, ...]) -> None:
        kind, *arguments = operation
        if kind == "write":
            self.writes.append(tuple(arguments))
        elif kind == "name":
            self.renames.append(tuple(arguments))
        elif kind == "sync":
            mine = [write for write in self.writes if write[0] == arguments[0]]
            self.writes = [write for write in self.writes if write[0] != arguments[0]]
            self.data = write_some(self.data, mine)
        else:
            assert kind == "sync folder"
            self.names = rename_some(self.names, self.renames)
            self.renames = []

    def now(self) -> dict[str, bytes]:
        """Return the contents by name as every process sees them before the crash."""
        data = write_some(self.data, self.writes)
        return {
            name: data.get(file, b"")
            for name, file in rename_some(self.names, self.renames).items()
        }

    def crash(self, chance: random.Random) -> Iterator[dict[str, bytes]]:
        """Yield the folders that a crash may leave."""
        writes, renames = self.writes, self.renames
        some_writes = [[], writes]
        if writes:
            file, position, data = writes[-1]
            torn = [(file, position, data[: len(data) // 2])]
            some_writes += [[*writes[:-1], *torn], writes[-1:], torn]
            some_writes += [[write for write in writes if not write[2]]]
            some_writes += [[write for write in writes if chance.random() < 0.5]]
        some_renames = [renames[:count] for count in range(len(renames) + 1)]
        some_renames += [[*renames[:i], *renames[i + 1 :]] for i in range(len(renames))]
        some_renames += [[rename] for rename in renames]
        for kept_writes, kept_renames in itertools.product(some_writes, some_renames):
            data_left = write_some(self.data, kept_writes)
            names_left = rename_some(self.names, kept_renames)
            yield {name: data_left.get(file, b"") for name, file in names_left.items()}


def write_some(data: dict[int, bytes], writes: list[tuple[int, int, bytes]]) -> dict[int, bytes]:
    left = dict(data)
    for file, position, written in writes:
        before = left.get(file, b"").ljust(position + len(written), b"\0")
        left[file] = before[:position] + written + before[position + len(written) :]
    return left


def rename_some(
    names: dict[str, int], renames: list[tuple[str | None, str | None, int]]
) -> dict[str, int]:
    left = dict(names)
    for gone, come, file in renames:
        if gone is not None and (come is None or left.get(gone) == file):
            left.pop(gone, None)
        if come is not None:
            left[come] = file
    return left


class RecordingSystem:
    """Replaces the module `os` in `_disk`: executes and records every operation on files."""

    def __init__(self, disk: Disk) -> None:
        self.operations: list[tuple[Any, ...]] = []
        self._names = rename_some(disk.names, disk.renames)
        self._count = max(self._names.values(), default=0)
        self._open: dict[int, int] = {}
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _rename(self, gone: str | None, come: str | None, file: int) -> None:
        self.operations.append(("name", gone, come, file))
        self._names = rename_some(self._names, [(gone, come, file)])

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        with self._lock:
            exists = os.path.lexists(path)
            descriptor = os.open(path, flags, mode)
            if not exists:
                self._count += 1
                self._rename(None, path.name, self._count)
            if not path.is_dir():
                self._open[descriptor] = self._names[path.name]
            return descriptor

    def close(self, descriptor: int) -> None:
        with self._lock:
            self._open.pop(descriptor, None)
            os.close(descriptor)

    def write(self, descriptor: int, data: Any) -> int:
        with self._lock:
            position = os.lseek(descriptor, 0, os.SEEK_CUR)
            count = os.write(descriptor, data)
            file = self._open[descriptor]
            self.operations.append(("write", file, position, bytes(data[:count])))
            return count

    def truncate(self, descriptor: int, size: int) -> None:
        with self._lock:
            os.truncate(descriptor, size)
            self.operations.append(("write", self._open[descriptor], size, b""))

    def fsync(self, descriptor: int) -> None:
        with self._lock:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                self.operations.append(("sync folder",))
            else:
                self.operations.append(("sync", self._open[descriptor]))

    def replace(self, source: Path, target: Path) -> None:
        with self._lock:
            os.replace(source, target)
            self._rename(source.name, target.name, self._names[source.name])

    def unlink(self, path: Path) -> None:
        with self._lock:
            os.unlink(path)
            self._rename(path.name, None, self._names[path.name])


def fill_folder(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, data in contents.items():
        (folder / name).write_bytes(data)


def read_folder(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def record(folder: Path, disk: Disk, **options: Any) -> list[tuple[Any, ...]]:
    """Write in a folder that has the disk's state before any crash; return the operations."""
    fill_folder(folder, disk.now())
    system = RecordingSystem(disk)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filesystem, "os", system)
        checkpoint.write(NEW, SPECS, folder, **options)
    after = disk.copy()
    for operation in system.operations:
        after.apply(operation)
    assert after.now() == read_folder(folder)  # `_disk` does every operation
    return system.operations


def read_as_anyone(folder: Path) -> dict[str, NDArray[Any]] | None:
    """Return the weights that a reader of safetensors finds, or None."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    try:
        if single.exists():
            return load(single.read_bytes())
        files = json.loads(index.read_text())["weight_map"]
        return {name: load((folder / file).read_bytes())[name] for name, file in files.items()}
    except Exception:
        return None


def check_state(folder: Path, contents: dict[str, bytes]) -> bool:
    """Check the folder after a crash; return whether it holds a checkpoint."""
    for name, data in contents.items():  # a file with its final name is complete
        if name.endswith(".safetensors"):
            for weight, values in load(data).items():
                assert any(np.array_equal(values, known[weight]) for known in VALUES), name
    found = read_as_anyone(folder)
    if found is None:
        with suppress(OSError, ValueError):
            assert not checkpoint.verify(folder).ok
        return False
    assert any(
        found.keys() == values.keys()
        and all(np.array_equal(found[name], values[name]) for name in found)
        for values in VALUES
    )
    assert checkpoint.verify(folder).ok
    return True


def replay(
    folder: Path,
    disk: Disk,
    operations: list[tuple[Any, ...]],
    new_files: dict[str, bytes],
    **options: Any,
) -> int:
    """Crash after every operation; return the number of states that were checked."""
    chance = random.Random(1)
    disk = disk.copy()
    has_old = any(name in disk.names for name in ENTRIES)
    met: set[tuple[tuple[str, bytes], ...]] = set()
    for operation in [None, *operations]:
        if operation is not None:
            disk.apply(operation)
        for contents in disk.crash(chance):
            state = tuple(sorted(contents.items()))
            if state in met:
                continue
            met.add(state)
            fill_folder(folder, contents)
            if not check_state(folder, contents) and has_old:
                # The old checkpoint goes when the new one lacks only its final names.
                for name in new_files.keys() - {ENTRIES[1]}:
                    assert new_files[name] in (
                        contents.get(name),
                        contents.get(f"{name}.partial"),
                    ), name
            again = {**options, "resume": True}
            path = checkpoint.write(NEW, SPECS, folder, overwrite=True, **again)
            assert path.parent == folder
            left = read_folder(folder)
            # A crash just before the end leaves it; harmless.
            left.pop("model.safetensors.lock", None)
            assert left == new_files
    return len(met)


def make(folder: Path, recipe: Recipe, **options: Any) -> dict[str, bytes]:
    """Return the files of a checkpoint."""
    checkpoint.write(recipe, SPECS, folder, **options)
    return read_folder(folder)


def on_disk(contents: dict[str, bytes]) -> Disk:
    files = dict(enumerate(sorted(contents), 1))
    return Disk(
        {file: contents[name] for file, name in files.items()},
        {name: file for file, name in files.items()},
    )


SHARDS = {"max_shard_size": MOST}


@pytest.mark.parametrize("new", [{}, SHARDS], ids=["file", "shards"])
@pytest.mark.parametrize("old", [None, {}, SHARDS], ids=["none", "file", "shards"])
def test_every_crash_of_a_write_is_safe(
    tmp_path: Path, new: dict[str, Any], old: dict[str, Any] | None
) -> None:
    disk = on_disk(make(tmp_path / "old", OLD, **old) if old is not None else {})
    new_files = make(tmp_path / "new", NEW, **new)
    operations = record(tmp_path / "run", disk, overwrite=old is not None, **new)
    assert [kind for kind, *_ in operations].count("sync") == len(new_files)
    assert replay(tmp_path / "crash", disk, operations, new_files, **new) > 50


def test_every_crash_of_a_resumed_run_is_safe(tmp_path: Path) -> None:
    """A kill, which loses nothing; then a crash during the resumed run, which loses data."""
    disk = on_disk(make(tmp_path / "old", OLD, **SHARDS))
    new_files = make(tmp_path / "new", NEW, **SHARDS)
    first = record(tmp_path / "run", disk, overwrite=True, **SHARDS)
    for kill, (kind, *_) in enumerate(first):
        if kind.startswith("sync"):  # before the sync the last file is not yet on the disk
            killed = disk.copy()
            for operation in first[:kill]:
                killed.apply(operation)
            operations = record(tmp_path / "run", killed, resume=True, overwrite=True, **SHARDS)
            replay(tmp_path / "crash", killed, operations, new_files, **SHARDS)
