"""The distribution of every sampler in every dtype: shape, moments, ends, tails, variance.

Seeds are fixed, so a test passes always or never. A p-value is that of a whole test, over all its
statistics; a right sampler would fail a test at one seed in a million. Only the variances of the
scaled families are held to four standard errors, 1 in 16 000.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import ml_dtypes  # noqa: F401  (gives NumPy the names of the low-precision dtypes)
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats  # type: ignore[import-untyped]

import initializers
from initializers import RandomNormal, RandomUniform, SeedGenerator, TruncatedNormal, fold_in

Floats: TypeAlias = NDArray[np.float64]

ALPHA = 1e-6
SEED = 20260
N = 10**6
INF = math.inf

FINE = ["float32", "float64"]
COARSE = ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
DTYPES = FINE + COARSE
# Largest |z| of a normal value, by the number of random bits.
REACH = {"float64": 8.66} | dict.fromkeys(["float32", *COARSE], 6.67)


@dataclass(frozen=True)
class Law:
    """The distribution of mean + stddev·z, with z uniform or normal between two bounds."""

    name: str
    make: Callable[..., initializers.Initializer]
    lower: float
    upper: float
    mean: float
    stddev: float
    flat: bool = False

    def draw(self, dtype: str, seed: int | SeedGenerator, size: int = N) -> NDArray[Any]:
        array: NDArray[Any] = self.make(seed=seed)((size,), dtype)
        return array

    def cdf(self, x: Floats) -> Floats:
        z = np.clip((x - self.mean) / self.stddev, self.lower, self.upper)
        if self.flat:
            return z
        # The CDF from the nearer tail: the difference of two numbers near 1 would lose all digits.
        sign = -1.0 if self.lower > 0.0 else 1.0
        low, high = special.ndtr(sign * self.lower), special.ndtr(sign * self.upper)
        share: Floats = (special.ndtr(sign * z) - low) / (high - low)
        return share

    def make_points(self, dtype: str) -> tuple[Floats, Floats]:
        """Return values and probabilities with the moments of the law in this dtype."""
        if dtype in COARSE:
            return self.make_cells(dtype)
        low, high = max(self.lower, -12.0), min(self.upper, 12.0)
        nodes, weights = np.polynomial.legendre.leggauss(200)
        z = (low + high) / 2.0 + (high - low) / 2.0 * nodes
        if not self.flat:
            weights = weights * np.exp((z[0] ** 2 - z**2) / 2.0)
        return self.mean + self.stddev * z, weights / weights.sum()

    def make_cells(self, dtype: str) -> tuple[Floats, Floats]:
        """Return all values that can occur in the dtype, and their probabilities.

        A value gets the probability of all numbers nearer to it than to its neighbors (rounding to
        nearest). The float32 values are so dense that ties and their own steps do not matter.
        """
        width = np.dtype(dtype).itemsize
        patterns = np.arange(256**width, dtype=f"u{width}").view(dtype)
        with np.errstate(invalid="ignore"):  # NaN
            values = np.unique(patterns.astype(np.float64))
        top = float(np.asarray(self.mean + self.stddev).astype(dtype)) if self.flat else INF
        values = values[np.isfinite(values) & (values < top)]
        borders = [-INF, *(values[:-1] + values[1:]) / 2.0, INF]
        return values, np.diff(self.cdf(np.array(borders)))


def uniform(minval: float, maxval: float) -> Law:
    make = partial(RandomUniform, minval, maxval)
    return Law(f"uniform({minval},{maxval})", make, 0.0, 1.0, minval, maxval - minval, flat=True)


def normal(mean: float, stddev: float) -> Law:
    make = partial(RandomNormal, mean, stddev)
    return Law(f"normal({mean},{stddev})", make, -INF, INF, mean, stddev)


def truncated(lower: float, upper: float, mean: float = 0.0, stddev: float = 1.0) -> Law:
    make = partial(TruncatedNormal, mean, stddev, bounds=(lower, upper))
    name = f"truncated({lower:g},{upper:g},{mean:g},{stddev:g})"
    return Law(name, make, lower, upper, mean, stddev)


UNIT = uniform(0.0, 1.0)
STANDARD = normal(0.0, 1.0)
FAR = truncated(8.0, 9.0)
SAMPLERS = [
    UNIT,
    STANDARD,
    truncated(-2.0, 2.0),
    truncated(-1.0, 3.0),
    truncated(-INF, -0.5),
    truncated(2.0, INF),
    FAR,
]
SCALED = [uniform(-0.05, 0.05), normal(-0.375, 0.03125), truncated(-2.0, 2.0, 0.375, 0.03125)]
LAWS = SAMPLERS + SCALED
every_law = pytest.mark.parametrize("law", LAWS, ids=lambda law: str(law.name))
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def draw_floats(law: Law, dtype: str, *path: str, size: int = N) -> Floats:
    """Draw with a seed derived from the law, the dtype and the test's path."""
    return law.draw(dtype, fold_in(SEED, law.name, dtype, *path), size).astype(np.float64)


