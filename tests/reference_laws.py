"""Sections 14 to 16 of docs/stream.md in plain NumPy, written from the page alone.

Beside `reference.py`: functions of a uniform draw, and tables without randomness.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reference import (
    DTYPES,
    EXP,
    HALF_PI,
    LN2HI,
    LN2LO,
    LOG2E,
    TWO_OVER_PI,
    element_words,
    horner,
    log64,
    rounded,
    sine_cosine,
    turn,
)

Array: TypeAlias = NDArray[Any]


# 14 Elementary functions


def exp64(x: Array) -> Array:
    """14: the exponential function."""
    n = np.rint(x * LOG2E)
    high, low = x - n * LN2HI, n * LN2LO
    r = high - low
    t = r * r
    c = r - t * horner(EXP, t)
    y = 1 - ((low - (r * c) / (2 - c)) - high)
    result: Array = y * ((n.astype(np.int64) + 1023) << 52).view(np.float64)
    return result


def exp_minus_1(x: Array) -> Array:
    """14: e^x - 1."""
    u = exp64(x)
    v = u - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        other = v * (x / log64(u))
    return np.where(v == 0, x, np.where(v == -1, -1.0, other))


def inverse_softplus(x: Array) -> Array:
    """14: the number whose softplus is x."""
    small = np.minimum(x, 40.0)
    return np.where(x > 40, x, small + log64(-exp_minus_1(-small)))


def cosine_sine(x: Array) -> tuple[Array, Array]:
    """14: cosine and sine of an angle in [0, 2^27]."""
    q = np.rint(x * TWO_OVER_PI)
    rest = ((x - q * HALF_PI[0]) - q * HALF_PI[1]) - q * HALF_PI[2]
    s, c = sine_cosine(rest)
    return turn(q.astype(np.int64) & 3, s, c)


# 15 Functions of a uniform draw


def function_of_uniform(
    name: str, dtype: str, seed: int, stream: int, start: int, count: int, *parameters: Any
) -> Array:
    """15: `count` elements from `start`."""
    w = element_words(dtype, seed, stream, start, count)
    if w.dtype == np.uint32:
        u = (2 * w.astype(np.float64) + 1) * 2**-33
    else:
        u = (2 * (w >> np.uint64(12)).astype(np.float64) + 1) * 2**-53
    functions: dict[str, Callable[..., Array]] = {
        "time_step_bias": time_step_bias,
        "log_of_uniform": log_of_uniform,
        "ring_radius": ring_radius,
    }
    value = functions[name](u, *parameters)
    compute = "float32" if DTYPES[dtype].compute is np.float32 else "float64"
    return rounded(dtype, rounded(compute, value + 0.0))


def time_step_bias(u: Array, dt_min: float, dt_max: float, dt_floor: float) -> Array:
    """15: the bias of a log-uniform time step."""
    low, high = log64(np.array([dt_min, dt_max]))
    step = exp64(low + (high - low) * u)
    return inverse_softplus(np.maximum(step, dt_floor))


def log_of_uniform(u: Array, minval: float, maxval: float) -> Array:
    """15: the logarithm of a uniform draw."""
    return log64(np.minimum(minval + (maxval - minval) * u, maxval))


def ring_radius(u: Array, min_radius: float, max_radius: float, softplus: bool) -> Array:
    """15: the parameter of a radius."""
    a, b = min_radius * min_radius, max_radius * max_radius
    decay = -0.5 * log64(np.minimum(a + (b - a) * u, 1 - 2.0**-53))
    return inverse_softplus(decay) if softplus else log64(decay)


# 16 Tables


def table(dtype: str, shape: tuple[int, ...], values: Array) -> Array:
    """16: the values of the last axes, repeated over the others and rounded once."""
    return np.array(np.broadcast_to(rounded(dtype, values + 0.0), shape))


def lstm_bias(dtype: str, shape: tuple[int, ...], forget: float, gates: str) -> Array:
    """16: the bias of an LSTM."""
    values = np.array([forget if gate == "f" else 0.0 for gate in gates])
    return table(dtype, shape, np.repeat(values, shape[-1] // 4))


def s4d(dtype: str, shape: tuple[int, ...], part: str) -> Array:
    """16: the diagonal of a state matrix."""
    n = np.arange(shape[-1], dtype=np.float64)
    parts = {"log_real": log64(n + 1), "real": -(n + 1), "imaginary": math.pi * n}
    return table(dtype, shape, parts[part])


def hippo(dtype: str, shape: tuple[int, ...], part: str) -> Array:
    """16: the matrices of HiPPO-LegS."""
    k = np.arange(shape[-1])
    if part == "B":
        return table(dtype, shape, np.sqrt((2 * k + 1).astype(np.float64)))
    n = np.arange(shape[-2])[:, None]
    below = -np.sqrt(((2 * n + 1) * (2 * k + 1)).astype(np.float64))
    diagonal = -(n + 1).astype(np.float64)
    return table(dtype, shape, np.where(n > k, below, np.where(n == k, diagonal, 0.0)))


def frequency(base: float, i: Array, n: int) -> Array:
    """16: base^(-i/n)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        power = exp64(-(i.astype(np.float64) / np.float64(n)) * log64(np.array([base]))[0])
    return np.where(i == 0, 1.0, power)


def sinusoidal(
    dtype: str, shape: tuple[int, ...], base: float, interleaved: bool, endpoint: bool
) -> Array:
    """16: sinusoidal positions."""
    positions, channels = shape[-2:]
    half = channels // 2
    f = frequency(base, np.arange(half), half - 1 if endpoint else half)
    cos, sin = cosine_sine(np.arange(positions, dtype=np.float64)[:, None] * f)
    parts = np.stack([sin, cos], axis=2 if interleaved else 1)
    return table(dtype, shape, parts.reshape(positions, channels))


def rotary(dtype: str, shape: tuple[int, ...], part: str, base: float, interleaved: bool) -> Array:
    """16: rotary positions."""
    if part == "frequencies":
        return table(dtype, shape, frequency(base, np.arange(shape[-1]), shape[-1]))
    positions, channels = shape[-2:]
    half = channels // 2
    f = frequency(base, np.arange(half), half)
    cos, sin = cosine_sine(np.arange(positions, dtype=np.float64)[:, None] * f)
    values = cos if part == "cos" else sin
    parts = np.stack([values, values], axis=2 if interleaved else 1)
    return table(dtype, shape, parts.reshape(positions, channels))
