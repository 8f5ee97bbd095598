"""Memory that frameworks take over without a copy, or never do."""

from __future__ import annotations

import math

from .._arguments.dtypes import DType, look_up
from .._arguments.shapes import Array, Shape, allocate
from .mmap_pool import CAN_KEEP, map_memory

# JAX and TensorFlow copy what is not aligned as far as their widest vectors want.
_ALIGNMENT = 64
# NumPy asks for huge pages from 4 MiB on: an array that begins with one has no others.
_HUGE_PAGE = 2**21


def allocate_aligned(
    extent: Shape, dtype: DType, *, zeros: bool = False, shared: bool = True
) -> Array:
    """Return a new C-contiguous array that begins at a multiple of 64 bytes.

    If it must not be `shared`, it begins 16 bytes further: frameworks copy it then.

    Raises:
        MemoryError: If there is not that much memory.
        ValueError: If NumPy has no array of this shape.
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
