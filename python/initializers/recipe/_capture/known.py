"""Known values, which no generator drew, as initializers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._classes.base import ArrayInitializer
from ..._classes.constants import Constant, Identity, Ones, Zeros
from ..._classes.lstm_bias import LstmBias
from ..._classes.positions import Sinusoidal
from ..._classes.state_space import S4D, Hippo

# Known values of more elements are no text for a recipe.
MOST_VALUES = 4096


def make_constant(number: float) -> ArrayInitializer:
    """Return the initializer of one number everywhere."""
    if number in (0, 1) and math.copysign(1, number) > 0:
        return Ones() if number else Zeros()
    return Constant(number)


def describe_values(array: NDArray[Any]) -> tuple[ArrayInitializer | None, str]:
    """Return the initializer of known values; or None, and why there is none."""
    if array.dtype.kind == "c":
        return None, "known values of a complex dtype"
    if array.size == 0:
        return Zeros(), ""
    # Of the narrow floats, NumPy's functions know few and text holds none.
    is_narrow = array.dtype == np.float16 or array.dtype.kind == "V"
    wide = array.astype(np.float32) if is_narrow else array
    first = wide.reshape(-1)[:1]
    if wide.tobytes() == first.tobytes() * wide.size:  # 0 and −0 are different
        return make_constant(first[0].item()), ""
    found = _find_identity(wide)
    if found is None and not is_narrow:  # narrow values are rounded from many tables
        found = _find_table(wide)
    if found is not None:
        return found, ""
    if array.size > MOST_VALUES:
        return None, f"{array.size:,} known values: too many for a recipe, in `report.arrays`"
    return Constant(wide), ""


def _find_identity(array: NDArray[Any]) -> ArrayInitializer | None:
    """Return the identity matrix, times a number, that these values are; or None."""
    if array.ndim != 2 or array.dtype.kind != "f":
        return None
    diagonal = array.diagonal()
    gain = float(diagonal[0]) if diagonal.size else 0.0
    same = bool((diagonal == diagonal[:1]).all())
    return Identity(gain) if gain and same and np.count_nonzero(array) == diagonal.size else None


def _find_table(array: NDArray[Any]) -> ArrayInitializer | None:
    """Return the initializer whose table these values are, but for rounding, or None."""
    if array.dtype.kind != "f" or array.ndim == 0:
        return None
    epsilon = np.finfo(array.dtype).eps
    for initializer, reach in _list_tables(array):
        table = initializer(array.shape, "float64")
        if np.allclose(array, table, rtol=2 * epsilon, atol=2 * epsilon * reach):
            return initializer
    return None


def _list_tables(array: NDArray[Any]) -> Iterator[tuple[ArrayInitializer, float]]:
    """Yield the tables of a shape, each with the magnitude whose rounding its values show."""
    shape = array.shape
    for part in ("log_real", "real", "imaginary"):
        yield S4D(part), 0.0
    if len(shape) < 2:
        yield Hippo("B"), 0.0
        if shape[0] % 4 == 0 and shape[0] > 4:
            quarter = shape[0] // 4
            yield LstmBias(_finite(array[quarter])), 0.0
            yield LstmBias(_finite(array[2 * quarter]), "ijfo"), 0.0
        return
    if shape[-1] == shape[-2]:
        yield Hippo("A"), 0.0
    if len(shape) == 2 and shape[1] % 2 == 0:
        for interleaved in (True, False):
            for endpoint in (True, False):
                if shape[1] > 2 or not endpoint:
                    # Frameworks round the angle, which is at most the last position.
                    yield Sinusoidal(interleaved=interleaved, endpoint=endpoint), shape[0]


def _finite(number: Any) -> float:
    return float(number) if np.isfinite(number) else 0.0
