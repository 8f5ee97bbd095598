"""Theory of the layers of Keras."""

from __future__ import annotations

import math
from typing import Any

import keras

from ..propagation._activations import FUNCTIONS
from ..propagation._measure import mean_square
from ..propagation._taps import count_taps, same_padding
from ..propagation._theory import Effect

_layers = keras.layers
_CONVOLUTIONS = (_layers.Conv1D, _layers.Conv2D, _layers.Conv3D)
_NORMS = (
    _layers.LayerNormalization,
    _layers.GroupNormalization,
    _layers.RMSNormalization,
)


def find_effect(
    layer: Any, x: tuple[int, ...], y: tuple[int, ...], training: bool
) -> Effect | None:
    """Return the effect of a layer, or None if theory does not cover it.

    Args:
        layer: The layer.
        x: The shape of its input, the batch first.
        y: The shape of its output.
        training: Whether the layer runs as in training.
    """
    if isinstance(layer, (_layers.Dense, _layers.EinsumDense)):
        kernel = layer.kernel
        if isinstance(layer, _layers.Dense):
            return _linear(layer, kernel.shape[0])
        # Axes that the kernel has and the output lacks are summed over.
        equation = layer.equation.replace(" ", "")
        _, axes, out = equation.replace("->", ",").split(",")
        outputs = (size for axis, size in zip(axes, kernel.shape, strict=True) if axis in out)
        return _linear(layer, math.prod(kernel.shape) / math.prod(outputs))
    if isinstance(layer, _CONVOLUTIONS):
        return _linear(layer, _fan_of_convolution(layer, x, y))
    if isinstance(layer, _layers.BatchNormalization):
        return _norm(layer) if training and layer.trainable else None
    if isinstance(layer, _NORMS):
        return _norm(layer)
    if isinstance(layer, _layers.Embedding):
        return Effect(0.0, _square(layer.embeddings))
    return None


def _linear(layer: Any, fan_in: float) -> Effect | None:
    name = "linear" if layer.activation is None else keras.activations.serialize(layer.activation)
    if name not in FUNCTIONS:
        return None
    return Effect(fan_in * _square(layer.kernel), _square(layer.bias), activation=name)


def _fan_of_convolution(layer: Any, x: tuple[int, ...], y: tuple[int, ...]) -> float:
    first = layer.data_format == "channels_first"
    inputs, outputs = (shape[2:] if first else shape[1:-1] for shape in (x, y))
    size, strides, dilation = layer.kernel_size, layer.strides, layer.dilation_rate
    if layer.padding == "same":
        before = same_padding(inputs, outputs, size, strides, dilation)
    elif layer.padding == "causal":
        before = [(size[0] - 1) * dilation[0]]
    else:
        before = [0] * len(size)
    taps = count_taps(inputs, outputs, size, strides, before, dilation)
    return float(layer.kernel.shape[-2]) * taps


def _norm(layer: Any) -> Effect:
    scale = getattr(layer, "gamma", getattr(layer, "scale", None))
    has_scale = scale is not None and not isinstance(scale, bool)
    square = _square(scale) if has_scale else 1.0
    return Effect(square, _square(getattr(layer, "beta", None)), normalizes=True)


def _square(variable: Any) -> float:
    return 0.0 if variable is None else mean_square(keras.ops.convert_to_numpy(variable.value))
