"""Orthogonal matrices and kernels against the reference, bit for bit, at sizes NumPy can do."""

from __future__ import annotations

import fractions
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import initializers
import reference
import reference_matrices as page
from initializers import _core
from reference import DTYPES

pytestmark = pytest.mark.slow

# Around panels of 64 and strips of 32, 16 and 8 columns; these seeds give x₁ = 0 for 1×1.
SHAPES = [(1, 1), (2, 1), (1, 3), (2, 2), (3, 5), (17, 9), (40, 33), (64, 64), (65, 65), (66, 130)]


def same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    same_kind = left.dtype == right.dtype and left.shape == right.shape
    return same_kind and left.tobytes() == np.ascontiguousarray(right).tobytes()


@pytest.mark.parametrize("compute", [np.float32, np.float64])
def test_emulated_fma_is_rounded_once(compute: Any) -> None:
    generator = np.random.default_rng(1)
    a, b = generator.standard_normal((2, 2000)).astype(compute)
    ulps = np.ldexp(generator.standard_normal(2000), generator.integers(-80, 2, 2000))
    c = (-(a * b) * (1 + np.round(ulps, 9))).astype(compute)
    got = page.fma_of(compute)(a, b, c)
    for x, y, z, result in zip(a, b, c, got, strict=True):
        exact = fractions.Fraction(float(x)) * fractions.Fraction(float(y)) + fractions.Fraction(
            float(z)
        )
        error = abs(fractions.Fraction(float(result)) - exact)
        for neighbor in (np.nextafter(result, compute(9)), np.nextafter(result, compute(-9))):
            other = abs(fractions.Fraction(float(neighbor)) - exact)
            even = result.tobytes()[0] & 1 == 0
            assert error < other or (error == other and even)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_orthogonal_equals_the_reference(dtype: str, shape: tuple[int, ...]) -> None:
    for seed, gain in [(sum(shape), 1.0), (-5, 1.7)]:
        got = initializers.Orthogonal(gain, seed=seed)(shape, dtype)
        assert same(got, page.orthogonal(dtype, seed, 0, shape, gain)), (seed, gain)


@pytest.mark.parametrize("level", _core.available_simd())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.usefixtures("settings_restored")
def test_orthogonal_is_equal_at_every_vector_width(dtype: str, level: str) -> None:
    _core.set_simd(level)
    for shape in [(7, 5), (70, 67), (9, 80)]:
        got = initializers.Orthogonal(seed=4)(shape, dtype)
        assert same(got, page.orthogonal(dtype, 4, 0, shape, 1.0)), shape


def test_streams_axes_and_ranks_equal_the_reference() -> None:
    generator = initializers.SeedGenerator(9)
    drawn = initializers.Orthogonal(seed=generator)
    for stream in range(3):
        assert same(drawn((5, 4)), page.orthogonal("float32", 9, stream, (5, 4), 1.0))
    for axis in range(-3, 3):
        got = initializers.Orthogonal(seed=3, axis=axis)((2, 5, 4), "float64")
        assert same(got, page.orthogonal("float64", 3, 0, (2, 5, 4), 1.0, axis)), axis


