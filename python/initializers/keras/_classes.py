"""The initializers of this package as Keras's."""

from __future__ import annotations

import keras
import keras.initializers as theirs

from .. import _constant, _kernels, _orthogonal, _random, _stft, _variance
from .._registry import BUILT_IN, PACKAGE
from .._seed import SeedGenerator
from ._adapter import Adapter, NativeAdapter, RandomAdapter


class Zeros(NativeAdapter, _constant.Zeros, theirs.Zeros):
    """`initializers.Zeros` in Keras, made by the backend."""

    _number = 0


class Ones(NativeAdapter, _constant.Ones, theirs.Ones):
    """`initializers.Ones` in Keras, made by the backend."""

    _number = 1


class Constant(Adapter, _constant.Constant, theirs.Constant):
    """`initializers.Constant` in Keras."""


class Identity(Adapter, _constant.Identity, theirs.Identity):
    """`initializers.Identity` in Keras."""


class STFT(Adapter, _stft.STFT, theirs.STFT):
    """`initializers.STFT` in Keras."""


class RandomNormal(RandomAdapter, _random.RandomNormal, theirs.RandomNormal):
    """`initializers.RandomNormal` in Keras."""


class RandomUniform(RandomAdapter, _random.RandomUniform, theirs.RandomUniform):
    """`initializers.RandomUniform` in Keras."""


class TruncatedNormal(RandomAdapter, _random.TruncatedNormal, theirs.TruncatedNormal):
    """`initializers.TruncatedNormal` in Keras."""


class VarianceScaling(RandomAdapter, _variance.VarianceScaling, theirs.VarianceScaling):
    """`initializers.VarianceScaling` in Keras."""


class GlorotNormal(VarianceScaling, _variance.GlorotNormal, theirs.GlorotNormal):
    """`initializers.GlorotNormal` in Keras."""


class GlorotUniform(VarianceScaling, _variance.GlorotUniform, theirs.GlorotUniform):
    """`initializers.GlorotUniform` in Keras."""


class HeNormal(VarianceScaling, _variance.HeNormal, theirs.HeNormal):
    """`initializers.HeNormal` in Keras."""


class HeUniform(VarianceScaling, _variance.HeUniform, theirs.HeUniform):
    """`initializers.HeUniform` in Keras."""


class LecunNormal(VarianceScaling, _variance.LecunNormal, theirs.LecunNormal):
    """`initializers.LecunNormal` in Keras."""


class LecunUniform(VarianceScaling, _variance.LecunUniform, theirs.LecunUniform):
    """`initializers.LecunUniform` in Keras."""


class Orthogonal(RandomAdapter, _orthogonal.Orthogonal, theirs.Orthogonal):
    """`initializers.Orthogonal` in Keras."""


class DeltaOrthogonal(RandomAdapter, _kernels.DeltaOrthogonal, keras.Initializer):
    """`initializers.DeltaOrthogonal` in Keras, which has no such class."""


class ConvolutionOrthogonal1D(RandomAdapter, _kernels.ConvolutionOrthogonal1D, keras.Initializer):
    """`initializers.ConvolutionOrthogonal1D` in Keras, which has no such class."""


class ConvolutionOrthogonal2D(RandomAdapter, _kernels.ConvolutionOrthogonal2D, keras.Initializer):
    """`initializers.ConvolutionOrthogonal2D` in Keras, which has no such class."""


class ConvolutionOrthogonal3D(RandomAdapter, _kernels.ConvolutionOrthogonal3D, keras.Initializer):
    """`initializers.ConvolutionOrthogonal3D` in Keras, which has no such class."""


class Dirac(Adapter, _kernels.Dirac, keras.Initializer):
    """`initializers.Dirac` in Keras, which has no such class."""


class Sparse(RandomAdapter, _kernels.Sparse, keras.Initializer):
    """`initializers.Sparse` in Keras, which has no such class."""


# By Keras's names, such as `"HeNormal"` and `"he_normal"`.
BY_NAME: dict[str, type[Adapter]] = {
    name: globals()[cls.__name__]
    for name, cls in BUILT_IN.items()
    if issubclass(globals().get(cls.__name__, object), Adapter)
}

# Configurations and pickles name the public place, whatever file a class lives in.
for _cls in set(BY_NAME.values()):
    _cls.__module__ = __package__
    keras.saving.register_keras_serializable(PACKAGE)(_cls)
keras.saving.register_keras_serializable(PACKAGE)(SeedGenerator)
