"""The order of axes in which a weight's values are made, by its convention."""

from __future__ import annotations

from typing import Any

from .._arguments.checks import show
from .._arguments.conventions import TORCH
from .._arguments.shapes import Shape
from .constants import Constant, Identity, Ones, Zeros
from .distributions import RandomNormal, RandomUniform, TruncatedNormal
from .variance_scaling import VarianceScaling

# One distribution at every place of a weight, or laid out as given. The transpose of an identity is
# the identity of the transposed shape.
_WITHOUT_LAYOUT = (
    *(Constant, Identity, Ones, RandomNormal, RandomUniform, TruncatedNormal, Zeros),
)


def find_order(
    initializer: Any, name: str, shape: Shape, stated: str | None, host: str | None
) -> tuple[int, ...] | None:
    """Return the order of axes in which a weight's values are made; None: as they stand.

    Initializers count fans and orient matrices in Keras's convention. A weight in torch's gets the
    values of the kernel `(*kernel, inputs, outputs)`, transposed.

    Args:
        initializer: What makes the values.
        name: The weight's name, for the message.
        shape: Its shape.
        stated: The convention that a rule, a recipe or the caller states.
        host: The convention of what holds the weight, used if none is stated. None: unknown.

    Raises:
        ValueError: If the values depend on the convention, and it is unknown.
    """
    if len(shape) < 2 or not _has_layout(initializer):
        return None
    if not hasattr(initializer, "get_config") and stated is None:
        return None  # a plain function is called with the weight's own shape
    convention = stated or host
    if convention is None:
        raise ValueError(
            f"`convention` (on the command line --convention) must be 'torch' for a weight "
            f"(outputs, inputs, *kernel) or 'keras' for (*kernel, inputs, outputs), as the values "
            f"of {show(initializer)} for {name!r} of shape {shape} depend on it, received: None"
        )
    return (*range(2, len(shape)), 1, 0) if convention == TORCH else None


def _has_layout(initializer: Any) -> bool:
    if isinstance(initializer, VarianceScaling):
        return initializer.input_axes is None  # else the axes say it
    return not isinstance(initializer, _WITHOUT_LAYOUT)
