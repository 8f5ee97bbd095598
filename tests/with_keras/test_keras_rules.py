"""`init_model`: Keras's layout by default, rules that must match, stacks, parts of models."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import values

from initializers import HeNormal, Recipe, fold_in, propagate
from initializers.keras import Rule, init_model, name_variables
from initializers.recipe import Spec, read_specs


def dense() -> Any:
    return keras.Sequential([keras.Input((300,)), keras.layers.Dense(100, name="a")])


def test_keras_s_layout_is_the_default() -> None:
    rules = {"*/bias": "zeros", "*": "he_normal"}
    kernel = values(init_model(dense(), rules, 1))["a/kernel"]
    assert kernel.std() == pytest.approx(math.sqrt(2 / 300), rel=0.02)
    recipe = Recipe(rules, seed=1)
    assert np.array_equal(values(init_model(dense(), recipe))["a/kernel"], kernel)
    assert np.array_equal(recipe.init(dense())["a/kernel"], kernel)
    variables = name_variables(dense())
    assert read_specs(variables)["a/kernel"] == Spec((300, 100), "float32", "keras")
    turned = values(init_model(dense(), Recipe(rules, seed=1, convention="torch")))["a/kernel"]
    assert turned.std() == pytest.approx(math.sqrt(2 / 100), rel=0.02)


def test_unmatched_rules_and_weights_are_refused() -> None:
    model = dense()
    before = values(model)
    for rules in (
        {"*/bais": "zeros", "*": "ones"},
        Recipe({"*/bais": "zeros", "*": "ones"}, seed=1),
    ):
        with pytest.raises(
            ValueError, match=r"rule 1 .*, `\*/bais`, matches no weight \(nearest: "
        ):
            init_model(model, rules, 1)
    with pytest.raises(ValueError, match=r"matches 2 weights.*: 'a/kernel', 'a/bias'"):
        init_model(model, {"b": Rule("ones", optional=True)}, 1)
    after = values(model)
    assert all(np.array_equal(after[name], before[name]) for name in before)
    rules = {"*/bais": "zeros", "*": "ones"}
    assert values(init_model(model, rules, 1, partial=True))["a/bias"].tolist() == [1] * 100


def test_stacks_equal_separate_tensors() -> None:
    class Experts(keras.layers.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.w = self.add_weight(shape=(3, 32, 16), name="w")

        def call(self, x: Any) -> Any:
            return x

    layer = Experts()
    layer.build((None, 32))
    kernel = values(init_model(layer, {"*": Rule("he_normal", stack=1)}, 1))["w"]
    for i in range(3):
        assert np.array_equal(kernel[i], HeNormal(fold_in(1, f"w/{i}"))((32, 16)))


def test_propagation_by_an_initializer_and_by_a_mapping_agree() -> None:
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((64,)), *(layers.Dense(64, "relu", use_bias=False) for _ in range(3))]
    )
    assert propagate(model, rules="he_normal") == propagate(model, rules={"*": "he_normal"})
