"""The Fourier kernels against their formula, SciPy's windows and NumPy's transform."""

from __future__ import annotations

import math
import sys
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from scipy.signal import get_window  # type: ignore[import-untyped]

from cases import FLOATS, LOW_PRECISION, numpy_dtype, same_bits
from initializers import STFT, Constant

LENGTHS = [(1, 2), (3, 2), (7, 5), (32, 17), (100, 129)]


def kernel(side: Any, length: int, bins: int) -> Any:
    """Evaluate the formula by mpmath: 53 bits from an exact angle."""
    period = 2 * (bins - 1)
    turns = [mpmath.mpf(2 * r) / period for r in range(period)]
    roots = [float(mpmath.cospi(t) if side == "real" else -mpmath.sinpi(t)) for t in turns]
    return np.array(roots)[np.outer(np.arange(length), np.arange(bins)) % period]


@pytest.mark.parametrize(("length", "bins"), LENGTHS)
@pytest.mark.parametrize("side", ["real", "imag"])
def test_kernels_follow_the_formula(side: Any, length: int, bins: int) -> None:
    values = STFT(side, window=None)((length, 1, bins), "float64")
    assert values.shape == (length, 1, bins)
    np.testing.assert_allclose(values[:, 0], kernel(side, length, bins), rtol=2.3e-16, atol=0)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
@pytest.mark.parametrize("window", ["hann", "hamming", "blackman", "boxcar"])
@pytest.mark.parametrize("side", ["real", "imag"])
def test_windows_equal_those_of_scipy(side: Any, window: str, scaling: Any, periodic: bool) -> None:
    for length, bins in LENGTHS:
        weights = get_window(window, length, fftbins=periodic)
        total = {"density": math.sqrt((weights**2).sum()), "spectrum": abs(weights).sum()}
        expected = kernel(side, length, bins) * weights[:, None] / total.get(scaling, 1.0)
        values = STFT(side, window, scaling, periodic)((length, 1, bins), "float64")[:, 0]
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-15)


def test_multiples_of_a_quarter_turn_are_exact() -> None:
    values = STFT("imag", window=None)((4, 1, 3), "float64")[:, 0]
    assert values.tolist() == [[0, 0, 0], [0, -1, 0], [0, 0, 0], [0, 1, 0]]
    values = STFT("real", "hann", None, periodic=True)((4, 1, 3), "float64")[:, 0]
    assert values.tolist() == [[0, 0, 0], [0.5, 0, -0.5], [1, -1, 1], [0.5, 0, -0.5]]
    assert STFT()((1, 1, 2), "float64").tolist() == [[[1, 1]]]


@pytest.mark.parametrize("side", ["real", "imag"])
def test_there_is_no_negative_zero(side: Any) -> None:
    for window in (None, "hann", [0.0, -1.0, 0.0]):
        for dtype in ("float32", "float64"):
            values = STFT(side, window)((3, 1, 9), dtype)
            assert not np.signbit(values[values == 0]).any()


def test_a_transform_by_the_kernels_equals_numpy() -> None:
    signal = np.random.default_rng(1).standard_normal(32)
    real, imag = (
        STFT(side, "hann", None)((32, 1, 17), "float64")[:, 0] for side in ("real", "imag")
    )
    window = get_window("hann", 32, fftbins=False)
    np.testing.assert_allclose(signal @ real + 1j * (signal @ imag), np.fft.rfft(signal * window))


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_dtype_is_rounded_once_from_float64(dtype: str) -> None:
    exact = STFT()((9, 1, 6), "float64")
    assert same_bits(STFT()((9, 1, 6), dtype), Constant(exact)((9, 1, 6), dtype))
    if dtype not in LOW_PRECISION:
        assert same_bits(STFT()((9, 1, 6), dtype), exact.astype(numpy_dtype(dtype)))


def test_a_window_may_be_a_sequence_of_numbers() -> None:
    weights = np.array([1, 2, 4], np.float32)
    initializer = STFT(window=weights, scaling="spectrum")
    assert initializer.window == (1.0, 2.0, 4.0)
    values = initializer((3, 1, 2), "float64")
    np.testing.assert_allclose(values[:, 0, 0] * 7, weights)
    assert STFT(window=(1, 2, 4), scaling="spectrum") == initializer
    assert initializer.clone() == initializer


