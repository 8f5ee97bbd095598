"""File operations that are safe against crashes, other writers and planted links.

`checkpoint.write` changes files only through this module, so that tests can replay every step.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:  # any other system
    msvcrt = None  # type: ignore[assignment]

# errno values that mean "not supported here".
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
# O_NOFOLLOW: a planted link is an error. O_BINARY: no text mode on Windows.
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Lock a path against other processes and threads.

    The lock file is removed at the end. On a file system without locks, this excludes nobody.

    Raises:
        BlockingIOError: If another process or thread holds the lock.
    """
    descriptor = _open_locked(path)
    try:
        yield
    finally:
        if fcntl is None:  # Windows cannot remove a file that is open, here or in another process
            os.close(descriptor)
            with suppress(OSError):
                os.unlink(path)
        else:
            with suppress(OSError):
                os.unlink(path)
            os.close(descriptor)


def _open_locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _SAFE, 0o600)
        try:
            _lock(descriptor, path)
            # The previous owner may have removed this file after we opened it.
            if fcntl is None or os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if fcntl is None or error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise BlockingIOError(
                error.errno, "another process is writing this checkpoint", str(path)
            ) from None
        if error.errno not in _UNSUPPORTED:
            raise


def is_own(path: Path) -> bool:
    """Return whether a path is a regular file that only this user can have created or changed."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return (
        stat.S_ISREG(found.st_mode)
        and found.st_nlink == 1
        and (not hasattr(os, "geteuid") or found.st_uid == os.geteuid())
        and (os.name == "nt" or not found.st_mode & stat.S_IWOTH)
    )


@contextmanager
def new_file(path: Path) -> Iterator[int]:
    """Yield the descriptor of a new file, which is synced at the end or removed after an error.

    Raises:
        FileExistsError: If the path exists.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE, 0o666)
    try:
        try:
            yield descriptor
            sync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        with suppress(OSError):
            remove(path)
        raise


def reserve(descriptor: int, size: int) -> None:
    """Set the size of a file, and allocate its blocks if the file system supports that.

    Raises:
        OSError: If there is not enough space.
    """
    if hasattr(os, "posix_fallocate") and size:
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    os.truncate(descriptor, size)


def open_direct(path: Path, descriptor: int) -> int | None:
    """Return a second descriptor of an open file that bypasses the system's cache, or None."""
    if not hasattr(os, "O_DIRECT"):
        return None
    try:
        direct = os.open(path, os.O_WRONLY | os.O_DIRECT | _SAFE)
    except OSError:  # not supported by this file system
        return None
    if os.path.samestat(os.fstat(direct), os.fstat(descriptor)):
        return direct
    os.close(direct)
    return None


def write_all(descriptor: int, data: memoryview | bytes, position: int) -> None:
    """Write all of `data` at a position of a file; the system may accept it in parts."""
    os.lseek(descriptor, position, os.SEEK_SET)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_file(path: Path) -> None:
    """Wait until a file, possibly written by another process, is on the disk."""
    descriptor = os.open(path, os.O_RDWR | _SAFE)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def sync(descriptor: int) -> None:
    """Wait until a file's data is on the disk."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:  # macOS: fsync leaves the data in the drive's cache
        try:
            fcntl.fcntl(descriptor, full)
            return
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    os.fsync(descriptor)


def rename(source: Path, target: Path) -> None:
    """Rename a file; replace the target if it exists."""
    os.replace(source, target)


def remove(path: Path) -> None:
    """Remove a file or a link if it exists."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk. Does nothing on Windows."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)
