"""Writes a file sequentially in the background, while the caller makes the next bytes."""

from __future__ import annotations

import errno
import mmap
import os
from collections import deque
from concurrent.futures import Future
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import filesystem
from .workers import Workers

# Bytes of one write. There are two buffers: the caller fills one while a thread writes the other.
BUFFER = 16 << 20
# Direct writes need positions, sizes and addresses that are multiples of it.
ALIGNMENT = 4096


class Appender:
    """Appends to an open file through two buffers, which one thread writes.

    Writes bypass the system's cache where possible, which takes less processor time
    (`make bench-checkpoint`). A memory map is not faster, and on a full disk it kills the process.

    Args:
        path: The file.
        descriptor: The same file, open.
        position: The position of the first byte, a multiple of `ALIGNMENT`.
    """

    def __init__(self, path: Path, descriptor: int, position: int) -> None:
        self._descriptor = descriptor
        self._begin = position  # where the buffer will be written
        self._direct = filesystem.open_direct(path, descriptor)
        self._writer = Workers(1)
        self._writing: deque[tuple[Future[None], NDArray[np.uint8]]] = deque()
        self._free: list[NDArray[np.uint8]] = []
        self._buffer = _allocate(BUFFER)
        self._used = 0

    def reserve(self, size: int) -> NDArray[np.uint8]:
        """Return memory for the next `size` bytes; the caller fills it before the next call."""
        if self._used + size > self._buffer.size:
            self._hand_over(size)
        self._used += size
        return self._buffer[self._used - size : self._used]

    def finish(self) -> None:
        """Write everything that was reserved."""
        self._hand_over(0)
        while self._writing:
            self._wait()
        filesystem.write_all(self._descriptor, self._buffer[: self._used].data, self._begin)

    def close(self) -> None:
        """End the thread."""
        self._writer.close()
        if self._direct is not None:
            os.close(self._direct)

    def _hand_over(self, size: int) -> None:
        """Start writing the buffer, and begin another with room for `size` bytes."""
        full = self._used - self._used % ALIGNMENT
        rest = self._buffer[full : self._used].copy()
        if full:
            job = self._writer.submit(self._write, self._buffer[:full].data, self._begin)
            self._writing.append((job, self._buffer))
            self._begin += full
        self._buffer = self._take(size)
        self._used = rest.size
        self._buffer[: self._used] = rest

    def _take(self, size: int) -> NDArray[np.uint8]:
        large = size > BUFFER  # only one large buffer exists at a time
        while len(self._writing) > (0 if large else 1):
            self._wait()
        return self._free.pop() if self._free and not large else _allocate(max(size, BUFFER))

    def _wait(self) -> None:
        future, buffer = self._writing.popleft()
        future.result()
        if buffer.size == BUFFER + ALIGNMENT:
            self._free.append(buffer)

    def _write(self, data: memoryview, position: int) -> None:
        if self._direct is not None:
            try:
                filesystem.write_all(self._direct, data, position)
                return
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
            os.close(self._direct)  # some file systems open the file, and then refuse direct writes
            self._direct = None
        filesystem.write_all(self._descriptor, data, position)


def _allocate(size: int) -> NDArray[np.uint8]:
    """Return memory for `size` bytes after the rest of the last buffer, freed when unused."""
    return np.frombuffer(mmap.mmap(-1, size + ALIGNMENT), np.uint8)
