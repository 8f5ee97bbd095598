"""The package against tests/reference.py, bit for bit."""

import itertools
import math
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
from initializers import _core
from reference import DTYPES

INF = math.inf

SEEDS = [0, 1, -1, 42, 2**64 + 1, -(2**127), 2**127 - 1]

STREAMS = [0, 1, 2**32, 2**63 + 5, 2**64 - 1]

# Arguments of a draw: sampler, dtype, seed, stream, first element, count, parameters.
Place: TypeAlias = tuple[Any, ...]

# Samplers of docs/stream.md, each with its parameters.
CASES = [
    ("uniform", (0.0, 1.0)),
    ("uniform", (-0.3, 0.7)),
    ("normal", (0.0, 1.0)),
    ("normal", (1.5, 0.25)),
    ("truncated_normal", (0.0, 1.0, -2.0, 2.0)),
    ("truncated_normal", (0.0, 1.0, -1.0, 3.0)),
    ("truncated_normal", (0.0, 1.0, 8.0, 9.0)),
    ("truncated_normal", (0.0, 1.0, 20.0, 21.0)),
    ("truncated_normal", (0.0, 1.0, 36.99999, INF)),
    ("truncated_normal", (0.0, 1.0, 0.0, INF)),
    ("truncated_normal", (0.0, 1.0, -INF, -5.0)),
    ("truncated_normal", (0.0, 1.0, 2.0, 2 + 2.0**-20)),
    ("truncated_normal", (0.0, 1.0, -10.0, 3.0)),
    ("truncated_normal", (0.0, 1.0, -9.0, 9.0)),
    ("truncated_normal", (0.0, 1.0, -7.0, 7.0)),  # of section 5 in f32, by inversion in f64
    ("truncated_normal", (0.0, 1.0, -6.5, 6.67)),
    ("truncated_normal", (0.0, 1.0, -3.0, -0.0)),
    ("truncated_normal", (0.0, 1.0, -1e-3, 2e-3)),
    ("truncated_normal", (0.5, 0.125, -2.0, 2.0)),
    ("truncated_normal", (-3.0, 0.1, -2.0, 1.0)),
]

# One case for each way to make values.
WAYS = [CASES[i] for i in (1, 2, 4, 5)]

# (start, count): groups of 64, the 2^32nd word and element, the end of the longest tensor.
RANGES = [
    (0, 200),
    (63, 2),
    (5, 130),
    (64, 64),
    (2**31 - 33, 99),
    (2**32 - 70, 141),
    (2**33 + 5, 77),
    (2**62, 129),
    (2**62 + 63, 1),
    (2**63 - 102, 101),
]


def core_fill(
    sampler: str,
    dtype: str,
    seed: int,
    stream: int,
    shape: tuple[int, ...],
    block: tuple[tuple[int, ...], tuple[int, ...]] | None,
    parameters: tuple[float, ...],
) -> NDArray[Any]:
    """Return a block of a tensor from the core, as bit patterns."""
    form = DTYPES[dtype]
    # NumPy's own floats are filled as such, other dtypes as patterns.
    out: NDArray[Any] = np.zeros(
        shape, form.dtype if form.dtype.__module__ == "numpy" else form.pattern
    )
    getattr(_core, f"fill_{sampler}")(out, dtype, seed, stream, block, *parameters)
    return out.view(form.pattern)


def core_range(
    sampler: str, dtype: str, seed: int, stream: int, start: int, count: int, *parameters: float
) -> NDArray[Any]:
    """Return elements from the core, as bit patterns: the end of a 1-D tensor."""
    block = ((start + count,), (start,))
    return core_fill(sampler, dtype, seed, stream, (count,), block, parameters)


