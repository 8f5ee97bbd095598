"""Small tensors that an initializer has made before: their plans, so that the next call is short.

A plan of an initializer with an integer seed depends on the shape and the dtype alone. Most of a
call on a small tensor would be spent on making it again.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from .._arguments.dtypes import DType
from .._arguments.shapes import Array, Shape
from .writers import Draw, Repeat, Writer, leave

# Returns a new array with the values of one shape and dtype.
Maker: TypeAlias = Callable[[], Array]

# Larger tensors take longer than their plans, and their memory must be checked.
_MOST_BYTES = 2**13
# The most plans of one initializer.
_MOST_PLANS = 16

# Makers by shape and dtype, for each initializer by its identity. They are kept outside of the
# instances, which are pickled and copied. An entry ends with its initializer.
makers: dict[int, dict[tuple[Shape, DType], Maker]] = {}
_ends: dict[int, weakref.ref[Any]] = {}


def remember(initializer: Any, shape: Shape, dtype: DType, write: Writer) -> None:
    """Keep the plan of a tensor that was filled, if every call may use it again.

    Args:
        initializer: An initializer that cannot be changed.
        shape: The shape of the whole tensor.
        dtype: The tensor's dtype.
        write: The writer that filled the tensor.
    """
    if math.prod(shape) * dtype.numpy.itemsize > _MOST_BYTES:
        return
    maker = _find_maker(initializer, shape, dtype, write)
    if maker is None:
        return
    key = id(initializer)
    known = makers.get(key)
    if known is None:
        _ends[key] = weakref.ref(initializer, partial(_forget, key))
        known = makers[key] = {}
    elif len(known) >= _MOST_PLANS:
        known.clear()
    known[shape, dtype] = maker


def _forget(key: int, _: object) -> None:
    makers.pop(key, None)
    _ends.pop(key, None)


def _find_maker(initializer: Any, shape: Shape, dtype: DType, write: Writer) -> Maker | None:
    if write is leave:
        return partial(np.zeros, shape, dtype.numpy)
    if type(write) is Repeat:
        whole = np.empty(shape, dtype.numpy)
        write(whole, None)
        return whole.copy
    if type(write) is Draw and type(initializer.seed) is int:
        return _repeat_draw(shape, dtype, *write.as_call())
    return None


def _repeat_draw(
    shape: Shape, dtype: DType, fill: Callable[..., None], arguments: tuple[Any, ...]
) -> Maker:
    empty, filled = np.empty, dtype.raw or dtype.numpy

    def make() -> Array:
        array = empty(shape, filled)
        fill(array, *arguments)
        return array

    return make if dtype.raw is None else lambda: make().view(dtype.numpy)
