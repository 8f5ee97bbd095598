"""The conventions for the axes of a weight: Keras's and torch's."""

from __future__ import annotations

from .checks import check_name

# A kernel (*kernel, inputs, outputs), and a weight (outputs, inputs, *kernel).
KERAS, TORCH = "keras", "torch"
CONVENTIONS = (KERAS, TORCH)


def check_convention(convention: object) -> str | None:
    """Return a convention, or None where none is given."""
    return None if convention is None else check_name("convention", convention, CONVENTIONS)
