"""The number of threads that fill large tensors. Values never depend on it."""

from __future__ import annotations

from . import _core
from ._arguments.checks import show, to_integer

_MOST = 1024


def get_num_threads() -> int:
    """Return the number of threads that fill large tensors.

    The default is the environment variable `INITIALIZERS_NUM_THREADS`, or else the number of
    processors that this process may use. Both are read once per process.

    Examples:
        >>> get_num_threads() >= 1
        True
    """
    return _core.get_num_threads()


def set_num_threads(n: int) -> None:
    """Set the number of threads that fill large tensors.

    Args:
        n: An integer from 1 to 1024.

    Raises:
        TypeError: If `n` is not an integer.
        ValueError: If it is out of range.

    Examples:
        >>> before = get_num_threads()
        >>> set_num_threads(2)
        >>> get_num_threads()
        2
        >>> set_num_threads(before)
    """
    number = to_integer(n)
    if number is None:
        raise TypeError(f"`n` must be an integer from 1 to {_MOST}, received: {show(n)}")
    if not 1 <= number <= _MOST:
        raise ValueError(f"`n` must be an integer from 1 to {_MOST}, received: {show(n)}")
    _core.set_num_threads(number)
