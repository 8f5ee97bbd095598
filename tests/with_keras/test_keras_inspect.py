"""`initializers.inspect` of Keras models."""

from __future__ import annotations

import keras

from initializers import inspect
from initializers.keras import HeNormal, name_variables


def test_a_model_is_inspected() -> None:
    layer = keras.layers.Dense(200, kernel_initializer=HeNormal(seed=1), dtype="bfloat16")
    model = keras.Sequential([keras.Input((300,)), layer])
    rows = inspect(model).rows
    assert [row.name for row in rows] == list(name_variables(model))
    assert rows[0].guess.name.split(" or ")[0] == "he_normal"
    assert [row.shape for row in rows] == [(300, 200), (200,)]
    assert rows[1].guess.name == "zeros"
