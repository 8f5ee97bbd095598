"""The package at the prompt and in notebooks: tables, inspect, preview, progress, errors."""

from __future__ import annotations

import sys
import types
from importlib import metadata
from typing import Any, cast

import numpy as np
import pytest

import initializers
from commands import Command
from initializers import (
    Constant,
    GlorotUniform,
    HeNormal,
    Orthogonal,
    RandomNormal,
    Recipe,
    Rule,
    Zeros,
    inspect,
    propagate,
)
from initializers._frameworks import LOWEST, require
from initializers.cli import _output
from initializers.recipe import model_specs

EVIL = "<script>\x1b[31m"


def test_a_plan_prints_its_table() -> None:
    plan = Recipe.for_model("gpt2").plan(model_specs("gpt2"))
    assert repr(plan) == str(plan)
    assert len(repr(plan)) < 8000
    page = plan._repr_html_()
    assert page.count("<tr>") == 1 + 4 + 14
    assert "148 weights, 124,439,808 elements, 498 MB" in page
    assert "1. *.bias → Zeros()" in page


def test_html_is_escaped() -> None:
    recipe = Recipe([(f"{EVIL}*", "zeros")], seed=1, comment="<b>")
    pages = [recipe._repr_html_(), recipe.plan({f"{EVIL}1": (3,)})._repr_html_()]
    pages += [inspect({EVIL: np.ones(3)})._repr_html_()]
    for page in pages:
        assert "<script>" not in page
        assert "<b>" not in page
    assert "&lt;b&gt;" in pages[0]
    assert "seed = 1" in pages[0]


def test_propagation_has_html() -> None:
    page = propagate("he_normal", depth=4)._repr_html_()
    assert page.count("<circle") == 8
    assert page.count("<polyline") == 2
    assert "layers/3" in page
    assert "stable: over 3 layers" in page


