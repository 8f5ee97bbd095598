"""`verify` finds one changed bit, missing and foreign tensors, and another recipe."""

from __future__ import annotations

import json
import re
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from checkpoints import (
    RULES,
    SPECS,
    flip,
    make_recipe,
    make_specs,
    write,
)
from initializers import Recipe, checkpoint
from initializers.checkpoint import _verify
from initializers.recipe import read_specs

pytestmark = pytest.mark.usefixtures("small_pieces")


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
    assert [*report.mismatched.items()] == [
        ("norm.weight", (((100,), "float64"), ((100,), "float32"))),
        ("up.bias", (((300,), "float16"), ((301,), "float16"))),
    ]
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


def test_verify_compares_one_shard(tmp_path: Path) -> None:
    path = write(tmp_path / "a", max_shard_size=50_000)
    reports = [checkpoint.verify(file) for file in sorted(path.parent.glob("*-of-*"))]
    assert sum(report.tensors for report in reports) == len(SPECS)
    assert all(report.ok for report in reports)


def test_verify_finds_another_recipe(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors")
    report = checkpoint.verify(path, make_recipe(2025))
    assert {each.name for each in report.differences} == {
        *("embed.weight", "up.weight", "down.weight", "square.weight"),
        *("eight", "five", "head.weight"),
    }


def test_verify_needs_a_recipe_and_this_stream(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"a": np.zeros(3, np.float32)}, path)
    for read_it in (checkpoint.verify, checkpoint.read_recipe):
        with pytest.raises(ValueError, match="must have one recipe in the metadata"):
            read_it(path)
    assert checkpoint.verify(path, Recipe({"*": "zeros"}, seed=1)).ok
    save_file({"a": np.zeros(3, np.float32)}, path, {"initializers.stream_version": "2"})
    with pytest.raises(ValueError, match="version 1 of the stream, received: '2'"):
        checkpoint.verify(path, Recipe({"*": "zeros"}, seed=1))
    with pytest.raises(FileNotFoundError, match="folder with model"):
        checkpoint.verify(tmp_path)
    with pytest.raises(FileNotFoundError):
        checkpoint.verify(tmp_path / "none.safetensors")


def test_read_recipe_returns_the_recipe_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a", max_shard_size=50_000)
    for place in (path, path.parent, min(path.parent.glob("*-of-*"))):
        assert checkpoint.read_recipe(place) == make_recipe()
    # Files of two recipes have no common recipe.
    other = checkpoint.write(make_recipe(7), make_specs(), tmp_path / "b", max_shard_size=50_000)
    shard = max(path.parent.glob("*-of-*"))
    shard.write_bytes((other.parent / shard.name).read_bytes())
    with pytest.raises(ValueError, match="must have one recipe in the metadata of its files"):
        checkpoint.read_recipe(path)
    assert not checkpoint.verify(path, make_recipe()).ok


def test_verify_refuses_wrong_types(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors")
    for recipe in ("gpt2", RULES):
        with pytest.raises(TypeError, match="`recipe` must be a Recipe"):
            checkpoint.verify(path, recipe)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`progress` must be a callable or None, received: 3"):
        checkpoint.verify(path, progress=3)  # type: ignore[arg-type]
    readers: list[Any] = [checkpoint.verify, checkpoint.read_recipe, checkpoint.read_specs]
    for read_it in readers:
        with pytest.raises(TypeError, match="`path` must be a path, received: 3"):
            read_it(3)


def test_verify_continues_after_short_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may return fewer bytes than were requested."""

    class Reluctant(FileIO):
        def readinto(self, buffer: Any) -> int | None:
            return super().readinto(memoryview(buffer)[:100])

    path = write(tmp_path / "a.safetensors")
    monkeypatch.setattr(_verify, "open", lambda file, *_, **__: Reluctant(file), raising=False)
    assert checkpoint.verify(path).ok
    flip(path, "up.weight", 3999)
    (difference,) = checkpoint.verify(path).differences
    assert (difference.name, difference.index) == ("up.weight", (9, 99))
