"""The digests that the examples in candle and burn check are those of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import initializers
from initializers import Recipe

DIGITS = Path(__file__).parents[3] / "examples" / "digits"
WIDTH, HIDDEN, SIDE, LAYERS = 32, 64, 8, 2


def list_shapes(framework: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the model, in the order in which the examples make them."""
    shapes: dict[str, tuple[int, ...]] = {}

    def linear(name: str, inputs: int, outputs: int) -> None:
        is_torch = framework == "candle"
        shapes[f"{name}.weight"] = (outputs, inputs) if is_torch else (inputs, outputs)
        shapes[f"{name}.bias"] = (outputs,)

    def norm(name: str) -> None:
        for part in ("weight", "bias") if framework == "candle" else ("gamma", "beta"):
            shapes[f"{name}.{part}"] = (WIDTH,)

    linear("embed", SIDE, WIDTH)
    shapes["position"] = (SIDE, WIDTH)
    for layer in (f"encoder.layers.{i}" for i in range(LAYERS)):
        for part in ("query", "key", "value", "output"):
            linear(f"{layer}.mha.{part}", WIDTH, WIDTH)
        linear(f"{layer}.pwff.linear_inner", WIDTH, HIDDEN)
        linear(f"{layer}.pwff.linear_outer", HIDDEN, WIDTH)
        norm(f"{layer}.norm_1")
        norm(f"{layer}.norm_2")
    norm("norm")
    linear("head", WIDTH, 10)
    return shapes


def init(framework: str) -> dict[str, Any]:
    convention: Literal["torch", "keras"] = "torch" if framework == "candle" else "keras"
    return Recipe.load(DIGITS / "recipe.toml").init(list_shapes(framework), convention)


@pytest.mark.parametrize("framework", ["candle", "burn"])
def test_digests(framework: str) -> None:
    lines = (DIGITS / "digests.txt").read_text(encoding="utf-8").splitlines()
    assert f"{framework} {initializers.digest(init(framework))}" in lines


def test_both_begin_with_the_same_function() -> None:
    candle, burn = init("candle"), init("burn")
    for (name, ours), theirs in zip(candle.items(), burn.values(), strict=True):
        is_matrix = ours.ndim == 2 and name != "position"
        np.testing.assert_array_equal(ours.T if is_matrix else ours, theirs)
