"""Parameters of state space models: their laws, and values of the page by the reference."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest  # type: ignore[import-untyped]

import reference_laws
from cases import as_float64
from initializers import S4D, Hippo, LogOfUniform, RingRadius, SeedGenerator, TimeStepBias
from reference import DTYPES

PAGE = Path(__file__).parents[3] / "docs" / "stream.md"

LAWS: list[tuple[Any, str, tuple[Any, ...]]] = [
    (TimeStepBias, "time_step_bias", (0.001, 0.1, 0.0001)),
    (TimeStepBias, "time_step_bias", (0.001, 60.0, 0.01)),
    (LogOfUniform, "log_of_uniform", (1.0, 16.0)),
    (LogOfUniform, "log_of_uniform", (0.0, 6.28)),
    (LogOfUniform, "log_of_uniform", (3.0, 3.0)),
    (RingRadius, "ring_radius", (0.0, 1.0, False)),
    (RingRadius, "ring_radius", (0.9, 0.999, True)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("cls", "name", "given"), LAWS)
def test_values_equal_the_reference(cls: Any, name: str, given: Any, dtype: str) -> None:
    generator = SeedGenerator(-5)
    generator._counter = 2**40
    for start in (0, 61, 2**33 + 5):
        values = cls(*given, seed=generator)(
            (start + 700,), dtype, index=(slice(start, start + 700),)
        )
        stream = generator.counter - 1
        wanted = reference_laws.function_of_uniform(name, dtype, -5, stream, start, 700, *given)
        assert values.tobytes() == wanted.tobytes()


def softplus(x: Any) -> Any:
    return np.logaddexp(0.0, x)


DISTRIBUTIONS: list[tuple[Any, Callable[[Any], Any]]] = [
    (TimeStepBias(dt_floor=0.0, seed=2019), lambda x: np.log(softplus(x) / 0.001) / np.log(100)),
    (LogOfUniform(1, 16, seed=2019), lambda x: (np.exp(x) - 1) / 15),
    (LogOfUniform(0, 6.28, seed=2019), lambda x: np.exp(x) / 6.28),
    (RingRadius(0.4, 0.99, seed=2019), lambda x: radius_square(np.exp(-np.exp(x)))),
    (
        RingRadius(0.4, 0.99, softplus=True, seed=2019),
        lambda x: radius_square(np.exp(-softplus(x))),
    ),
]


def radius_square(radius: Any) -> Any:
    """Return the distribution function at minus the parameter, which decreases with the radius."""
    return 1 - (radius**2 - 0.16) / (0.99**2 - 0.16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("initializer", "cdf"), [pytest.param(*pair, id=repr(pair[0])) for pair in DISTRIBUTIONS]
)
def test_values_have_their_distribution(initializer: Any, cdf: Any, dtype: str) -> None:
    values = as_float64(initializer((100_000,), dtype))
    assert kstest(np.clip(cdf(values), 0, 1), "uniform").pvalue > 0.001
    assert kstest(np.clip(cdf(values + 0.05), 0, 1), "uniform").pvalue < 0.001


def test_short_time_steps_are_raised_to_the_floor() -> None:
    values = TimeStepBias(1e-5, 1e-3, 1e-4, seed=1)((1000,), "float64")
    steps = softplus(values)
    assert steps.min() == pytest.approx(1e-4, rel=1e-12)
    assert 300 < (steps < 1.0001e-4).sum() < 700
    # Long ones are their own bias.
    assert TimeStepBias(50, 50, seed=1)((1,), "float64") == pytest.approx(50, rel=1e-15)


def test_extreme_parameters_give_finite_values() -> None:
    for initializer in (
        TimeStepBias(1e-300, 1e300, 0.0, seed=1),
        LogOfUniform(0, 1e-250, seed=1),
        LogOfUniform(0, 1.7e308, seed=1),
        RingRadius(1, 1, seed=1),
        RingRadius(0, 1e-100, softplus=True, seed=1),
    ):
        for dtype in ("float32", "float64"):
            if dtype == "float32" and isinstance(initializer, TimeStepBias):
                with pytest.raises(ValueError, match="cannot fill float32"):
                    initializer((3,), dtype)
            else:
                assert np.isfinite(initializer((1000,), dtype)).all()


def test_diagonals_are_those_of_the_paper() -> None:
    """A. Gu et al. (2022), section 4.3."""
    n = np.arange(64)
    for shape in ((64,), (3, 64), (2, 3, 64)):
        log_real = S4D()(shape, "float64")
        assert np.abs(log_real - np.log(n + 1.0)).max() <= 2 * np.spacing(math.log(64))
        assert np.array_equal(S4D("real")(shape, "float64"), np.broadcast_to(-(n + 1.0), shape))
        assert np.array_equal(
            S4D("imaginary")(shape), np.broadcast_to(np.pi * n, shape).astype("f4")
        )
    assert S4D()((2, 0)).shape == (2, 0)


def test_hippo_is_that_of_the_paper() -> None:
    """A. Gu et al. (2020), theorem 2, as the code of S4 (`transition` of `legs`) computes it."""
    size = 40
    q = np.arange(size, dtype=np.float64)
    col, row = np.meshgrid(q, q)
    r = 2 * q + 1
    m = -(np.where(row >= col, r, 0) - np.diag(q))
    t = np.sqrt(np.diag(2 * q + 1))
    a = t @ m @ np.linalg.inv(t)
    made = Hippo()((2, size, size), "float64")
    assert np.allclose(made, a, rtol=1e-14, atol=1e-13)
    assert np.array_equal(Hippo("B")((2, size), "float64")[1], np.sqrt(2 * q + 1))
    assert Hippo()((0, 3)).shape == (0, 3)


@pytest.mark.parametrize(
    ("initializer", "shape", "text"),
    [
        (S4D(), (), r"`shape` must have 1 or more dimension for S4D, received: \(\)"),
        (Hippo("B"), (), r"1 or more dimension for Hippo\('B'\), received: \(\)"),
        (Hippo(), (3,), r"2 or more dimensions for Hippo\('A'\), received: \(3,\)"),
    ],
)
def test_shapes_without_values_are_refused(initializer: Any, shape: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        initializer(shape)


def test_values_that_overflow_are_refused_for_every_block() -> None:
    assert S4D("real")((464,), "float8_e4m3fn").min() == -448
    corner = (slice(0, 1),)
    with pytest.raises(ValueError, match=r"S4D\(part='real'\) cannot fill float8_e4m3fn: `shape` "):
        S4D("real")((465,), "float8_e4m3fn", index=corner)
    with pytest.raises(ValueError, match="cannot fill float8_e4m3fn"):
        Hippo()((234, 234), "float8_e4m3fn", index=corner * 2)


def test_the_vectors_of_the_page_are_made() -> None:
    text = PAGE.read_text(encoding="utf-8").split("## 15 ")[1].split("## 16 ")[0]
    vectors = re.sub(r"\s+", " ", text.split("\nVector: ")[1])
    generator = SeedGenerator(42)
    for given, softplus_too, name in [
        ((0.001, 0.1, 0.0001), "", "TimeStepBias"),
        ((1.0, 16.0), "", "LogOfUniform"),
        ((0.9, 0.999), "", "RingRadius"),
        ((0.9, 0.999, True), "softplus", "RingRadius"),
    ]:
        generator._counter = 1
        cls = {"TimeStepBias": TimeStepBias, "LogOfUniform": LogOfUniform}.get(name, RingRadius)
        law: Any = cls(*given, seed=generator)
        values = law((2**32 + 1,), index=(slice(2**32 - 3, 2**32 + 1),))
        bits = " ".join(f"{pattern:08x}" for pattern in values.view(np.uint32))
        begin = softplus_too or f"{name}({', '.join(f'{number:g}' for number in given)})"
        assert f"{begin} `{bits}`" in vectors