def family_p(scores: Any) -> float:
    """Return the two-sided p-value of the largest of standard normal scores (Bonferroni)."""
    scores = np.abs(scores)
    return float(min(1.0, scores.size * special.erfc(scores.max() / math.sqrt(2.0))))


def chi_square_p(counts: Floats, expected: Floats, least: float = 10.0) -> float:
    """Return the two-sided p-value: too even a sample is as wrong as too uneven a one.

    Neighboring cells are merged until each is expected to hold `least`.
    """
    # Only the outer cells: near 0 cells are narrower than the steps of a float32 sum.
    inside = np.flatnonzero(expected)
    assert not counts[: inside[0]].any()
    assert not counts[inside[-1] + 1 :].any()
    total = np.cumsum(expected)
    starts = [0]
    while total[-1] - (below := total[starts[-1] - 1] if starts[-1] else 0.0) >= 2.0 * least:
        starts.append(int(np.searchsorted(total, below + least)) + 1)
    if total[-1] - total[starts[-1] - 1] < least:
        starts.pop()
    if len(starts) == 1:
        return 1.0
    counts, expected = np.add.reduceat(counts, starts), np.add.reduceat(expected, starts)
    statistic = np.sum((counts - expected) ** 2 / expected)
    degrees = len(starts) - 1
    return float(2.0 * min(stats.chi2.sf(statistic, degrees), stats.chi2.cdf(statistic, degrees)))


def kolmogorov_smirnov_p(x: Floats, law: Law) -> float:
    return float(stats.ks_1samp(x, law.cdf, method="asymp").pvalue)


def equiprobable_p(x: Floats, law: Law, bins: int = 256) -> float:
    # 256 bins at most: with more, the float32 steps between 8 and 9 show at their borders.
    counts = np.bincount((law.cdf(x) * bins).astype(np.int64).clip(0, bins - 1), minlength=bins)
    return chi_square_p(counts.astype(np.float64), np.full(bins, x.size / bins))


def cells_p(x: Floats, law: Law, dtype: str) -> float:
    values, probabilities = law.make_cells(dtype)
    found, numbers = np.unique(x, return_counts=True)
    assert np.isin(found, values).all()
    counts = np.zeros(values.size)
    counts[np.searchsorted(values, found)] = numbers
    return chi_square_p(counts, x.size * probabilities)


def moments_p(x: Floats, law: Law, dtype: str = "float64") -> float:
    """Test mean, variance, skewness and kurtosis by the first four moments about the true mean.

    Their standard errors are exact: they follow from the law's moments up to the eighth.
    """
    values, probabilities = law.make_points(dtype)
    center = probabilities @ values
    scores = []
    power, sample_power = np.ones_like(values), np.ones_like(x)
    for _ in range(4):
        power, sample_power = power * (values - center), sample_power * (x - center)
        expected = probabilities @ power
        error = math.sqrt(probabilities @ (power - expected) ** 2 / x.size)
        deviation = float(np.mean(sample_power) - expected)
        scores.append(deviation / error if deviation else 0.0)
    return family_p(scores)


def ends_p(x: Floats, law: Law) -> float:
    """Test that nothing is missing at either end, by the probability of a gap as wide."""
    gaps = np.array([law.cdf(x.min()), 1.0 - law.cdf(x.max())])
    return float(min(1.0, 2.0 * np.min((1.0 - gaps) ** x.size)))


def tails_p(z: Floats, _: Law = STANDARD) -> float:
    """Test how many values lie beyond 3, 4 and 5 on each side, and the spread beyond 3.5."""
    pvalues = []
    for bound in (3.0, 4.0, 5.0):
        for count in (np.count_nonzero(z > bound), np.count_nonzero(z < -bound)):
            test = stats.binomtest(count, z.size, special.ndtr(-bound))
            pvalues.append(float(test.pvalue))
    far = np.abs(z[np.abs(z) > 3.5])
    pvalues.append(kolmogorov_smirnov_p(far, truncated(3.5, INF)))
    return min(1.0, len(pvalues) * min(pvalues))


