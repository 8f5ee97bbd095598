"""Writes a file from one end to the other while the caller makes the next bytes."""

from __future__ import annotations

import mmap
from collections import deque
from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from . import _disk
from ._workers import Workers

# Bytes of one write. There are two buffers: one is filled while the other is written.
BUFFER = 16 << 20


class Appender:
    """Appends to an open file, through a few buffers that one thread writes.

    (Direct writes, past the system's cache, are no faster: `make bench-checkpoint`. A memory map is
    not either, and on a full disk it ends the process.)

    Args:
        descriptor: The file.
        position: Where to begin.
    """

    def __init__(self, descriptor: int, position: int) -> None:
        self._descriptor = descriptor
        self._begin = position  # of the buffer, in the file
        self._writer = Workers(1)
        self._writing: deque[tuple[Future[None], NDArray[np.uint8]]] = deque()
        self._free: list[NDArray[np.uint8]] = []
        self._buffer = _allocate(BUFFER)
        self._used = 0

    def reserve(self, size: int) -> NDArray[np.uint8]:
        """Return memory for the next `size` bytes, to be filled before the next call."""
        if self._used + size > self._buffer.size:
            self._hand_over()
            self._buffer = self._take(size)
        self._used += size
        return self._buffer[self._used - size : self._used]

    def finish(self) -> None:
        """Write everything that was reserved."""
        self._hand_over()
        while self._writing:
            self._wait()

    def close(self) -> None:
        """End the thread."""
        self._writer.close()

    def _hand_over(self) -> None:
        """Have the buffer written."""
        data = self._buffer[: self._used].data
        job = self._writer.submit(_disk.write_all, self._descriptor, data, self._begin)
        self._writing.append((job, self._buffer))
        self._begin += self._used
        self._used = 0

    def _take(self, size: int) -> NDArray[np.uint8]:
        large = size > BUFFER  # there is only one such at a time
        while len(self._writing) > (0 if large else 1):
            self._wait()
        return self._free.pop() if self._free and not large else _allocate(max(size, BUFFER))

    def _wait(self) -> None:
        future, buffer = self._writing.popleft()
        future.result()
        if buffer.size == BUFFER:
            self._free.append(buffer)


def _allocate(size: int) -> NDArray[np.uint8]:
    """Return memory that goes back to the system when it is no longer used."""
    return np.frombuffer(mmap.mmap(-1, size), np.uint8)
