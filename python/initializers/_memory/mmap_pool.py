"""Large pieces of memory: with huge pages, and used again once a framework has let go of them.

Memory that is new to a process is several times slower than memory that it has had: the system
finds and clears every page, and under a hypervisor the host may have to find it as well.
"""

from __future__ import annotations

import contextlib
import mmap
import weakref

import numpy as np

from .._arguments.shapes import Array
from .limit import exceeds_memory

# Whether the system can be told that it may take back what is kept here whenever it needs it.
CAN_KEEP = hasattr(mmap, "MADV_FREE")
# By size. Lists and dicts change in one step of the interpreter: a finalizer runs at any time, on
# any thread, so that a lock could wait for itself.
_kept: dict[int, list[mmap.mmap]] = {}
# The most bytes that are kept, on every system.
_MOST_KEPT = 2**28


def map_memory(size: int) -> Array | None:
    """Return writeable bytes, of anything, or None where the system has none to map.

    When nothing refers to the array or a view of it any more, the memory is kept for the next one
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
    # Its base is no array, so that every view refers to this array and not to what is behind it.
    array = np.frombuffer(memory, np.uint8)
    weakref.finalize(array, _keep, memory).atexit = False
    return array


def _keep(memory: mmap.mmap) -> None:
    with contextlib.suppress(OSError):
        memory.madvise(mmap.MADV_FREE)
        size = len(memory)
        kept = sum(each * len(pieces) for each, pieces in list(_kept.items()))
        if kept + size > _MOST_KEPT:
            _kept.clear()  # of sizes that are asked for no more
        if size <= _MOST_KEPT:
            _kept.setdefault(size, []).append(memory)


def release_memory() -> int:
    """Give memory that is kept for the next large arrays back to the system.

    Arrays of 4 MiB and more that JAX or Keras share are made in memory which this package keeps
    once nothing refers to it, 256 MiB at most, because new memory is several times slower to fill.
    The system may take it at any time, but counts it as this process's until then.

    Returns:
        The number of bytes that were given back.

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
