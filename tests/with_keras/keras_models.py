"""Models of the Keras tests, and the values that they compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

import initializers
from initializers.keras import name_variables

BACKEND = keras.backend.backend()

# New processes take most of the time and run the same code on every backend.
once = pytest.mark.skipif(BACKEND != "jax", reason="on JAX only: the backend makes no difference")

if BACKEND == "tensorflow":  # strategies need two devices, set before the first use
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )


def to_numpy(tensor: Any) -> NDArray[Any]:
    """Return the values of a tensor or variable."""
    value = tensor.value if isinstance(tensor, keras.Variable) else tensor
    return np.asarray(keras.ops.convert_to_numpy(value))


def values(model: Any) -> dict[str, NDArray[Any]]:
    """Return the values of a model's weights by name."""
    return {name: to_numpy(variable) for name, variable in name_variables(model).items()}


def digest(model: Any) -> str:
    """Return the first 12 digits of the digest of a model's weights by name."""
    weights = values(model)
    return initializers.digest(weights)[:12]


def transformer(width: int = 32, layers: int = 2) -> Any:
    """Return a small Transformer over tokens; some of its layers have names, some have none."""
    tokens = keras.Input((16,), dtype="int32")
    x = keras.layers.Embedding(50, width)(tokens)
    for index in range(layers):
        y = keras.layers.LayerNormalization()(x)
        y = keras.layers.MultiHeadAttention(4, width // 4, name=f"attention_{index}")(y, y)
        x = keras.layers.Add()([x, y])
        y = keras.layers.Dense(4 * width, "gelu", kernel_initializer="he_normal")(x)
        x = keras.layers.Add()([x, keras.layers.Dense(width, name=f"back_{index}")(y)])
    x = keras.layers.GroupQueryAttention(8, 4, 2)(x, x)
    return keras.Model(tokens, keras.layers.Dense(50)(x))


def lstm() -> Any:
    """Return a small LSTM."""
    return keras.Sequential([keras.Input((12, 8)), keras.layers.LSTM(16), keras.layers.Dense(3)])


def recurrent() -> Any:
    """Return a model with every kind of recurrent layer."""
    inputs = keras.Input((4, 8, 8, 3))
    x = keras.layers.ConvLSTM2D(4, 3, return_sequences=True)(inputs)
    x = keras.layers.TimeDistributed(keras.layers.Conv2D(4, 3))(x)
    x = keras.layers.Reshape((4, 64))(x)
    x = keras.layers.Bidirectional(keras.layers.LSTM(8, return_sequences=True))(x)
    x = keras.layers.Bidirectional(keras.layers.GRU(8, return_sequences=True), name="two_ways")(x)
    return keras.Model(inputs, keras.layers.SimpleRNN(3)(x))


def resnet() -> Any:
    """Return ResNet50, 25.6 million weights."""
    return keras.applications.ResNet50(weights=None)


def convnext() -> Any:
    """Return ConvNeXtTiny, 28.6 million weights."""
    return keras.applications.ConvNeXtTiny(weights=None)


def mobilenet() -> Any:
    """Return MobileNetV2, 3.5 million weights."""
    return keras.applications.MobileNetV2(weights=None)


SMALL: dict[str, Callable[[], Any]] = {"transformer": transformer, "lstm": lstm}
MODELS: dict[str, Callable[[], Any]] = {
    **SMALL,
    "recurrent": recurrent,
    "resnet": resnet,
    "convnext": convnext,
    "mobilenet": mobilenet,
}
if BACKEND == "numpy":  # this backend executes a model to infer its shapes
    MODELS = SMALL
