"""Goodness of fit of every sampler at 10⁹ samples, and independence of pairs, by chi-squared.

A cell is a range of values with the same leading bits, or several such ranges. Its probability is
that of all numbers that round into it, from the distribution function. Pairs are counted in a grid
of 64 × 64 cells of equal probability. Every seed is fixed. The battery fails if any p-value is
below `ALPHA` divided by the number of tests.

    python tools/battery.py            writes the table in docs/reliability.md; minutes
    python tools/battery.py --short    1/64 of the samples, in seconds; the page stays
    python tools/battery.py --seed 1   the large tensors with other seeds; the page stays
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

import ml_dtypes  # noqa: F401  (gives NumPy the name bfloat16)
import numpy as np
from numpy.typing import NDArray
from scipy import special, stats  # type: ignore[import-untyped]

from _page import write_table
from initializers import Orthogonal, RandomNormal, RandomUniform, TruncatedNormal, fold_in

ALPHA = 1e-6
CELLS = 4096
PIECE = 2**24
GRID = 64

Floats: TypeAlias = NDArray[np.float64]
Array: TypeAlias = NDArray[Any]


def normal_cdf(x: Floats, mean: float, stddev: float) -> Floats:
    """Return Φ((x − mean)/stddev)."""
    return np.asarray(special.ndtr((x - mean) / stddev))


def truncated_cdf(x: Floats, mean: float, stddev: float, lower: float, upper: float) -> Floats:
    """Return the distribution function between mean + lower·stddev and mean + upper·stddev."""
    a, b = special.ndtr([lower, upper])
    z = np.clip((x - mean) / stddev, lower, upper)
    return np.asarray((special.ndtr(z) - a) / (b - a))


def uniform_cdf(x: Floats, lower: float, upper: float) -> Floats:
    """Return the distribution function between lower and upper."""
    return np.clip((x - lower) / (upper - lower), 0.0, 1.0)


class Law(NamedTuple):
    """An initializer and the distribution function of its values."""

    name: str
    make: Callable[..., Callable[..., Any]]
    cdf: Callable[[Floats], Floats]
    # Values that round to the end or above it become the largest value below it.
    end: float = np.inf


LAWS = [
    Law(
        "uniform on [−0.3, 0.7)",
        partial(RandomUniform, -0.3, 0.7),
        partial(uniform_cdf, lower=-0.3, upper=0.7),
        end=0.7,
    ),
    Law(
        "normal(0.1, 0.5)",
        partial(RandomNormal, 0.1, 0.5),
        partial(normal_cdf, mean=0.1, stddev=0.5),
    ),
    Law(
        "truncated normal(0.1, 0.5), 2 standard deviations",
        partial(TruncatedNormal, 0.1, 0.5),
        partial(truncated_cdf, mean=0.1, stddev=0.5, lower=-2.0, upper=2.0),
    ),
    Law(
        "truncated normal(0.1, 0.5), −1 to 3 standard deviations",
        partial(TruncatedNormal, 0.1, 0.5, bounds=(-1.0, 3.0)),
        partial(truncated_cdf, mean=0.1, stddev=0.5, lower=-1.0, upper=3.0),
    ),
]
# dtype → leading bits of a value that select its cell.
DTYPES = {"float32": 20, "float64": 20, "bfloat16": 16, "float16": 16}
DTYPES |= {"float8_e4m3fn": 8, "float8_e5m2": 8}
# For an entry x of a Haar-distributed n × n matrix, (1 + x)/2 is Beta((n − 1)/2, (n − 1)/2).
SIDE = 8
ENTRY = Law(
    f"an entry of orthogonal matrices of {SIDE} × {SIDE}",
    Orthogonal,
    lambda x: np.asarray(special.betainc((SIDE - 1) / 2, (SIDE - 1) / 2, np.clip(x + 1, 0, 2) / 2)),
)


def leading_bits(values: Array, kept: int) -> NDArray[np.int64]:
    """Return the leading bits of values as integers."""
    size = values.dtype.itemsize
    bits = values.view(f"u{size}")
    return (bits >> (8 * size - kept)).astype(np.int64)


def count(pieces: Iterator[Array], kept: int) -> NDArray[np.int64]:
    """Return how many values have each combination of leading bits."""
    counts = np.zeros(2**kept, np.int64)
    for values in pieces:
        counts += np.bincount(leading_bits(values, kept), minlength=2**kept)
    return counts


def fit(counts: NDArray[np.int64], dtype: str, law: Law) -> float:
    """Return the p-value of counts by leading bits under a law."""
    size, kept = np.dtype(dtype).itemsize, DTYPES[dtype]
    dropped = 8 * size - kept
    half = 2 ** (kept - 1)
    # Cells in ascending order of value: the negative ones reversed, then the others, without
    # infinities and NaNs.
    first = (np.arange(half, dtype=np.uint64) << np.uint64(dropped)).astype(f"u{size}")
    with np.errstate(invalid="ignore"):
        lowest = first.view(dtype).astype(np.float64)
        last = (first | np.array(2**dropped - 1, f"u{size}")).view(dtype).astype(np.float64)
    finite = np.isfinite(lowest) & np.isfinite(last)
    lowest, last = lowest[finite], last[finite]
    n = lowest.size
    assert counts[n:half].sum() + counts[half + n :].sum() == 0
    # The border between two cells is halfway.
    edges = last[:-1] / 2 + lowest[1:] / 2
    boundaries = np.concatenate([-edges[::-1], [0.0], edges])
    ordered = np.concatenate([counts[half : half + n][::-1], counts[:n]])
    with np.errstate(over="ignore"):
        under = law.cdf(boundaries)
    end = np.array(law.end).astype(dtype).astype(np.float64)
    under[n:][lowest[1:] >= end] = 1.0
    below = np.concatenate([[0.0], under, [1.0]])
    # Neighboring cells are merged until each group has its share of the probability.
    group = np.minimum((below[:-1] * CELLS).astype(np.int64), CELLS - 1)
    observed = np.bincount(group, ordered, CELLS)
    probability = np.bincount(group, np.diff(below), CELLS)
    total = counts.sum()
    enough = probability * total >= 10
    if observed[~enough].sum() > 100:
        return 0.0  # values where almost none are expected
    observed, expected = observed[enough], probability[enough]
    expected *= observed.sum() / expected.sum()
    return float(stats.chisquare(observed, expected).pvalue)


def pieces_of(law: Law, dtype: str, seed: int, samples: int) -> Iterator[Array]:
    """Yield the values of a tensor, block by block."""
    initializer = law.make(seed=seed)
    for start in range(0, samples, PIECE):
        yield initializer((samples,), dtype, index=(slice(start, min(samples, start + PIECE)),))


def pair_tensors(law: Law, seeds: list[int], samples: int) -> float:
    """Return the p-value of pairs at equal indices of tensors with neighboring seeds."""
    table = np.zeros(GRID * GRID, np.int64)
    each = samples // (len(seeds) - 1)
    before = None
    for seed in seeds:
        values = law.make(seed=seed)((each,), "float32").astype(np.float64)
        cell = np.minimum((law.cdf(values) * GRID).astype(np.int64), GRID - 1)
        if before is not None:
            table += np.bincount(before * GRID + cell, minlength=GRID * GRID)
        before = cell
    return float(stats.chisquare(table).pvalue)


def pair_elements(law: Law, seed: int, samples: int, distance: int) -> float:
    """Return the p-value of pairs of elements of one tensor at this distance."""
    table = np.zeros(GRID * GRID, np.int64)
    for values in pieces_of(law, "float32", seed, samples):
        cell = np.minimum((law.cdf(values.astype(np.float64)) * GRID).astype(np.int64), GRID - 1)
        block = cell[: cell.size // (2 * distance) * (2 * distance)].reshape(-1, 2, distance)
        table += np.bincount((block[:, 0] * GRID + block[:, 1]).ravel(), minlength=GRID * GRID)
    return float(stats.chisquare(table).pvalue)


def entries(seeds: range) -> Iterator[Array]:
    """Yield one entry of each seed's matrix, a different entry each time."""
    for k in range(seeds.start, seeds.stop, 4096):
        some = range(k, min(k + 4096, seeds.stop))
        yield np.array(
            [ENTRY.make(seed=s)((SIDE, SIDE))[s % SIDE, s // SIDE % SIDE] for s in some], "float32"
        )


def test_large(samples: int, seed: int) -> Iterator[tuple[str, int, float]]:
    """Yield (dtype and law, number of values, p-value) for one large tensor each."""
    for i, law in enumerate(LAWS):
        for dtype, kept in DTYPES.items():
            n = samples if dtype == "float32" else samples // 8
            counts = count(pieces_of(law, dtype, seed + i, n), kept)
            yield f"{law.name}, {dtype}", n, fit(counts, dtype, law)


def test_many(samples: int) -> Iterator[tuple[str, int, float]]:
    """Yield (description, number of values, p-value) for many tensors and for pairs."""
    for i, law in enumerate(LAWS):
        # Many short tensors: neighboring seeds, and names that differ in a number.
        n, size = samples // 16, 4096
        seeds = range(n // size)
        pieces = (law.make(seed=seed)((size,), "float32") for seed in seeds)
        p = fit(count(pieces, 20), "float32", law)
        yield f"{law.name}, first 4096 values of seeds 0, 1, 2, …", n, p
        pieces = (law.make(seed=fold_in(7, f"layer.{k}"))((size,), "float32") for k in seeds)
        p = fit(count(pieces, 20), "float32", law)
        yield f"{law.name}, first 4096 values of names layer.0, layer.1, …", n, p
        n = samples // 64
        yield f"{law.name}, pairs of neighboring seeds", n, pair_tensors(law, list(range(17)), n)
        for distance in (1, 4, 16, 1024):
            yield (
                f"{law.name}, pairs {distance} apart",
                n // 2,
                pair_elements(law, 300 + i, n, distance),
            )
    n = max(samples // 1024, 2**17)
    yield f"{ENTRY.name} (float32)", n, fit(count(entries(range(n)), 20), "float32", ENTRY)


def main() -> int:
    """Run the battery."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--short", action="store_true", help="1/64 of the samples; the page stays")
    parser.add_argument("--seed", type=int, help="large tensors only, of other seeds")
    options = parser.parse_args()
    started = time.perf_counter()
    rows = []
    samples = 2**30 // 64 if options.short else 2**30
    seed, others = (100, test_many(samples)) if options.seed is None else (10**6 + options.seed, [])
    for row in chain(test_large(samples, seed), others):
        rows.append(row)
        print(f"{row[2]:.4f}  {row[1]:>13,}  {row[0]}", flush=True)
    limit = ALPHA / len(rows)
    failed = [name for name, _, p in rows if not p >= limit]
    smallest = min(p for *_, p in rows)
    print(f"{len(rows)} tests, smallest p {smallest:.2g}, limit {limit:.2g}: {failed or 'passed'}")
    print(f"{time.perf_counter() - started:.0f} s")
    if not options.short and options.seed is None:
        lines = ["| what | values | p |", "|---|---:|---:|"]
        lines += [f"| {name} | {n:,} | {p:.3f} |" for name, n, p in rows]
        write_table("reliability.md", "battery", lines)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
