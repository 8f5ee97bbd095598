"""The initializers of this package as Keras's own: `kernel_initializer=HeNormal(seed=1)`.

Every class is a subclass of its namesake in `keras.initializers`, with the same arguments and
configuration, registered as `"initializers>Name"`. Use it in layers, models and files like Keras's
class. Its values are the same bits on every backend, device and layout, compiled or not.

    >>> import keras
    >>> from initializers.keras import HeNormal
    >>> layer = keras.layers.Dense(64, kernel_initializer=HeNormal(seed=1))
"""

from __future__ import annotations

# ruff: noqa: E402  (the framework is checked before it is imported)
from .._frameworks import require

require("keras")

from keras import Initializer

from .._arguments.seeds import SeedGenerator
from .._public import publish
from ..recipe import CaptureReport, OpaqueWeight, Rule
from ._capture import capture
from ._classes import (
    S4D,
    STFT,
    Constant,
    ConvolutionOrthogonal1D,
    ConvolutionOrthogonal2D,
    ConvolutionOrthogonal3D,
    DeltaOrthogonal,
    Dirac,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Hippo,
    Identity,
    LecunNormal,
    LecunUniform,
    LogOfUniform,
    LstmBias,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    RingRadius,
    Rotary,
    Sinusoidal,
    Sparse,
    TimeStepBias,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
from ._init_model import init_model
from ._install import deserialize, get, install, serialize, uninstall
from ._names import name_variables
from ._seed_model import seed_model

# Keras's other names of the same classes, including `normal`, `one`, `uniform` and `zero`.
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
normal = RandomNormal
one = Ones
uniform = RandomUniform
zero = Zeros

__all__ = [
    "S4D",
    "STFT",
    "CaptureReport",
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
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "LogOfUniform",
    "LstmBias",
    "Ones",
    "OpaqueWeight",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "RingRadius",
    "Rotary",
    "Rule",
    "SeedGenerator",
    "Sinusoidal",
    "Sparse",
    "TimeStepBias",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "capture",
    "deserialize",
    "get",
    "init_model",
    "install",
    "name_variables",
    "seed_model",
    "serialize",
    "uninstall",
]

publish(__name__, globals())
