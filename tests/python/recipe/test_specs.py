"""Names, shapes and dtypes of a model's weights, from mappings, lists and files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initializers.recipe import Spec, list_models, model_specs, read_specs

EXPECTED = {"a": Spec((2, 3), "float32"), "b.c": Spec((), None), "d": Spec((4,), "bfloat16")}


def test_specs_are_read_from_mappings_and_lists() -> None:
    other = SimpleNamespace(shape=(4,), dtype="bfloat16")
    given: list[Any] = [
        EXPECTED,
        {"a": Spec([2, 3], "float32"), "b.c": (), "d": other},  # type: ignore[arg-type]
        {"a": np.zeros((2, 3), "float32"), "b.c": Spec(()), "d": {"shape": 4, "dtype": "bfloat16"}},
        {
            "tensors": [
                {"name": "a", "shape": [2, 3], "dtype": "float32"},
                {"name": "b.c", "shape": [], "dtype": None},
                {"name": "d", "shape": [4], "dtype": "bfloat16"},
            ]
        },
    ]
    for source in given:
        assert read_specs(source) == EXPECTED
        assert list(read_specs(source)) == ["a", "b.c", "d"]
    assert read_specs(given[-1]["tensors"]) == EXPECTED
    assert read_specs({}) == {}
    assert Spec((np.int64(2),), "f4") == Spec((2,), "float32")


def test_specs_are_read_from_files(tmp_path: Path) -> None:
    table = {name: {"shape": spec.shape, "dtype": spec.dtype} for name, spec in EXPECTED.items()}
    rows = [{"name": name, **row} for name, row in table.items()]
    path = tmp_path / "specs.json"
    for content in (table, rows, {"name": "x", "convention": "keras", "tensors": table}):
        path.write_text(json.dumps(content))
        stated: Any = "keras" if "convention" in content else None
        expected = {n: replace(spec, convention=stated) for n, spec in EXPECTED.items()}
        assert read_specs(path) == read_specs(str(path)) == expected
    with pytest.raises(FileNotFoundError):
        read_specs(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1 column 1"),
        ('{"a": [2],\n"a": [3]}', "the key 'a' must occur once"),
        ('[{"name": "a", "shape": [2]}, {"name": "a", "shape": [2]}]', "received twice: 'a'"),
        ('{"a": {"shap": [2]}}', "weight 'a' must have the key 'shape'"),
        ('{"a": {"shape": [2], "offset": 3}}', "weight 'a' must have the key 'shape' and may"),
        ('{"a": [-1]}', "weight 'a': dimension 0 of `shape` must be in"),
        ('{"a": [1.5]}', "weight 'a': dimension 0 of `shape` must be an integer"),
        ('{"a": "2"}', "weight 'a': `shape` must be a tuple"),
        ('{"a": {"shape": [2], "dtype": "flaot32"}}', r"weight 'a': .*did you mean 'float32'\?"),
        ('[["a", [2]]]', "a list of weights must hold"),
        ('[{"name": 3, "shape": [2]}]', "a weight's name must be a string, received: 3"),
        ("3", "`specs` must be a mapping"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "specs.json"
    path.write_text(text)
    with pytest.raises(
        ValueError, match=rf"specs\.json' must be a JSON file of weights: .*{message}"
    ):
        read_specs(path)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["a", "name", "shape", "dtype", "tensors"]), inner)
        ),
    )
)
def test_any_json_is_specs_or_an_error(content: Any) -> None:
    try:
        specs = read_specs(content)
    except (TypeError, ValueError, OSError):
        pass
    else:
        assert all(isinstance(spec, Spec) for spec in specs.values())


def test_bad_specs_are_refused() -> None:
    bad: Any
    for bad in (None, 3, b"a"):
        with pytest.raises(TypeError, match="`specs` must be a mapping from names to shapes"):
            read_specs(bad)
    with pytest.raises(TypeError, match="a weight's name must be a string, received: 1"):
        read_specs({1: (2,)})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="`dtype` must be"):
        Spec((2,), 3)  # type: ignore[arg-type]


def test_models_have_specs() -> None:
    counts = {name: len(model_specs(name)) for name in list_models()}
    assert counts == {
        "gpt2": 148,
        "keras-convnexttiny": 182,
        "keras-mobilenetv2": 262,
        "keras-resnet50": 320,
        "llama-3.1-8b": 291,
        "llama-3.2-1b": 146,
    }
    with pytest.raises(ValueError, match=r"`name` must be one of .*did you mean 'gpt2'\?"):
        model_specs("gpt-2")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`name` must be one of"):
        model_specs("../shapes/gpt2")  # type: ignore[arg-type]
