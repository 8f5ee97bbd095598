"""Exact casts: integers stay exact, other numbers are rounded once, and loss is an error.

The casts of NumPy and `ml_dtypes` wrap integers around, drop fractions and imaginary parts, turn
overflow into infinity, and round twice from float64 or int64 to bfloat16 and float8, and from
integers to float16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.checks import show
from .._arguments.dtypes import DType

_EXACT_IN_FLOAT64 = 2**53


def cast(values: NDArray[Any], dtype: DType, argument: str) -> NDArray[Any]:
    """Cast `values` of any supported dtype to `dtype`.

    Raises:
        ValueError: If `dtype` cannot represent a value. An integer dtype or bool represents no
            fraction, NaN or value out of its range; a real dtype no imaginary part; a float dtype
            no finite number beyond its largest, and no infinity if it has none.
    """
    if values.dtype == dtype.numpy or values.size == 0:
        return values.astype(dtype.numpy, copy=False)
    if values.dtype.kind == "c":
        if dtype.kind == "c":
            return _join(cast_float(values.real, dtype, argument), values.imag, dtype, argument)
        _demand(values.imag == 0, values, dtype, argument)
        values = values.real
    if values.dtype.kind not in "biu":
        with np.errstate(invalid="ignore"):  # a signaling NaN
            values = values.astype(np.float64)  # exact for every supported float
    if dtype.kind in "fc":
        return cast_float(values, dtype, argument).astype(dtype.numpy, copy=False)
    if dtype.kind == "b":
        _demand((values == 0) | (values == 1), values, dtype, argument)
    elif values.dtype.kind == "f":
        limits = np.iinfo(dtype.numpy)
        inside = (values >= float(limits.min)) & (values < float(int(limits.max) + 1))
        _demand(inside & (values == np.floor(values)), values, dtype, argument)
    elif values.dtype.kind in "iu":
        limits = np.iinfo(dtype.numpy)
        for extreme in (values.min(), values.max()):  # Python integers compare exactly
            inside = np.asarray(limits.min <= int(extreme) <= limits.max)
            _demand(inside, np.asarray(extreme), dtype, argument)
    return values.astype(dtype.numpy)


def cast_float(values: NDArray[Any], dtype: DType, argument: str) -> NDArray[Any]:
    """Round real `values` once, to nearest even, to a float dtype or to the parts of a complex one.

    Raises:
        ValueError: If a finite value overflows, or `dtype` cannot represent an infinity.
    """
    target = dtype.numpy if dtype.kind == "f" else np.empty(0, dtype.numpy).real.dtype
    source = values
    with np.errstate(over="ignore", under="ignore"):  # overflow is checked below
        if values.dtype.kind in "biu" and target != np.float64:
            values = _to_odd_float64(values)
        if dtype.raw is not None:
            values = _to_odd_float32(values.astype(np.float64, copy=False))
        result = values.astype(target)
        readable = result.astype(np.float32) if dtype.raw is not None else result
    same_end = np.isfinite(source) == np.isfinite(readable)
    _demand(same_end & (np.isnan(source) == np.isnan(readable)), source, dtype, argument)
    return result


def _join(real: NDArray[Any], imag: NDArray[Any], dtype: DType, argument: str) -> NDArray[Any]:
    result = real.astype(dtype.numpy)
    result.imag = cast_float(imag, dtype, argument)
    return result


def _demand(holds: NDArray[np.bool_], values: NDArray[Any], dtype: DType, argument: str) -> None:
    if not holds.all():
        worst = values[~holds].flat[0].item()
        raise ValueError(f"`{argument}` must be representable in {dtype}, received: {show(worst)}")


def _to_odd_float64(values: NDArray[Any]) -> NDArray[np.float64]:
    """Convert integers to float64; round those beyond its precision to odd.

    Rounding to odd sets the last bit if anything was cut off. So rounding the result again, to at
    most 41 bits, equals rounding the exact value once (Boldo and Melquiond, 2008).
    """
    if values.dtype.kind == "b" or values.dtype.itemsize < 8:
        return values.astype(np.float64)
    negative = values < 0
    size = values.astype(np.uint64)
    size = np.where(negative, ~size + np.uint64(1), size)
    low = size & np.uint64(0x7FF)
    cut = (size - low) | (np.uint64(0x800) * (low != 0))
    size = np.where(size > _EXACT_IN_FLOAT64, cut, size)
    return np.where(negative, -size.astype(np.float64), size.astype(np.float64))


def _to_odd_float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round float64 to float32 to odd: toward zero, then set the last bit if inexact."""
    nearest = values.astype(np.float32)
    back = nearest.astype(np.float64)
    bits = np.array(nearest).view(np.uint32)
    inexact = (back != values) & ~np.isnan(values)
    bits -= (inexact & (np.abs(back) > np.abs(values))).astype(np.uint32)
    bits |= inexact.astype(np.uint32)
    return bits.view(np.float32)
