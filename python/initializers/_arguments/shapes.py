"""Arguments that are shapes, blocks of tensors (`index`) and arrays to fill (`out`)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

from .. import _core
from .checks import show, to_integer
from .dtypes import DType, look_up
from .types import ShapeLike

Shape: TypeAlias = tuple[int, ...]
Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

MOST_ELEMENTS = 2**63
# Iterable types that are never shapes.
_NO_SEQUENCES = (str, bytes, bytearray, dict, set, frozenset)


def check_shape(shape: ShapeLike) -> Shape:
    """Return `shape` as a tuple of Python ints.

    Raises:
        TypeError: If it is not an integer or a sequence of integers.
        ValueError: If a dimension is negative, or there are `2**63` elements or more.
    """
    if type(shape) is list:
        shape = tuple(shape)
    if _core.is_shape(shape):
        return shape
    return _check_any_shape(shape)


def _check_any_shape(shape: object) -> Shape:
    number = to_integer(shape)
    sizes: tuple[object, ...] | None = None
    if number is not None:
        sizes = (number,)
    elif isinstance(shape, Iterable) and not isinstance(shape, _NO_SEQUENCES):
        # A 0-d array has `__iter__`, but iterating over it fails.
        sizes = None if getattr(shape, "ndim", 1) == 0 else tuple(shape)
    if sizes is None:
        raise TypeError(f"`shape` must be a tuple of integers, received: {show(shape)}")
    checked = tuple(_check_size(axis, size, sizes) for axis, size in enumerate(sizes))
    if math.prod(checked) >= MOST_ELEMENTS:
        raise ValueError(f"`shape` must have fewer than 2**63 elements, received: {show(checked)}")
    return checked


def _check_size(axis: int, size: object, sizes: object) -> int:
    number = to_integer(size)
    received = f"received: {show(size)} in {show(sizes)}"
    if number is None:
        raise TypeError(f"dimension {axis} of `shape` must be an integer, {received}")
    if not 0 <= number < MOST_ELEMENTS:
        raise ValueError(f"dimension {axis} of `shape` must be in [0, 2**63), {received}")
    return number


def check_index(index: object, shape: Shape) -> tuple[Shape, Shape]:
    """Return the start and the extent of the block `index` of a tensor of `shape`.

    Raises:
        TypeError: If `index` is not a tuple of slices with integer bounds.
        ValueError: If it does not have one slice per dimension, or a slice has a step other than 1
            or a bound outside the shape.
    """
    if not isinstance(index, tuple):
        raise TypeError(
            f"`index` must be a tuple of slices, one per dimension, received: {show(index)}"
        )
    if len(index) != len(shape):
        raise ValueError(
            f"`index` must have one slice for each of the {len(shape)} dimensions of shape "
            f"{shape}, received {len(index)}: {show(index)}"
        )
    bounds = [_check_slice(axis, *pair) for axis, pair in enumerate(zip(index, shape, strict=True))]
    starts = tuple(start for start, _ in bounds)
    return starts, tuple(max(stop - start, 0) for start, stop in bounds)


def _check_slice(axis: int, part: object, size: int) -> tuple[int, int]:
    if not isinstance(part, slice):
        raise TypeError(
            f"`index` must be a tuple of slices, one per dimension "
            f"(slice(i, i + 1) for one position, slice(None) for all), "
            f"received for dimension {axis}: {show(part)}"
        )
    if part.step is not None and to_integer(part.step) != 1:
        raise ValueError(f"`index` must have step 1, received for dimension {axis}: {show(part)}")
    start = 0 if part.start is None else _check_bound(axis, part.start, part, size)
    stop = size if part.stop is None else _check_bound(axis, part.stop, part, size)
    return start, stop


def _check_bound(axis: int, bound: object, part: slice, size: int) -> int:
    number = bound if type(bound) is int else to_integer(bound)
    if number is None:
        raise TypeError(
            f"`index` must have integer bounds, received for dimension {axis}: {show(part)}"
        )
    if not -size <= number <= size:
        raise ValueError(
            f"`index` must stay inside the shape, received for dimension {axis}, "
            f"which has size {size}: {show(part)}"
        )
    return number + size if number < 0 else number


def check_out(out: object, dtype: object, extent: Shape) -> DType:
    """Return the dtype of `out` if a block of shape `extent` can be written into it.

    Raises:
        TypeError: If `out` is not a plain array.
        ValueError: If its shape, dtype, order, alignment or access is unsuitable.
    """
    if type(out) is not np.ndarray and not isinstance(out, np.memmap):
        # Other subclasses give the bytes a meaning (a mask, a unit) that a fill would not respect.
        raise TypeError(
            f"`out` must be a NumPy array or memmap, received: {type(out).__name__}: {show(out)}"
        )
    if out.shape != extent:
        raise ValueError(f"`out` must have the shape {extent}, received: {show(out)}")
    flags = out.flags
    if not flags.c_contiguous:
        raise ValueError(
            f"`out` must be C-contiguous, without gaps or overlap, received: {show(out)} "
            f"with strides {out.strides}"
        )
    if not flags.writeable:
        raise ValueError(f"`out` must be writeable, received: {show(out)}, which is read-only")
    if not flags.aligned:
        raise ValueError(f"`out` must be aligned, received: {show(out)} at an odd address")
    try:
        found = look_up(out.dtype)
    except ValueError as error:
        raise ValueError(f"`out` has a dtype that cannot be filled: {error}") from None
    if dtype is not None and look_up(dtype) is not found:
        raise ValueError(f"`out` must have the dtype {look_up(dtype)}, received: {show(out)}")
    return found
