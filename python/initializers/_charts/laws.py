"""Exact distributions of initializers' values, and the distance of counts from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .statistics import Distribution, Floats

# The excess kurtosis of a standard normal variable truncated to (-2, 2).
# The complement of the error function, for arrays.
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


@dataclass(frozen=True)
class Law:
    """A distribution of real numbers.

    Attributes:
        name: Its name in words.
        mean: Its mean.
        std: Its standard deviation.
        min: The lower end of its support.
        max: The upper end.
        excess_kurtosis: 0 for the normal law; NaN for a constant.
        cdf: Its distribution function, for arrays; None for a constant.
    """

    name: str
    mean: float
    std: float
    min: float
    max: float
    excess_kurtosis: float
    cdf: Callable[[Floats], Floats] | None


def uniform(low: float, high: float) -> Law:
    """Return the uniform law on [low, high)."""
    width = high - low
    if width == 0:
        return constant(low)
    return Law(
        "uniform",
        low + width / 2,
        width / math.sqrt(12),
        low,
        high,
        -1.2,
        lambda x: np.clip((x - low) / width, 0.0, 1.0),
    )


def normal(mean: float, std: float) -> Law:
    """Return the normal law."""
    if std == 0:
        return constant(mean)
    return Law("normal", mean, std, -math.inf, math.inf, 0.0, lambda x: _phi((x - mean) / std))


def truncated_normal(mean: float, std: float, lower: float = -2.0, upper: float = 2.0) -> Law:
    """Return the normal law with `mean` and `std`, truncated to bounds in units of `std`.

    The moments about `mean` follow from integration by parts: with the density φ and m_k the k-th
    moment, m_k = (k - 1) m_{k-2} - (upper^(k-1) φ(upper) - lower^(k-1) φ(lower)) / Z.
    """
    if std == 0:
        return constant(mean)
    mass = _tail(lower) - _tail(upper) if lower > 0 else _below(upper) - _below(lower)
    moments = [1.0]
    for k in range(1, 5):
        edge = _edge(upper, k - 1) - _edge(lower, k - 1)
        moments.append((k - 1) * (moments[k - 2] if k > 1 else 0.0) - edge / mass)
    first, second, third, fourth = moments[1:]
    variance = second - first**2
    central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4

    def cdf(x: Floats) -> Floats:
        z = np.clip((x - mean) / std, lower, upper)
        if lower > 0:
            return np.clip(1.0 - (_phi(-z) - _tail(upper)) / mass, 0.0, 1.0)
        return np.clip((_phi(z) - _below(lower)) / mass, 0.0, 1.0)

    return Law(
        "truncated normal",
        mean + std * first,
        std * math.sqrt(max(variance, 0.0)),
        mean + std * lower,
        mean + std * upper,
        central / variance**2 - 3.0 if variance > 0 else math.nan,
        cdf,
    )


def constant(value: float) -> Law:
    """Return the law of a constant."""
    return Law("constant", value, 0.0, value, value, math.nan, None)


def distance(law: Law, counts: Distribution) -> float:
    """Return the greatest difference between the distribution functions, at the counts' edges.

    This is the Kolmogorov-Smirnov statistic, in [0, 1], at the resolution of the edges.
    """
    assert law.cdf is not None
    cumulated = counts.cumulate()
    edges = counts.edges
    # The counts are exact at the edges. Between distant edges (float8) nothing is known.
    empirical = cumulated / cumulated[-1]
    inner = slice(1, -1) if edges.size > 2 else slice(None)
    return float(np.abs(empirical - law.cdf(edges))[inner].max())


def _phi(x: Floats) -> Floats:
    return np.asarray(0.5 * _erfc(-x / math.sqrt(2)), np.float64)


def _below(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _tail(x: float) -> float:
    return 0.5 * math.erfc(x / math.sqrt(2))


def _edge(x: float, power: int) -> float:
    """Return x^power · φ(x), 0 at infinity."""
    if math.isinf(x):
        return 0.0
    return x**power * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
