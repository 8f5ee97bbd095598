"""The two conventions for the order of a weight's axes: Keras's and torch's."""

from __future__ import annotations

from typing import Final, cast

from .checks import check_name
from .types import Convention

KERAS: Final = "keras"  # (*kernel, inputs, outputs)
TORCH: Final = "torch"  # (outputs, inputs, *kernel)
CONVENTIONS = (KERAS, TORCH)


def check_convention(convention: object) -> Convention | None:
    """Return `convention` if it is a known one or None."""
    if convention is None:
        return None
    return cast(Convention, check_name("convention", convention, CONVENTIONS))
