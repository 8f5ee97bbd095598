"""Every example of Keras's page on initializers runs in Keras with our classes.

Source: https://keras.io/api/layers/initializers/, `initializers.keras` for `keras.initializers`.
"""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import to_numpy

import initializers.keras as initializers
from initializers.keras import install
from keras_page import EXAMPLES
from pages import find_without_example

EXAMPLE = """
from keras.layers import Dense
from initializers.keras import *
# Standalone usage:
initializer = {call}
values = initializer(shape=(2, 2))
# Usage in a Keras layer:
initializer = {call}
layer = Dense(3, kernel_initializer=initializer)
layer.build((None, 3))
"""


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_classes_run(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(EXAMPLE.format(call=EXAMPLES[name]), namespace)
    values, layer = namespace["values"], namespace["layer"]
    assert tuple(values.shape) == (2, 2)
    assert type(layer.kernel_initializer) is getattr(initializers, name)
    assert np.isfinite(to_numpy(layer.kernel)).all()


def test_the_usage_examples_run() -> None:
    from keras import layers

    layer = layers.Dense(
        units=64,
        kernel_initializer=initializers.RandomNormal(stddev=0.01),
        bias_initializer=initializers.Zeros(),
    )
    layer.build((None, 3))
    assert 0 < np.abs(to_numpy(layer.kernel)).max() < 0.0667
    with install():
        layer = layers.Dense(units=64, kernel_initializer="random_normal", bias_initializer="zeros")
    assert type(layer.kernel_initializer) is initializers.RandomNormal
    assert type(layer.bias_initializer) is initializers.Zeros


def test_simple_callables_are_accepted() -> None:
    def my_init(shape: Any, dtype: Any = None) -> Any:
        return initializers.RandomNormal(seed=1)(shape, dtype=dtype)

    layer = keras.layers.Dense(64, kernel_initializer=my_init)
    layer.build((None, 3))
    assert np.array_equal(to_numpy(layer.kernel), to_numpy(my_init((3, 64))))


@keras.saving.register_keras_serializable("tests")
class ExampleRandomNormal(keras.initializers.Initializer):
    """The page's class, with our values instead of those of `keras.random.normal`."""

    def __init__(self, mean: float, stddev: float) -> None:
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return initializers.RandomNormal(self.mean, self.stddev, seed=1)(shape, dtype=dtype)

    def get_config(self) -> dict[str, Any]:  # To support serialization
        return {"mean": self.mean, "stddev": self.stddev}


def test_subclasses_are_saved_and_loaded(tmp_path: Path) -> None:
    layer = keras.layers.Dense(3, kernel_initializer=ExampleRandomNormal(100.0, 0.5))
    keras.Sequential([keras.Input((4,)), layer]).save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras").layers[0]
    assert again.kernel_initializer.get_config() == {"mean": 100.0, "stddev": 0.5}
    assert np.array_equal(to_numpy(again.kernel), to_numpy(layer.kernel))
    clone = ExampleRandomNormal(100.0, 0.5).clone()
    assert abs(to_numpy(clone((10, 10))).mean() - 100) < 1


MODULES = ["initializers.keras"] + [
    f"initializers.keras.{part}" for part in ("_install", "_names", "_seed_model")
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    public = {key: getattr(initializers, key) for key in initializers.__all__}
    assert doctest.testmod(module, extraglobs=public).failed == 0


def test_every_public_name_has_an_example() -> None:
    assert find_without_example("initializers.keras") == []
