"""Axes of the factories give the same fans as in JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import initializers.jax as ours
from cases import same_bits
from initializers import RandomNormal, RandomUniform


def count_as_jax(shape: Any, axes: Any) -> tuple[float, float]:
    from jax._src.nn.initializers import _compute_fans

    fan_in, fan_out = _compute_fans(shape, **axes)
    return float(fan_in), float(fan_out)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((1000, 64), {"out_axis": 0}),  # Flax's default for embeddings
        ((64,), {"in_axis": 0}),
        ((64,), {"in_axis": -1, "out_axis": -1}),
        ((20, 30), {"in_axis": 1}),
        ((20, 30), {"in_axis": (0, 1), "out_axis": (0, 1)}),
        ((20, 30), {"batch_axis": 0}),  # fan_out is a fraction
        ((20, 30), {"batch_axis": (0, 1)}),
        ((5, 20, 30), {"in_axis": (0, 0)}),
        ((5, 20, 30), {"in_axis": (1, 2), "out_axis": (2, 0), "batch_axis": 1}),
    ],
)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"])
def test_axes_with_two_roles_count_as_in_jax(shape: Any, axes: Any, mode: Any) -> None:
    fan_in, fan_out = count_as_jax(shape, {"in_axis": -2, "out_axis": -1, **axes})
    n = {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": (fan_in * fan_out) ** 0.5,
    }[mode]
    values = ours.variance_scaling(0.8, mode, "uniform", **axes)(42, shape)
    limit = np.sqrt(3 * 0.8 / n)
    assert same_bits(np.asarray(values), RandomUniform(-limit, limit, 42)(shape))


def test_the_default_of_flax_embeddings_has_the_fans_of_jax() -> None:
    init = ours.variance_scaling(1.0, "fan_in", "normal", out_axis=0)
    assert same_bits(np.asarray(init(42, (1000, 64))), RandomNormal(0.0, 0.125, 42)((1000, 64)))
    assert init(42, (0, 64)).shape == (0, 64)
    assert ours.variance_scaling(1.0, "fan_in", "normal", batch_axis=0)(1, (0, 64)).shape == (0, 64)
