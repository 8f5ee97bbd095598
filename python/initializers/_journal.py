"""How far the writing of a checkpoint has come, in a small file beside it."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path

from ._disk import flush_folder, lock


class Journal:
    """The checkpoint that is being written, and how many of its bytes are on the disk.

    The first line is the digest of what is written, each further line a number of bytes. A line is
    added only after the disk has the bytes; a line that a crash cut short does not count.

    Attributes:
        path: The file.
        done: How many bytes are on the disk.

    Args:
        path: The file; nobody else can open it until it is closed.
        digest: The digest of what is to be written.
        resume: Whether to go on with what it says.

    Raises:
        BlockingIOError: If another process writes the same checkpoint.
        ValueError: If it is to go on, but with something else.
        OSError: If the file cannot be read or written.
    """

    def __init__(self, path: Path, digest: str, *, resume: bool) -> None:
        self.path = path
        self.done = 0
        self._file = FileIO(path, "a+")
        try:
            try:
                lock(self._file.fileno())
            except BlockingIOError as error:
                raise BlockingIOError(
                    error.errno, "another process is writing this checkpoint", str(path)
                ) from None
            if not (resume and self._read(digest)):
                self._file.truncate(0)
                self._file.write(f"{digest}\n".encode())
                os.fsync(self._file.fileno())
                flush_folder(path.parent)
        except BaseException:
            self._file.close()
            raise

    def add(self, done: int) -> None:
        """Note that so many bytes are on the disk."""
        self._file.write(f"{done}\n".encode())
        self.done = done

    def close(self) -> None:
        """Let others open the file."""
        self._file.close()

    def remove(self) -> None:
        """Close the file and remove it."""
        self.path.unlink(missing_ok=True)  # while it is still locked
        self.close()

    def _read(self, digest: str) -> bool:
        self._file.seek(0)
        first, *lines = self._file.readall().split(b"\n")[:-1] or [b""]
        if not first:
            return False
        if first != digest.encode():
            raise ValueError(
                "`resume` must go on with what was begun: the recipe, the weights or "
                f"`max_shard_size` differ from those of {str(self.path)!r}; without `resume` all "
                "is written anew"
            )
        self.done = int(lines[-1]) if lines and lines[-1].isdigit() else 0
        return True
