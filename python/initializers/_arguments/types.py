"""Types of arguments for type checkers: aliases, and Literals of names.

The checks at run time stand where each argument is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias

from numpy.typing import DTypeLike as DTypeLike

if TYPE_CHECKING:
    from .seeds import SeedGenerator

# A seed: an integer in [-2**127, 2**127), a generator or its configuration; None draws one.
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

# Parts that `S4D`, `Hippo` and `Rotary` make.
S4DPart: TypeAlias = Literal["log_real", "real", "imaginary"]
HippoPart: TypeAlias = Literal["A", "B"]
RotaryPart: TypeAlias = Literal["frequencies", "cos", "sin"]

# Nonlinearities of `calculate_gain`.
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

# Activations of `propagate`.
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
