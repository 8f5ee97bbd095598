"""The initializers of this package as Keras's own: `kernel_initializer=HeNormal(seed=1)`.

Every class is a subclass of its namesake in `keras.initializers`, with the same arguments and
configuration, registered as `"initializers>Name"`. Layers, models and files take it like Keras's;
its values are the same bits on every backend, device and layout, compiled or not.

    >>> import keras
    >>> from initializers.keras import HeNormal
    >>> layer = keras.layers.Dense(64, kernel_initializer=HeNormal(seed=1))
"""

from __future__ import annotations

from keras import Initializer

from .._arguments.seeds import SeedGenerator
from .._public import publish
from ..recipe import Rule
from ._classes import (
    BY_NAME,
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
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    Sparse,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
from ._init_model import init_model
from ._install import deserialize, get, install, serialize, uninstall
from ._names import name_variables
from ._seed_model import seed_model

# Keras's other names of the same classes, such as `he_normal`.
globals().update(BY_NAME)

__all__ = [
    "STFT",
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
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "Rule",
    "SeedGenerator",
    "Sparse",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
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
