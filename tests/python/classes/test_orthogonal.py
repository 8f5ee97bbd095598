"""Orthogonal matrices: orthonormality, Haar distribution, threads, memory, bad input."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

import initializers
from cases import FLOATS, as_float64, numpy_dtype, same_bits
from initializers import Orthogonal, SeedGenerator, _core, orthogonalize
from initializers._arguments.dtypes import look_up
from initializers._filling import plan_fill
from interpreter import run_code

EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52}
ALPHA = 1e-4
SHAPES = [
    *((n, n) for n in (1, 2, 3, 7, 31, 64, 65, 127, 257, 512)),
    *((1, 9), (9, 1), (2, 3), (3, 2), (5, 97), (97, 5), (1000, 64), (64, 1000), (130, 129)),
    *((4096, 3), (3, 5000), (9000, 65)),
]


def error_of(q: NDArray[Any]) -> float:
    """Return max |QᵀQ - 1| of the orthonormal side, accumulated in f64."""
    wide = as_float64(q.reshape(-1, q.shape[-1]))
    tall = wide.T if wide.shape[0] < wide.shape[1] else wide
    return float(np.abs(tall.T @ tall - np.eye(tall.shape[1])).max(initial=0.0))


def limit_of(shape: tuple[int, ...], dtype: str) -> float:
    longer = max(math.prod(shape[:-1]), shape[-1])
    return (12 + math.sqrt(longer) / 2) * EPSILON[dtype]


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_matrices_are_orthonormal(shape: tuple[int, int], dtype: str) -> None:
    for seed in (1, 2):
        q = Orthogonal(seed=seed)(shape, dtype)
        assert error_of(q) <= limit_of(shape, dtype)
        assert not np.signbit(q[q == 0]).any()
    factor = orthogonalize(np.random.default_rng(3).standard_normal(shape).astype(dtype))
    assert factor.dtype == dtype
    assert error_of(factor) <= limit_of(shape, dtype)


@pytest.mark.slow
def test_large_matrices_are_orthonormal() -> None:
    for shape, dtype in [((2048, 2048), "float32"), ((1024, 1024), "float64")]:
        assert error_of(Orthogonal(seed=5)(shape, dtype)) <= limit_of(shape, dtype)
    tall = (4_194_304, 2)
    q = Orthogonal(seed=5)(tall).astype(np.float64)
    assert np.abs(q.T @ q - np.eye(2)).max() <= limit_of(tall, "float32")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", EPSILON)
def test_many_small_matrices_are_orthonormal(dtype: str) -> None:
    out = np.empty((20_000, 3, 2), dtype)
    for seed in range(len(out)):
        Orthogonal(seed=seed)((3, 2), out=out[seed])
    gram = np.einsum("kij,kil->kjl", out, out, dtype=np.float64)
    assert np.abs(gram - np.eye(2)).max() <= limit_of((3, 2), dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(256, 1024), (64, 256), (3, 8, 16), (3, 3, 16, 32)], ids=str)
def test_low_precision_is_rounded_once(shape: tuple[int, ...], dtype: str) -> None:
    q = Orthogonal(1.5, seed=7)(shape, dtype)
    assert q.dtype == numpy_dtype(dtype)
    if dtype != "float64":
        assert same_bits(q, Orthogonal(1.5, seed=7)(shape).astype(q.dtype))


def test_higher_ranks_are_flattened_and_scaled_by_the_gain() -> None:
    q = Orthogonal(seed=3)((3, 4, 5))
    assert same_bits(q.reshape(12, 5), Orthogonal(seed=3)((12, 5)))
    assert same_bits(Orthogonal(4.0, seed=3)((3, 4, 5)), 4 * q)
    assert same_bits(Orthogonal(seed=3)((5, 12)), np.ascontiguousarray(q.reshape(12, 5).T))
    assert not Orthogonal(0.0, seed=3)((3, 4)).any()


@pytest.mark.parametrize("n", [2, 3, 8])
def test_square_matrices_are_haar_distributed(n: int) -> None:
    """First elements, eigenvalues and determinants agree with theory and with SciPy's matrices."""
    count = 6000
    q = np.array([Orthogonal(seed=seed)((n, n), "float64") for seed in range(count)])
    law = stats.beta(0.5, (n - 1) / 2)
    places = itertools.product(range(n), range(n))
    for i, j in itertools.islice(places, 0, None, max(n - 1, 1)):
        assert stats.kstest(q[:, i, j] ** 2, law.cdf).pvalue > ALPHA, (i, j)
        assert stats.binomtest(int((q[:, i, j] > 0).sum()), count).pvalue > ALPHA, (i, j)
    proper = np.linalg.det(q) > 0
    assert stats.binomtest(int(proper.sum()), count).pvalue > ALPHA
    if n == 2:
        # The angle of a rotation, and twice the angle of a reflection's axis.
        for ours in (q[proper], q[~proper]):
            angle = np.arctan2(ours[:, 1, 0], ours[:, 0, 0])
            assert stats.kstest(angle, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > ALPHA
    if n == 3:
        # The angle of a rotation has density (1 - cos) / π; minus a reflection is a rotation.
        traces = np.trace(q, axis1=1, axis2=2) * np.where(proper, 1, -1)
        angle = np.arccos(np.clip((traces - 1) / 2, -1, 1))
        assert stats.kstest(angle, lambda x: (x - np.sin(x)) / math.pi).pvalue > ALPHA
    other = stats.ortho_group.rvs(n, size=count, random_state=1)
    other_proper = np.linalg.det(other) > 0
    for ours, theirs in [(q[proper], other[other_proper]), (q[~proper], other[~other_proper])]:
        # Angles in the upper half plane; reflections of the plane have none.
        left, right = (
            angles[(angles > 1e-6) & (angles < math.pi - 1e-6)]
            for angles in (np.angle(np.linalg.eigvals(x)).ravel() for x in (ours, theirs))
        )
        if n > 2 or len(left):
            assert stats.ks_2samp(left, right).pvalue > ALPHA


def test_tall_and_wide_matrices_are_uniform() -> None:
    q = np.array([Orthogonal(seed=seed)((5, 2)) for seed in range(6000)]).astype(np.float64)
    for i, j in itertools.product(range(5), range(2)):
        assert stats.kstest(q[:, i, j] ** 2, stats.beta(0.5, 2).cdf).pvalue > ALPHA
    w = np.array([Orthogonal(seed=seed)((2, 5)) for seed in range(6000)])
    assert same_bits(w, np.ascontiguousarray(q.transpose(0, 2, 1)).astype(np.float32))


@pytest.mark.slow
@pytest.mark.usefixtures("settings_restored")
@pytest.mark.parametrize("dtype", EPSILON)
def test_threads_and_vector_widths_change_nothing(dtype: str) -> None:
    matrix = np.random.default_rng(3).standard_normal((400, 300)).astype(dtype)
    shapes = [(400, 300), (300, 333), (30_000, 5), (70, 2000)]

    def make() -> list[NDArray[Any]]:
        return [*(Orthogonal(seed=6)(shape, dtype) for shape in shapes), orthogonalize(matrix)]

    expected = make()
    for level, threads in itertools.product(_core.available_simd(), (1, 2, 3, 7)):
        _core.set_simd(level)
        _core.set_num_threads(threads)
        assert all(map(same_bits, make(), expected)), (level, threads)


def test_orthogonalize_keeps_orthogonal_matrices_and_equals_qr() -> None:
    q = Orthogonal(seed=2)((50, 20), "float64")
    np.testing.assert_allclose(orthogonalize(q), q, rtol=0, atol=1e-14)
    upper = np.triu(np.random.default_rng(1).standard_normal((20, 20)))
    upper[np.diag_indices(20)] = 5 + np.abs(upper.diagonal())
    np.testing.assert_allclose(orthogonalize(q @ upper), q, rtol=0, atol=1e-14)
    for order in ("C", "F"):
        for dtype in FLOATS:
            matrix = np.asarray(upper[:5, :9], order=order).astype(numpy_dtype(dtype))
            got = orthogonalize(matrix)
            assert got.dtype == matrix.dtype
            wider = matrix.astype(np.float64 if dtype == "float64" else np.float32)
            assert same_bits(got, orthogonalize(wider).astype(matrix.dtype))
    assert same_bits(orthogonalize(upper[::-2, ::3]), orthogonalize(upper[::-2, ::3].copy()))
    assert same_bits(orthogonalize(upper.astype(">f8")), orthogonalize(upper))
    assert orthogonalize(np.empty((0, 3))).shape == (0, 3)


def test_orthogonalize_completes_dependent_columns() -> None:
    ones = np.ones((6, 4))
    assert error_of(orthogonalize(ones)) < 1e-15
    assert same_bits(orthogonalize(np.zeros((4, 3))), np.eye(4, 3))


@pytest.mark.parametrize(
    ("matrix", "error", "text"),
    [
        ([[1.0, float("nan")]], ValueError, "`matrix` must be made of finite numbers, received: N"),
        ([[1.0], [float("inf")]], ValueError, "`matrix` must be made of finite numbers"),
        ([1.0, 2.0], ValueError, "`matrix` must have 2 dimensions, received: an array of shape"),
        (np.eye(3, dtype=int), TypeError, "`matrix` must be made of floats, received: an array"),
        ([["a"]], TypeError, "`matrix` must be made of floats"),
        (np.eye(2, dtype=complex), TypeError, "`matrix` must be made of floats"),
    ],
    ids=str,
)
def test_orthogonalize_refuses_bad_matrices(matrix: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        orthogonalize(matrix)


@pytest.mark.parametrize("shape", [(), (5,), 5])
def test_ranks_below_two_are_refused(shape: Any) -> None:
    with pytest.raises(ValueError, match="`shape` must have at least 2 dimensions for Orthogonal"):
        Orthogonal(seed=1)(shape)


def test_bad_arguments_are_refused() -> None:
    for gain in (math.nan, math.inf):
        with pytest.raises(ValueError, match="`gain` must be a finite number, received"):
            Orthogonal(gain)
    with pytest.raises(TypeError, match="`gain` must be a finite number, received: '1'"):
        Orthogonal("1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"`axis` must be an integer, received: 1\.5"):
        Orthogonal(axis=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"`axis` must be a dimension of the shape \(2, 3\), .* 2"):
        Orthogonal(axis=2)((2, 3))
    out = np.full((2, 2), 5, np.float16)
    generator = SeedGenerator(1)
    for seed in (1, generator):
        with pytest.raises(ValueError, match="`gain` must give values that are finite in float16"):
            Orthogonal(70000.0, seed=seed)((2, 2), out=out)
    assert (out == 5).all()
    assert generator.counter == 0
    assert Orthogonal(65000.0, seed=1)((2, 2), "float16").max() <= 65504


def test_empty_shapes_give_empty_matrices() -> None:
    for shape in [(0, 3), (3, 0), (0, 0), (2, 0, 3)]:
        assert Orthogonal(seed=1)(shape, "bfloat16").shape == shape


def test_reflectors_beyond_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("initializers._memory.limit.memory_limit", lambda: 2**31)
    with pytest.raises(MemoryError, match="no memory for the reflectors of shape"):
        Orthogonal(seed=1)((2**16, 2**15), index=np.s_[:1, :1])
    with pytest.raises(MemoryError, match="no memory for"):
        Orthogonal(seed=1)((2**31, 2**30))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((4_194_304, 2), "float32"),
        ((2000, 2000), "float32"),
        ((256, 16384), "bfloat16"),
    ],
)
def test_peak_memory_is_bounded(shape: tuple[int, int], dtype: str) -> None:
    """At most the output, the reflectors and 32 MB."""
    code = f"""
import re, numpy, ml_dtypes, initializers
initializers.Orthogonal(seed=1)((300, 300), {dtype!r})
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
before = peak()
out = initializers.Orthogonal(seed=1)({shape}, {dtype!r})
print(peak() - before - out.nbytes)"""
    longer, shorter = max(shape), min(shape)
    reflectors = 4 * (longer * shorter - shorter * (shorter - 1) // 2)
    assert int(run_code(code).stdout) - reflectors <= 32 * 2**20


@pytest.mark.clock
def test_an_interrupt_ends_a_long_matrix() -> None:
    """Ctrl-C ends even a matrix that would take minutes."""
    code = """
import signal, threading, time, initializers
timer = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
timer.start()
start = time.perf_counter()
try:
    initializers.Orthogonal(seed=1)((12_000, 12_000))
except KeyboardInterrupt:
    print(time.perf_counter() - start)
"""
    assert float(run_code(code).stdout) < 0.5 + 0.6  # 0.6 s for other work of the system


def convolve(signal: NDArray[Any], kernel: NDArray[Any]) -> NDArray[Any]:
    """Return the circular convolution of (places…, inputs) with a kernel (k…, inputs, outputs)."""
    result = np.zeros((*signal.shape[:-1], kernel.shape[-1]))
    for place in itertools.product(*map(range, kernel.shape[:-2])):
        shifted = np.roll(signal, place, tuple(range(len(place))))
        result += shifted @ as_float64(kernel[place])
    return result


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_kernels_preserve_norms(dimensions: int, size: int, dtype: str) -> None:
    everywhere = getattr(initializers, f"ConvolutionOrthogonal{dimensions}D")
    signal = np.random.default_rng(5).standard_normal((6,) * dimensions + (4,))
    for cls in (everywhere, initializers.DeltaOrthogonal):
        for outputs in (4, 7):
            kernel = cls(3.0, seed=1)((size,) * dimensions + (4, outputs), dtype)
            norm = np.linalg.norm(convolve(signal, kernel))
            assert norm == pytest.approx(3 * np.linalg.norm(signal), rel=100 * EPSILON[dtype])
    kernel = everywhere(seed=1)((size,) * dimensions + (4, 4), dtype)
    assert all(np.any(kernel[place]) for place in np.ndindex(kernel.shape[:-2]))


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_dirac_passes_groups_through(groups: int, size: int) -> None:
    kernel = initializers.Dirac(groups)((size, size, 4, 4 * groups), "float64")
    signal = np.random.default_rng(5).standard_normal((6, 6, 4 * groups))
    for group in range(groups):
        channels = slice(4 * group, 4 * group + 4)
        passed = convolve(signal[..., channels], kernel[..., channels])
        moved = np.roll(signal[..., channels], (size // 2, size // 2), (0, 1))
        np.testing.assert_array_equal(passed, moved)


def test_sparse_zeros_a_share_of_every_column() -> None:
    for sparsity, zeros in [(0.0, 0), (0.1, 2), (0.5, 9), (0.55, 10), (0.99, 17), (1.0, 17)]:
        values = initializers.Sparse(sparsity, 1.0, seed=4)((17, 300))
        assert ((values == 0).sum(0) == zeros).all()
        assert same_bits(
            values[values != 0], initializers.RandomNormal(0, 1, 4)((17, 300))[values != 0]
        )
    # Every row is equally likely to be zeroed.
    counts = (initializers.Sparse(0.5, seed=4)((10, 20_000)) == 0).sum(1)
    statistic = ((counts - 10_000) ** 2 / 5000).sum() * 9 / 10
    assert stats.chi2(9).sf(statistic) > ALPHA


@pytest.mark.parametrize(
    ("make", "shape", "text"),
    [
        (initializers.DeltaOrthogonal, (3, 4), "`shape` must have 3 to 5 dimensions .* for Delta"),
        (initializers.DeltaOrthogonal, (3, 4, 3), "no more input than output channels for Delta"),
        (initializers.ConvolutionOrthogonal2D, (3, 4, 5), "`shape` must have 4 dimensions"),
        (initializers.ConvolutionOrthogonal2D, (3, 2, 4, 5), "spatial dimensions of one size"),
        (initializers.ConvolutionOrthogonal1D, (3, 6, 5), "no more input than output channels"),
        (lambda: initializers.Dirac(2), (3, 4, 5), "a multiple of `groups` = 2 output channels"),
        (initializers.Dirac, (4, 5), "`shape` must have 3 to 5 dimensions"),
        (lambda: initializers.Sparse(0.5), (4, 5, 6), "`shape` must have 2 dimensions for Sparse"),
    ],
)
def test_bad_shapes_of_the_family_are_refused(make: Any, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()(shape)


def test_bad_parameters_of_the_family_are_refused() -> None:
    for sparsity in (-0.1, 1.1):
        with pytest.raises(ValueError, match=r"`sparsity` must be a finite number in \[0, 1\]"):
            initializers.Sparse(sparsity)
    for groups, error in [(0, ValueError), (1.0, TypeError)]:
        with pytest.raises(error, match="`groups` must be an integer >= 1, received"):
            initializers.Dirac(groups)  # type: ignore[arg-type]
    out = np.full((3, 2, 2), 5, np.float16)
    for cls in (initializers.DeltaOrthogonal, initializers.ConvolutionOrthogonal1D):
        for seed in (1, SeedGenerator(1)):
            with pytest.raises(ValueError, match=r"`gain` must give values .* float16"):
                cls(70000.0, seed=seed)((3, 2, 2), out=out)
    assert (out == 5).all()


def test_masked_arrays_are_refused() -> None:
    masked = np.ma.masked_array(np.eye(3), np.eye(3, dtype=bool))
    with pytest.raises(TypeError, match=r"no mask.*`matrix.filled\(...\)`.*: a masked array of"):
        initializers.orthogonalize(masked)
    with pytest.raises(TypeError, match=r"`value` must be .*, received: a masked array of shape"):
        initializers.Constant(masked)
    with pytest.raises(TypeError, match=r"`weights` must map names to NumPy arrays, .*MaskedArray"):
        initializers.digest({"w": masked})
    filled = initializers.orthogonalize(masked.filled(2.0))
    assert np.array_equal(filled, initializers.orthogonalize(np.full((3, 3), 2.0) * np.eye(3)))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float8_e5m2"])
def test_transposed_memory_is_filled_in_place(dtype: str) -> None:
    """A weight in torch's convention, whole and by blocks, needs no buffer of its size."""
    for shape in [(70, 67), (64, 64), (5, 8)]:
        fill = plan_fill(Orthogonal(seed=3), shape, look_up(dtype), (1, 0))
        wanted = Orthogonal(seed=3)(shape[::-1], dtype).T
        whole, block = np.empty(shape, wanted.dtype), np.empty((3, 4), wanted.dtype)
        fill(whole, (0, 0))
        fill(block, (2, 1))
        assert whole.tobytes() == np.ascontiguousarray(wanted).tobytes()
        assert block.tobytes() == np.ascontiguousarray(wanted[2:5, 1:5]).tobytes()
