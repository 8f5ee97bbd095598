"""The initializers of this package as Keras classes.

Each docstring holds an example with Keras; `_complete` adds the NumPy class's docstring.
"""

from __future__ import annotations

import inspect
import textwrap

import keras
import keras.initializers as theirs

from .._arguments.seeds import SeedGenerator
from .._classes import (
    constants,
    convolution_kernels,
    distributions,
    lstm_bias,
    orthogonal,
    positions,
    sparse,
    state_space,
    stft,
    variance_scaling,
)
from .._classes.registry import BUILT_IN, PACKAGE
from ._adapter import Adapter, NativeAdapter, RandomAdapter


class Zeros(NativeAdapter, constants.Zeros, theirs.Zeros):
    """`initializers.Zeros` in Keras, made by the backend.

    >>> layer = keras.layers.Dense(2, bias_initializer=Zeros())
    >>> layer.build((None, 3))
    >>> print(keras.ops.convert_to_numpy(layer.bias))
    [0. 0.]
    """

    _number = 0


class Ones(NativeAdapter, constants.Ones, theirs.Ones):
    """`initializers.Ones` in Keras, made by the backend.

    >>> layer = keras.layers.LayerNormalization(gamma_initializer=Ones())
    >>> layer.build((None, 3))
    >>> print(keras.ops.convert_to_numpy(layer.gamma))
    [1. 1. 1.]
    """

    _number = 1


class Constant(Adapter, constants.Constant, theirs.Constant):
    """`initializers.Constant` in Keras.

    >>> layer = keras.layers.Dense(2, bias_initializer=Constant(0.5))
    >>> layer.build((None, 3))
    >>> print(keras.ops.convert_to_numpy(layer.bias))
    [0.5 0.5]
    """


class Identity(Adapter, constants.Identity, theirs.Identity):
    """`initializers.Identity` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=Identity(0.5))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[0.5 0. ]
     [0.  0.5]]
    """


class STFT(Adapter, stft.STFT, theirs.STFT):
    """`initializers.STFT` in Keras.

    >>> print(keras.ops.convert_to_numpy(STFT("imag", window=None)((2, 1, 3)))[1])
    [[ 0. -1.  0.]]
    """


class RandomNormal(RandomAdapter, distributions.RandomNormal, theirs.RandomNormal):
    """`initializers.RandomNormal` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=RandomNormal(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.04109307  0.05061636]
     [-0.03777306  0.04878118]]
    """


class RandomUniform(RandomAdapter, distributions.RandomUniform, theirs.RandomUniform):
    """`initializers.RandomUniform` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=RandomUniform(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.00717529  0.0052366 ]
     [-0.04127172  0.01003312]]
    """


class TruncatedNormal(RandomAdapter, distributions.TruncatedNormal, theirs.TruncatedNormal):
    """`initializers.TruncatedNormal` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=TruncatedNormal(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.02685213  0.03589923]
     [-0.00523029  0.03971817]]
    """


class VarianceScaling(RandomAdapter, variance_scaling.VarianceScaling, theirs.VarianceScaling):
    """`initializers.VarianceScaling` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=VarianceScaling(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.4317137   0.57716805]
     [-0.08408976  0.63856673]]
    """


class GlorotNormal(VarianceScaling, variance_scaling.GlorotNormal, theirs.GlorotNormal):
    """`initializers.GlorotNormal` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=GlorotNormal(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.4317137   0.57716805]
     [-0.08408976  0.63856673]]
    """


class GlorotUniform(VarianceScaling, variance_scaling.GlorotUniform, theirs.GlorotUniform):
    """`initializers.GlorotUniform` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=GlorotUniform(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.17575788  0.12826991]
     [-1.0109466   0.24576032]]
    """


class HeNormal(VarianceScaling, variance_scaling.HeNormal, theirs.HeNormal):
    """`initializers.HeNormal` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=HeNormal(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.6105354   0.81623894]
     [-0.11892087  0.90306973]]
    """