def page_range(
    sampler: str, dtype: str, seed: int, stream: int, start: int, count: int, *parameters: float
) -> NDArray[Any]:
    """Return the same elements from the reference."""
    values = getattr(reference, sampler)(dtype, seed, stream, start, count, *parameters)
    assert values.dtype == DTYPES[dtype].dtype
    patterns: NDArray[Any] = values.view(DTYPES[dtype].pattern)
    return patterns


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("sampler", "parameters"), CASES, ids=str)
def test_ranges_equal_the_reference(
    dtype: str, sampler: str, parameters: tuple[float, ...]
) -> None:
    keys = zip(RANGES, itertools.cycle(SEEDS), itertools.cycle(STREAMS), strict=False)
    for (start, count), seed, stream in keys:
        where: Place = (sampler, dtype, seed, stream, start, count, *parameters)
        np.testing.assert_array_equal(core_range(*where), page_range(*where), str(where))


@pytest.mark.parametrize(
    ("shape", "start", "size"),
    [
        ((7, 130), (2, 3), (4, 100)),
        ((9, 64), (1, 0), (8, 64)),
        ((50, 3), (17, 1), (30, 1)),
        ((5, 6, 70), (1, 2, 3), (4, 3, 66)),
        ((3, 1, 65), (0, 0, 1), (3, 1, 64)),
        ((2**31, 2**31 - 1), (2**31 - 5, 2**30 + 1), (5, 80)),
        ((2**20, 3, 2**40), (2**20 - 2, 1, 2**40 - 9), (2, 2, 9)),
    ],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_equal_the_reference(
    dtype: str, shape: tuple[int, ...], start: tuple[int, ...], size: tuple[int, ...]
) -> None:
    for sampler, parameters in WAYS:
        block = core_fill(sampler, dtype, 42, 7, size, (shape, start), parameters)
        for row in np.ndindex(*size[:-1]):
            first = 0
            for n, place in zip(shape, map(sum, zip(start, (*row, 0), strict=True)), strict=True):
                first = first * n + place
            expected = page_range(sampler, dtype, 42, 7, first, size[-1], *parameters)
            np.testing.assert_array_equal(block[row], expected, f"{sampler} {row}")


@pytest.mark.parametrize("dtype", DTYPES)
def test_odd_parameters_equal_the_reference(dtype: str) -> None:
    form = DTYPES[dtype]
    finite = np.array([form.top - 1], form.pattern).view(form.dtype)
    huge, least = float(finite[0]), 2.0 ** (1 - form.bias - form.fraction)
    third, tenth, tiny = huge / 3, huge / 10, least / 3
    uniform = [
        (-0.0, 1.0),
        (-huge / 2, huge / 2),
        (0.0, huge),
        (-huge, -third),
        (3.0, 3.0),
        (-0.0, 0.0),
        (1.0, 1 + 2.0**-form.fraction),
        (1.0, 1 + 2.0 ** -(form.fraction + 1)),
        (0.3, 0.3 * (1 + 2.0 ** -(form.fraction - 1))),
        (-3 * least, 2 * least),
        (-tiny, tiny),
        (-least, tiny),
        (-least, -tiny),
        (-tiny, least),
        (-tiny, -tiny / 2),
        (0.0, 5e-324),
    ]
    normal = [
        (-0.0, 1.0),
        (-0.0, 0.0),
        (0.1, 0.0),
        (-huge, 0.0),
        (huge / 2, huge / 20),
        (0.0, tenth),
        (0.0, least),
        (-least, 3 * tiny),
        (0.0, tiny),
        (0.0, 5e-324),
        (1.0, 1e-300),
    ]
    bounds = [(-2.0, 2.0), (-1.0, 3.0), (5.0, 6.0), (-INF, -0.5), (-INF, INF)]
    truncated = [(*law, *bound) for law in normal for bound in bounds]
    laws: list[tuple[str, list[Any]]] = [
        ("uniform", uniform),
        ("normal", normal),
        ("truncated_normal", truncated),
    ]
    for sampler, parameters in laws:
        for given_parameters in parameters:
            where: Place = (sampler, dtype, 3, 1, 1000, 500, *given_parameters)
            np.testing.assert_array_equal(core_range(*where), page_range(*where), str(where))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("sampler", "parameters"),
    [
        ("uniform", (0.0, None)),
        ("uniform", (None, 1.0)),
        ("normal", (0.0, None)),
        ("normal", (None, 0.01)),
        ("normal", (None, 1.0)),
        ("normal", (-0.7, None)),
        ("truncated_normal", (0.0, None, -2.0, 2.0)),
        ("truncated_normal", (0.003, None, -1.0, 3.0)),
        ("truncated_normal", (0.0, None, -3.0, INF)),
        ("truncated_normal", (None, 1.0, -3.0, 0.5)),
    ],
    ids=str,
)
def test_the_largest_parameter_fills_and_the_next_is_refused(
    dtype: str, sampler: str, parameters: tuple[float | None, ...]
) -> None:
    """The parameter that is None takes the largest accepted size; the next number is refused."""
    compute = DTYPES[dtype].compute
    sign = -1 if parameters == (None, 1.0) and sampler == "uniform" else 1

    def place(x: float) -> Place:
        given_parameters = (sign * x if p is None else p for p in parameters)
        return (sampler, dtype, 1, 0, 0, 100, *given_parameters)

    def is_accepted(x: float) -> bool:
        try:
            page_range(*place(x))
        except ValueError:
            return False
        return True

    pattern = np.uint32 if compute is np.float32 else np.uint64
    low, high = 0, int(np.array([INF], compute).view(pattern)[0])
    while high - low > 1:
        middle = (low + high) // 2
        value = float(np.array([middle], pattern).view(compute)[0])
        low, high = (middle, high) if is_accepted(value) else (low, middle)
    last, first = (float(x) for x in np.array([low, high], pattern).view(compute))
    np.testing.assert_array_equal(core_range(*place(last)), page_range(*place(last)))
    assert np.isfinite(page_range(*place(last)).view(DTYPES[dtype].dtype).astype(float)).all()
    with pytest.raises(ValueError, match="must"):
        core_range(*place(first))


