"""Recognizes the structure of matrices and kernels: identity, Dirac, orthogonal."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .._arguments.dtypes import look_up
from .._arguments.shapes import Array, Shape
from .statistics import ROUNDING_UNITS, Statistics
from .text import number

# The number of columns that are compared. Any subset of orthogonal columns is orthogonal.
_COLUMNS = 32
# The number of rows that are read at once.
_ROWS = 1 << 16
# Tolerance in wide dtypes for cosines (from 0) and squared lengths (from each other). The cosine of
# two random columns of n elements is about 1/√n.
_FLATNESS = 1e-4


def recognize(
    found: Statistics, shape: Shape, dtype: str, read: Callable[[], Array | None]
) -> tuple[str, str] | None:
    """Return the name of an identity, Dirac or orthogonal tensor and the reason, or None."""
    if len(shape) < 2 or found.count < 4:
        return None
    kind = look_up(dtype).kind
    array = read() if kind in "fiu" else None
    if array is None:
        return None
    nonzero = round(found.count * (1 - found.zeros))
    if nonzero <= found.count // 2:
        return _recognize_eye(found, array, nonzero) or _recognize_delta(array, dtype, nonzero)
    if kind != "f":
        return None
    return _recognize_orthogonal(array, dtype)


def _recognize_eye(found: Statistics, array: Array, nonzero: int) -> tuple[str, str] | None:
    for matrix in _centres(array):
        diagonal = np.asarray(matrix.diagonal(), np.float64)
        value = float(diagonal[0]) if diagonal.size else 0.0
        if nonzero == diagonal.size and value != 0 and (diagonal == value).all():
            gain = "" if value == 1 else f"({number(value, 6)})"
            name = "identity" if array.ndim == 2 else "dirac"
            return f"{name}{gain}", f"{number(value, 6)} on the diagonal, zeros beside it"
    return None


def _recognize_delta(array: Array, dtype: str, nonzero: int) -> tuple[str, str] | None:
    if array.ndim < 3:
        return None
    for matrix in _centres(array):
        if nonzero and np.count_nonzero(np.asarray(matrix)) == nonzero:
            found = _measure_columns(matrix, dtype)
            if found is not None:
                return f"delta_orthogonal{found[0]}", f"{found[1]}, zeros beside the center"
    return None


def _centres(array: Array) -> list[Array]:
    """Return the matrix at the center of a kernel, in Keras's and in PyTorch's convention."""
    if array.ndim == 2:
        return [array]
    if array.ndim > 5:
        return []
    first = tuple((size - 1) // 2 for size in array.shape[:-2])
    last = tuple((size - 1) // 2 for size in array.shape[2:])
    places = slice(None), slice(None), *last
    return [array[first], array[places].T]


def _recognize_orthogonal(array: Array, dtype: str) -> tuple[str, str] | None:
    shape = array.shape
    flat = [array.reshape(-1, shape[-1])]
    if array.ndim > 2:
        flat.append(array.reshape(shape[0], -1))
    for matrix in flat:
        found = _measure_columns(matrix, dtype)
        if found is not None:
            return f"orthogonal{found[0]}", found[1]
    return None


def _measure_columns(matrix: Array, dtype: str) -> tuple[str, str] | None:
    """Return the gain and the reason if some columns (rows, if those are shorter) are orthogonal.

    The products of all pairs among the first few are summed over blocks of the longer side.
    """
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    longer, shorter = matrix.shape
    columns = min(shorter, _COLUMNS)
    unit = ROUNDING_UNITS.get(look_up(dtype).numpy.itemsize, 0.0)
    if columns < (8 if unit > 0.1 else 2):  # so few may well be nearly orthogonal by chance
        return None
    gram = np.zeros((columns, columns))
    for low in range(0, longer, _ROWS):
        part = np.asarray(matrix[low : low + _ROWS, :columns]).astype(np.float64)
        gram += np.einsum("ij,ik->jk", part, part)
    lengths = np.sqrt(np.diagonal(gram))
    length = float(lengths.mean())
    if not 0 < length < math.inf:
        return None
    deviation = float(np.abs(gram / length**2 - np.eye(columns)).max())
    # In low precision every product has rounding errors, which average out.
    limit = min(6 * unit, 0.75) / math.sqrt(longer) if unit else _FLATNESS
    if deviation > min(limit, 0.75 / math.sqrt(longer)):
        return None
    is_one = abs(length - 1) <= 1e-4 + 4 * unit / math.sqrt(longer)
    gain = "" if is_one else f"(gain={number(length, 4)})"
    which = "columns" if matrix.shape == (longer, shorter) else "rows"
    return gain, (
        f"|QᵀQ − 1| ≤ {number(deviation, 2)} on {columns} of {shorter} {which} of "
        f"length {number(length, 4)}"
    )
