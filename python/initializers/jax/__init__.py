"""JAX: the factories of `jax.nn.initializers`, and whole trees by name, with any sharding.

The values equal those of the NumPy initializers, bit for bit. They depend on the seed, the global
shape and the element's index, not on the mesh, the number of processes or compilation.
"""

# ruff: noqa: E402  (the framework is checked before it is imported)
from .._frameworks import require

require("jax")

from jax.nn.initializers import Initializer

from .._public import publish
from ..recipe import CaptureReport, OpaqueWeight, Rule
from ._capture import capture
from ._init import (
    constant,
    delta_orthogonal,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    ones,
    orthogonal,
    truncated_normal,
    uniform,
    variance_scaling,
    xavier_normal,
    xavier_uniform,
    zeros,
)
from ._tree import init_tree

__all__ = [
    "CaptureReport",
    "Initializer",
    "OpaqueWeight",
    "Rule",
    "capture",
    "constant",
    "delta_orthogonal",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "init_tree",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

publish(__name__, globals())
