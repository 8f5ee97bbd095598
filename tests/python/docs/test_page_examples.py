"""Standalone examples of Keras's page on initializers, and our docstrings, run as written.

Source: https://keras.io/api/layers/initializers/. `initializers` replaces `keras.initializers` and
`keras.random`; `get` replaces layers.
"""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest

import initializers
from initializers import HeNormal, RandomNormal, deserialize, get, serialize
from keras_page import EXAMPLES

pytestmark = pytest.mark.slow

STANDALONE = """
from initializers import *
initializer = {call}
values = initializer(shape=(2, 2))
"""


@pytest.mark.parametrize("name", EXAMPLES)
def test_standalone_usage_runs(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(STANDALONE.format(call=EXAMPLES[name]), namespace)
    initializer, values = namespace["initializer"], namespace["values"]
    assert type(initializer) is getattr(initializers, name)
    assert values.shape == (2, 2)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert get(initializer) is initializer  # as a layer calls it with its argument


def test_arguments_of_layers_are_accepted() -> None:
    kernel = get(initializers.RandomNormal(stddev=0.01))((3, 64))
    bias = get(initializers.Zeros())((64,))
    assert np.abs(kernel).max() < 0.0667
    assert not bias.any()
    assert isinstance(get("random_normal"), RandomNormal)
    assert not get("zeros")((64,)).any()


def test_simple_callables_are_accepted() -> None:
    def my_init(shape: Any, dtype: Any = None) -> Any:
        return initializers.RandomNormal(stddev=1.0)(shape, dtype=dtype)

    layer_initializer = get(my_init)
    assert layer_initializer is my_init
    assert layer_initializer((3, 64), dtype="float16").dtype == np.float16


class ExampleRandomNormal(initializers.Initializer):
    def __init__(self, mean: float, stddev: float) -> None:
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return initializers.RandomNormal(mean=self.mean, stddev=self.stddev)(shape, dtype=dtype)

    def get_config(self) -> dict[str, Any]:  # To support serialization
        return {"mean": self.mean, "stddev": self.stddev}


def test_subclasses_of_initializer_round_trip() -> None:
    initializer = ExampleRandomNormal(mean=100.0, stddev=0.5)
    assert abs(initializer((10, 10)).mean() - 100) < 1
    config = serialize(initializer)
    again: Any = deserialize(config, custom_objects={"ExampleRandomNormal": ExampleRandomNormal})
    assert (again.mean, again.stddev) == (100.0, 0.5)
    assert initializer.clone() == initializer
    assert repr(initializer) == "ExampleRandomNormal(mean=100.0, stddev=0.5)"


def test_the_note_on_seeds_holds() -> None:
    # "an initializer seeded with an integer or None (unseeded) will produce the same random values
    # across multiple calls. To get different random values [...] SeedGenerator."
    for same in (HeNormal(seed=1), HeNormal()):
        assert np.array_equal(same((2, 2)), same((2, 2)))
    fresh = HeNormal(seed=initializers.SeedGenerator(1))
    assert not np.array_equal(fresh((2, 2)), fresh((2, 2)))


@pytest.mark.usefixtures("fresh_registry")
@pytest.mark.parametrize("name", initializers.__all__)
def test_keras_examples_in_docstrings_run(name: str) -> None:
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    thing, globs = getattr(initializers, name), vars(initializers).copy()
    for test in finder.find(thing, name, module=initializers, globs=globs):
        assert runner.run(test).failed == 0


def test_examples_of_the_package_run() -> None:
    assert doctest.testmod(initializers).failed == 0
