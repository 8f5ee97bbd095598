"""A pool of large memory maps: with huge pages, reused once no framework refers to them.

Filling new memory is several times slower than filling reused memory: the system finds and clears
every page, and under a hypervisor the host may have to find it too.
"""

from __future__ import annotations

import contextlib
import mmap
import weakref

import numpy as np

from .._arguments.shapes import Array
from .limit import exceeds_memory

# Whether the system can reclaim the memory kept here whenever it needs it.
CAN_KEEP = hasattr(mmap, "MADV_FREE")
# Kept maps by size. There is no lock: finalizers run at any time on any thread, so a lock could
# wait for itself. Each change of a list or dict is one atomic step of the interpreter.
_kept: dict[int, list[mmap.mmap]] = {}
# The most bytes that are kept.
_MOST_KEPT = 2**28


def map_memory(size: int) -> Array | None:
    """Return uninitialized bytes in an anonymous mmap, or None if it cannot be mapped.

    When nothing refers to the array or its views any more, the memory is kept for the next request
    of the same size.
    """
    try:
        memory = _kept[size].pop()
    except (KeyError, IndexError):
        if exceeds_memory(size):
            return None
        try:
            memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except OSError:
            return None
        with contextlib.suppress(AttributeError, OSError):  # not Linux, or without huge pages
            memory.madvise(mmap.MADV_HUGEPAGE)
    # The base of this array is not an array, so every view refers to this array itself. It lives
    # as long as a view does.
    array = np.frombuffer(memory, np.uint8)
    weakref.finalize(array, _keep, memory).atexit = False
    return array


def _keep(memory: mmap.mmap) -> None:
    with contextlib.suppress(OSError):
        memory.madvise(mmap.MADV_FREE)
        size = len(memory)
        kept = sum(each * len(pieces) for each, pieces in list(_kept.items()))
        if kept + size > _MOST_KEPT:
            _kept.clear()  # old sizes, which are probably not requested any more
        if size <= _MOST_KEPT:
            _kept.setdefault(size, []).append(memory)


def release_memory() -> int:
    """Return the memory that is kept for the next large arrays to the system.

    JAX and Keras share the memory of arrays of 4 MiB and more. Once nothing refers to such memory,
    this package keeps it for reuse, at most 256 MiB: new memory is several times slower to fill.
    The system may reclaim it at any time, but counts it as used by this process until then.

    Returns:
        The number of bytes returned.

    Examples:
        >>> release_memory()
        0
    """
    released = 0
    while _kept:
        try:
            size, pieces = _kept.popitem()
        except KeyError:  # another thread was first
            break
        released += size * len(pieces)
        pieces.clear()
    return released
