"""The floating-point mode of the calling thread, for arithmetic in Python.

The core sets the mode for its own work. Python computes scales and rounds constants.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .. import _core


@contextmanager
def standard_float_mode() -> Iterator[None]:
    """Round to nearest and keep subnormal numbers inside the block; restore the mode after it."""
    before = _core.replace_float_mode(None)
    try:
        yield
    finally:
        _core.replace_float_mode(before)
