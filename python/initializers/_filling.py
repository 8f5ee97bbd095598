"""Fills: they write blocks of a tensor into memory of any strides, also transposed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from . import _core
from ._arguments.checks import show
from ._arguments.dtypes import FLOATS, DType
from ._arguments.shapes import Array, Shape
from ._classes.base import ArrayInitializer
from ._classes.writers import Draw, Repeat, Writer, leave
from ._memory.allocation import fill_pattern
from ._memory.float_mode import standard_float_mode


class _Padded:
    """Base of fills: sets padding rows to zero.

    Attributes:
        padding: The rows of the tensor that are set to zero after each write.
        is_foreign: Whether the initializer comes from another package, so it may return a wrong
            shape.
    """

    __slots__ = ("is_foreign", "padding")

    padding: tuple[int, ...]
    is_foreign: bool

    def clear_padding(self, out: Any, start: Shape) -> None:
        """Set the padding rows to zero in a block, which is an array or a framework's tensor."""
        for row in self.padding:
            if 0 <= row - start[0] < out.shape[0]:
                out[row - start[0]] = 0


class Fill(_Padded):
    """Fills the blocks of one tensor, all from one draw of the seed.

    Attributes:
        write: Writes a block into C-contiguous memory.
        shape: The shape of the whole tensor in the axis order of `write`.
        order: For each axis of `shape`, the axis of the tensor to fill; None: the same order.
        most: The most elements of a piece that is written to a buffer, for memory with gaps.
        transposes: Whether `write` also accepts matrices in Fortran order.
    """

    __slots__ = ("most", "order", "shape", "transposes", "write")

    def __init__(
        self,
        write: Writer,
        shape: Shape,
        order: tuple[int, ...] | None,
        most: int,
        padding: tuple[int, ...],
        is_foreign: bool,
        transposes: bool,
    ) -> None:
        self.write, self.shape, self.order, self.most = write, shape, order, most
        self.transposes = transposes
        self.padding, self.is_foreign = padding, is_foreign

    def with_seed(self, seed: int) -> Fill | None:
        """Return the fill of another tensor of the shape and dtype, from its own seed.

        None if the plan does not tell: it must be made again.
        """
        if isinstance(self.write, Repeat):
            return self
        if type(self.write) is not Draw or self.write.stream:
            return None
        return Fill(
            self.write.with_seed(seed),
            *(self.shape, self.order, self.most, self.padding, self.is_foreign, self.transposes),
        )

    def __call__(self, out: Array, start: Shape) -> None:
        """Fill `out`, memory of any strides, with the block that begins at `start`."""
        if _core.has_standard_float_mode() and not self.is_foreign:
            self._fill(out, start)
        else:  # another library changed it, or may change it now
            with standard_float_mode():
                self._fill(out, start)
        if self.padding:
            self.clear_padding(out, start)

    def _fill(self, out: Array, start: Shape) -> None:
        if self.order is not None:
            out, start = out.transpose(self.order), tuple(start[axis] for axis in self.order)
        flags = out.flags
        if flags.c_contiguous or (self.transposes and out.ndim == 2 and flags.f_contiguous):
            self.write(out, None if out.shape == self.shape else start)
            return
        for place in cut(out.shape, self.most):
            piece = np.empty(tuple(part.stop - part.start for part in place), out.dtype)
            self.write(piece, move(start, place))
            out[place] = piece


class StackFill(_Padded):
    """Fills the blocks of a stack of tensors of one shape, each from its own draw.

    Args:
        plan: Returns the fill of the tensor at an index of the stacked axes.
        shape: The shape of the whole stack.
        axes: The number of leading, stacked axes.
        padding: Rows of the stack that are zero.

    Raises:
        ValueError: If a tensor of the stack cannot be filled.
    """

    __slots__ = ("_axes", "_plan")

    def __init__(
        self,
        plan: Callable[[Shape], Fill],
        shape: Shape,
        axes: int,
        padding: tuple[int, ...] = (),
    ) -> None:
        self._axes, self.padding = axes, padding
        # Caches one fill: blocks arrive tensor by tensor, so an initializer that makes whole
        # tensors is called once per tensor.
        self._plan = lru_cache(maxsize=1)(plan)
        # Planning one tensor finds the errors of all: they have one shape and dtype.
        self.is_foreign = bool(math.prod(shape[:axes])) and self._plan((0,) * axes).is_foreign

    def __call__(self, out: Array, start: Shape) -> None:
        """Fill `out`, memory of any strides, with the block that begins at `start`."""
        for index, fill, begin in self.split(out.shape, start):
            fill(out[index], begin)
        self.clear_padding(out, start)

    def split(self, extent: Shape, start: Shape) -> Iterator[tuple[Any, Fill, Shape]]:
        """Yield, for each tensor of a block, its index there, its fill, and the start within it."""
        for index in np.ndindex(*extent[: self._axes]):
            place = tuple(low + i for low, i in zip(start, index, strict=False))
            # The ellipsis makes the result a view even if it has no dimensions.
            yield (*index, ...), self._plan(place), start[self._axes :]


