"""Elements, seeds, streams and names are independent of each other (fixed seeds).

The p-values and ALPHA are those of test_distribution.py. Correlations are Pearson's: for n
independent pairs they are normal with standard error 1/√n, whatever the law. A family of
correlations counts as one test (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]
from test_distribution import (
    ALPHA,
    COARSE,
    DTYPES,
    FAR,
    FINE,
    SAMPLERS,
    SEED,
    STANDARD,
    UNIT,
    Floats,
    Law,
    draw_floats,
    every_law,
    family_p,
)

from initializers import SeedGenerator, fold_in

pytestmark = pytest.mark.slow

# All lags up to two groups of normal values (elements j and j + 32 are the cosine and the sine of
# one angle and radius), and powers of two up to the 2 MiB that one thread fills at a time.
LAGS = [*range(1, 65), *(2**k for k in range(7, 20))]
# Dtype → random bits of a uniform value, elements made from one ChaCha block.
WORDS = {"float32": (24, 16), "float64": (53, 8)}

# Families of seeds: those that users choose, and those that differ in one bit.
SEEDS = {
    "neighbors and negatives": [*range(-64, 64)],
    "one bit": [0, *(2**k for k in range(127)), -(2**127)],
    "names": [fold_in(SEED, f"layers.{i}.weight") for i in range(128)],
    "draws of a name": [fold_in(SEED, "weight", k) for k in range(1, 129)],
    "a name under neighbors": [fold_in(seed, "weight") for seed in range(-64, 64)],
}


def draw_rows(law: Law, dtype: str, family: str, size: int) -> Floats:
    """Draw one row per seed of the family, or per stream of one seed and of the next."""
    seeds: list[Any] = SEEDS.get(family, [])
    if family == "streams":
        generators = SeedGenerator(SEED), SeedGenerator(SEED + 1)
        seeds = [generator for generator in generators for _ in range(64)]
    return np.stack([law.draw(dtype, seed, size) for seed in seeds]).astype(np.float64)


every_sampler = pytest.mark.parametrize("law", SAMPLERS, ids=lambda law: str(law.name))
every_family = pytest.mark.parametrize("family", [*SEEDS, "streams"])


def standardize(x: Floats) -> Floats:
    centered: Floats = x - x.mean(axis=-1, keepdims=True)
    scaled: Floats = centered / centered.std(axis=-1, keepdims=True)
    return scaled


def make_views(x: Floats, law: Law) -> list[Floats]:
    """Return what must be uncorrelated: values, their ranks, and the squares of the ranks.

    The squares are taken about the middle, so that they show a dependence of magnitudes. Squares of
    the values would not do: with a long tail their correlations are not normal.
    """
    ranks = law.cdf(x) - 0.5
    # float8 has only two values between 8 and 9, whose squares are equal.
    return [standardize(view) for view in (x, ranks, ranks**2) if np.ptp(view) > 0.0]


def lags_p(x: Floats, law: Law = STANDARD) -> float:
    """Test the correlations of elements of one tensor with later ones."""
    scores = [
        z[:-lag] @ z[lag:] / np.sqrt(z.size - lag) for z in make_views(x, law) for lag in LAGS
    ]
    return family_p(scores)


def pairs_p(x: Floats, lag: int, bins: int = 16) -> float:
    """Test with a table of pairs that elements at this distance are fully independent."""
    edges = np.quantile(x, np.arange(1, bins) / bins)
    codes = np.searchsorted(edges, x[: x.size - x.size % (2 * lag)], side="right")
    first, second = codes.reshape(-1, 2, lag).swapaxes(0, 1)
    table = np.bincount((bins * first + second).ravel(), minlength=bins**2).reshape(bins, bins)
    return float(stats.chi2_contingency(table).pvalue)


def rows_p(rows: Floats, law: Law = STANDARD) -> float:
    """Test the correlations of all pairs of rows, also with one row shifted.

    A shift by 16 or 32 is one ChaCha block, by 64 one group of normal values.
    """
    scores = []
    for z in make_views(rows, law)[1:]:
        scores.append((z @ z.T)[np.triu_indices(len(z), 1)] / np.sqrt(z.shape[1]))
        for shift in (1, 16, 32, 64):
            product = z[:, :-shift] @ z[:, shift:].T
            scores.append(product.ravel() / np.sqrt(z.shape[1] - shift))
    return family_p(np.concatenate(scores))


def make_bits(x: Floats, number: int) -> NDArray[np.float32]:
    """Return the leading bits of uniform values, as ±1."""
    words = (x * 2.0**number).astype(np.int64)
    bits = words[..., None] >> np.arange(number) & 1
    return (2 * bits - 1).astype(np.float32)


def bits_p(x: Floats, dtype: str) -> float:
    """Test that bits are 0 as often as 1, and independent of all nearby bits.

    Nearby: the other bits of the word, and all bits of the next word and of the next two blocks.
    """
    number, block = WORDS[dtype]
    bits = make_bits(x, number)
    # The sums are integers below 2**24, so float32 is exact.
    scores = [bits.sum(axis=0), (bits.T @ bits)[np.triu_indices(number, 1)]]
    lags = [1, block, 2 * block]
    scores += [(bits[:-lag].T @ bits[lag:]).ravel() for lag in lags]
    return family_p(np.concatenate(scores) / np.sqrt(len(bits)))


def shared_words(rows: Floats) -> int:
    """Return how many values occur more than once."""
    return rows.size - np.unique(rows).size


@every_law
@pytest.mark.parametrize("dtype", DTYPES)
def test_elements_of_a_tensor_are_uncorrelated(law: Law, dtype: str) -> None:
    x = draw_floats(law, dtype, "lags")
    if np.ptp(x) == 0.0:
        assert (law, dtype) == (FAR, "float8_e5m2")  # 8 is its only value in [8, 9]
    else:
        assert lags_p(x, law) > ALPHA


@every_sampler
@pytest.mark.parametrize("dtype", FINE)
@pytest.mark.parametrize("lag", [1, 2, 16, 32, 64])
def test_pairs_of_elements_are_independent(law: Law, dtype: str, lag: int) -> None:
    assert pairs_p(draw_floats(law, dtype, "pairs"), lag) > ALPHA


@every_family
@every_sampler
@pytest.mark.parametrize("dtype", FINE)
def test_tensors_of_a_family_of_seeds_are_uncorrelated(law: Law, dtype: str, family: str) -> None:
    assert rows_p(draw_rows(law, dtype, family, 2**13), law) > ALPHA


@every_family
@pytest.mark.parametrize("dtype", COARSE)
def test_families_are_uncorrelated_in_low_precision(dtype: str, family: str) -> None:
    assert rows_p(draw_rows(STANDARD, dtype, family, 2**13)) > ALPHA


@pytest.mark.parametrize("dtype", WORDS)
def test_bits_of_a_tensor_are_independent(dtype: str) -> None:
    assert bits_p(draw_floats(UNIT, dtype, "bits", size=2**18), dtype) > ALPHA


@every_family
@pytest.mark.parametrize("dtype", WORDS)
def test_bits_of_a_family_of_seeds_are_independent(dtype: str, family: str) -> None:
    bits = make_bits(draw_rows(UNIT, dtype, family, 2**10), WORDS[dtype][0])
    rows = bits.reshape(len(bits), -1)
    scores = (rows @ rows.T)[np.triu_indices(len(rows), 1)] / np.sqrt(rows.shape[1])
    assert family_p(scores) > ALPHA


@every_family
def test_no_word_is_used_twice(family: str) -> None:
    # 2**17 numbers of 53 bits: any two are equal with probability 2**-20.
    assert shared_words(draw_rows(UNIT, "float64", family, 2**10)) == 0


def test_no_word_is_used_twice_in_a_tensor() -> None:
    assert shared_words(draw_floats(UNIT, "float64", size=2**17)) == 0


def mix_pairs(z: Floats) -> Floats:
    """Give one in fifty sines the magnitude of its cosine; keep the sign."""
    groups: Floats = z[: z.size - z.size % 64].reshape(-1, 2, 32).copy()
    chosen = np.arange(32) % 50 == np.arange(len(groups))[:, None] % 50
    groups[:, 1][chosen] = np.copysign(groups[:, 0], groups[:, 1])[chosen]
    return groups.reshape(-1)


# Dependence → helper that must detect it, the function that creates it.
DEPENDENCES: dict[str, tuple[Callable[[Floats], float], Callable[[Floats], Floats]]] = {
    "lags: next": (lags_p, lambda z: z + 0.01 * np.roll(z, 1)),
    "lags: magnitude of the pair": (lags_p, mix_pairs),
    "pairs: magnitude of the pair": (lambda z: pairs_p(z, 32), mix_pairs),
    "pairs: next": (lambda z: pairs_p(z, 1), lambda z: z + 0.03 * np.roll(z, 1)),
}


@pytest.mark.parametrize("dependence", DEPENDENCES)
def test_dependence_of_elements_is_detected(dependence: str) -> None:
    p_value, distort = DEPENDENCES[dependence]
    z = draw_floats(STANDARD, "float64", "power")
    assert p_value(distort(z)) < ALPHA < p_value(z)


@pytest.mark.parametrize("shift", [0, 1, 16, 64])
def test_dependence_of_tensors_is_detected(shift: int) -> None:
    rows = draw_rows(STANDARD, "float64", "streams", 2**13)
    assert rows_p(rows) > ALPHA
    rows[1] += 0.15 * np.roll(rows[0], shift)
    assert rows_p(rows) < ALPHA


@pytest.mark.parametrize("lag", [0, 1, 8])
def test_dependence_of_bits_is_detected(lag: int) -> None:
    """One in fifty lowest bits repeats the highest bit of another word."""
    x = draw_floats(UNIT, "float64", "power", size=2**18)
    assert bits_p(x, "float64") > ALPHA
    highest = np.roll(x, lag) >= 0.5
    words = (x * 2.0**53).astype(np.int64)
    words[::50] = words[::50] & ~1 | highest[::50]
    assert bits_p(np.ldexp(words.astype(np.float64), -53), "float64") < ALPHA


def test_shared_words_are_detected() -> None:
    """The stream starts one block later than another stream."""
    rows = draw_rows(UNIT, "float64", "streams", 2**10)
    rows[1, :-8] = rows[0, 8:]
    assert shared_words(rows) == 2**10 - 8
