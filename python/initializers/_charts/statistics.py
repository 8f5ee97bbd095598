"""Statistics of a tensor of any size, block by block in bounded memory.

Dtypes of 8 and 16 bits are counted by bit pattern: all their statistics are exact. For wider floats
the moments are merged block by block (Pébay, 2008, Formulas for robust, one-pass parallel
computation of covariances and arbitrary-order statistical moments), and the distribution is counted
in bins of the upper 16 bits of float32, 128 per power of two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._arguments.dtypes import look_up
from .._arguments.shapes import Array
from .._threads import get_num_threads

Floats: TypeAlias = NDArray[np.float64]

# Elements of a block. Its float64 copies fit into a processor's cache.
BLOCK = 1 << 18
_PATTERNS = 1 << 16
# Bytes of a dtype → rounding unit of the coarser dtype of that size: float8_e5m2, bfloat16.
ROUNDING_UNITS = {1: 2.0**-3, 2: 2.0**-8}


@dataclass(frozen=True)
class Distribution:
    """Counts of values between edges. For rounded dtypes the edges are midpoints between values."""

    edges: Floats
    counts: NDArray[np.int64]

    def cumulate(self) -> NDArray[np.int64]:
        """Return the number of values below each edge."""
        return np.concatenate(([0], np.cumsum(self.counts)))

    def split(self, edges: Floats) -> Floats:
        """Return the counts between other edges, as if spread evenly within each bin."""
        return np.diff(np.interp(edges, self.edges, self.cumulate().astype(np.float64)))

    def without_zeros(self, zeros: int) -> Distribution:
        """Return the counts without `zeros` zeros, which are in the bin at 0 or above it."""
        counts = self.counts.copy()
        place = int(np.searchsorted(self.edges, 0.0, side="right")) - 1
        for bin in (place, place - 1):  # -0.0 may have its own bin
            if 0 <= bin < counts.size:
                taken = min(zeros, int(counts[bin]))
                counts[bin] -= taken
                zeros -= taken
        return Distribution(self.edges, counts)


@dataclass(frozen=True)
class Statistics:
    """Statistics of a tensor. Moments are computed from the finite values.

    Attributes:
        count: The number of elements.
        mean: The mean.
        std: The standard deviation: the root mean square of the differences from the mean.
        min: The least finite value.
        max: The greatest finite value.
        excess_kurtosis: The fourth standardized moment less 3: 0 for normal values, -1.2 for
            uniform ones; NaN if all values are equal.
        zeros: The fraction of elements that are zero.
        nan: The number of NaNs.
        infinite: The number of infinities.
        distribution: The counts of finite values; None for dtypes other than floats.
    """

    count: int
    mean: float
    std: float
    min: float
    max: float
    excess_kurtosis: float
    zeros: float
    nan: int
    infinite: int
    distribution: Distribution | None

    @property
    def finite(self) -> int:
        """The number of finite elements."""
        return self.count - self.nan - self.infinite

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, as `--json` prints them."""
        names = ("mean", "std", "min", "max", "excess_kurtosis", "zeros", "nan", "infinite")
        return {"count": self.count, **{name: getattr(self, name) for name in names}}


def measure(blocks: Iterable[Array], dtype: str) -> Statistics:
    """Return the statistics of blocks of one tensor, of a real dtype, on as many threads as fill.

    Args:
        blocks: One-dimensional arrays of at most `BLOCK` elements.
        dtype: The name of their dtype.
    """
    if _is_small(dtype):
        # Counting holds the interpreter's lock, so threads would only slow each other down.
        patterns = _Patterns(dtype)
        for block in blocks:
            patterns.look(block)
        return patterns.finish()
    moments = _Moments(dtype)
    for part in _map_in_order(moments.look, blocks):
        moments.add(part)
    return moments.finish()


def _is_small(dtype: str) -> bool:
    kind = look_up(dtype)
    return kind.kind == "f" and kind.numpy.itemsize <= 2


