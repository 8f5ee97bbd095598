"""Exit statuses, and mistakes that end a command with a message instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

DIFFERS = 1
WRONG = 2
FAILED = 3
INTERRUPTED = 130
# Exit status that a shell reports for a process killed by SIGPIPE: 128 + SIGPIPE.
PIPE_CLOSED = 141


class Mistake(click.ClickException):
    """A wrong argument or a malformed file."""

    exit_code = WRONG


class Failure(click.ClickException):
    """A valid request that failed here."""

    exit_code = FAILED


@contextmanager
def mistakes_of(subject: str | None = None) -> Iterator[None]:
    """Turn the errors that the package raises for bad input into a `Mistake` about `subject`.

    A folder without a checkpoint is bad input too: a FileNotFoundError without an errno.
    """
    try:
        yield
    except (TypeError, ValueError, KeyError, FileNotFoundError) as error:
        if isinstance(error, FileNotFoundError) and error.errno is not None:
            raise
        text = str(error).replace("`partial=True`", "--partial")
        raise Mistake(f"{subject}: {text}" if subject else text) from error


def describe_os_error(error: OSError) -> str:
    """Return what the system refused, and for which file."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename is not None else reason
