"""Reproducible initialization of neural-network weights.

Keras's initializers for NumPy arrays. Values depend only on the stream's version, the initializer,
the seed, the shape and the position in it: they are the same bits on every machine, for any number
of threads, whole or in blocks.

    >>> from initializers import HeNormal
    >>> HeNormal(seed=1)((784, 256)).shape
    (784, 256)
"""

# ruff: noqa: E402  (an interrupt during the imports of the command must end quietly)
from ._startup import let_interrupts_end_imports

let_interrupts_end_imports()

from typing import TYPE_CHECKING

from ._arguments.seeds import SeedGenerator, fold_in
from ._classes.base import ArrayInitializer, Initializer
from ._classes.constants import Constant, Identity, Ones, Zeros
from ._classes.convolution_kernels import (
    ConvolutionOrthogonal1D,
    ConvolutionOrthogonal2D,
    ConvolutionOrthogonal3D,
    DeltaOrthogonal,
    Dirac,
)
from ._classes.distributions import RandomNormal, RandomUniform, TruncatedNormal
from ._classes.fans import calculate_gain, compute_fans
from ._classes.lstm_bias import LstmBias
from ._classes.orthogonal import Orthogonal, orthogonalize
from ._classes.positions import Rotary, Sinusoidal
from ._classes.registry import register
from ._classes.serialization import deserialize, get, serialize
from ._classes.sparse import Sparse
from ._classes.state_space import S4D, Hippo, LogOfUniform, RingRadius, TimeStepBias
from ._classes.stft import STFT
from ._classes.variance_scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)
from ._core import STREAM_VERSION, __version__
from ._digest import digest
from ._memory.mmap_pool import release_memory
from ._public import publish
from ._threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from . import checkpoint as checkpoint
    from . import propagation as propagation
    from . import recipe as recipe
    from . import typing as typing
    from ._charts.preview import Preview
    from ._inspection import Inspection, inspect
    from .propagation import propagate
    from .recipe import Recipe, Rule

# Keras's other names of the same classes.
IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
STFTInitializer = stft = STFT
constant = Constant
convolution_orthogonal1d = ConvolutionOrthogonal1D
convolution_orthogonal2d = ConvolutionOrthogonal2D
convolution_orthogonal3d = ConvolutionOrthogonal3D
delta_orthogonal = DeltaOrthogonal
dirac = Dirac
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
hippo = Hippo
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
log_of_uniform = LogOfUniform
lstm_bias = LstmBias
ones = Ones
random_normal = RandomNormal
random_uniform = RandomUniform
ring_radius = RingRadius
rotary = Rotary
s4d = S4D
sinusoidal = Sinusoidal
sparse = Sparse
time_step_bias = TimeStepBias
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

__all__ = [
    "S4D",
    "STFT",
    "STREAM_VERSION",
    "ArrayInitializer",
    "Constant",
    "ConvolutionOrthogonal1D",
    "ConvolutionOrthogonal2D",
    "ConvolutionOrthogonal3D",
    "DeltaOrthogonal",
    "Dirac",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Hippo",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "Inspection",
    "LecunNormal",
    "LecunUniform",
    "LogOfUniform",
    "LstmBias",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "Preview",
    "RandomNormal",
    "RandomUniform",
    "Recipe",
    "RingRadius",
    "Rotary",
    "Rule",
    "STFTInitializer",
    "SeedGenerator",
    "Sinusoidal",
    "Sparse",
    "TimeStepBias",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "__version__",
    "calculate_gain",
    "compute_fans",
    "constant",
    "convolution_orthogonal1d",
    "convolution_orthogonal2d",
    "convolution_orthogonal3d",
    "delta_orthogonal",
    "deserialize",
    "digest",
    "dirac",
    "fold_in",
    "get",
    "get_num_threads",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "hippo",
    "identity",
    "inspect",
    "lecun_normal",
    "lecun_uniform",
    "log_of_uniform",
    "lstm_bias",
    "ones",
    "orthogonal",
    "orthogonalize",
    "propagate",
    "random_normal",
    "random_uniform",
    "register",
    "release_memory",
    "ring_radius",
    "rotary",
    "s4d",
    "serialize",
    "set_num_threads",
    "sinusoidal",
    "sparse",
    "stft",
    "time_step_bias",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

# Loaded on first use: public name → submodule that defines it (None: the name is the submodule).
_LAZY = {
    "Inspection": "_inspection",
    "Preview": "_charts.preview",
    "Recipe": "recipe",
    "Rule": "recipe",
    "checkpoint": None,
    "inspect": "_inspection",
    "propagate": "propagation",
    "propagation": None,
    "recipe": None,
    "typing": None,
}


if not TYPE_CHECKING:  # type checkers would accept every name

    def __getattr__(name: str) -> object:
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        module = import_module(f".{_LAZY[name] or name}", __name__)
        thing = globals()[name] = getattr(module, name) if _LAZY[name] else module
        return thing


def __dir__() -> list[str]:
    return sorted({*__all__, *_LAZY})


publish(__name__, globals())
