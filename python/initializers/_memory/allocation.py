"""Allocates arrays, also ones that frameworks use without a copy."""

from __future__ import annotations

import math

import numpy as np

from .. import _core
from .._arguments.checks import show
from .._arguments.dtypes import DType, look_up
from .._arguments.shapes import MOST_ELEMENTS, Array, Shape
from .._arguments.sizes import size_text
from .limit import exceeds_memory
from .mmap_pool import CAN_KEEP, map_memory

# JAX and TensorFlow use memory without a copy only if it is aligned for their widest vectors.
_ALIGNMENT = 64
# From 4 MiB on, arrays begin at a huge page (2 MiB): then all their pages can be huge.
_HUGE_PAGE = 2**21


def allocate(extent: Shape, dtype: DType, *, zeros: bool) -> Array:
    """Return a new array: zeros (pages take memory only when touched) or uninitialized.

    Raises:
        MemoryError: If there is not enough memory.
        ValueError: If NumPy cannot represent the shape.
    """
    try:
        size = math.prod(extent) * dtype.numpy.itemsize
        # Linux grants more memory than it has, and kills the process that fills it.
        if not zeros and exceeds_memory(size):
            raise MemoryError
        return (np.zeros if zeros else np.empty)(extent, dtype.numpy)
    except MemoryError:
        raise _no_memory(extent, dtype) from None
    except (ValueError, OverflowError) as error:
        if math.prod(extent) * dtype.numpy.itemsize >= MOST_ELEMENTS:
            raise _no_memory(extent, dtype) from None
        raise ValueError(
            f"`shape` must be one that NumPy supports, received: {show(extent)} ({error})"
        ) from None


def fill_pattern(out: Array, pattern: bytes) -> None:
    """Repeat the bytes of one element over the whole C-contiguous array `out`."""
    _core.fill_bytes(out.reshape(-1).view(np.uint8), pattern)


def _no_memory(extent: Shape, dtype: DType) -> MemoryError:
    size = math.prod(extent) * dtype.numpy.itemsize
    return MemoryError(
        f"no memory for shape {show(extent)} of {dtype}: {size_text(size)} are needed"
    )


def allocate_aligned(
    extent: Shape, dtype: DType, *, zeros: bool = False, shared: bool = True
) -> Array:
    """Return a new C-contiguous array that begins at a multiple of 64 bytes.

    Without `shared` it begins 16 bytes later, so that frameworks must copy it.

    Raises:
        MemoryError: If there is not enough memory.
        ValueError: If NumPy cannot represent the shape.
    """
    size = math.prod(extent) * dtype.numpy.itemsize
    is_large = size >= 2 * _HUGE_PAGE
    alignment = _HUGE_PAGE if is_large else _ALIGNMENT
    memory = None
    if CAN_KEEP and is_large and shared and not zeros:
        memory = map_memory(size + -size % alignment + alignment)
    if memory is None:
        memory = allocate((size + alignment + _ALIGNMENT,), look_up("uint8"), zeros=zeros)
    offset = -memory.__array_interface__["data"][0] % alignment + (0 if shared else 16)
    return memory[offset : offset + size].view(dtype.numpy).reshape(extent)