@pytest.mark.parametrize("dtype", DTYPES)
def test_bounds_around_the_reach_of_the_normal_sampler(dtype: str) -> None:
    """Bounds beyond the sampler's reach are ignored; bounds just below it are inverted."""
    near = [6.65, 6.66, 6.665, 6.67, 6.675, 6.7, 8.65, 8.655, 8.6599, 8.66, 8.665, 8.7]
    near += [float(np.nextafter(x, way)) for x in (6.67, 8.66) for way in (-INF, INF)]
    near += [float(np.nextafter(np.float32(6.67), np.float32(way))) for way in (-INF, INF)]
    for x in near:
        for bounds in [(-x, x), (-x, INF), (-INF, x), (-9.0, x), (-x, 9.0)]:
            where: Place = (*("truncated_normal", dtype, 5, 0, 64, 70, 0.5, 2.0), *bounds)
            np.testing.assert_array_equal(core_range(*where), page_range(*where), str(where))


def test_limits_of_the_page_are_refused() -> None:
    """The limits of section 1, and of the bounds of section 6, are refused."""
    np.testing.assert_array_equal(
        core_range("normal", "float32", 0, 0, 2**63 - 2, 1, 0.0, 1.0),
        page_range("normal", "float32", 0, 0, 2**63 - 2, 1, 0.0, 1.0),
    )
    for start, seed, stream in [
        (2**63 - 1, 0, 0),
        (0, 2**127, 0),
        (0, -(2**127) - 1, 0),
        (0, 0, 2**64),
    ]:
        with pytest.raises((ValueError, OverflowError)):
            core_range("normal", "float32", seed, stream, start, 1, 0.0, 1.0)
    for bounds in [(37.0, 38.0), (-38.0, -37.0), (1.0, 1.0), (2.0, 1.0), (INF, INF)]:
        for draw in (core_range, page_range):
            with pytest.raises(ValueError, match=r".+"):
                draw("truncated_normal", "float64", 0, 0, 0, 1, 0.0, 1.0, *bounds)


