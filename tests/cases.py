"""Shared by the tests of the package: every initializer, every dtype, equality of bits."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from initializers import (
    S4D,
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Hippo,
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

FLOATS = ("float32", "float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMBERS = ("bool", *INTEGERS, *FLOATS, "complex64", "complex128")
LOW_PRECISION = ("bfloat16", "float8_e4m3fn", "float8_e5m2")

PRESETS = (GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform)
MODES: tuple[Any, ...] = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
DISTRIBUTIONS: tuple[Any, ...] = ("truncated_normal", "untruncated_normal", "uniform")

INF = float("inf")

# At least one instance of every random class, for float dtypes.
RANDOM = (
    RandomNormal(mean=0.5, stddev=2.0, seed=11),
    RandomUniform(-1.0, 3.0, seed=-12),
    TruncatedNormal(stddev=1.5, seed=2**100),
    TruncatedNormal(bounds=(-0.5, 3.0), seed=14),
    TruncatedNormal(bounds=(1.0, INF), seed=15),
    *(VarianceScaling(2.0, mode, "uniform", seed=16) for mode in MODES),
    *(VarianceScaling(0.5, "fan_in", law, seed=17) for law in DISTRIBUTIONS),
    *(preset(seed=18) for preset in PRESETS),
    TimeStepBias(0.01, 5.0, 0.02, seed=22),
    LogOfUniform(0.0, 16.0, seed=23),
    RingRadius(0.2, 0.9, seed=24),
    RingRadius(softplus=True, seed=25),
)
# Initializers of two or more dimensions, and of exactly two.
ORTHOGONAL = (Orthogonal(2.0, seed=19), Orthogonal(seed=20, axis=0))
SPARSE = Sparse(0.3, 1.0, seed=21)
# Initializers of float dtypes whose elements are functions of their place: two or more dimensions,
# of which the last one is a multiple of 4.
TABLES = (
    *(LstmBias(-0.5, "ijfo"), S4D(), S4D("real"), S4D("imaginary"), Hippo(), Hippo("B")),
    *(
        Sinusoidal(),
        Sinusoidal(100.0, False, True),
        Rotary(),
        Rotary("cos"),
        Rotary("sin", 3.0, True),
    ),
)
# Initializers of any rank and dtype, without randomness.
GIVEN = (Zeros(), Ones(), Constant(1), Constant([1]), Constant(np.array([[True]])))


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype of this name, from `ml_dtypes` if NumPy has none."""
    return np.dtype(getattr(ml_dtypes, name) if name in LOW_PRECISION else name)


def same_bits(left: object, right: object) -> bool:
    """Whether both are arrays of one dtype and shape with the same bytes."""
    assert isinstance(left, np.ndarray)
    assert isinstance(right, np.ndarray)
    same_kind = left.dtype == right.dtype and left.shape == right.shape
    return same_kind and left.tobytes() == right.tobytes()


def as_float64(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the values exactly, from any float dtype."""
    return array.astype(np.float64)
