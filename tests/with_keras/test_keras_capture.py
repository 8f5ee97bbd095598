"""`capture`: the recipe of a Keras model's own initializers, and what has none."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras_models import lstm, mobilenet, once, to_numpy, transformer, values
from scipy import stats  # type: ignore[import-untyped]

from initializers import Constant, HeNormal, LstmBias, Orthogonal, Recipe
from initializers.keras import HeNormal as KerasHeNormal
from initializers.keras import Rule, capture, init_model

ALPHA = 1e-6


def draw(shape: Any, dtype: Any = None) -> Any:
    return keras.random.normal(shape, dtype=dtype)


def count(shape: Any, dtype: Any = None) -> Any:
    return keras.ops.reshape(keras.ops.arange(np.prod(shape), dtype=dtype), shape)


class OwnLayer(keras.layers.Layer):  # type: ignore[misc]
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dense = keras.layers.Dense(4, kernel_initializer=KerasHeNormal(seed=3))

    def build(self, shape: Any) -> None:
        self.dense.build(shape)
        self.drawn = self.add_weight(shape=(5,), initializer=draw, name="drawn")
        self.table = self.add_weight(shape=(2, 3), initializer=count, name="table")
        self.shift = self.add_weight(
            shape=(3,), initializer=keras.initializers.Constant(0.5), name="shift"
        )
        self.long = self.add_weight(shape=(5000,), initializer=count, name="long")

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


class OwnModel(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.own = OwnLayer(name="own")
        self.norm = keras.layers.BatchNormalization()

    def call(self, inputs: Any) -> Any:
        return self.norm(self.own(inputs))


def build_own() -> Any:
    model = OwnModel()
    model(np.zeros((1, 3), "float32"))
    return model


def test_own_layers_and_what_has_no_rule() -> None:
    recipe, report = capture(build_own, 7)
    assert recipe.seed == 7
    assert recipe.convention == "keras"
    for name, initializer in {
        "own/dense/kernel": HeNormal(),
        "own/table": Constant(np.arange(6, dtype="float32").reshape(2, 3)),
        "own/shift": Constant(0.5),
        "batch_normalization/moving_variance": "ones",
        "batch_normalization/moving_mean": "zeros",
    }.items():
        place = recipe.find(name)
        assert place is not None
        assert Rule(recipe.rules[place].initializer) == Rule(initializer)
    assert [*report.opaque] == ["own/drawn", "own/long"]
    drawn = report.opaque["own/drawn"]
    assert drawn.reason == "drawn by draw, which is no initializer of Keras or this package"
    assert drawn.place == f"{__name__}:{draw.__code__.co_firstlineno}"
    assert report.opaque["own/long"].reason.startswith("5,000 known values")
    assert report.arrays["own/long"].tolist() == [*range(5000)]
    assert "HeNormal in Dense.build" in recipe.to_toml()
    with pytest.raises(ValueError, match="matches 2 weights: 'own/drawn', 'own/long'"):
        init_model(build_own, recipe)
    model = init_model(build_own, [("own/drawn", "ones"), ("own/long", None), *recipe.rules], 7)
    assert to_numpy(model.own.drawn).tolist() == [1] * 5
    with pytest.raises(ValueError, match=r"`strict`.*own/drawn \(5\): drawn by draw"):
        capture(build_own, 1, strict=True)


def test_a_built_model_has_the_recipe_of_its_function() -> None:
    recipe, report = capture(lstm, 1)
    model = lstm()
    for variable in model.weights:
        variable.assign(variable + 1)  # as if it were trained
    assert capture(model, 1)[0] == recipe
    bias = recipe.choose("lstm/lstm_cell/bias", (64,)).initializer
    assert Rule(bias) == Rule(LstmBias())
    recurrent = recipe.choose("lstm/lstm_cell/recurrent_kernel", (16, 64)).initializer
    assert Rule(recurrent) == Rule(Orthogonal())
    assert report.is_complete
    assert report.model == "sequential"
    assert report.specs["dense/kernel"].shape == (16, 3)


@once
def test_few_rules_for_many_variables() -> None:
    recipe, report = capture(mobilenet, 1)
    assert report.is_complete
    assert len(report.weights) == 262
    assert len(recipe.rules) == 4, recipe.to_toml()
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def build_layers() -> Any:
    inputs = keras.Input((12, 12, 3))
    x = keras.layers.Conv2D(16, 3)(inputs)
    x = keras.layers.SeparableConv2D(24, 3)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Reshape((64, 24))(x)
    x = keras.layers.LSTM(20, return_sequences=True)(x)
    x = keras.layers.Dense(7, bias_initializer="random_normal")(x)
    return keras.Model(inputs, x)


@once
@pytest.mark.parametrize("build", [transformer, build_layers])
def test_values_have_the_laws_of_the_layers(build: Any) -> None:
    recipe, _ = capture(build, 5, strict=True)
    ours = values(init_model(build, recipe))
    keras.utils.set_random_seed(6)
    theirs = values(build())
    assert ours.keys() == theirs.keys()
    for name, one in ours.items():
        other = theirs[name]
        if not np.array_equal(one, other):
            p = stats.ks_2samp(one.reshape(-1), other.reshape(-1)).pvalue
            assert p > ALPHA / len(ours), name
    assert not np.array_equal(ours["dense/kernel"], theirs["dense/kernel"])


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match="`model` must be a Keras model"):
        capture(3, 1)
    with pytest.raises(ValueError, match="`model` must be built"):
        capture(keras.Sequential([keras.layers.Dense(3)]), 1)
    with pytest.raises(TypeError, match="`seed` must be an integer"):
        capture(lstm, "1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`strict` must be"):
        capture(lstm, 1, strict=1)  # type: ignore[arg-type]
    dropout = keras.layers.Dropout(0.5)
    dropout.build((1, 3))
    with pytest.raises(ValueError, match="received: dropout with no variables"):
        capture(dropout, 1)


def test_a_variable_from_values() -> None:
    class Shifted(keras.layers.Dense):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.extra = keras.Variable(np.ones(2, "float32"), name="extra")
            super().build(shape)

    _, report = capture(lambda: keras.Sequential([keras.Input((2,)), Shifted(3, name="a")]), 1)
    assert report.opaque["a/extra"].reason == "created from values, not by an initializer"
    assert report.opaque["a/extra"].place.startswith(f"{__name__}:")
