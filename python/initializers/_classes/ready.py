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


class _Makers(dict[tuple[Shape, DType], Maker]):
    """The makers of one initializer, with the reference that ends them."""

    __slots__ = ("end",)

    end: weakref.ref[Any]


# By the identity of the initializer: kept outside of instances, which are pickled and copied. An
# entry ends with its initializer.
makers: dict[int, _Makers] = {}

# Seeds of initializers that were called once, by identity: to keep a plan takes a third of a call,
# and many initializers are called only once. An entry can outlive its initializer.
_called: dict[int, object] = {}
_MOST_CALLED = 4096


def remember(initializer: Any, shape: Shape, dtype: DType, write: Writer) -> None:
    """Keep the plan of a tensor that was filled, from the second call of an initializer on.

    Args:
        initializer: An initializer that cannot be changed.
        shape: The shape of the whole tensor.
        dtype: The tensor's dtype.
        write: The writer that filled the tensor.
    """
    if math.prod(shape) * dtype.numpy.itemsize > _MOST_BYTES:
        return
    key, seed = id(initializer), vars(initializer).get("seed")
    if _called.get(key, write) != seed:
        if len(_called) >= _MOST_CALLED:
            _called.clear()
        _called[key] = seed
        return
    maker = _find_maker(initializer, shape, dtype, write)
    if maker is None:
        return
    known = makers.get(key)
    if known is None:
        known = makers[key] = _Makers()
        known.end = weakref.ref(initializer, partial(makers.pop, key))
    elif len(known) >= _MOST_PLANS:
        known.clear()
    known[shape, dtype] = maker


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
