"""The axis order in which a weight's values are made, which depends on its convention."""

from __future__ import annotations

from typing import Any

from .._arguments.checks import show
from .._arguments.conventions import TORCH
from .._arguments.shapes import Shape
from .constants import Constant, Identity, Ones, Zeros
from .distributions import RandomNormal, RandomUniform, TruncatedNormal
from .state_space import LogOfUniform, RingRadius, TimeStepBias
from .tables import Table
from .variance_scaling import VarianceScaling

# Classes whose values do not depend on the convention: all elements have one distribution, or the
# values are given, or the axes have a meaning of their own. (The transpose of an identity is the
# identity of the transposed shape.)
_WITHOUT_LAYOUT = (
    *(Constant, Identity, Ones, RandomNormal, RandomUniform, TruncatedNormal, Zeros),
    *(LogOfUniform, RingRadius, Table, TimeStepBias),
)


def find_order(
    initializer: Any, name: str, shape: Shape, stated: str | None, host: str | None
) -> tuple[int, ...] | None:
    """Return the axis order in which a weight's values are made; None: the weight's own order.

    Initializers count fans and orient matrices in Keras's convention. A weight in torch's
    convention gets the values of the kernel `(*kernel, inputs, outputs)`, transposed.

    Args:
        initializer: The initializer.
        name: The weight's name, for the message.
        shape: The weight's shape.
        stated: The convention that a rule, a recipe or the caller states.
        host: The convention of the model or file that holds the weight, used if none is stated.
            None: unknown.

    Raises:
        ValueError: If the values depend on the convention, and it is unknown.
    """
    if len(shape) < 2 or not _has_layout(initializer):
        return None
    if not hasattr(initializer, "get_config") and stated is None:
        return None  # a plain function is called with the weight's shape
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
        return initializer.input_axes is None  # explicit axes do not depend on the convention
    return not isinstance(initializer, _WITHOUT_LAYOUT)
