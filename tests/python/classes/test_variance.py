"""Fans, gains, and the standard deviations that follow from them, to the last bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import DISTRIBUTIONS, MODES, same_bits
from initializers import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    calculate_gain,
    compute_fans,
)

TRUNCATED = 0.87962566103423978  # scipy.stats.truncnorm.std(-2, 2)

PRESETS = {
    GlorotNormal: (1.0, "fan_avg", "truncated_normal"),
    GlorotUniform: (1.0, "fan_avg", "uniform"),
    HeNormal: (2.0, "fan_in", "truncated_normal"),
    HeUniform: (2.0, "fan_in", "uniform"),
    LecunNormal: (1.0, "fan_in", "truncated_normal"),
    LecunUniform: (1.0, "fan_in", "uniform"),
}
KEYS = ("scale", "mode", "distribution")
SHAPES = [(), (5,), (7, 3), (3, 7), (3, 5, 7), (3, 3, 4, 8), (2, 3, 4, 5, 6), (0, 3), (3, 0)]


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((), (1, 1)),
        ((5,), (5, 5)),
        ((7, 3), (7, 3)),
        ((0, 3), (0, 3)),
        ((3, 4, 8), (12, 24)),
        ((3, 3, 64, 128), (576, 1152)),
        ((0, 4, 8), (0, 0)),
        ((2**31, 2**31), (2**31, 2**31)),
        ((2**20, 2**20, 2**20), (2**40, 2**40)),
    ],
)
def test_fans_of_shapes(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    assert compute_fans(shape) == fans
    assert all(type(fan) is int for fan in compute_fans(np.array(shape, int)))


@pytest.mark.parametrize(
    ("input_axes", "output_axes", "fans"),
    [
        ([0], [1, 2], (5, 42)),
        ((0, 1), (2,), (30, 7)),
        ([-1], [0], (7, 5)),
        ([], [0, 1, 2], (1, 210)),
        ([2, 0], [1], (35, 6)),
        ([0, 1], [1], (30, 6)),  # an axis of both, as EinsumDense may have
    ],
)
def test_fans_with_given_axes(input_axes: Any, output_axes: Any, fans: tuple[int, int]) -> None:
    assert compute_fans((5, 6, 7), input_axes, output_axes) == fans
    with_axes = VarianceScaling(seed=1, input_axes=input_axes, output_axes=output_axes)
    assert with_axes.input_axes == tuple(input_axes)
    expected = VarianceScaling(1.0 / fans[0], seed=1)((1, 1))
    assert math.isclose(with_axes((5, 6, 7))[0, 0, 0], expected[0, 0], rel_tol=1e-6)


def expected_law(shape: tuple[int, ...], scale: float, mode: str, distribution: str) -> Any:
    """Draw the same values with the scale computed here, in the documented order."""
    fan_in, fan_out = compute_fans(shape)
    fan = {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": math.sqrt(fan_in * fan_out),
    }[mode]
    s = scale / max(1.0, fan)
    if distribution == "uniform":
        limit = math.sqrt(3.0 * s)
        return RandomUniform(-limit, limit, seed=5)(shape, "float64")
    if distribution == "untruncated_normal":
        return RandomNormal(0.0, math.sqrt(s), seed=5)(shape, "float64")
    return TruncatedNormal(0.0, math.sqrt(s) / TRUNCATED, seed=5)(shape, "float64")


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_variance_scaling_computes_the_documented_scale(
    shape: tuple[int, ...], mode: Any, distribution: Any
) -> None:
    for scale in (1.0, 0.1, 3):
        values = VarianceScaling(scale, mode, distribution, seed=5)(shape, "float64")
        assert same_bits(values, expected_law(shape, scale, mode, distribution))


@pytest.mark.parametrize(("preset", "arguments"), PRESETS.items(), ids=lambda x: str(x))
def test_presets_equal_variance_scaling(preset: Any, arguments: Any) -> None:
    for shape in SHAPES:
        assert same_bits(preset(seed=5)(shape, "float64"), expected_law(shape, *arguments))
    made = preset(seed=5)
    assert isinstance(made, VarianceScaling)
    assert (made.scale, made.mode, made.distribution) == arguments
    axes: dict[str, Any] = {"input_axes": [0, 1], "output_axes": [2]}
    general = VarianceScaling(**dict(zip(KEYS, arguments, strict=True)), seed=5, **axes)
    assert same_bits(preset(5, **axes)((3, 4, 5)), general((3, 4, 5)))


@given(fan_in=st.integers(1, 2**40), fan_out=st.integers(1, 2**20))
def test_fans_are_exact_before_the_first_rounding(fan_in: int, fan_out: int) -> None:
    block = (slice(0, 1), slice(0, 1))
    mode: Any
    for mode, fan in (("fan_in", fan_in), ("fan_avg", (fan_in + fan_out) / 2)):
        value = VarianceScaling(1.0, mode, "uniform", seed=5)(
            (fan_in, fan_out), "float64", index=block
        )
        limit = math.sqrt(3.0 * (1.0 / fan))
        expected = RandomUniform(-limit, limit, seed=5)((1, 1), "float64")
        assert same_bits(value, expected)


def test_tensors_have_the_computed_variance() -> None:
    shape = (1000, 1000)
    for preset, variance in (
        (HeNormal, 2 / 1000),
        (HeUniform, 2 / 1000),
        (GlorotNormal, 1 / 1000),
        (GlorotUniform, 1 / 1000),
        (LecunNormal, 1 / 1000),
        (LecunUniform, 1 / 1000),
    ):
        values = preset(seed=1)(shape).astype(np.float64)
        # For every law here the variance of a square is below 2 · variance².
        assert abs((values**2).mean() - variance) < 4 * variance * math.sqrt(2 / 1e6)
        assert abs(values.mean()) < 4 * math.sqrt(variance / 1e6)


@pytest.mark.parametrize(
    ("name", "param", "gain"),
    [
        ("linear", None, 1.0),
        ("conv1d", None, 1.0),
        ("conv_transpose3d", None, 1.0),
        ("sigmoid", None, 1.0),
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("leaky_relu", None, math.sqrt(2 / (1 + 0.01**2))),
        ("leaky_relu", 0.2, math.sqrt(2 / (1 + 0.2**2))),
        ("leaky_relu", np.float32(1), 1.0),
        ("selu", None, 0.75),
    ],
)
def test_gains_equal_those_of_torch(name: Any, param: Any, gain: float) -> None:
    assert calculate_gain(name, param) == gain