class HeUniform(VarianceScaling, variance_scaling.HeUniform, theirs.HeUniform):
    """`initializers.HeUniform` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=HeUniform(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.24855912  0.18140101]
     [-1.4296944   0.34755766]]
    """


class LecunNormal(VarianceScaling, variance_scaling.LecunNormal, theirs.LecunNormal):
    """`initializers.LecunNormal` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=LecunNormal(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.4317137   0.57716805]
     [-0.08408976  0.63856673]]
    """


class LecunUniform(VarianceScaling, variance_scaling.LecunUniform, theirs.LecunUniform):
    """`initializers.LecunUniform` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=LecunUniform(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.17575788  0.12826991]
     [-1.0109466   0.24576032]]
    """


class Orthogonal(RandomAdapter, orthogonal.Orthogonal, theirs.Orthogonal):
    """`initializers.Orthogonal` in Keras.

    >>> layer = keras.layers.Dense(2, kernel_initializer=Orthogonal(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.63029015 -0.7763596 ]
     [ 0.77635956 -0.6302902 ]]
    """


class DeltaOrthogonal(RandomAdapter, convolution_kernels.DeltaOrthogonal, keras.Initializer):
    """`initializers.DeltaOrthogonal` in Keras, which has no such class.

    >>> layer = keras.layers.Conv1D(2, 1, kernel_initializer=DeltaOrthogonal(seed=1))
    >>> layer.build((None, 4, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel).reshape(2, 2))
    [[-0.63029015 -0.7763596 ]
     [ 0.77635956 -0.6302902 ]]
    """


class ConvolutionOrthogonal1D(
    RandomAdapter, convolution_kernels.ConvolutionOrthogonal1D, keras.Initializer
):
    """`initializers.ConvolutionOrthogonal1D` in Keras, which has no such class.

    >>> layer = keras.layers.Conv1D(2, 1, kernel_initializer=ConvolutionOrthogonal1D(seed=1))
    >>> layer.build((None, 4, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel).reshape(2, 2))
    [[-0.63029015 -0.7763596 ]
     [ 0.77635956 -0.6302902 ]]
    """


class ConvolutionOrthogonal2D(
    RandomAdapter, convolution_kernels.ConvolutionOrthogonal2D, keras.Initializer
):
    """`initializers.ConvolutionOrthogonal2D` in Keras, which has no such class.

    >>> layer = keras.layers.Conv2D(2, 1, kernel_initializer=ConvolutionOrthogonal2D(seed=1))
    >>> layer.build((None, 4, 4, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel).reshape(2, 2))
    [[-0.63029015 -0.7763596 ]
     [ 0.77635956 -0.6302902 ]]
    """


class ConvolutionOrthogonal3D(
    RandomAdapter, convolution_kernels.ConvolutionOrthogonal3D, keras.Initializer
):
    """`initializers.ConvolutionOrthogonal3D` in Keras, which has no such class.

    >>> layer = keras.layers.Conv3D(2, 1, kernel_initializer=ConvolutionOrthogonal3D(seed=1))
    >>> layer.build((None, 4, 4, 4, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel).reshape(2, 2))
    [[-0.63029015 -0.7763596 ]
     [ 0.77635956 -0.6302902 ]]
    """


class Dirac(Adapter, convolution_kernels.Dirac, keras.Initializer):
    """`initializers.Dirac` in Keras, which has no such class.

    >>> layer = keras.layers.Conv1D(2, 1, kernel_initializer=Dirac())
    >>> layer.build((None, 4, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel).reshape(2, 2))
    [[1. 0.]
     [0. 1.]]
    """


class Sparse(RandomAdapter, sparse.Sparse, keras.Initializer):
    """`initializers.Sparse` in Keras, which has no such class.

    >>> layer = keras.layers.Dense(2, kernel_initializer=Sparse(0.5, seed=1))
    >>> layer.build((None, 4))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-0.00821861  0.        ]
     [ 0.          0.        ]
     [ 0.         -0.00629718]
     [-0.00751702 -0.00477602]]
    """