AnyFill: TypeAlias = "Fill | StackFill"

# The most elements of the buffer for memory with gaps. Costly blocks are made whole instead.
_PIECE = 1 << 20


def plan_fill(
    initializer: Any,
    shape: Shape,
    dtype: DType,
    permute: tuple[int, ...] | None = None,
    padding: tuple[int, ...] = (),
) -> Fill:
    """Return the fill of one tensor, with one draw of the seed for all blocks.

    With `permute`, `tensor.transpose(permute)` gets the values of its own shape. The rows `padding`
    along the tensor's first axis are zero.

    Raises:
        ValueError: If `initializer` has no values for the shape or dtype. No seed was drawn then.
    """
    order = permute or None  # NumPy refuses the empty order of a 0-d array
    if order is not None:
        shape = tuple(shape[axis] for axis in order)
    built_in = isinstance(initializer, ArrayInitializer)
    if built_in and _core.has_standard_float_mode():
        write = _plan_built_in(initializer, shape, dtype)
    else:  # another library changed it, or may change it now
        with standard_float_mode():
            write = (_plan_built_in if built_in else _plan_foreign)(initializer, shape, dtype)
    most = math.prod(shape) if built_in and initializer._costly_blocks else _PIECE
    transposes = built_in and initializer._transposes
    return Fill(write, shape, order, most, padding, not built_in, transposes)


def _plan_built_in(initializer: ArrayInitializer, shape: Shape, dtype: DType) -> Writer:
    if initializer._floats_only and dtype.kind != "f":
        raise ValueError(
            f"{type(initializer).__name__} needs one of the dtypes {', '.join(FLOATS)}, "
            f"received: {dtype}"
        )
    write = initializer._plan(shape, dtype)
    if write is leave:
        return Repeat(bytes(1))
    # Wrong parameters are found before anything is written: by a check, or by filling nothing.
    if not (type(write) is Draw and write.check()):
        write(np.empty((0,) * len(shape), dtype.numpy), (0,) * len(shape))
    if not initializer._on_zeros:
        return write

    def write_on_zeros(out: Array, start: Shape | None) -> None:
        fill_pattern(out, bytes(1))
        write(out, start)

    return write_on_zeros


def _plan_foreign(initializer: Any, shape: Shape, dtype: DType) -> Writer:
    """Plan for an initializer that only makes whole tensors: call it once, and cut blocks."""
    whole: list[Array] = []

    def write(out: Array, start: Shape | None) -> None:
        if not whole:
            whole.append(_check_whole(initializer, shape, dtype))
        starts = start or (0,) * out.ndim
        block = (slice(low, low + size) for low, size in zip(starts, out.shape, strict=True))
        np.copyto(out, whole[0][tuple(block)])

    return write


def _check_whole(initializer: Any, shape: Shape, dtype: DType) -> Array:
    values = np.asarray(initializer(shape, dtype.name))
    if values.shape != shape or values.dtype != dtype.numpy:
        raise ValueError(
            f"{show(initializer)} must return an array of shape {shape} and dtype {dtype}, "
            f"received: {show(values)}"
        )
    return values


def cut(extent: Shape, most: int) -> Iterator[tuple[slice, ...]]:
    """Cut a block into pieces of at most `most` elements, in C order."""
    axis = 0
    while axis < len(extent) - 1 and math.prod(extent[axis + 1 :]) > most:
        axis += 1
    if math.prod(extent) == 0:
        return
    if not extent:
        yield ()
        return
    rest = tuple(slice(0, size) for size in extent[axis + 1 :])
    step = max(1, most // math.prod(extent[axis + 1 :]))
    for outer in np.ndindex(*extent[:axis]):
        before = tuple(slice(i, i + 1) for i in outer)
        for low in range(0, extent[axis], step):
            yield (*before, slice(low, min(low + step, extent[axis])), *rest)


def move(start: Shape, place: tuple[slice, ...]) -> Shape:
    """Return the start in the tensor of the piece `place` of a block that begins at `start`."""
    return tuple(low + part.start for low, part in zip(start, place, strict=True))