def test_inspect_equals_the_command(
    command: Command, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    weights: dict[str, Any] = {
        "kernel": HeNormal(seed=1)((300, 200)),
        "square": Orthogonal(seed=2)((64, 64), "float16"),
        "bias": Zeros()((200,)),
        "steps": np.array(3),
    }
    np.savez(tmp_path / "w.npz", **weights)
    found = inspect(weights)
    document = command("inspect", tmp_path / "w.npz", "--json").document
    assert _output._to_json(found.to_dict()["tensors"]) == document["tensors"]
    text = command("inspect", tmp_path / "w.npz").output
    assert found.table(140) == text.rpartition(" in ")[0]
    assert [row.guess.name for row in found] == ["he_normal", "orthogonal", "zeros", "constant(3)"]
    assert len(found) == 4
    assert repr(found) == found.table(140)
    assert "<td" in found._repr_html_()


def test_inspect_refuses_bad_input() -> None:
    rows = inspect({"a": "text", "b": np.ones(3, complex), "c": np.array(["x"])}).rows
    assert [row.guess.name for row in rows] == ["none known"] * 3
    assert [row.found for row in rows] == [None] * 3
    assert rows[0].guess.because == "it is no array: 'text'"
    for model in (3, None, {"a": {"b": np.ones(3)}}, {3: np.ones(3)}):
        if isinstance(model, dict) and "jax" in sys.modules:
            continue
        with pytest.raises(TypeError, match="`model` must be a model of Keras, torch, Flax or"):
            inspect(model)


@pytest.mark.parametrize("name", ["he_normal", "orthogonal", "zeros", "random_uniform"])
def test_preview_equals_the_command(command: Command, name: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    made: Any = initializers.get(name)
    preview = made.with_seed(0).preview((60, 40), "bfloat16")
    request = ["show", name, "--shape", "60,40", "--dtype", "bfloat16"]
    assert command(*request).output == f"{preview!r}\n"
    assert (preview.values == made.with_seed(0)((60, 40), "bfloat16")).all()
    document = command(*request, "--json").document
    assert {key: preview.to_dict()[key] for key in ("digest", "distance")} == {
        key: document[key] for key in ("digest", "distance")
    }
    assert ("<svg" in preview._repr_html_()) == (name != "zeros")


def test_preview_refuses_bad_input() -> None:
    with pytest.raises(ValueError, match="`dtype` must be one of real numbers"):
        Zeros().preview((3,), "complex64")
    with pytest.raises(ValueError, match="did you mean 'float16'"):
        HeNormal().preview((3, 3), "fp16")


def test_progress_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = Recipe({"*": "zeros"}, seed=1)
    specs = {"a": (10,), "b": (30,), "c": (0,)}
    calls: list[tuple[int, int]] = []
    recipe.init(specs, progress=lambda *numbers: calls.append(numbers))
    assert calls == [(40, 160), (160, 160), (160, 160)]
    recipe.init(specs)
    assert capsys.readouterr().err == ""
    recipe.init(specs, progress=True)
    assert capsys.readouterr().err == "\r160 of 160 bytes, 100 % \n"
    monkey: Any = sys.stderr
    monkey.isatty = lambda: True
    recipe.init(specs, progress=True)
    assert capsys.readouterr().err == "\r40 of 160 bytes, 25 % \r160 of 160 bytes, 100 % \n"
    with pytest.raises(TypeError, match="`progress` must be a bool or a function"):
        recipe.init(specs, progress=3)  # type: ignore[arg-type]


def test_dir_shows_public_names_only() -> None:
    names = dir(initializers)
    assert [name for name in names if name.startswith("_")] == ["__version__"]
    assert {"Any", "TYPE_CHECKING"}.isdisjoint(names)
    assert {"inspect", "propagate", "recipe", "checkpoint", "HeNormal"} <= {*names}


def test_names_of_torch_are_initializers() -> None:
    assert initializers.get("xavier_uniform").get_config() == GlorotUniform().get_config()
    made: Any = initializers.get("kaiming_normal")
    assert made.distribution == "untruncated_normal"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: cast(Any, RandomNormal)(std=0.1),
            TypeError,
            r"RandomNormal\(\) .*did you mean 'stddev'\?",
        ),
        (cast(Any, HeNormal(seed=1)), TypeError, r"HeNormal\.__call__\(\): missing .*'shape'"),
        (lambda: HeNormal()((3, 3), "fp16"), ValueError, "did you mean 'float16'.*; known: bool"),
        (lambda: HeNormal()((3, 3), "BF16"), ValueError, r"did you mean 'bfloat16'\?"),
        (lambda: Recipe({}, seed=1), ValueError, "`rules` must have at least one rule"),
        (lambda: cast(Any, Recipe)("ones", seed=1), TypeError, r"for every weight: {'\*': 'ones'}"),
        (lambda: Zeros()((2**40,)), MemoryError, r"4\.4 TB are needed"),
        (
            lambda: Recipe({"a": "ones", "b": HeNormal(seed=3)}, seed=1),
            ValueError,
            "rule 'b': `initializer` of a rule must have no seed",
        ),
        (
            lambda: Recipe({"a": "ones", "b": Rule("ones", name="x")}, seed=1),
            ValueError,
            "rule 'b': a rule of a recipe must have no `name` without `stack`",
        ),
        (
            lambda: Recipe({"a": Rule("ones", permute=(1, 0))}, seed=1).plan({"a": (3,)}),
            ValueError,
            "rule 'a': `permute`",
        ),
        (
            lambda: Recipe({"a": Rule("ones", stack=2)}, seed=1).plan({"a": (3,)}),
            ValueError,
            "rule 'a': `stack`",
        ),
        (
            lambda: Recipe({"a": "he_normal"}, seed=1).plan({"a": (3, 4)}),
            ValueError,
            "rule 'a': `convention`",
        ),
        (
            lambda: Recipe({"b": Constant([1.0, 2.0])}, seed=1).plan({"b": (3,)}),
            ValueError,
            r"rule 1, 'b': weight 'b' cannot be filled",
        ),
    ],
)
def test_errors_say_what_to_do(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("name", ["torch", "jax", "keras"])
def test_a_missing_framework_is_an_error_that_says_how_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=rf"{name} \d+\.\d+ or newer, .*\[{name}\]"):
        require(name)


@pytest.mark.parametrize("name", ["torch", "jax", "keras"])
def test_an_old_framework_is_an_error_that_says_how_to_upgrade(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    major, minor = LOWEST[name]
    monkeypatch.setattr(metadata, "version", lambda _: f"{major}.{minor - 1}.7+cpu")
    with pytest.raises(ImportError, match=rf"newer, found: .*; pip install '\.\[{name}\]'"):
        require(name)
    for version in (f"{major}.{minor}rc1", f"{major + 1}.0", "nightly"):
        monkeypatch.setattr(metadata, "version", lambda _, version=version: version)
        require(name)


def test_lowest_versions_equal_those_of_the_extras() -> None:
    extras = metadata.requires("initializers") or []
    for name, version in LOWEST.items():
        wanted = f"{name}>={'.'.join(map(str, version))}"
        assert any(line.replace(" ", "").startswith(wanted) for line in extras), extras
