"""Keras's NNX mode on the JAX backend, in which variables are also Flax variables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import BACKEND, to_numpy

import initializers
from initializers.keras import HeNormal

if BACKEND != "jax":
    pytest.skip("of JAX", allow_module_level=True)

IS_NNX = keras.config.is_nnx_enabled()


# Tests that build a layer in a function that did not create it; see below.
LEFT_OUT = ("building_in", "built_in", "variables_made_in", "compiled_call")
# Models that need to run in one mode only.
LONG = ("resnet", "convnext", "mobilenet", "recurrent", "mixed")


@pytest.mark.skipif(IS_NNX, reason="runs itself")
def test_the_keras_tests_pass_in_nnx_mode() -> None:
    files = ("nnx", "classes", "install", "layers", "names", "compiled", "models")
    paths = [Path(__file__).parent / f"test_keras_{name}.py" for name in files]
    names = " and ".join(f"not {name}" for name in (*LEFT_OUT, *LONG))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", names, *paths],
        env={**os.environ, "KERAS_NNX_ENABLED": "true"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout


nnx_only = pytest.mark.skipif(not IS_NNX, reason="in a process of its own")


@nnx_only
def test_a_model_trains_in_nnx_mode() -> None:
    layers = [keras.layers.Dense(4, kernel_initializer=HeNormal(seed=1)), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((5,)), *layers])
    assert np.array_equal(to_numpy(model.weights[0]), initializers.HeNormal(seed=1)((5, 4)))
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 5)), np.ones((2, 2)), verbose=0)


@nnx_only
@pytest.mark.parametrize("kind", [HeNormal, keras.initializers.HeNormal])
def test_a_layer_from_outside_cannot_be_built_inside(kind: Any) -> None:
    """Flax forbids it, with Keras's initializers too."""
    import jax
    from flax.errors import TraceContextError

    layer = keras.layers.Dense(4, kernel_initializer=kind(seed=1))
    with pytest.raises(TraceContextError):
        jax.jit(lambda x: layer(x))(np.ones((2, 3), "float32"))
