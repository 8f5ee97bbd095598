"""Checkpoints in Keras: the file holds, by name, the values of `init_model`."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from safetensors.numpy import load_file
from test_keras_recipe import build

from initializers import checkpoint
from initializers.keras import init_model, name_variables
from recipe_model import RECIPE


def test_a_checkpoint_holds_the_values_of_the_model(tmp_path: Path) -> None:
    model = init_model(build(), RECIPE)
    path = checkpoint.write(RECIPE, build(), tmp_path / "a.safetensors")
    loaded = load_file(path)
    variables = name_variables(model)
    assert set(loaded) == set(variables)
    for name, variable in variables.items():
        values = keras.ops.convert_to_numpy(variable.value)
        assert loaded[name].dtype == values.dtype
        assert loaded[name].tobytes() == values.tobytes(), name

    other = build()
    for name, variable in name_variables(other).items():
        variable.assign(loaded[name])
    inputs = np.ones((2, *model.input_shape[1:]), np.float32)
    outputs = [keras.ops.convert_to_numpy(each(inputs)) for each in (other, model)]
    assert (outputs[0] == outputs[1]).all()
    assert checkpoint.verify(path, specs=model).ok
