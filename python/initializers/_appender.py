"""Writes a file from one end to the other while the caller makes what comes next."""

from __future__ import annotations

import errno
import mmap
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from io import FileIO

import numpy as np
from numpy.typing import NDArray

from ._disk import flush, forget, open_direct

# What is written at once. There are three buffers: one is filled, one is written, one waits.
BUFFER = 16 << 20
_BUFFERS = 3
# After so much the disk is told to keep what it has: only what comes after can be lost.
_FLUSH = 256 << 20
# Places, sizes and memory are multiples of it, as disks ask of who writes to them directly.
ALIGNMENT = 4096


class Appender:
    """Appends to an open file, through a few buffers.

    They go to the disk directly, past the system's cache of files, where that is possible: it saves
    a copy, leaves the cache to others, and is faster and steadier. One thread writes, one waits for
    the disk. (A memory map is not faster, and on a full disk it ends the process.)

    Args:
        file: An unbuffered file.
        position: Where to begin. What comes before it in the file stays.
        flushed: Called, in another thread, with each place up to which all is on the disk.
    """

    def __init__(self, file: FileIO, position: int, flushed: Callable[[int], None]) -> None:
        self._file = file
        self._report = flushed
        self._direct = open_direct(file)
        self._writer = ThreadPoolExecutor(1)
        self._flusher = ThreadPoolExecutor(1)
        self._writing: deque[tuple[Future[None], NDArray[np.uint8]]] = deque()
        self._flushing: Future[None] | None = None
        self._free: list[NDArray[np.uint8]] = []
        self._buffer = _allocate(BUFFER)
        self._used = position % ALIGNMENT
        # The places in the file of the buffer, and of what is not yet written or on the disk.
        self._begin = self._written = self._flushed = position - self._used
        file.seek(self._begin)
        file.readinto(self._buffer[: self._used].data)

    def reserve(self, size: int) -> NDArray[np.uint8]:
        """Return memory for the next `size` bytes, to be filled before the next call."""
        if self._used + size > self._buffer.size:
            self._hand_over(size)
        self._used += size
        return self._buffer[self._used - size : self._used]

    def finish(self) -> None:
        """Write everything that was reserved, and wait for the disk."""
        self._hand_over(0)
        while self._writing:
            self._wait()
        if self._flushing is not None:
            self._flushing.result()
        write_all(self._file, self._buffer[: self._used].data, self._begin)
        self._written += self._used
        self._flush(self._written)

    def close(self) -> None:
        """End the threads; of what was not finished, all that could be written is flushed."""
        self._writer.shutdown()
        self._flusher.shutdown()
        if self._flushed < self._written:
            with suppress(OSError):
                self._flush(self._written)
        if self._direct is not None:
            self._direct.close()

    def _hand_over(self, size: int) -> None:
        """Let the buffer be written, and begin another with room for `size` bytes."""
        full = self._used - self._used % ALIGNMENT
        rest = self._buffer[full : self._used].copy()
        if full:
            job = self._writer.submit(self._write, self._buffer[:full], self._begin)
            self._writing.append((job, self._buffer))
            self._begin += full
        self._buffer = self._take(size)
        self._used = rest.size
        self._buffer[: self._used] = rest

    def _take(self, size: int) -> NDArray[np.uint8]:
        large = size > BUFFER  # there is only one such at a time
        while len(self._writing) > (0 if large else _BUFFERS - 2):
            self._wait()
        return self._free.pop() if self._free and not large else _allocate(max(size, BUFFER))

    def _wait(self) -> None:
        future, buffer = self._writing.popleft()
        future.result()
        if buffer.size == BUFFER + ALIGNMENT:
            self._free.append(buffer)
        if self._written - self._flushed >= _FLUSH and (
            self._flushing is None or self._flushing.done()
        ):
            if self._flushing is not None:
                self._flushing.result()
            self._flushing = self._flusher.submit(self._flush, self._written)

    def _write(self, data: NDArray[np.uint8], position: int) -> None:
        if position != self._written:  # what comes before it has failed
            return
        if self._direct is not None:
            try:
                write_all(self._direct, data.data, position)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                self._direct.close()
                self._direct = None
        if self._direct is None:
            write_all(self._file, data.data, position)
        self._written = position + data.size

    def _flush(self, position: int) -> None:
        flush(self._file.fileno())
        if self._direct is None:
            forget(self._file.fileno(), self._flushed, position - self._flushed)
        self._flushed = position
        self._report(position)


def write_all(file: FileIO, data: memoryview | bytes, position: int) -> None:
    """Write all of `data` at a place of an unbuffered file, which may take it in parts."""
    file.seek(position)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _allocate(size: int) -> NDArray[np.uint8]:
    """Return memory for `size` bytes, and those that were left from the buffer before."""
    return np.frombuffer(mmap.mmap(-1, size + ALIGNMENT), np.uint8)
