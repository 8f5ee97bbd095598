"""`propagate` through Keras models on this backend, and that the models stay unchanged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import BACKEND, to_numpy

from initializers import RandomNormal, Recipe, propagate
from initializers.keras import init_model, name_variables

layers = keras.layers
HAS_GRADIENTS = BACKEND != "numpy"


@contextmanager
def policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Fix the seed of weights that Keras draws."""
    keras.utils.set_random_seed(1)


def mlp(depth: int = 8, activation: str = "relu", width: int = 256) -> Any:
    hidden = [layers.Dense(width, activation=activation) for _ in range(depth)]
    return keras.Sequential([keras.Input((width,)), *hidden, layers.Dense(10)])


def network() -> Any:
    """Return a model with most types of layers, some of them as functions."""
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", name="stem")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU()(x)
    x = layers.Add()([x, layers.Conv2D(16, 3, padding="same", name="branch")(x)])
    x = x + keras.ops.tanh(layers.Conv2D(16, 3, padding="same", name="other")(x))
    x = layers.Dropout(0.2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="out")(x))


class Attention(keras.Model):  # type: ignore[misc]
    """A subclassed model with a layer that calls others."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = layers.Embedding(50, 16)
        self.attention = layers.MultiHeadAttention(2, 8)
        self.norm = layers.LayerNormalization()
        self.lstm = layers.LSTM(16)
        self.out = layers.Dense(4)

    def call(self, tokens: Any) -> Any:
        x = self.embed(tokens)
        return self.out(self.lstm(self.norm(x + self.attention(x, x))))


def test_he_and_relu_are_stable() -> None:
    recipe = Recipe({"*/bias": "zeros", "*": "he_normal"}, seed=1)
    result = propagate(mlp(), rules=recipe)
    assert result.verdict.startswith("stable: over 8 layers")
    assert [layer.name for layer in result][:2] == ["dense", "dense#1"]
    for layer in result:
        assert layer.rms == pytest.approx(layer.theory, rel=0.25), layer.name
        if HAS_GRADIENTS:
            assert layer.gradient == pytest.approx(layer.gradient_theory, rel=0.25), layer.name
            assert (layer.weight_gradient or 0) > 0
        else:
            assert layer.gradient is None
    assert (result.loss is None) != HAS_GRADIENTS


def test_bad_scales_are_reported() -> None:
    assert propagate(mlp(14)).verdict.startswith("vanishing: ")  # Glorot's initialization with relu
    saturated = propagate(mlp(6, "tanh"), rules=RandomNormal(stddev=1.0))
    assert "; over half of the outputs are saturated in 'dense'" in saturated.verdict


def test_gradients_equal_finite_differences() -> None:
    model = keras.Sequential([keras.Input((5,)), layers.Dense(4, "tanh"), layers.Dense(2)])
    x = np.random.default_rng(0).standard_normal((6, 5)).astype("float32")
    result = propagate(model, x, loss=lambda y: keras.ops.sum(keras.ops.square(y)))
    w, b, v, c = (to_numpy(each).astype(float) for each in model.weights)
    hidden = np.tanh(x @ w + b)
    output = hidden @ v + c
    assert result[0].rms == pytest.approx(math.sqrt(np.mean(hidden**2)), rel=1e-5)
    assert result[1].shape == (6, 2)
    if HAS_GRADIENTS:
        by_hidden = 2 * output @ v.T
        assert result[1].gradient == pytest.approx(2 * math.sqrt(np.mean(output**2)), rel=1e-4)
        assert result[0].gradient == pytest.approx(math.sqrt(np.mean(by_hidden**2)), rel=1e-4)
        by_w = x.T @ (by_hidden * (1 - hidden**2))
        assert result[0].weight_gradient == pytest.approx(math.sqrt(np.mean(by_w**2)), rel=1e-4)


def test_the_theory_of_most_layers() -> None:
    result = propagate(network(), rules="he_normal", seed=2)
    names = [layer.name for layer in result]
    assert names == [
        *("stem", "norm", "re_lu", "branch", "add", "other", "dropout"),
        *("global_average_pooling2d", "out"),
    ]
    for layer in result:
        if layer.theory is not None:
            assert layer.rms == pytest.approx(layer.theory, rel=0.3), layer.name
    unknown = [layer.name for layer in result if layer.theory is None]
    assert unknown == ["global_average_pooling2d", "out"]
    assert result["other"].activation == "tanh"
    assert result["stem"].theory == pytest.approx(math.sqrt(2) * math.sqrt(17 / 18) ** 2, rel=0.1)
    if HAS_GRADIENTS:
        assert result["branch"].gradient_theory is None or result["branch"].gradient is not None


def test_a_subclassed_model_is_followed() -> None:
    model = Attention()
    tokens = np.random.default_rng(1).integers(0, 50, (16, 8))
    with pytest.raises(ValueError, match="`model` must be built"):
        propagate(Attention(), tokens)
    model(tokens)
    result = propagate(model, tokens)
    names = [layer.name for layer in result]
    assert {"embed", "attention/query", "norm", "lstm", "out"} <= {
        name.replace("embedding", "embed")
        .replace("multi_head_attention", "attention")
        .replace("layer_normalization", "norm")
        .replace("dense", "out")
        for name in names
    }
    assert not any("cell" in name for name in names)  # a cell runs once per step
    assert result["embedding"].theory == pytest.approx(result["embedding"].rms, rel=0.05)
    assert result["layer_normalization"].theory == pytest.approx(1)
    assert result["multi_head_attention/query"].theory is not None
    lstm = result["lstm"]
    assert lstm.theory is None
    assert not HAS_GRADIENTS or (lstm.weight_gradient or 0) > 0


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_stays_as_it_is(fails: bool) -> None:
    model = network()
    before = {name: to_numpy(each).copy() for name, each in name_variables(model).items()}
    states = [to_numpy(each).copy() for each in model.variables]
    call = layers.Layer.__call__

    def loss(output: Any) -> Any:
        if fails:
            raise RuntimeError("as a user's may")
        return keras.ops.sum(output)

    x = np.random.default_rng(0).standard_normal((8, 12, 12, 3)).astype("float32")
    if fails and HAS_GRADIENTS:
        with pytest.raises(RuntimeError, match="as a user's may"):
            propagate(model, x, loss=loss, rules="he_normal")
    else:
        propagate(model, x, loss=loss, rules="he_normal")
    assert layers.Layer.__call__ is call
    for name, variable in name_variables(model).items():
        assert to_numpy(variable).tobytes() == before[name].tobytes(), name
    for variable, value in zip(model.variables, states, strict=True):
        assert to_numpy(variable).tobytes() == value.tobytes(), variable.path
    if BACKEND == "torch":
        assert all(each.value.grad is None for each in model.trainable_variables)


def test_recipes_decide_the_values() -> None:
    recipe = Recipe({"*bias": "zeros", "*": "he_normal"}, seed=4)
    model = mlp(3)
    result = propagate(model, rules=recipe)
    assert propagate(init_model(mlp(3), recipe)) == result
    assert propagate(model, rules=recipe) == result
    assert propagate(model) != result
    with pytest.raises(ValueError, match="no rule of the recipe matches"):
        propagate(model, rules=Recipe({"*kernel": "ones"}, seed=1))


def test_inputs_are_accepted_in_all_forms() -> None:
    two = [keras.Input((4,), name="a"), keras.Input((None,), dtype="int32", name="b")]
    embedded = layers.GlobalAveragePooling1D()(layers.Embedding(7, 4)(two[1]))
    model = keras.Model(two, layers.Add()([layers.Dense(4)(two[0]), embedded]))
    result = propagate(model)
    assert result["embedding"].shape == (256, 32, 4)
    given = propagate(model, ([np.ones((3, 4)), np.zeros((3, 5), "int32")],))
    assert given["embedding"].shape == (3, 5, 4)
    assert propagate(mlp(1), (5, 256))[0].shape == (5, 256)
    assert [layer.name for layer in propagate(network(), training=False)].count("dropout") == 0
    with pytest.raises(ValueError, match="`inputs` must be given for Dense"):
        propagate(layers.Dense(3))


@pytest.mark.skipif(BACKEND == "numpy", reason="Keras's NumPy backend has no mixed precision")
def test_mixed_precision_is_followed() -> None:
    with policy("mixed_bfloat16"):
        result = propagate(mlp(3, "tanh"))
    for layer in result:
        assert layer.rms == pytest.approx(layer.theory, rel=0.2)
    with policy("mixed_float16"):
        broken = propagate(mlp(3), rules=RandomNormal(stddev=1e3))
    assert broken.verdict.startswith("overflow: ")