def _map_in_order(look: Any, blocks: Iterable[Array]) -> Iterator[Any]:
    """Yield results in the order of the blocks, computing a few at the same time."""
    threads = get_num_threads()
    remaining = iter(blocks)
    if threads == 1:
        yield from map(look, remaining)
        return
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(remaining, 4 * threads)):
            yield from pool.map(look, batch)


class _Patterns:
    """Counts the bit patterns of a float type of 8 or 16 bits."""

    def __init__(self, dtype: str) -> None:
        self._dtype = look_up(dtype).numpy
        self._pattern = np.dtype(f"u{self._dtype.itemsize}")
        self._counts = np.zeros(1 << (8 * self._dtype.itemsize), np.int64)

    def look(self, block: Array) -> None:
        bits = block.view(self._pattern).astype(np.intp)
        self._counts += np.bincount(bits, minlength=self._counts.size)

    def finish(self) -> Statistics:
        patterns = np.arange(self._counts.size).astype(self._pattern)
        with np.errstate(invalid="ignore"):  # a signaling NaN
            values = patterns.view(self._dtype).astype(np.float64)
        order = np.argsort(values, kind="stable")  # NaN comes last
        counts, values = self._counts[order], values[order]
        total = int(counts.sum())
        nan = int(counts[np.isnan(values)].sum())
        infinite = int(counts[np.isinf(values)].sum())
        finite = np.isfinite(values)
        counts, values = counts[finite], values[finite]
        negative_zero, zero = np.flatnonzero(values == 0)  # in one bin, as they are one value
        counts[zero] += counts[negative_zero]
        counts, values = np.delete(counts, negative_zero), np.delete(values, negative_zero)
        moments = _merge((0, 0.0, 0.0, 0.0, 0.0), _moments_of(values, counts))
        zeros = int(counts[values == 0].sum())
        if not moments[0]:
            return _summarize(total, moments, (math.nan, math.nan), zeros, nan, infinite, None)
        first, last = np.flatnonzero(counts)[[0, -1]]
        limits = float(values[first]), float(values[last])
        middles = (values[1:] + values[:-1]) / 2
        ends = 2 * values[[0, -1]] - middles[[0, -1]]
        edges = np.concatenate((ends[:1], middles, ends[1:]))
        distribution = Distribution(edges[first : last + 2], counts[first : last + 1])
        return _summarize(total, moments, limits, zeros, nan, infinite, distribution)


class _Moments:
    """Adds up moments, and counts the upper halves of float32 patterns for floats."""

    def __init__(self, dtype: str) -> None:
        self._counts = np.zeros(_PATTERNS, np.int64) if look_up(dtype).kind == "f" else None
        self._moments = (0, 0.0, 0.0, 0.0, 0.0)
        self._total = self._zeros = self._nan = self._infinite = 0
        self._min, self._max = math.inf, -math.inf

    def look(self, block: Array) -> Any:
        with np.errstate(invalid="ignore"):  # a signaling NaN
            values = block.astype(np.float64)
        nan = infinite = 0
        finite = np.isfinite(values)
        if not finite.all():
            nan = int(np.isnan(values).sum())
            infinite = int(np.isinf(values).sum())
            values, block = values[finite], block[finite]
        limits = math.inf, -math.inf
        if values.size:
            limits = float(values.min()), float(values.max())
        zeros = values.size - int(np.count_nonzero(values))
        counts = None
        if self._counts is not None:
            with np.errstate(over="ignore", under="ignore"):
                bits = block.astype(np.float32, copy=False).view(np.uint32)
            counts = np.bincount((bits >> 16).astype(np.intp), minlength=_PATTERNS)
        return finite.size, nan, infinite, limits, zeros, counts, _moments_of(values)

    def add(self, part: Any) -> None:
        total, nan, infinite, (low, high), zeros, counts, moments = part
        self._total += total
        self._nan += nan
        self._infinite += infinite
        self._zeros += zeros
        self._min, self._max = min(self._min, low), max(self._max, high)
        self._moments = _merge(self._moments, moments)
        if self._counts is not None:
            self._counts += counts

    def finish(self) -> Statistics:
        limits = (self._min, self._max) if self._moments[0] else (math.nan, math.nan)
        numbers = self._zeros, self._nan, self._infinite
        return _summarize(self._total, self._moments, limits, *numbers, self._distribute())

    def _distribute(self) -> Distribution | None:
        if self._counts is None or not self._moments[0]:
            return None
        edges, order = _bins()
        counts = self._counts[order]
        if int(counts.sum()) != self._moments[0]:
            return None  # a float64 beyond the range of float32
        first, last = np.flatnonzero(counts)[[0, -1]]
        edges = edges[first : last + 2].copy()
        # The outermost bins end at the extreme values.
        edges[0], edges[-1] = max(edges[0], self._min), min(edges[-1], self._max)
        return Distribution(edges, counts[first : last + 1])