@pytest.mark.parametrize("shape", [(), (3,), (3, 3), (3, 1, 3, 1), (0, 1, 3), (3, 1, 1), (3, 2, 4)])
def test_bad_shapes_are_refused(shape: tuple[int, ...]) -> None:
    out = np.ones(shape, np.float32)
    with pytest.raises(ValueError, match=r"`shape` must be \(T, 1, K\) with T >= 1 and K >= 2"):
        STFT()(shape, out=out)
    assert out.all()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"side": "left"}, ValueError, "`side` must be one of 'real', 'imag', received: 'left'"),
        ({"side": None}, TypeError, "`side` must be one of 'real', 'imag', received: None"),
        ({"scaling": "densty"}, ValueError, r"received: 'densty' \(did you mean 'density'\?\)"),
        ({"periodic": 1}, TypeError, "`periodic` must be a bool, received: 1"),
        ({"window": "han_n"}, ValueError, "`window` must be a name that SciPy knows, .*'han_n'"),
        ({"window": "kaiser"}, ValueError, "`window` must be a name .* received: 'kaiser'"),
        ({"window": 3}, TypeError, "`window` must be a name, a sequence .*, received: 3"),
        ({"window": []}, TypeError, "`window` must be a name, a sequence"),
        ({"window": [[1.0]]}, TypeError, "`window` must be a name, a sequence"),
        ({"window": [[1.0], [1, 2]]}, TypeError, "`window` must be a name, a sequence"),
        ({"window": [1j]}, TypeError, "`window` must be a name, a sequence"),
        ({"window": ["a"]}, TypeError, "`window` must be a name, a sequence"),
        ({"window": [1.0, INF := math.inf]}, ValueError, "sequence of finite numbers"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        STFT(**arguments)


@pytest.mark.parametrize(
    ("initializer", "shape", "text"),
    [
        (STFT(window=[1.0, 2.0]), (3, 1, 3), "as many values .* in dimension 0, 3, received: 2"),
        (STFT(), (2, 1, 3), "`window` must have a finite sum other than 0 to be scaled"),
        (STFT(window=[0.0]), (1, 1, 3), "`window` must have a finite sum other than 0"),
        (STFT(window=[1e300] * 3), (3, 1, 3), "`window` must have a finite sum other than 0"),
        (STFT(window=[1e308] * 3, scaling="spectrum"), (3, 1, 3), "`window` must have a finite"),
        (
            STFT(window=[1e300], scaling=None),
            (1, 1, 3),
            "`window` must be representable in float32",
        ),
    ],
    ids=str,
)
def test_windows_that_do_not_fit_are_refused(
    initializer: Any, shape: tuple[int, ...], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        initializer(shape)


def test_a_missing_scipy_is_an_error_that_says_how_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    assert STFT(window="hamming")((3, 1, 3)).shape == (3, 1, 3)
    with pytest.raises(
        ImportError, match=r"`window` 'blackman' needs SciPy .*: pip install '.\[stft\]'"
    ):
        STFT(window="blackman")


def test_kernels_beyond_memory_are_refused() -> None:
    with pytest.raises(MemoryError, match=r"[TPE]B are needed"):
        STFT()((3, 1, 2**45), index=(slice(0, 1),) * 3)


@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize("index", [None, (slice(0, 1), slice(None), slice(None))])
@pytest.mark.parametrize("dtype", ["float16", "float8_e4m3fn"])
def test_a_kernel_that_overflows_is_refused_before_it_is_written(
    side: Any, index: Any, dtype: str
) -> None:
    """The error is the same for every block, also for one in which no element overflows."""
    make = STFT(side, window=[1.0, 1e6, 1.0], scaling=None)
    out = np.full((1, 1, 5) if index else (3, 1, 5), 7).astype(numpy_dtype(dtype))
    with pytest.raises(ValueError, match=f"`window` must be representable in {dtype}, received"):
        make((3, 1, 5), out=out, index=index)
    assert (out == 7).all()
    assert make((3, 1, 5), "float32")[1, 0, 0] == (1e6 if side == "real" else 0)


@pytest.mark.parametrize("shape", [(1, 1, 5), (3, 1, 2), (12, 1, 7)])
def test_a_kernel_is_refused_only_if_an_element_overflows(shape: tuple[int, int, int]) -> None:
    largest = float(np.finfo(np.float16).max)
    rows = shape[0]
    for side in ("real", "imag"):
        for t in range(rows):
            for weight in (largest, 1.05 * largest, 1.4 * largest, 1e6):
                window = [1.0] * t + [weight] + [1.0] * (rows - t - 1)
                exact = STFT(side, window, None)(shape, "float64")
                with np.errstate(over="ignore"):
                    overflows = np.isinf(exact.astype(np.float16)).any()
                make = STFT(side, window, None)
                if overflows:
                    with pytest.raises(ValueError, match="`window` must be representable"):
                        make(shape, "float16")
                else:
                    assert np.isfinite(make(shape, "float16")).all()


def test_masked_windows_are_refused() -> None:
    masked = np.ma.masked_array([1.0, 2.0], [True, False])
    with pytest.raises(TypeError, match=r"`window` must be .*: a masked array of shape"):
        STFT(window=masked)
