"""What a file system can be asked for beyond reading and writing, where it has it."""

from __future__ import annotations

import errno
import os
from io import FileIO
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# What a system or a file system answers that cannot do a thing.
_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


def lock(descriptor: int) -> None:
    """Keep an open file for this process until it is closed.

    Raises:
        BlockingIOError: If another process has it.
    """
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _CANNOT:
            raise


def reserve(descriptor: int, size: int) -> None:
    """Give a file its size, and all blocks for it where the file system can.

    Raises:
        OSError: If there is not so much space.
    """
    if hasattr(os, "posix_fallocate") and size:
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
    os.truncate(descriptor, size)


def open_direct(file: FileIO) -> FileIO | None:
    """Open a file once more, to write past the system's cache, or return None."""
    if not hasattr(os, "O_DIRECT"):
        return None

    def open_it(path: str, flags: int) -> int:
        return os.open(path, flags & ~(os.O_CREAT | os.O_TRUNC) | os.O_DIRECT)

    try:
        return FileIO(file.name, "r+", opener=open_it)
    except OSError:  # not on this file system
        return None


def flush(descriptor: int) -> None:
    """Wait until the data of a file is on the disk."""
    getattr(os, "fdatasync", os.fsync)(descriptor)


def forget(descriptor: int, start: int, size: int) -> None:
    """Let the system drop its copy of a part of a file that is on the disk."""
    if hasattr(os, "posix_fadvise") and size:
        os.posix_fadvise(descriptor, start, size, os.POSIX_FADV_DONTNEED)


def flush_folder(folder: Path) -> None:
    """Wait until the names of the files in a folder are on the disk."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
