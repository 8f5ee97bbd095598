"""PyTorch: the functions of `torch.nn.init`, whole modules by name, and shards of `DTensor`s.

Values equal those of the NumPy initializers, bit for bit. They depend on the seed, the parameter's
global shape and the position in it, not on the device, the mesh or the placements.
"""

# ruff: noqa: E402  (the framework is checked before it is imported)
from .._frameworks import require

require("torch")

from .._public import publish
from ..recipe import CaptureReport, OpaqueWeight, Rule
from ._capture import capture
from ._fill import fill_
from ._init import (
    calculate_gain,
    constant_,
    dirac_,
    eye_,
    kaiming_normal_,
    kaiming_uniform_,
    normal_,
    ones_,
    orthogonal_,
    sparse_,
    trunc_normal_,
    uniform_,
    xavier_normal_,
    xavier_uniform_,
    zeros_,
)
from ._module import init_module_
from ._patch import patch

__all__ = [
    "CaptureReport",
    "OpaqueWeight",
    "Rule",
    "calculate_gain",
    "capture",
    "constant_",
    "dirac_",
    "eye_",
    "fill_",
    "init_module_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "patch",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

publish(__name__, globals())
