"""`initializers capture` of a Keras model, for the other commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from keras_models import once

from commands import Command
from initializers import Recipe
from initializers.recipe import read_specs

CODE = """
import keras

def build(width=4):
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(width, name="dense")])

def fail():
    return 1 / 0

def loose():
    return keras.Sequential([keras.layers.Dense(3)])
"""


@once
def test_a_keras_model(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"captured_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    result = command("capture", f"{name}:build", "--set", "width=5", "--specs", "model.json")
    Path("model.toml").write_text(result.output)
    recipe = Recipe.from_toml(result.output)
    assert [rule.pattern for rule in recipe.rules] == ["*/bias", "*"]
    assert "sequential: 2 of 2 parameters captured" in result.errors
    specs = read_specs("model.json")
    assert specs["dense/kernel"].shape == (3, 5)
    assert specs["dense/kernel"].convention == "keras"
    options = ["--specs", "model.json", "--recipe", "model.toml"]
    assert command("plan", *options, "--json").document["elements"] == 20
    assert "raised ZeroDivisionError: division by zero" in command.fails("capture", f"{name}:fail")
    assert "`model` must be built" in command.fails("capture", f"{name}:loose")