@cache
def _bins() -> tuple[Floats, NDArray[np.intp]]:
    """Return the edges of the bins of finite float32 values, and the order of their patterns."""
    upper = np.arange(0x7F80, dtype=np.uint32) << 16
    starts = upper.view(np.float32).astype(np.float64)
    stops = np.append(starts[1:], 2.0**128)
    edges = np.concatenate((-stops[::-1], starts, stops[-1:]))
    negative = np.arange(0x8000 + 0x7F7F, 0x8000 - 1, -1)
    return edges, np.concatenate((negative, np.arange(0x7F80))).astype(np.intp)


_Sums: TypeAlias = "tuple[int, float, float, float, float]"


def _moments_of(values: Floats, counts: NDArray[np.int64] | None = None) -> _Sums:
    """Return the count, the mean, and the sums of the 2nd to 4th powers of the deviations."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if counts is not None:
            n = int(counts.sum())
            if n == 0:
                return 0, 0.0, 0.0, 0.0, 0.0
            mean = float((values * counts).sum() / n)
            off = values - mean
            powers = (float((off**k * counts).sum()) for k in (2, 3, 4))
            return (n, mean, *powers)  # type: ignore[return-value]
        n = values.size
        if n == 0:
            return 0, 0.0, 0.0, 0.0, 0.0
        mean = float(values.mean())
        off = values - mean
        squares = off * off
        second = float(squares.sum())
        off *= squares
        squares *= squares
        return n, mean, second, float(off.sum()), float(squares.sum())


def _merge(a: _Sums, b: _Sums) -> _Sums:
    """Return the sums of two parts together: Pébay (2008), equations 2.1 to 2.4."""
    n = a[0] + b[0]
    if not a[0] or not b[0]:
        return a if a[0] else b
    p, q = a[0], b[0]
    delta = b[1] - a[1]
    step = delta / n
    second = a[2] + b[2] + delta * step * p * q
    third = a[3] + b[3] + delta * step * step * p * q * (p - q) + 3 * step * (p * b[2] - q * a[2])
    fourth = a[4] + b[4] + delta * step * step * step * p * q * (p * p - p * q + q * q)
    fourth += 6 * step * step * (p * p * b[2] + q * q * a[2]) + 4 * step * (p * b[3] - q * a[3])
    return n, a[1] + step * q, second, third, fourth


def _summarize(
    total: int,
    moments: _Sums,
    limits: tuple[float, float],
    zeros: int,
    nan: int,
    infinite: int,
    distribution: Distribution | None,
) -> Statistics:
    n, mean, second, _, fourth = moments
    low, high = limits
    constant = low == high
    if constant:
        mean, second = low, 0.0
    std = math.sqrt(second / n) if n else math.nan
    kurtosis = math.nan
    if n and not constant and 0 < second < math.inf and fourth < math.inf:
        kurtosis = n * fourth / (second * second) - 3.0
    return Statistics(
        count=total,
        mean=mean if n else math.nan,
        std=std,
        min=low,
        max=high,
        excess_kurtosis=kurtosis,
        zeros=zeros / total if total else math.nan,
        nan=nan,
        infinite=infinite,
        distribution=distribution,
    )