@pytest.mark.parametrize("seed", [21851112, 36069824, 50423410])
def test_a_first_element_of_zero_equals_the_reference(seed: int) -> None:
    assert reference.standard_normal("float32", seed, 0, 0, 1)[0] == 0
    assert initializers.Orthogonal(seed=seed)((1, 1)).tolist() == [[1.0]]
    for shape in [(1, 4), (6, 1), (3, 3)]:
        got = initializers.Orthogonal(seed=seed)(shape)
        assert same(got, page.orthogonal("float32", seed, 0, shape, 1.0))
        assert np.isfinite(got).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_columns_equal_the_reference(dtype: str) -> None:
    """Sums of more than one block of 1024 squares."""
    for m in (1024, 1025, 1026, 2500):
        got = initializers.Orthogonal(seed=m)((m, 1), dtype)
        assert same(got, page.orthogonal(dtype, m, 0, (m, 1), 1.0)), m


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_orthogonalize_equals_the_reference(dtype: str, shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(shape)
    matrix = generator.standard_normal(shape).astype(dtype)
    assert same(initializers.orthogonalize(matrix), page.orthogonalize(matrix))
    scaled = np.ldexp(matrix, generator.integers(-90, 90, shape[1]))
    assert same(initializers.orthogonalize(scaled), page.orthogonalize(scaled))
    dependent = np.ones(shape, dtype)
    dependent[:, ::3] = 0
    assert same(initializers.orthogonalize(dependent), page.orthogonalize(dependent))


@pytest.mark.parametrize("compute", [np.float32, np.float64])
def test_orthogonal_is_close_to_the_product_of_its_reflectors(compute: Any) -> None:
    """NumPy multiplies the same reflectors one by one in f64; the results agree within rounding."""
    q = initializers.Orthogonal(seed=8)((300, 200), compute)
    name, expected = np.dtype(compute).name, np.eye(300, 200)
    for k in reversed(range(200)):
        x = reference.standard_normal(name, 8, 0, k * 320, 300 - k).astype(np.float64)
        sign = -1 if x[0] < 0 else 1
        v = x + sign * np.linalg.norm(x) * np.eye(1, 300 - k)[0]
        expected[k:] -= np.outer(2 / (v @ v) * v, v @ expected[k:])
        expected[:, k] *= -sign
    np.testing.assert_allclose(q, expected, rtol=0, atol=1e-6 if compute is np.float32 else 1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_convolution_kernels_equal_the_reference(dtype: str) -> None:
    for shape in [(3, 2, 4), (2, 3, 3), (4, 3, 3, 5), (3, 2, 1, 2, 2)]:
        got = initializers.DeltaOrthogonal(1.5, seed=2)(shape, dtype)
        assert same(got, page.delta_orthogonal(dtype, 2, shape, 1.5)), shape
    classes = {
        1: initializers.ConvolutionOrthogonal1D,
        2: initializers.ConvolutionOrthogonal2D,
        3: initializers.ConvolutionOrthogonal3D,
    }
    for dimensions, cls in classes.items():
        for size, i, o in [(1, 2, 3), (2, 3, 3), (3, 2, 4)]:
            shape = (size,) * dimensions + (i, o)
            got = cls(0.5, seed=6)(shape, dtype)
            assert same(got, page.convolution_orthogonal(dtype, 6, shape, 0.5)), shape


@pytest.mark.parametrize("dtype", DTYPES)
def test_sparse_equals_the_reference(dtype: str) -> None:
    for shape, sparsity in [((10, 7), 0.7), ((33, 2), 0.1), ((5, 5), 1.0), ((4, 9), 0.0)]:
        where = (dtype, -3, 0, 0, shape[0] * shape[1])
        normal = reference.normal(*where, 0.0, 0.5).reshape(shape)
        got = initializers.Sparse(sparsity, 0.5, seed=-3)(shape, dtype)
        assert same(got, page.sparse(dtype, -3, shape, sparsity, normal))


def test_dirac_equals_the_reference() -> None:
    for shape, groups in [((3, 2, 2), 1), ((4, 5, 2, 6), 3), ((1, 2, 3, 3, 8), 4), ((2, 0, 3), 3)]:
        assert same(initializers.Dirac(groups)(shape, "int8"), page.dirac(shape, groups)), shape


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_largest_gain_fills_and_the_next_is_refused(dtype: str, sign: float) -> None:
    """The largest gain that the page accepts fills; the next number is refused."""

    def is_accepted(gain: float) -> bool:
        try:
            page.orthogonal(dtype, 1, 0, (1, 1), sign * gain)
        except ValueError:
            return False
        return True

    compute = DTYPES[dtype].compute
    pattern = np.uint32 if compute is np.float32 else np.uint64
    low, high = 0, int(np.array([np.inf], compute).view(pattern)[0])
    while high - low > 1:
        middle = (low + high) // 2
        value = float(np.array([middle], pattern).view(compute)[0])
        low, high = (middle, high) if is_accepted(value) else (low, middle)
    last, first = (float(x) for x in np.array([low, high], pattern).view(compute))
    got = initializers.Orthogonal(sign * last, seed=1)((3, 2), dtype)
    assert same(got, page.orthogonal(dtype, 1, 0, (3, 2), sign * last))
    assert np.isfinite(got.astype(float)).all()
    with pytest.raises(ValueError, match="`gain` must give values that are finite"):
        initializers.Orthogonal(sign * first, seed=1)((3, 2), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gain", [0.0, -0.0])
def test_zeros_are_positive(dtype: str, gain: float) -> None:
    """Zeros are positive for elements of all signs, in both layouts of a matrix."""
    for shape in [(40, 33), (33, 40), (130, 70), (70, 130)]:
        got = initializers.Orthogonal(gain, seed=1)(shape, dtype)
        assert not got.view(np.uint8).any(), shape
    for cls in (initializers.ConvolutionOrthogonal1D, initializers.DeltaOrthogonal):
        assert not cls(gain, seed=1)((3, 4, 5), dtype).view(np.uint8).any()


def test_zeros_of_orthogonal_factors_are_positive() -> None:
    for matrix in (np.diag([-1.0, 2.0, -3.0]), -np.eye(4, 3), np.zeros((3, 3)), -np.eye(3, 5)):
        for compute in (np.float32, np.float64):
            got = initializers.orthogonalize(matrix.astype(compute))
            assert not np.signbit(got[got == 0]).any()


@pytest.mark.parametrize("rows", [2**20 + 1, 2**20 + 2, 2**20 + 70_001, 3 * 2**20 + 5])
def test_sums_of_two_levels_of_blocks(rows: int) -> None:
    """A sum of squares of more than 2^20 terms has a second level of blocks (section 8)."""
    x = np.ascontiguousarray(initializers.RandomNormal(stddev=1.0, seed=rows)((rows,), "float64"))
    got = initializers.orthogonalize(x[:, None])[:, 0]
    x = x * 2.0 ** (1 - np.frexp(np.abs(x).max())[1])
    first = x[0]
    squares = sum_of_squares(x)
    leading = first + np.copysign(np.sqrt(squares + first * first), first)
    scale = 2 / (squares + leading * leading)
    # −d·(e₁ − τ·v₁·v), with each product and sum rounded as on the page.
    factor = -(scale * leading)
    fma = page.fma_of(np.float64)
    x[0] = leading
    column = fma(x, np.full(rows, factor), np.eye(1, rows)[0])
    assert same(got, -np.copysign(1.0, first) * column + 0.0)


def sum_of_squares(x: NDArray[Any]) -> float:
    """S of section 8 for the elements after the first, with all first-level blocks at once."""
    fma = page.fma_of(np.float64)

    def add_up(terms: NDArray[Any], add: Any) -> NDArray[Any]:
        blocks = -(-len(terms) // 1024)
        padded = np.zeros(blocks * 1024)
        padded[: len(terms)] = terms  # a zero changes no sum
        lanes = np.zeros((blocks, 16))
        for part in padded.reshape(blocks, 64, 16).swapaxes(0, 1):
            lanes = add(part, lanes)
        for half in (8, 4, 2, 1):
            lanes = lanes[:, :half] + lanes[:, half:]
        return lanes[:, 0]

    sums = add_up(x[1:], lambda part, lanes: fma(part, part, lanes))
    while len(sums) > 1:
        sums = add_up(sums, lambda part, lanes: part + lanes)
    return float(sums[0])


def test_ties_of_sparse_rows_zero_the_first() -> None:
    """If the share of zeros ends between two rows with one word, only the first row is zeroed."""
    rows, zeros, first, second = 2**14, 1330, 4911, 7849
    drawn = np.empty(rows, np.uint32)
    _core.fill_words(drawn, initializers.fold_in(99, "initializers", "mask", 0), 0, 0)
    assert drawn[first] == drawn[second] == np.sort(drawn)[zeros - 1] == np.sort(drawn)[zeros]
    make = initializers.Sparse(zeros / rows, 1.0, seed=99)
    got = make((rows, 1))
    assert (got == 0).sum() == zeros
    assert got[first] == 0
    assert got[second] != 0
    normal = initializers.RandomNormal(stddev=1.0, seed=99)((rows, 1))
    assert same(got, page.sparse("float32", 99, (rows, 1), zeros / rows, normal))
    block = make((rows, 1), index=(slice(first, second + 1), slice(None)))
    assert same(block, got[first : second + 1])
