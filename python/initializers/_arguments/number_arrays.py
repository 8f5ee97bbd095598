"""Arguments that are numbers or arrays of numbers, and their form in configurations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import is_masked, show
from .dtypes import look_up


def as_array(argument: str, value: object) -> NDArray[Any]:
    """Copy a number, array or nested list into a read-only array; integers stay exact.

    Raises:
        TypeError: If it holds anything but bools, integers, floats and complex numbers, or has a
            mask.
        ValueError: If it holds an integer that neither 64 bits nor a float64 represent exactly.
    """
    array = _to_array(value)
    if array is None:
        raise TypeError(
            f"`{argument}` must be a number or an array of numbers, received: {show(value)}"
        )
    if array.dtype == object:
        array = _narrow(argument, array)
    if not array.ndim and array.dtype.kind not in "biuc":
        array = array.astype(np.float64)  # `item` then returns a Python float
    # An array over `bytes` stays read-only; one that owns its memory can be made writeable again.
    frozen: NDArray[Any] = np.ndarray(array.shape, array.dtype, array.tobytes())
    return frozen


def _to_array(value: object) -> NDArray[Any] | None:
    """Return a new array of a supported dtype or of Python integers; None for other values."""
    if isinstance(value, (str, bytes, dict)) or is_masked(value):
        return None
    try:
        array = np.array(value)
        if array.dtype.kind in "fO" and not isinstance(value, (float, np.ndarray, np.generic)):
            # NumPy converts integers beyond int64 to objects or, in a list, to floats.
            objects = np.array(value, dtype=object)
            if objects.size and all(isinstance(part, (int, np.integer)) for part in objects.flat):
                return objects
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        look_up(array.dtype)
    except (TypeError, ValueError):  # text, objects or a ragged list
        return None
    return array


def _narrow(argument: str, integers: NDArray[Any]) -> NDArray[Any]:
    parts = [int(part) for part in integers.flat]
    for dtype in (np.int64, np.uint64):
        limits = np.iinfo(dtype)
        if limits.min <= min(parts) and max(parts) <= limits.max:
            return integers.astype(dtype)
    try:
        floats = integers.astype(np.float64)
    except OverflowError:
        floats = np.zeros(integers.shape)
    for part, number in zip(parts, floats.flat, strict=True):
        if part != int(number):
            raise ValueError(
                f"`{argument}` must have integers of 64 bits, or floats, received: {show(part)}"
            )
    return floats


def serialize_array(array: NDArray[Any]) -> Any:
    """Return a number as it is, and an array in Keras's serialized form, in JSON's types.

    JSON has no complex numbers: they become pairs, along one more dimension.
    """
    if not array.ndim and array.dtype.kind != "c":
        return array.item()
    parts = np.stack([array.real, array.imag], -1) if array.dtype.kind == "c" else array
    name = look_up(array.dtype).name
    return {"class_name": "__numpy__", "config": {"value": parts.tolist(), "dtype": name}}


def deserialize_array(argument: str, config: object) -> object:
    """Return the array of a configuration by `serialize_array` or Keras; other values unchanged."""
    if not isinstance(config, dict):
        return config
    inner = config.get("config")
    known = config.get("class_name") in ("__numpy__", "__tensor__")
    try:
        if not known or not isinstance(inner, dict):
            raise TypeError
        dtype = look_up(inner["dtype"])
        if dtype.kind != "c":
            return np.array(inner["value"], dtype.numpy)
        parts = np.array(inner["value"])
        if parts.dtype.kind == "c":
            return parts.astype(dtype.numpy)
        array = np.empty(parts.shape[:-1], dtype.numpy)
        array.real, array.imag = parts[..., 0], parts[..., 1]
        return array
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        raise ValueError(
            f"`{argument}` must be a serialized array, received: {show(config)}"
        ) from None
