"""The short-time Fourier transform as a convolution kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments.checks import check_name, is_masked, show
from .._arguments.dtypes import DType, look_up
from .._arguments.installation import how_to_install
from .._arguments.number_arrays import deserialize_array
from .._arguments.shapes import Array, Shape
from .._arguments.types import Scaling, Side
from .._memory.allocation import allocate
from .._memory.exact_cast import cast_float
from .base import ArrayInitializer
from .writers import Writer

_SIDES = get_args(Side)
_SCALINGS = get_args(Scaling)

# The a of w(t) = a - (1 - a)·cos(2πt/M), for windows that do not need SciPy.
_COSINE_WINDOWS = {"hann": 0.5, "hamming": 0.54}

# Elements computed at a time: bounds the memory beside the result.
_CHUNK = 2**16


class STFT(ArrayInitializer):
    """Convolution kernel that computes a short-time Fourier transform.

    For the shape (T, 1, K), the element (t, 0, k) is w(t) · cos(2πtk/N) / c for the real side and
    -w(t) · sin(2πtk/N) / c for the imaginary side, with N = 2(K - 1), the window w and the scaling
    c: √(Σ w²), Σ |w| or 1. Without a window there is no scaling. Angles are reduced exactly; values
    are computed in float64 and rounded once. They are the same on every machine, except with
    windows from SciPy.

    Args:
        side: `"real"` or `"imag"`.
        window: `"hann"` or `"hamming"`; another name that `scipy.signal.get_window` knows (this
            needs SciPy, of the extra `stft`); a sequence of T numbers; or None.
        scaling: `"density"`, `"spectrum"` or None.
        periodic: Whether a window given by name is periodic, rather than symmetric.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; on a call, if the shape is not (T, 1, K) with T >= 1
            and K >= 2, the window does not have T values or cannot be scaled because all are 0, or
            an element of the whole kernel overflows the dtype.
        ImportError: If the window needs SciPy, which is not installed.

    Examples:
        >>> STFT("imag", window=None)((2, 1, 3), "float64").tolist()
        [[[0.0, 0.0, 0.0]], [[0.0, -1.0, 0.0]]]
    """

    side: str
    window: str | tuple[float, ...] | None
    scaling: str | None
    periodic: bool

    def __init__(
        self,
        side: Side = "real",
        window: str | Sequence[float] | NDArray[Any] | None = "hann",
        scaling: Scaling | None = "density",
        periodic: bool = False,
    ) -> None:
        self._keep(side=check_name("side", side, _SIDES))
        self._keep(scaling=None if scaling is None else check_name("scaling", scaling, _SCALINGS))
        if not isinstance(periodic, (bool, np.bool_)):
            raise TypeError(f"`periodic` must be a bool, received: {show(periodic)}")
        self._keep(periodic=bool(periodic), window=_check_window(window))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {
            "side": self.side,
            "window": [*self.window] if isinstance(self.window, tuple) else self.window,
            "scaling": self.scaling,
            "periodic": self.periodic,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> STFT:
        """Return a new initializer from the result of `get_config`, ours or Keras's."""
        if isinstance(config, dict) and "window" in config:
            config = {**config, "window": deserialize_array("window", config["window"])}
        return super().from_config(config)

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        if len(shape) != 3 or shape[0] < 1 or shape[1] != 1 or shape[2] < 2:
            raise ValueError(
                f"`shape` must be (T, 1, K) with T >= 1 and K >= 2 for STFT, received: {shape}"
            )
        length = 2 * (shape[2] - 1)
        # The core aborts the process if it cannot allocate as much: raise MemoryError first.
        allocate((2, length), look_up("float64"), zeros=False)
        cosines, sines = _core.unit_roots(length)
        roots = cosines if self.side == "real" else 0.0 - sines  # -sines would turn 0 into -0
        weights, total = self._weigh(shape[0])
        if weights is not None:
            _check_range(np.abs(weights), total, roots, dtype)

        def write(out: Array, start: Shape | None) -> None:
            first, _, low = start or (0, 0, 0)
            rows, _, columns = out.shape
            if not out.size:
                return
            frequencies = np.arange(low, low + columns) % length
            step = max(_CHUNK // columns, 1)
            for row in range(0, rows, step):
                times = np.arange(first + row, first + min(row + step, rows))
                values = roots[np.outer(times % length, frequencies) % length]
                if weights is not None:
                    values = values * weights[times, None] / total
                part = cast_float(values + 0.0, dtype, "window")  # + 0.0 turns -0 into 0
                out[row : row + step] = part[:, None, :]

        return write

    def _weigh(self, length: int) -> tuple[NDArray[np.float64] | None, float]:
        """Return the window of `length` values and its divisor."""
        if self.window is None:
            return None, 1.0
        if isinstance(self.window, str):
            weights = _make_window(self.window, length, self.periodic)
        else:
            weights = np.array(self.window)
        if weights.shape != (length,):
            raise ValueError(
                f"`window` must have as many values as the shape has in dimension 0, {length}, "
                f"received: {weights.size}"
            )
        if self.scaling is None:
            return weights, 1.0
        try:
            with np.errstate(over="ignore"):
                total = (
                    math.sqrt(math.fsum(weights * weights))
                    if self.scaling == "density"
                    else math.fsum(np.abs(weights))
                )
        except OverflowError:
            total = math.inf
        if not 0.0 < total < math.inf:
            raise ValueError(
                "`window` must have a finite sum other than 0 to be scaled, received: "
                f"{show(self.window)} of {length} values"
            )
        return weights, total


def _check_range(
    sizes: NDArray[np.float64], total: float, roots: NDArray[np.float64], dtype: DType
) -> None:
    """Raise ValueError if an element of the whole kernel overflows.

    Row t has the window's absolute value `sizes[t]` and uses the roots 0, t, 2t, …, which are the
    multiples of gcd(t, count). Columns reach only half of the count; the other roots differ from
    them at most in the sign.
    """
    try:
        cast_float(sizes / total, dtype, "window")  # roots are at most 1
    except ValueError:
        for t, size in enumerate(sizes):
            longest = np.abs(roots[:: math.gcd(t, len(roots))]).max(keepdims=True)
            cast_float(longest * size / total, dtype, "window")


def _check_window(window: object) -> str | tuple[float, ...] | None:
    if window is None:
        return None
    if isinstance(window, str):
        if window not in _COSINE_WINDOWS:
            _make_scipy_window(window, 1, False)
        return window
    wanted = "a name, a sequence of finite numbers or None"
    try:
        array = np.array(window)
        valid = not is_masked(window)
        valid &= array.ndim == 1 and array.size > 0 and array.dtype.kind in "biuf"
    except ValueError:  # a ragged list
        valid = False
    if not valid:
        raise TypeError(f"`window` must be {wanted}, received: {show(window)}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"`window` must be {wanted}, received: {show(window)}")
    return tuple(array.tolist())


def _make_window(name: str, length: int, periodic: bool) -> NDArray[np.float64]:
    if name not in _COSINE_WINDOWS:
        return _make_scipy_window(name, length, periodic)
    if length == 1:
        return np.ones(1)
    offset = _COSINE_WINDOWS[name]
    period = length if periodic else length - 1
    cosines, _ = _core.unit_roots(period)
    return offset - (1.0 - offset) * cosines[np.arange(length) % period]


def _make_scipy_window(name: str, length: int, periodic: bool) -> NDArray[np.float64]:
    try:
        from scipy.signal import get_window  # type: ignore[import-untyped]
    except ImportError:
        raise ImportError(
            f"`window` {name!r} needs SciPy (without it there are "
            f"{', '.join(map(repr, _COSINE_WINDOWS))} and None): {how_to_install('stft')}"
        ) from None
    try:
        return np.asarray(get_window(name, length, fftbins=periodic), np.float64)
    except ValueError as error:
        raise ValueError(
            f"`window` must be a name that SciPy knows, received: {name!r} ({error})"
        ) from None