@pytest.mark.slow
@pytest.mark.usefixtures("settings_restored")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("sampler", "parameters"), WAYS, ids=str)
def test_threads_and_vector_widths_equal_the_reference(
    dtype: str, sampler: str, parameters: tuple[float, ...]
) -> None:
    """All settings give the same 5 million elements, equal to the reference at borders of 2 MiB."""
    start, count = 2**32 - 2_345_679, 5_000_011
    where: Place = (sampler, dtype, 42, 3, start, count, *parameters)
    expected = core_range(*where)
    for level in _core.available_simd():
        _core.set_simd(level)
        for threads in (1, 2, 3, 7):
            _core.set_num_threads(threads)
            assert np.array_equal(core_range(*where), expected), (level, threads)
    chunk = 2**21 // expected.itemsize
    borders = {0, count, 2**32 - start}
    borders |= set(range(0, count, chunk)) | set(range(-start % chunk, count, chunk))
    for border in borders:
        first, last = max(border - 100, 0), min(border + 100, count)
        window = page_range(sampler, dtype, 42, 3, start + first, last - first, *parameters)
        np.testing.assert_array_equal(expected[first:last], window, f"{border}")


@pytest.mark.usefixtures("settings_restored")
@pytest.mark.parametrize("level", _core.available_simd())
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_vector_width_equals_the_reference(dtype: str, level: str) -> None:
    """Every case, with ragged starts and ends."""
    _core.set_simd(level)
    for i, (sampler, parameters) in enumerate(CASES):
        start, count = 61 + 7 * i, 777 - 13 * i
        where: Place = (sampler, dtype, -42, 2**64 - 1, start, count, *parameters)
        np.testing.assert_array_equal(core_range(*where), page_range(*where), str(where))


finite = st.floats(-1e3, 1e3, allow_subnormal=True)

bound = st.floats(-36, 36) | st.sampled_from([0.0, -2.0, 2.0, 6.67, -6.67, 8.66, -8.66])


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    dtype=st.sampled_from(list(DTYPES)),
    seed=st.integers(-(2**127), 2**127 - 1),
    stream=st.integers(0, 2**64 - 1),
    start=st.integers(0, 2**63 - 400),
    count=st.integers(0, 300),
    a=finite,
    b=finite,
    bounds=st.tuples(bound, bound),
)
@example("float64", 0, 0, 0, 0, 0.0, 0.0, (0.0, 1.0))
def test_random_requests_equal_the_reference(
    dtype: str,
    seed: int,
    stream: int,
    start: int,
    count: int,
    a: float,
    b: float,
    bounds: tuple[float, float],
) -> None:
    lower, upper = sorted(bounds)
    laws: list[tuple[str, tuple[float, ...]]] = [
        ("uniform", (min(a, b), max(a, b))),
        ("normal", (a, abs(b))),
    ]
    if lower < upper:
        laws.append(("truncated_normal", (a, abs(b), lower, upper)))
    for sampler, parameters in laws:
        where: Place = (sampler, dtype, seed, stream, start, count, *parameters)
        try:
            expected = page_range(*where)
        except ValueError:
            with pytest.raises(ValueError, match="must"):
                core_range(*where)
        else:
            np.testing.assert_array_equal(core_range(*where), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rounding_is_the_cast_of_ml_dtypes(dtype: str) -> None:
    form = DTYPES[dtype]
    top = form.top if form.pattern is not np.uint64 else 2**16
    patterns = np.arange(0, top, max(top // 2**16, 1)).astype(form.pattern)
    exact = patterns.view(form.dtype).astype(np.float64)
    ties = (exact[1:] + exact[:-1]) / 2
    values = np.concatenate([exact, ties, np.nextafter(ties, 0), np.nextafter(ties, INF)])
    values = np.concatenate([values, -values]).astype(form.compute)
    assert reference.rounded(dtype, values).tobytes() == values.astype(form.dtype).tobytes()
