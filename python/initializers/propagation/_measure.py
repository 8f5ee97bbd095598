"""Statistics of the arrays that pass through a model, for all frameworks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._activations import Moments, Vector

# The number of elements that are kept to recognize an array.
_SAMPLE = 4096
_PIECE = 1 << 20


@dataclass(frozen=True, eq=False)
class Value:
    """Statistics of one array of activations.

    Attributes:
        shape: Its shape, the batch first.
        mean: The mean of its elements; infinite or NaN if an element is.
        rms: The root mean square of its elements.
        dead: The fraction of units (elements of one example) that are 0 in every example.
        bad: The fraction of elements that are infinite or NaN.
        sample: Elements at equal distances, at most 4096.
        precision: The distance from 1 to the next number of its dtype.
    """

    shape: tuple[int, ...]
    mean: float
    rms: float
    dead: float
    bad: float
    sample: Vector
    precision: float

    @property
    def moments(self) -> Moments:
        """The mean and the mean square."""
        return Moments(self.mean, self.rms * self.rms)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


def measure(array: NDArray[Any], precision: float | None = None) -> Value:
    """Return the statistics of an array of real numbers of any dtype, computed in float64.

    `precision` is that of the values, if the array's dtype has a finer one.
    """
    flat = array.reshape(-1)
    mean, rms, bad = _moments(flat)
    step = max(1, -(-flat.size // _SAMPLE))
    units = array.reshape(array.shape[0] if array.ndim else 1, -1)
    return Value(
        shape=array.shape,
        mean=mean,
        rms=rms,
        dead=1 - float((units != 0).any(axis=0).mean()) if flat.size else 0.0,
        bad=bad,
        sample=flat[::step].astype(np.float64),
        precision=precision_of(array.dtype) if precision is None else precision,
    )


def rms_of(*arrays: NDArray[Any]) -> float:
    """Return the root mean square of all elements of some arrays together."""
    total = sum(array.size for array in arrays)
    return math.hypot(
        *(_moments(each.reshape(-1))[1] * math.sqrt(each.size / max(total, 1)) for each in arrays)
    )


def mean_square(array: NDArray[Any] | None) -> float:
    """Return the mean square of an array; 0 for None."""
    rms = 0.0 if array is None else rms_of(array)
    return rms * rms


def _moments(flat: NDArray[Any]) -> tuple[float, float, float]:
    """Return the mean, the root mean square and the fraction of elements that are not finite."""
    if not flat.size:
        return 0.0, 0.0, 0.0
    total = squares = peak = 0.0
    bad = 0
    with np.errstate(all="ignore"):
        for start in range(0, flat.size, _PIECE):
            piece = flat[start : start + _PIECE].astype(np.float64)
            bad += piece.size - int(np.isfinite(piece).sum())
            largest = float(np.abs(piece).max())
            if largest == 0:
                continue
            # Scaled by the largest element, squares neither overflow nor underflow.
            scale = largest if largest < math.inf else 1.0
            total += float(piece.sum())
            square = float(np.square(piece / scale).sum())
            high = max(peak, scale)
            squares = squares * (peak / high) ** 2 + square * (scale / high) ** 2
            peak = high
        return total / flat.size, peak * math.sqrt(squares / flat.size), bad / flat.size


def precision_of(dtype: np.dtype[Any]) -> float:
    """Return the distance from 1 to the next number of a float dtype; 0 for other dtypes."""
    if dtype.kind in "biu":
        return 0.0
    if dtype.kind == "f":
        return float(np.finfo(dtype).eps)
    import ml_dtypes

    finfo: Any = ml_dtypes.finfo  # which has no annotations
    return float(finfo(dtype).eps)
