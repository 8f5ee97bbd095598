"""Checkpoints: files and shards as `safetensors` reads them, arguments, progress, threads."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

import initializers
from checkpoints import (
    RULES,
    SPECS,
    check_whole,
    flip,
    is_readable,
    load,
    make_recipe,
    make_specs,
    write,
)
from initializers import Recipe, checkpoint
from initializers._arguments.dtypes import look_up
from initializers._files.safetensors import encode_header, read
from initializers._memory.limit import memory_limit
from initializers.recipe import read_specs

pytestmark = pytest.mark.usefixtures("small_pieces")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_small_model_is_one_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors")
    assert path == tmp_path / "a.safetensors"
    assert names(tmp_path) == ["a.safetensors"]
    check_whole(path)
    report = checkpoint.verify(path)
    assert report.ok
    assert report.tensors == len(SPECS)
    assert report.bytes == sum(
        values.nbytes for values in make_recipe().init(make_specs()).values()
    )


@pytest.mark.parametrize("most", [1, 1000, 100_000, "60kB", "0.1MiB", "5GB"])
def test_shards_have_at_most_the_given_size(tmp_path: Path, most: int | str) -> None:
    folder = tmp_path / "folder-3.2"  # the dot is not a suffix
    path = write(folder, max_shard_size=most)
    check_whole(path)
    assert checkpoint.verify(path).ok
    assert checkpoint.verify(folder).path == path
    if most == "5GB":
        assert names(folder) == ["model.safetensors"]
        return
    index = json.loads(path.read_text())
    files = sorted(set(index["weight_map"].values()))
    count = len(files)
    assert files == [f"model-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1)]
    assert names(folder) == [*files, "model.safetensors.index.json"]
    assert list(index["weight_map"]) == list(SPECS) or most != 1
    total = 0
    for file in files:
        stored = read(folder / file)
        total += sum(tensor.size for tensor in stored.tensors.values())
        assert all(index["weight_map"][name] == file for name in stored.tensors)
    assert index["metadata"]["total_size"] == total


def test_tensors_are_sorted_by_width_and_aligned(tmp_path: Path) -> None:
    """Widest dtypes first, aligned; odd float8 sizes and flags last."""
    path = write(tmp_path / "a.safetensors")
    tensors = read(path).tensors
    widths = [np.dtype(look_up(each.dtype).numpy).itemsize for each in tensors.values()]
    assert widths == sorted(widths, reverse=True)
    assert all(
        each.offset % width == 0 for each, width in zip(tensors.values(), widths, strict=True)
    )
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
    assert metadata["format"] == "pt"
    assert metadata["initializers.stream_version"] == "1"
    assert metadata["initializers.seed"] == "2024"
    assert (
        Recipe.from_json(metadata["initializers.recipe"]).init(make_specs()).keys() == SPECS.keys()
    )


def test_threads_and_pieces_change_nothing(tmp_path: Path, settings_restored: None) -> None:
    whole = write(tmp_path / "1.safetensors").read_bytes()
    for threads in (1, 3, 8):
        initializers.set_num_threads(threads)
        assert write(tmp_path / f"n{threads}.safetensors").read_bytes() == whole
        assert checkpoint.verify(tmp_path / "1.safetensors").ok


def test_progress_counts_to_the_total(tmp_path: Path) -> None:
    for call in (
        lambda note: write(tmp_path / "a.safetensors", progress=note),
        lambda note: checkpoint.verify(tmp_path / "a.safetensors", progress=note),
    ):
        notes: list[tuple[int, int]] = []
        call(lambda done, total, notes=notes: notes.append((done, total)))
        assert len(notes) > 20
        assert [done for done, _ in notes] == sorted(done for done, _ in notes)
        assert notes[-1][0] == notes[-1][1] == notes[0][1]


def test_an_initializer_of_the_user_is_written(tmp_path: Path) -> None:
    recipe = Recipe(
        {"a": initializers.Sparse(0.5), "b": initializers.Constant(3)}, seed=1, convention="keras"
    )
    specs = {"a": (300, 40), "b": (5000,)}
    path = checkpoint.write(recipe, specs, tmp_path / "a.safetensors")
    for name, values in recipe.init(specs).items():
        assert (load(path)[name] == values).all()


def test_an_existing_checkpoint_is_not_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors")
    before = path.read_bytes()
    for resume in (False, True):
        with pytest.raises(
            FileExistsError, match=r"a checkpoint is there already; `overwrite=True`"
        ):
            checkpoint.write(make_recipe(7), make_specs(), path, resume=resume)
        with pytest.raises(FileExistsError, match="there already"):
            write(path, max_shard_size=1000, resume=resume)
    with pytest.raises(FileExistsError, match="there already"):
        write(path)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["a.safetensors"]
    stat = path.stat()
    assert write(path, resume=True) == path  # it is what is asked for
    assert path.stat().st_mtime_ns == stat.st_mtime_ns


def test_overwrite_removes_the_old_files(tmp_path: Path) -> None:
    (tmp_path / "other.safetensors").write_bytes(b"not ours")
    write(tmp_path / "model.safetensors")
    for most in (1000, 60_000, None, 100_000):
        recipe = make_recipe(most or 3)
        path = checkpoint.write(recipe, make_specs(), tmp_path, max_shard_size=most, overwrite=True)
        check_whole(path, recipe)
        stored = read(path)
        files = {tensor.file.name for tensor in stored.tensors.values()} | {path.name}
        assert set(names(tmp_path)) == files | {"other.safetensors"}


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"path": "file.bin"}, ValueError, r"`path` must end with \.safetensors or be a folder"),
        ({"path": "model.safetensors.index.json"}, ValueError, "or be a folder, received: 'model"),
        ({"path": 3}, TypeError, "`path` must be a path, received: 3"),
        ({"path": "nix/a.safetensors"}, FileNotFoundError, "the folder does not exist.*: 'nix'"),
        ({"path": "nix/a"}, FileNotFoundError, "the folder does not exist: create it, or"),
        ({"overwrite": "no"}, TypeError, "`overwrite` must be a bool, received: 'no'"),
        ({"resume": 1}, TypeError, "`resume` must be a bool, received: 1"),
        ({"progress": 1}, TypeError, "`progress` must be a callable or None, received: 1"),
        ({"recipe": {"*": "zeros"}}, TypeError, r"`recipe` must be a Recipe .*, received: {'\*'"),
        ({"recipe": "gpt2"}, TypeError, r"`Recipe\.for_model` .*, received: 'gpt2'"),
        ({"max_shard_size": 0}, ValueError, "`max_shard_size` must be .*, received: 0"),
        ({"max_shard_size": "5 parsecs"}, ValueError, "received: '5 parsecs'"),
        ({"max_shard_size": 2.5}, TypeError, r"`max_shard_size` .*, received: 2\.5"),
        ({"max_shard_size": True}, TypeError, "received: True"),
        ({"specs": {"a": ((3,), "complex128")}}, ValueError, "'a' must have one of the dtypes"),
        ({"specs": {"phase": ((3,), "complex128")}}, ValueError, "complex128"),
        ({"specs": {"__metadata__": ((3,), "float32")}}, ValueError, "'__metadata__'"),
        ({"specs": {"square.a": ((3,), "float32")}}, ValueError, "'square.a' .* 2 dimensions"),
        ({"specs": {"\ud800": ((3,), "float32")}}, ValueError, "must be Unicode text"),
    ],
)
def test_bad_arguments_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    error: type[Exception],
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.bin").touch()
    arguments = dict(arguments)
    specs = arguments.pop("specs", SPECS)
    specs = {name: {"shape": shape, "dtype": dtype} for name, (shape, dtype) in specs.items()}
    rules = {"*": "orthogonal" if "square.a" in specs else "zeros"}
    if len(specs) > 1:
        rules = RULES
    recipe = arguments.pop("recipe", Recipe(rules, seed=1, convention="torch"))
    with pytest.raises(error, match=text):
        checkpoint.write(recipe, specs, **{"path": "a.safetensors", **arguments})
    assert names(tmp_path) == ["file.bin"]


def test_a_weight_made_as_a_whole_must_fit_into_memory(tmp_path: Path) -> None:
    rows = int(memory_limit()) // 4 // 8
    specs = {"q.weight": (rows, 5)}
    with pytest.raises(MemoryError, match=r"weight 'q\.weight': .*Orthogonal.*GB"):
        checkpoint.write(
            Recipe({"*": "orthogonal"}, seed=1, convention="keras"),
            specs,
            tmp_path / "a.safetensors",
        )
    assert names(tmp_path) == []


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"

    def again(done: int, total: int) -> None:
        with pytest.raises(BlockingIOError, match="another process is writing this checkpoint"):
            write(path)

    write(path, progress=again)
    check_whole(path)


def test_specs_are_read_from_any_checkpoint(tmp_path: Path) -> None:
    arrays = make_recipe().init(make_specs())
    save_file(arrays, tmp_path / "a.safetensors")
    for source in (tmp_path / "a.safetensors", write(tmp_path / "b", max_shard_size=50_000)):
        specs = read_specs(source)
        assert {name: (spec.shape, spec.dtype) for name, spec in specs.items()} == SPECS
        path = checkpoint.write(make_recipe(), source, tmp_path / "c.safetensors", overwrite=True)
        check_whole(path)


def test_headers_equal_those_of_the_safetensors_library(tmp_path: Path) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "ä": np.zeros((2, 3), np.float32),
        "b": np.zeros(5, np.float16),
    }
    save_file(arrays, tmp_path / "a.safetensors", {"format": "pt"})
    tensors = [(name, a.dtype.name, a.shape, a.nbytes) for name, a in arrays.items()]
    header = encode_header(tensors, {"format": "pt"})
    assert (tmp_path / "a.safetensors").read_bytes() == header + bytes(34)


def test_partial_files_are_not_read_as_checkpoints(tmp_path: Path) -> None:
    seen: list[str] = []

    def look(done: int, total: int) -> None:
        seen.extend(names(tmp_path))
        assert not any(is_readable(path) for path in tmp_path.iterdir())

    write(tmp_path / "a.safetensors", progress=look)
    assert set(seen) == {"a.safetensors.partial", "a.safetensors.lock"}
    assert names(tmp_path) == ["a.safetensors"]


def test_costly_weights_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise each piece of an orthogonal matrix would cost as much as the whole."""
    made: list[tuple[int, ...]] = []
    make = initializers.Orthogonal._plan

    def count(self: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        fill = make(self, shape, dtype)

        def counted(out: NDArray[Any], start: tuple[int, ...] | None) -> None:
            if out.size:
                made.append(out.shape)
            fill(out, start)

        return counted

    monkeypatch.setattr(initializers.Orthogonal, "_plan", count)
    recipe = Recipe({"*": "orthogonal"}, seed=1, convention="keras")
    path = checkpoint.write(recipe, {"a": (300, 100)}, tmp_path / "a.safetensors")
    assert made == [(300, 100)]
    assert checkpoint.verify(path).ok
    assert made == [(300, 100)] * 2
    checkpoint.write(recipe, {"a": (300, 100)}, path, resume=True)
    assert made == [(300, 100)] * 3


def test_writing_works_where_no_thread_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calling thread then writes and compares alone, as a fill does."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    path = write(tmp_path / "a.safetensors")
    check_whole(path)
    assert checkpoint.verify(path).ok
    flip(path, "up.weight", 3999)
    assert len(checkpoint.verify(path).differences) == 1


def test_writing_works_where_few_threads_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start
    left = [2]

    def refuse(self: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(self)

    path = write(tmp_path / "a.safetensors")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    flip(path, "up.weight", 3999)
    assert len(checkpoint.verify(path).differences) == 1
    assert left == [0]
