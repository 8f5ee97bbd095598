"""The floating-point mode of the calling thread, where this layer computes something itself.

The core sets it right for its own work; but a scale is computed here, and a constant rounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .. import _core


@contextmanager
def standard_float_mode() -> Iterator[None]:
    """Round to nearest and keep subnormal numbers, then give the thread its mode back."""
    before = _core.replace_float_mode(None)
    try:
        yield
    finally:
        _core.replace_float_mode(before)
