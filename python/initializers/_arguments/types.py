"""Types of arguments: aliases and the names that an argument may be.

Type checkers read them; what is checked when a program runs stands beside each argument's use.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias

from numpy.typing import DTypeLike as DTypeLike

if TYPE_CHECKING:
    from .seeds import SeedGenerator

# A seed: an integer in [-2**127, 2**127), a generator or its configuration, or None to draw one.
SeedLike: TypeAlias = "int | SeedGenerator | dict[str, Any] | None"

# A shape: integers, or one integer n for (n,).
ShapeLike: TypeAlias = "SupportsIndex | Iterable[SupportsIndex]"

Convention: TypeAlias = Literal["keras", "torch"]

Mode: TypeAlias = Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]

# "normal" means "truncated_normal".
Distribution: TypeAlias = Literal["truncated_normal", "normal", "untruncated_normal", "uniform"]

# Arguments of `STFT`.
Side: TypeAlias = Literal["real", "imag"]
Scaling: TypeAlias = Literal["density", "spectrum"]

# Names that `calculate_gain` knows.
Nonlinearity: TypeAlias = Literal[
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "selu",
]

# Names that `propagate` knows.
Activation: TypeAlias = Literal[
    "linear",
    "relu",
    "leaky_relu",
    "tanh",
    "sigmoid",
    "gelu",
    "silu",
    "elu",
    "selu",
    "softplus",
    "softsign",
    "relu6",
    "hard_tanh",
    "mish",
]