@every_law
@pytest.mark.parametrize("dtype", FINE)
def test_follows_distribution_function(law: Law, dtype: str) -> None:
    x = draw_floats(law, dtype, "cdf")
    assert kolmogorov_smirnov_p(x, law) > ALPHA
    assert equiprobable_p(x, law) > ALPHA


@every_law
@pytest.mark.parametrize("dtype", COARSE)
def test_every_value_is_as_frequent_as_rounding_makes_it(law: Law, dtype: str) -> None:
    assert cells_p(draw_floats(law, dtype, "cells"), law, dtype) > ALPHA


@every_law
@every_dtype
def test_moments(law: Law, dtype: str) -> None:
    assert moments_p(draw_floats(law, dtype, "moments"), law, dtype) > ALPHA


@every_law
@every_dtype
def test_values_stay_inside_the_bounds(law: Law, dtype: str) -> None:
    x = draw_floats(law, dtype, "support")
    z = np.nan_to_num([law.lower, law.upper], posinf=REACH[dtype], neginf=-REACH[dtype])
    low, high = (law.mean + law.stddev * z).astype(dtype).astype(np.float64)
    assert low <= x.min()
    assert x.max() < high if law.flat else x.max() <= high
    if dtype in FINE:
        assert ends_p(x, law) > ALPHA


@pytest.mark.parametrize("dtype", FINE)
def test_default_bounds_are_open(dtype: str) -> None:
    assert np.abs(draw_floats(truncated(-2.0, 2.0), dtype)).max() < 2.0


@every_law
def test_float64_values_have_more_digits_than_float32(law: Law) -> None:
    # Float32 values are the most frequent among the uniform ones: 0.03 of them are expected.
    x = draw_floats(law, "float64", "digits")
    assert np.count_nonzero(x == x.astype(np.float32)) < 4


@pytest.mark.parametrize(("dtype", "size"), [("float32", 2**24), ("float64", 2**22)])
def test_tails_of_the_normal_distribution(dtype: str, size: int) -> None:
    assert tails_p(draw_floats(STANDARD, dtype, "tails", size=size)) > ALPHA


# 5·5·80 inputs, 5·5·500 outputs, a million elements.
SHAPE = (5, 5, 80, 500)
FANS = {"fan_in": 2000.0, "fan_out": 12500.0, "fan_avg": 7250.0, "fan_geo_avg": 5000.0}
UNIT_LAWS = {
    "uniform": uniform(-1.0, 1.0),
    "untruncated_normal": STANDARD,
    "truncated_normal": truncated(-2.0, 2.0),
}
# Name, variance for these fans, and distribution.
PRESETS = [
    ("HeNormal", 2.0 / 2000.0, "truncated_normal"),
    ("HeUniform", 2.0 / 2000.0, "uniform"),
    ("GlorotNormal", 2.0 / 14500.0, "truncated_normal"),
    ("GlorotUniform", 2.0 / 14500.0, "uniform"),
    ("LecunNormal", 1.0 / 2000.0, "truncated_normal"),
    ("LecunUniform", 1.0 / 2000.0, "uniform"),
]


def with_variance(distribution: str, variance: float) -> Law:
    law = UNIT_LAWS[distribution]
    values, probabilities = law.make_points("float64")
    ratio = math.sqrt(variance / (probabilities @ values**2))
    return replace(law, mean=ratio * law.mean, stddev=ratio * law.stddev)


def variance_score(x: NDArray[Any], law: Law) -> float:
    """Return the deviation of the variance about 0, in standard errors by the fourth moment."""
    values, probabilities = law.make_points(x.dtype.name)
    expected = probabilities @ values**2
    error = math.sqrt(probabilities @ (values**2 - expected) ** 2 / x.size)
    return float(np.mean(x.astype(np.float64) ** 2) - expected) / error


def test_variance_of_truncated_normal_is_the_published_one() -> None:
    values, probabilities = truncated(-2.0, 2.0).make_points("float64")
    assert probabilities @ values**2 == pytest.approx(0.7737413035499232, rel=1e-14)
    assert math.sqrt(probabilities @ values**2) == pytest.approx(0.87962566103423978, rel=1e-14)


