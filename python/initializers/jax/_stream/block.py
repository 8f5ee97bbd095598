"""Makes any block of a tensor, piece by piece (docs/stream.md, section 1, in JAX operations)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from ... import _core
from ..._arguments.shapes import Shape
from .exact import round_to, to_float
from .laws import make_values
from .wide import Wide, add, multiply, shift_right, widen
from .words import GROUP, make_words

# Most elements made at once: bounds the memory that a block needs.
PIECE = 1 << 16
# Longest row of consecutive elements: positions in it have 32 bits.
_LONGEST = 1 << 30

# Positions of a draw's arguments in its one uint32 array. The identity makes draws differ in the
# text of a program, which is the key of JAX's caches. The law's parameters are the bits of float32
# numbers.
SEED = slice(0, 4)
STREAM = slice(4, 6)
IDENTITY = slice(6, 7)
PARAMETERS = slice(7, None)


class Target(NamedTuple):
    """A tensor to draw.

    Attributes:
        law: The core's name of the law.
        dtype: Name of the dtype, one whose values are computed in float32.
        shape: Shape of the whole tensor.
    """

    law: str
    dtype: str
    shape: Shape


class Place(NamedTuple):
    """Where a block starts.

    Attributes:
        number: Number of its first element in the whole tensor, a scalar.
        alignment: A divisor of `number` that is known when the program is traced.
    """

    number: Wide
    alignment: int


def pack_arguments(
    target: Target, seed: Sequence[int], stream: int, parameters: Sequence[float]
) -> NDArray[np.uint32]:
    """Return the arguments of a draw.

    Args:
        target: The tensor.
        seed: The four words of the seed, little-endian.
        stream: The stream id, in [0, 2^64).
        parameters: Parameters of the law, which are float32 numbers.
    """
    identity = zlib.crc32(repr((_core.__version__, *target)).encode())
    numbers = np.array([*seed, stream & 0xFFFFFFFF, stream >> 32, identity], np.uint32)
    return np.concatenate([numbers, np.array(parameters, np.float32).view(np.uint32)])


ORIGIN = Place(widen(0), GROUP)


def locate(shape: Shape, extent: Shape, indices: list[Any]) -> Place:
    """Return the place of a block with these indices in a grid of blocks of `extent`.

    Args:
        shape: Shape of the whole tensor.
        extent: Shape of each block.
        indices: Index of the block along each axis, an integer scalar; None means 0.
    """
    number, alignment, stride = ORIGIN.number, GROUP, 1
    for size, count, index in zip(
        reversed(shape), reversed(extent), reversed(indices), strict=True
    ):
        if index is not None:
            number = add(number, multiply(index.astype(jnp.uint32), count * stride))
            alignment = math.gcd(alignment, count * stride)
        stride *= size
    return Place(number, alignment)


def make_blocks(target: Target, extent: Shape, place: Place, arguments: Any) -> Any:
    """Return a block of each tensor of a batch.

    Args:
        target: One tensor of the batch.
        extent: Shape of the block, without zeros.
        place: Where the block starts.
        arguments: Arguments of each draw, along the last axis.

    Returns:
        The blocks: the leading axes of `arguments`, then `extent`.
    """
    if arguments.ndim == 1:
        return make_block(target, extent, place, arguments)
    batch = arguments.shape[:-1]
    if 0 in batch:
        return jnp.zeros((*batch, *extent), target.dtype)
    count, at_once = math.prod(batch), max(1, PIECE // math.prod(extent))
    flat = arguments.reshape(count, -1)
    if count <= at_once:
        made = jax.vmap(lambda each: make_block(target, extent, place, each))(flat)
    else:
        size = at_once if at_once > 1 else None
        made = lax.map(lambda each: make_block(target, extent, place, each), flat, batch_size=size)
    return made.reshape(*batch, *extent)


def make_block(target: Target, extent: Shape, place: Place, arguments: Any) -> Any:
    """Return the block of one tensor; for the arguments see `make_blocks`."""
    outer, length = _find_rows(target.shape, extent)
    rows = math.prod(count for count, _ in outer)
    # A piece is some whole rows or a part of one; the last piece overlaps the one before.
    height = min(rows, max(1, PIECE // length))
    parts = -(-length // PIECE)
    width = length if parts == 1 else GROUP * -(-length // (parts * GROUP))
    strides = [stride for count, stride in outer if count > 1]
    alignment = math.gcd(GROUP, place.alignment, *strides, length - width)
    together = all(stride % GROUP == 0 for stride in strides)

    def make_piece(row: Any, column: Any) -> Any:
        number = _number_rows(outer, row + lax.iota(np.uint32, height))
        number = add(add(number, place.number), Wide(column, np.uint32(0)))
        words = _words_of(arguments, number, width, alignment)
        values = make_values(target.law, words, to_float(arguments[PARAMETERS]))
        offset = (number.low % np.uint32(GROUP)).astype(jnp.int32)
        values = _cut(values.reshape(height, -1), offset, width, alignment, together)
        return lax.optimization_barrier(round_to(values, target.dtype))

    if height == rows and parts == 1:
        made = make_piece(np.uint32(0), np.uint32(0))
        return lax.bitcast_convert_type(made, target.dtype).reshape(extent)

    def write_piece(i: Any, out: Any) -> Any:
        row = jnp.minimum(i // parts * height, rows - height)
        column = jnp.minimum(i % parts * width, length - width)
        piece = make_piece(row.astype(jnp.uint32), column.astype(jnp.uint32))
        return lax.dynamic_update_slice(out, piece, (row, column))

    # Zeros that vary over the mesh like the arguments; a loop inside a `shard_map` needs them.
    zero = round_to(to_float(arguments[0] & np.uint32(0)), target.dtype)
    out = jnp.broadcast_to(zero, (rows, length))
    pieces = parts * -(-rows // height)
    made = lax.fori_loop(0, pieces, write_piece, out)
    return lax.bitcast_convert_type(made, target.dtype).reshape(extent)


def _find_rows(shape: Shape, extent: Shape) -> tuple[list[tuple[int, int]], int]:
    """Cut a block into rows of elements whose numbers are consecutive.

    Returns:
        Count and stride of each axis outside a row; the elements of a row.
    """
    stride, length = 1, 1
    outer: list[tuple[int, int]] = []
    whole = True
    for size, count in zip(reversed(shape), reversed(extent), strict=True):
        if whole and length * count <= _LONGEST:
            length *= count
            whole = count == size
        else:
            outer.insert(0, (count, stride))
            whole = False
        stride *= size
    return outer, length


def _number_rows(outer: list[tuple[int, int]], row: Any) -> Wide:
    """Return the numbers of the first elements of rows, relative to the block's first element."""
    number = Wide(row & np.uint32(0), np.uint32(0))
    for count, stride in reversed(outer):
        number = add(number, multiply(row % np.uint32(count), stride))
        row = row // np.uint32(count)
    return number


def _words_of(arguments: Any, number: Wide, width: int, alignment: int) -> Any:
    """Return the words of all groups that rows of `width` elements from `number` on may touch."""
    groups = -(-(GROUP - alignment + width) // GROUP)
    first = shift_right(number, 6)
    each = add(
        Wide(first.low[:, None], first.high[:, None]),
        Wide(lax.iota(np.uint32, groups)[None], np.uint32(0)),
    )
    return make_words(arguments[SEED], arguments[STREAM], Wide(each.low.ravel(), each.high.ravel()))


def _cut(values: Any, offset: Any, width: int, alignment: int, together: bool) -> Any:
    """Return `width` values of each row from its offset; `together`: all offsets are equal."""
    if alignment == GROUP:
        return values[:, :width]
    if together:
        return lax.dynamic_slice_in_dim(values, offset[0], width, 1)
    return jax.vmap(lambda row, start: lax.dynamic_slice_in_dim(row, start, width))(values, offset)
