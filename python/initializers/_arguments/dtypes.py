"""Supported dtypes, and the names and objects that mean them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .checks import hint, show

FLOATS = ("float32", "float64", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
NUMBERS = (
    "bool",
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *FLOATS,
    *("complex64", "complex128"),
)

# Dtypes that NumPy lacks: `ml_dtypes` defines them, and the core fills them as unsigned integers.
_RAW = {"bfloat16": "uint16", "float8_e4m3fn": "uint8", "float8_e5m2": "uint8"}

# Python's types as Keras reads them: with 32 bits.
_PYTHON = {bool: "bool", int: "int32", float: "float32", complex: "complex64"}

_SPELLINGS = {
    **{kind.__name__: name for kind, name in _PYTHON.items()},
    **{np.dtype(name).str: name for name in NUMBERS if name not in _RAW},
    **{np.dtype(name).str[1:]: name for name in NUMBERS if name not in _RAW},
    **{"half": "float16", "single": "float32", "double": "float64"},
}
# Names of other libraries, which are too short to resemble ours.
_ABBREVIATIONS = {
    "bf16": "bfloat16",
    "e4m3": "float8_e4m3fn",
    "e5m2": "float8_e5m2",
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "fp16": "float16",
    "fp32": "float32",
    "fp64": "float64",
    "fp8": "float8_e4m3fn",
}
# Abstract types, refused here: NumPy 1 converts them to dtypes with a warning.
_ABSTRACT = (
    *(np.generic, np.number, np.integer, np.signedinteger, np.unsignedinteger),
    *(np.inexact, np.floating, np.complexfloating, np.flexible, np.character),
)
_FOREIGN_ORDER = ">" if sys.byteorder == "little" else "<"


class DType:
    """A supported dtype.

    Attributes:
        name: The canonical name, which the core uses too.
        numpy: The NumPy dtype.
        kind: `"b"`, `"i"`, `"u"`, `"f"` or `"c"`.
        raw: The unsigned integer dtype that the core fills in its place, or None.
    """

    __slots__ = ("kind", "name", "numpy", "raw")

    def __init__(self, name: str) -> None:
        self.name = name
        if name in _RAW:
            import ml_dtypes  # takes several milliseconds: imported on first use

            self.numpy: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
            self.raw: np.dtype[Any] | None = np.dtype(_RAW[name])
            self.kind = "f"
        else:
            self.numpy = np.dtype(name)
            self.raw = None
            self.kind = self.numpy.kind

    def __repr__(self) -> str:
        return self.name


_by_name: dict[str, DType] = {}
_seen: dict[object, DType] = {}


def look_up(dtype: object) -> DType:
    """Return the supported dtype that `dtype` names; None means float32.

    Raises:
        TypeError: If `dtype` is not a dtype, a type or a name.
        ValueError: If it names an unknown or unsupported dtype.
    """
    try:
        return _seen[dtype]
    except (KeyError, TypeError):  # TypeError: not hashable, so not a dtype
        name = "float32" if dtype is None else _name_of(dtype)
    found = _by_name.get(name)
    if found is None:
        # `setdefault` keeps one object per name when several threads arrive here.
        found = _by_name.setdefault(name, DType(name))
    _seen[dtype] = found
    return found


def _name_of(dtype: object) -> str:
    if isinstance(dtype, str):
        return _name_of_text(dtype)
    if isinstance(dtype, type) and dtype in _PYTHON:
        return _PYTHON[dtype]
    if not isinstance(dtype, (np.dtype, type)):
        raise TypeError(f"`dtype` must be a dtype, a type or a name, received: {show(dtype)}")
    if isinstance(dtype, type) and dtype in _ABSTRACT:
        raise _unsupported(show(dtype))
    found: np.dtype[Any] = np.dtype(dtype)
    if not found.isnative:
        raise ValueError(f"`dtype` must have the machine's byte order, received: {show(dtype)}")
    if found.name not in NUMBERS or (found.name in _RAW and found != DType(found.name).numpy):
        raise _unsupported(show(dtype))
    return str(found.name)


def _name_of_text(text: str) -> str:
    name = _SPELLINGS.get(text, text)
    if name in NUMBERS:
        return name
    if text[:1] == _FOREIGN_ORDER and text[1:] in _SPELLINGS:
        raise ValueError(f"`dtype` must have the machine's byte order, received: {text!r}")
    raise _unsupported(show(text), text)


def _unsupported(received: str, text: str = "") -> ValueError:
    short = _ABBREVIATIONS.get(text.lower())
    near = hint(text, NUMBERS) if short is None else f" (did you mean {short!r}?)"
    return ValueError(
        f"`dtype` must be one of those listed, received: {received}{near}; "
        f"known: {', '.join(NUMBERS)}"
    )
