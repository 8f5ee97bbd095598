"""Effects of Flax and Equinox layers, for the theory of propagation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..propagation._measure import mean_square
from ..propagation._taps import count_taps, same_padding
from ..propagation._theory import Effect

_LIBRARIES = ("flax", "equinox")
_NORMS = ("BatchNorm", "LayerNorm", "RMSNorm", "GroupNorm", "InstanceNorm")


def find_effect(
    layer: Any,
    weights: Mapping[str, Any],
    keywords: Mapping[str, Any],
    x: tuple[int, ...],
    y: tuple[int, ...],
) -> Effect | None:
    """Return the effect of a layer on the mean square of a signal, or None if unknown.

    Args:
        layer: The layer; only its options are read.
        weights: Its arrays by name.
        keywords: Keyword arguments of its call.
        x: Shape of its input, batch first.
        y: Shape of its output.
    """
    kind = next(
        (cls.__name__ for cls in type(layer).__mro__ if cls.__module__.split(".")[0] in _LIBRARIES),
        "",
    )
    is_equinox = type(layer).__module__.startswith("equinox")
    weight = weights.get("weight" if is_equinox else "kernel")
    if kind in ("Dense", "Linear", "DenseGeneral", "LinearGeneral") and weight is not None:
        features = getattr(layer, "features", None) or getattr(layer, "out_features", 1)
        outputs = math.prod(features) if isinstance(features, Sequence) else int(_number(features))
        return _linear(weight.size / outputs, weight, weights)
    if kind in ("Conv", "Conv1d", "Conv2d", "Conv3d") and weight is not None:
        fan_in = _fan_of_equinox(layer, x, y) if is_equinox else _fan_of_flax(layer, weight, x, y)
        return None if fan_in is None else _linear(fan_in, weight, weights)
    if kind in _NORMS:
        if kind == "BatchNorm" and (is_equinox or _uses_statistics(layer, keywords)):
            return None
        scale = weights.get("weight" if is_equinox else "scale")
        square = 1.0 if scale is None else mean_square(scale)
        return Effect(square, mean_square(weights.get("bias")), normalizes=True)
    if kind in ("Embed", "Embedding"):
        table = weights.get("weight" if is_equinox else "embedding")
        return None if table is None else Effect(0.0, mean_square(table))
    return None


def _number(features: Any) -> int:
    return 1 if features == "scalar" else features


def _linear(fan_in: float, weight: Any, weights: Mapping[str, Any]) -> Effect:
    return Effect(fan_in * mean_square(weight), mean_square(weights.get("bias")))


def _uses_statistics(layer: Any, keywords: Mapping[str, Any]) -> bool:
    given = keywords.get("use_running_average")
    return bool(layer.use_running_average if given is None else given)


def _fan_of_flax(layer: Any, kernel: Any, x: tuple[int, ...], y: tuple[int, ...]) -> float | None:
    size = kernel.shape[:-2]
    rank = len(size)
    strides, dilation = _each(layer.strides, rank), _each(layer.kernel_dilation, rank)
    if set(_each(layer.input_dilation, rank)) != {1} or len(x) != rank + 2:
        return None
    inputs, outputs = x[1:-1], y[1:-1]
    padding = layer.padding
    if padding == "SAME":
        before = same_padding(inputs, outputs, size, strides, dilation)
    elif padding in ("VALID", "CIRCULAR", "REFLECT"):
        before = [0] * rank
        if padding != "VALID":  # every position sees the whole kernel
            return float(math.prod(kernel.shape[:-1]))
    elif isinstance(padding, str):
        return None
    else:
        before = [pad if isinstance(pad, int) else pad[0] for pad in _each(padding, rank)]
    return float(kernel.shape[-2]) * count_taps(inputs, outputs, size, strides, before, dilation)


def _fan_of_equinox(layer: Any, x: tuple[int, ...], y: tuple[int, ...]) -> float | None:
    padding = layer.padding
    rank = layer.num_spatial_dims
    if isinstance(padding, str) or len(x) != rank + 2:
        return None
    channels = layer.in_channels / layer.groups
    if layer.padding_mode.upper() != "ZEROS":
        return float(channels * np.prod(layer.kernel_size))
    before = [pair[0] for pair in padding]
    taps = count_taps(x[2:], y[2:], layer.kernel_size, layer.stride, before, layer.dilation)
    return float(channels * taps)


def _each(option: Any, rank: int) -> list[Any]:
    """Return an option for every axis; `option` may be one number, or None for 1."""
    if option is None:
        option = 1
    return [option] * rank if isinstance(option, int) else list(option)
