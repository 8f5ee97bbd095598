"""`initializers capture`: the recipe of a constructor, for the other commands."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands import Command
from initializers import Recipe
from initializers.recipe import read_specs

CODE = """
import torch

class Model(torch.nn.Module):
    def __init__(self, width=8, layers=1):
        super().__init__()
        self.embed = torch.nn.Embedding(20, width, padding_idx=0)
        self.layers = torch.nn.ModuleList(torch.nn.Linear(width, width) for _ in range(layers))
        self.norm = torch.nn.BatchNorm1d(width)

def with_rate():
    model = Model()
    model.rate = torch.nn.Parameter(torch.empty(3).exponential_())
    return model

number = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"captured_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_the_other_commands_take_the_recipe(command: Command, module: str) -> None:
    arguments = [f"{module}:Model", "--set", "layers=3", "--seed", "7"]
    result = command("capture", *arguments, "--specs", "model.json")
    Path("model.toml").write_text(result.output)
    recipe = Recipe.from_toml(result.output)
    assert recipe.seed == 7
    assert "Model: 9 of 9 parameters captured" in result.errors
    specs = read_specs("model.json")
    assert specs["layers.2.weight"].shape == (8, 8)
    assert specs["embed.weight"].padding == (0,)
    assert specs["norm.num_batches_tracked"].dtype == "int64"
    assert json.loads(command("capture", *arguments, "--json").output) == json.loads(
        recipe.to_json()
    )
    options = ["--specs", "model.json", "--recipe", "model.toml"]
    assert command("plan", *options, "--json").document["elements"] == 20 * 8 + 3 * 72 + 4 * 8 + 1
    command("create", *options, "--out", "checkpoint/")
    command("verify", "checkpoint/", *options)


def test_mistakes(command: Command, module: str) -> None:
    assert "it must be MODULE:FUNCTION" in command.fails("capture", module)
    errors = command.fails("capture", f"{module}:Modle")
    assert "has no attribute 'Modle'\ndid you mean 'Model'?" in errors
    assert "No module named 'nowhere'" in command.fails("capture", "nowhere:Model")
    for constructor in (
        ".nowhere:Model",
        "nowhere..model:Model",
        f"{module}:",
        f"{module}:Model.",
        ":",
    ):
        assert "it must be MODULE:FUNCTION" in command.fails("capture", constructor)
    assert "it must be a function or a class" in command.fails("capture", f"{module}:number")
    assert "raised TypeError" in command.fails("capture", f"{module}:Model", "--set", "depth=3")
    result = command("capture", f"{module}:with_rate")
    assert "rate (3): drawn by exponential_" in result.errors
    assert "rate (3): drawn by" in command.fails("capture", f"{module}:with_rate", "--strict")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "raised ZeroDivisionError: division by zero (at "),
        ("def f(:", "raised SyntaxError: "),
        ("raise SystemExit(3)", "raised SystemExit: 3 (at "),
        ("import nowhere", "No module named 'nowhere'"),
    ],
)
def test_a_module_that_fails_is_a_mistake(
    command: Command, module: str, code: str, message: str
) -> None:
    Path("failing.py").write_text(code)
    sys.modules.pop("failing", None)
    importlib.invalidate_caches()
    errors = command.fails("capture", "failing:Model")
    assert message in errors
    assert "Traceback" not in errors


BOTH = """
import keras, torch

def large():
    return torch.nn.Linear(2**20, 2**20)  # 4 TB

def build():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
"""


@pytest.mark.parametrize(
    ("function", "words"),
    [("large", "Linear: 2 of 2 parameters"), ("build", "sequential: 2 of 2 parameters")],
)
def test_modules_that_import_keras_too(function: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "both.py").write_text(BOTH)
    result = subprocess.run(
        [sys.executable, "-m", "initializers", "capture", f"both:{function}"],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert words in result.stderr
    assert len(Recipe.from_toml(result.stdout).rules) == 2