class TimeStepBias(RandomAdapter, state_space.TimeStepBias, keras.Initializer):
    """`initializers.TimeStepBias` in Keras, which has no such class.

    >>> layer = keras.layers.Dense(3, bias_initializer=TimeStepBias(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.bias))
    [-4.932009  -4.3576455 -6.5050554]
    """


class LogOfUniform(RandomAdapter, state_space.LogOfUniform, keras.Initializer):
    """`initializers.LogOfUniform` in Keras, which has no such class.

    >>> layer = keras.layers.Dense(3, bias_initializer=LogOfUniform(seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.bias))
    [2.0046785 2.228453  0.8369194]
    """


class RingRadius(RandomAdapter, state_space.RingRadius, keras.Initializer):
    """`initializers.RingRadius` in Keras, which has no such class.

    >>> layer = keras.layers.Dense(3, bias_initializer=RingRadius(0.9, 0.999, True, seed=1))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.bias))
    [-2.8185277 -3.077442  -2.3023388]
    """


class S4D(Adapter, state_space.S4D, keras.Initializer):
    """`initializers.S4D` in Keras, which has no such class.

    >>> layer = keras.layers.Dense(3, bias_initializer=S4D("real"))
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.bias))
    [-1. -2. -3.]
    """


class Hippo(Adapter, state_space.Hippo, keras.Initializer):
    """`initializers.Hippo` in Keras, which has no such class.

    >>> layer = keras.layers.Dense(2, kernel_initializer=Hippo())
    >>> layer.build((None, 2))
    >>> print(keras.ops.convert_to_numpy(layer.kernel))
    [[-1.         0.       ]
     [-1.7320508 -2.       ]]
    """


class LstmBias(Adapter, lstm_bias.LstmBias, keras.Initializer):
    """`initializers.LstmBias` in Keras, whose `unit_forget_bias=True` it is.

    >>> cell = keras.layers.LSTMCell(2, bias_initializer=LstmBias(), unit_forget_bias=False)
    >>> cell.build((None, 3))
    >>> print(keras.ops.convert_to_numpy(cell.bias))
    [0. 0. 1. 1. 0. 0. 0. 0.]
    """


class Sinusoidal(Adapter, positions.Sinusoidal, keras.Initializer):
    """`initializers.Sinusoidal` in Keras, which has no such class.

    >>> layer = keras.layers.Embedding(2, 4, embeddings_initializer=Sinusoidal())
    >>> layer.build()
    >>> print(keras.ops.convert_to_numpy(layer.embeddings))
    [[0.         1.         0.         1.        ]
     [0.84147096 0.5403023  0.00999983 0.99995   ]]
    """


class Rotary(Adapter, positions.Rotary, keras.Initializer):
    """`initializers.Rotary` in Keras, which has no such class.

    >>> layer = keras.layers.Embedding(2, 4, embeddings_initializer=Rotary("cos"))
    >>> layer.build()
    >>> print(keras.ops.convert_to_numpy(layer.embeddings))
    [[1.        1.        1.        1.       ]
     [0.5403023 0.99995   0.5403023 0.99995  ]]
    """


# By Keras's names, such as `"HeNormal"` and `"he_normal"`.
BY_NAME: dict[str, type[Adapter]] = {
    name: globals()[cls.__name__]
    for name, cls in BUILT_IN.items()
    if issubclass(globals().get(cls.__name__, object), Adapter)
}


def _complete(cls: type[Adapter]) -> None:
    """Put the NumPy class's docstring before the example with Keras."""
    text = inspect.cleandoc(BUILT_IN[cls.__name__].__doc__ or "").partition("\nExamples:")[0]
    example = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[2]
    cls.__doc__ = f"{text.rstrip()}\n\nExamples:\n" + textwrap.indent(
        f">>> import keras\n{example}\n", " " * 4
    )


# Configurations and pickles name the public module, not this file.
for _cls in set(BY_NAME.values()):
    _complete(_cls)
    _cls.__module__ = __package__
    keras.saving.register_keras_serializable(PACKAGE)(_cls)
keras.saving.register_keras_serializable(PACKAGE)(SeedGenerator)
