"""File operations that survive a crash, other writers and planted links, where the system has them.

Everything that `checkpoint.write` does to files goes through this module: the tests replay it.
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
# A link that somebody planted is an error; Windows has a text mode to be switched off.
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Keep other processes and threads from entering with the same path.

    The lock file is removed at the end. Where the file system has no locks, nobody is kept out.

    Raises:
        BlockingIOError: If another process or thread is inside.
    """
    descriptor = _open_locked(path)
    try:
        yield
    finally:
        if fcntl is None:  # Windows removes no open file: neither ours nor that of the next one
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
            # The one before may have removed this file between its opening and its locking.
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
    """Return whether a path is a regular file that only this user can have made and can change."""
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
    """Yield the descriptor of a new file: on the disk at the end, removed after an error.

    Raises:
        FileExistsError: If there is anything at the path.
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
    """Set the size of a file, and allocate its blocks where the file system can.

    Raises:
        OSError: If there is not so much space.
    """
    if hasattr(os, "posix_fallocate") and size:
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    os.truncate(descriptor, size)


def open_direct(path: Path, descriptor: int) -> int | None:
    """Return one more descriptor of an open file, which writes past the system's cache, or None."""
    if not hasattr(os, "O_DIRECT"):
        return None
    try:
        direct = os.open(path, os.O_WRONLY | os.O_DIRECT | _SAFE)
    except OSError:  # not on this file system
        return None
    if os.path.samestat(os.fstat(direct), os.fstat(descriptor)):
        return direct
    os.close(direct)
    return None


def write_all(descriptor: int, data: memoryview | bytes, position: int) -> None:
    """Write all of `data` at a position of a file, which may accept it in parts."""
    os.lseek(descriptor, position, os.SEEK_SET)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk that another process may have written."""
    descriptor = os.open(path, os.O_RDWR | _SAFE)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def sync(descriptor: int) -> None:
    """Wait until a file's data is on the disk."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:  # on macOS, fsync leaves it in the drive's cache
        try:
            fcntl.fcntl(descriptor, full)
            return
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    os.fsync(descriptor)


def rename(source: Path, target: Path) -> None:
    """Rename a file, in place of the target if there is one."""
    os.replace(source, target)


def remove(path: Path) -> None:
    """Remove a file or a link, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; Windows has no call for it."""
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
