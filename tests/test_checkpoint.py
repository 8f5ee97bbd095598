"""Checkpoints: what `safetensors` reads from them, files and shards, arguments, verification."""

from __future__ import annotations

import json
import os
import re
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
    SMALL_PIECES,
    SPECS,
    check_whole,
    is_readable,
    load,
    make_recipe,
    make_specs,
)
from initializers import Recipe, checkpoint
from initializers._dtypes import look_up
from initializers._memory import memory_limit
from initializers._safetensors import encode_header, read
from initializers.recipe import read_specs


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, size in SMALL_PIECES:
        monkeypatch.setattr(module, name, size)


def write(path: Path, **arguments: Any) -> Path:
    return checkpoint.write(make_recipe(), make_specs(), path, **arguments)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_file(tmp_path: Path) -> None:
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
def test_shards(tmp_path: Path, most: int | str) -> None:
    path = write(tmp_path / "new" / "folder", max_shard_size=most)
    folder = tmp_path / "new" / "folder"
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


def test_layout_in_a_file(tmp_path: Path) -> None:
    """Widest first and aligned; odd float8 sizes and flags last."""
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


def test_progress(tmp_path: Path) -> None:
    for call in (
        lambda note: write(tmp_path / "a.safetensors", progress=note),
        lambda note: checkpoint.verify(tmp_path / "a.safetensors", progress=note),
    ):
        notes: list[tuple[int, int]] = []
        call(lambda done, total, notes=notes: notes.append((done, total)))
        assert len(notes) > 20
        assert [done for done, _ in notes] == sorted(done for done, _ in notes)
        assert notes[-1][0] == notes[-1][1] == notes[0][1]


def test_a_foreign_initializer(tmp_path: Path) -> None:
    recipe = Recipe(
        {"a": initializers.Sparse(0.5), "b": initializers.Constant(3)}, seed=1, convention="keras"
    )
    specs = {"a": (300, 40), "b": (5000,)}
    path = checkpoint.write(recipe, specs, tmp_path / "a.safetensors")
    for name, values in recipe.init(specs).items():
        assert (load(path)[name] == values).all()


def test_an_existing_checkpoint_stays(tmp_path: Path) -> None:
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


