"""The conventions for the axes of a weight: Keras's and torch's."""

from __future__ import annotations

from typing import Final, cast

from .checks import check_name
from .types import Convention

# A kernel (*kernel, inputs, outputs), and a weight (outputs, inputs, *kernel).
KERAS: Final = "keras"
TORCH: Final = "torch"
CONVENTIONS = (KERAS, TORCH)


def check_convention(convention: object) -> Convention | None:
    """Return a convention, or None where none is given."""
    if convention is None:
        return None
    return cast(Convention, check_name("convention", convention, CONVENTIONS))