@pytest.mark.parametrize(("name", "variance", "distribution"), PRESETS)
@every_dtype
def test_variance_of_presets(name: str, variance: float, distribution: str, dtype: str) -> None:
    x = getattr(initializers, name)(seed=fold_in(SEED, name, dtype))(SHAPE, dtype)
    assert abs(variance_score(x, with_variance(distribution, variance))) < 4.0


@pytest.mark.parametrize("mode", FANS)
@pytest.mark.parametrize("distribution", UNIT_LAWS)
@pytest.mark.parametrize("dtype", FINE)
def test_variance_of_every_mode_and_distribution(mode: Any, distribution: Any, dtype: str) -> None:
    seed = fold_in(SEED, mode, distribution, dtype)
    x = initializers.VarianceScaling(0.5, mode, distribution, seed)(SHAPE, dtype)
    assert abs(variance_score(x, with_variance(distribution, 0.5 / FANS[mode]))) < 4.0


def test_variance_with_given_axes() -> None:
    """The kernel has PyTorch's layout (out, in, height, width)."""
    x = initializers.HeNormal(SEED, input_axes=(1, 2, 3), output_axes=(0, 2, 3))((500, 80, 5, 5))
    assert abs(variance_score(x, with_variance("truncated_normal", 2.0 / 2000.0))) < 4.0


@pytest.mark.parametrize("distribution", UNIT_LAWS)
def test_the_variance_test_has_power(distribution: Any) -> None:
    x = initializers.VarianceScaling(0.5, "fan_in", distribution, SEED)(SHAPE)
    law = with_variance(distribution, 0.5 / 2000.0)
    assert abs(variance_score(x, law)) < 4.0 < abs(variance_score(1.01 * x, law))


# Mistake → helper that must detect it in a million elements, the true law, the wrong values.
MISTAKES: dict[str, tuple[Callable[[Floats, Law], float], Law, Callable[[Floats], Floats]]] = {
    "chi2: wider": (equiprobable_p, STANDARD, lambda z: 1.01 * z),
    "chi2: bfloat16": (equiprobable_p, STANDARD, lambda z: z.astype("bfloat16").astype(float)),
    "chi2: too even": (equiprobable_p, UNIT, lambda u: (np.argsort(u) + 0.5) / u.size),
    "chi2: uniform too wide": (equiprobable_p, UNIT, lambda u: 1.01 * u),
    "chi2: bound": (equiprobable_p, truncated(-1.0, 3.0), lambda z: np.where(z > 2.5, 2.5, z)),
    "chi2: far bound": (equiprobable_p, FAR, lambda z: 8.0 + 0.98 * (z - 8.0)),
    "KS: shifted": (kolmogorov_smirnov_p, STANDARD, lambda z: z + 0.01),
    "KS: bound": (kolmogorov_smirnov_p, truncated(-1.0, 3.0), lambda z: np.where(z > 2.5, 2.5, z)),
    "KS: far bound": (kolmogorov_smirnov_p, FAR, lambda z: 8.0 + 0.98 * (z - 8.0)),
    "moments: shifted": (moments_p, STANDARD, lambda z: z + 0.01),
    "moments: wider": (moments_p, STANDARD, lambda z: 1.01 * z),
    "moments: skewed": (moments_p, STANDARD, lambda z: z + 0.01 * (z**2 - 1.0)),
    "moments: heavy tails": (moments_p, STANDARD, lambda z: z + 0.003 * (z**3 - 3.0 * z)),
    "ends: bound": (ends_p, truncated(-2.0, 2.0), lambda z: 0.9998 * z),
    "tails: wider": (tails_p, STANDARD, lambda z: 1.1 * z),
    "tails: cut": (tails_p, STANDARD, lambda z: z[np.abs(z) < 4.0]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_detected(mistake: str) -> None:
    p_value, law, distort = MISTAKES[mistake]
    x = draw_floats(law, "float64")
    assert p_value(distort(x), law) < ALPHA < p_value(x, law)


@every_law
def test_truncation_instead_of_rounding_is_detected(law: Law) -> None:
    """A bfloat16 made by truncation instead of rounding must be detected."""
    whole = law.draw("float32", SEED)
    cut = (whole.view(np.uint32) & 0xFFFF0000).view(np.float32)
    right = law.draw("bfloat16", SEED)
    assert cells_p(cut.astype(float), law, "bfloat16") < ALPHA
    assert cells_p(right.astype(float), law, "bfloat16") > ALPHA
