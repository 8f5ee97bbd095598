"""The floating-point mode of the calling thread, for arithmetic in Python.

The core sets the mode for its own work. Python computes scales and rounds constants.
"""

from __future__ import annotations

from .. import _core


class standard_float_mode:
    """Round to nearest and keep subnormal numbers inside the block; restore the mode after it."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = _core.replace_float_mode(None)

    def __exit__(self, *_: object) -> None:
        _core.replace_float_mode(self._before)