def test_overwrite_leaves_nothing_of_the_old(tmp_path: Path) -> None:
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
        ({"path": "a.bin"}, ValueError, r"`path` must end with \.safetensors or be a folder"),
        ({"path": 3}, TypeError, "`path` must be a path, received: 3"),
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
def test_bad_arguments(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    error: type[Exception],
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    specs = arguments.pop("specs", SPECS)
    specs = {name: {"shape": shape, "dtype": dtype} for name, (shape, dtype) in specs.items()}
    rules = {"*": "orthogonal" if "square.a" in specs else "zeros"}
    if len(specs) > 1:
        rules = RULES
    recipe = Recipe(rules, seed=1, convention="torch")
    with pytest.raises(error, match=text):
        checkpoint.write(recipe, specs, **{"path": "new/a.safetensors", **arguments})
    assert names(tmp_path) == []


def test_a_weight_that_is_made_whole_must_fit_into_memory(tmp_path: Path) -> None:
    rows = int(memory_limit()) // 4 // 8
    specs = {"q.weight": (rows, 5)}
    with pytest.raises(MemoryError, match=r"weight 'q\.weight': .*Orthogonal.*bytes"):
        checkpoint.write(
            Recipe({"*": "orthogonal"}, seed=1, convention="keras"),
            specs,
            tmp_path / "a.safetensors",
        )
    assert names(tmp_path) == []


def test_two_writers(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"

    def again(done: int, total: int) -> None:
        with pytest.raises(BlockingIOError, match="another process is writing this checkpoint"):
            write(path)

    write(path, progress=again)
    check_whole(path)


def flip(path: Path, name: str, byte: int) -> None:
    data = bytearray(path.read_bytes())
    data[read(path).tensors[name].offset + byte] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["embed.weight", "up.weight", "square.weight", "five", "steps"])
def test_verify_finds_one_changed_bit(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.safetensors")
    values = make_recipe().init(make_specs())[name]
    for byte in {0, values.nbytes // 2, values.nbytes - 1}:
        write(path, overwrite=True)
        flip(path, name, byte)
        report = checkpoint.verify(path)
        assert not report.ok
        (difference,) = report.differences
        assert difference.name == name
        index = np.unravel_index(byte // values.itemsize, values.shape) if values.shape else ()
        assert difference.index == tuple(map(int, index))
        assert difference.expected == values[difference.index].item()
        assert re.search(rf"{re.escape(name)}\[.*\] must be .*, found: ", str(report))


def test_verify_compares_with_specs(tmp_path: Path) -> None:
    path = write(tmp_path / "a", max_shard_size=50_000)
    specs = make_specs()
    specs["up.bias"] = {"shape": (300,), "dtype": "float16"}
    specs["norm.weight"]["dtype"] = "float64"
    specs["new.weight"] = {"shape": (3,), "dtype": "float32"}
    del specs["five"]
    report = checkpoint.verify(path, specs=specs)
    assert not report.ok
    assert report.missing == ("new.weight",)
    assert report.extra == ("five",)
    assert report.mismatched == {
        "up.bias": (((300,), "float16"), ((301,), "float16")),
        "norm.weight": (((100,), "float64"), ((100,), "float32")),
    }
    assert report.differences == ()
    assert "new.weight is missing\nfive should not be there\n" in str(report)


def test_verify_compares_with_the_index(tmp_path: Path) -> None:
    path = write(tmp_path / "a", max_shard_size=50_000)
    index = json.loads(path.read_text())
    index["weight_map"]["gone"] = index["weight_map"].pop("five")
    index["weight_map"]["eight"] = index["weight_map"]["embed.weight"]
    path.write_text(json.dumps(index))
    report = checkpoint.verify(path)
    assert set(report.missing) == {"gone", "eight"}
    assert not report.ok
    with pytest.raises(ValueError, match="must list"):
        read_specs(path)


def test_verify_one_shard(tmp_path: Path) -> None:
    path = write(tmp_path / "a", max_shard_size=50_000)
    reports = [checkpoint.verify(file) for file in sorted(path.parent.glob("*-of-*"))]
    assert sum(report.tensors for report in reports) == len(SPECS)
    assert all(report.ok for report in reports)


def test_verify_with_another_recipe(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors")
    report = checkpoint.verify(path, make_recipe(2025))
    assert {each.name for each in report.differences} == {
        *("embed.weight", "up.weight", "down.weight", "square.weight"),
        *("eight", "five", "head.weight"),
    }


def test_verify_needs_a_recipe_and_this_stream(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path)
    with pytest.raises(ValueError, match="has no recipe in its metadata"):
        checkpoint.verify(path)
    assert checkpoint.verify(path, Recipe({"*": "zeros"}, seed=1)).ok
    save_file({"a": np.zeros(3, np.float32)}, path, {"initializers.stream_version": "2"})
    with pytest.raises(ValueError, match="version 1 of the stream, received: '2'"):
        checkpoint.verify(path, Recipe({"*": "zeros"}, seed=1))
    with pytest.raises(FileNotFoundError, match="folder with model"):
        checkpoint.verify(tmp_path)
    with pytest.raises(FileNotFoundError):
        checkpoint.verify(tmp_path / "none.safetensors")


def test_specs_come_from_any_checkpoint(tmp_path: Path) -> None:
    arrays = make_recipe().init(make_specs())
    save_file(arrays, tmp_path / "a.safetensors")
    for source in (tmp_path / "a.safetensors", write(tmp_path / "b", max_shard_size=50_000)):
        specs = read_specs(source)
        assert {name: (spec.shape, spec.dtype) for name, spec in specs.items()} == SPECS
        path = checkpoint.write(make_recipe(), source, tmp_path / "c.safetensors", overwrite=True)
        check_whole(path)


def test_a_header_is_what_the_library_writes(tmp_path: Path) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "ä": np.zeros((2, 3), np.float32),
        "b": np.zeros(5, np.float16),
    }
    save_file(arrays, tmp_path / "a.safetensors", {"format": "pt"})
    tensors = [(name, a.dtype.name, a.shape, a.nbytes) for name, a in arrays.items()]
    header = encode_header(tensors, {"format": "pt"})
    assert (tmp_path / "a.safetensors").read_bytes() == header + bytes(34)


def test_partial_files_are_no_checkpoints(tmp_path: Path) -> None:
    seen: list[str] = []

    def look(done: int, total: int) -> None:
        seen.extend(names(tmp_path))
        assert not any(is_readable(path) for path in tmp_path.iterdir())

    write(tmp_path / "a.safetensors", progress=look)
    assert set(seen) == {"a.safetensors.partial", "a.safetensors.journal"}
    assert names(tmp_path) == ["a.safetensors"]
    assert os.listdir(tmp_path) == ["a.safetensors"]
