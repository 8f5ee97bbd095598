"""Types of arguments, for annotations in your own code.

Examples:
    >>> from initializers.recipe import read_specs
    >>> from initializers.typing import SpecsLike
    >>> def count_weights(specs: SpecsLike) -> int:
    ...     return len(read_specs(specs))
    >>> count_weights({"dense.weight": (4, 3), "dense.bias": (4,)})
    2
"""

from ._arguments.types import (
    Activation,
    Convention,
    Distribution,
    Mode,
    Nonlinearity,
    Scaling,
    SeedLike,
    ShapeLike,
    Side,
)
from ._classes.base import InitializerLike
from .recipe._resolve import RulesLike
from .recipe._sources import ModelName, SpecsLike

__all__ = [
    "Activation",
    "Convention",
    "Distribution",
    "InitializerLike",
    "Mode",
    "ModelName",
    "Nonlinearity",
    "RulesLike",
    "Scaling",
    "SeedLike",
    "ShapeLike",
    "Side",
    "SpecsLike",
]
