"""Initializers without randomness: zeros, ones, constants, the identity."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments.checks import check_real, show
from .._arguments.dtypes import DType
from .._arguments.number_arrays import as_array, deserialize_array, serialize_array
from .._arguments.shapes import Array, Shape
from .._memory.exact_cast import cast
from .base import ArrayInitializer
from .writers import Repeat, Writer, leave


class Zeros(ArrayInitializer):
    """Zeros, in any dtype.

    As with `numpy.zeros`, pages of a new array take memory only when they are touched.

    Examples:
        >>> Zeros()((2, 3), "int8")
        array([[0, 0, 0],
               [0, 0, 0]], dtype=int8)
    """

    _floats_only = False
    _on_zeros = True

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        return leave


class Ones(ArrayInitializer):
    """Ones, in any dtype.

    Examples:
        >>> Ones()((3,))
        array([1., 1., 1.], dtype=float32)
    """

    _floats_only = False

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        return _fill_with(np.array(1), dtype, "value")


class Constant(ArrayInitializer):
    """One given number, or an array of them, in any dtype that can represent it.

    Integers are exact. Other numbers are rounded once, to nearest.

    Args:
        value: A number, or an array (or nested list) that broadcasts to the requested shapes.

    Raises:
        TypeError: If `value` is neither a number nor an array of bools, integers, floats or complex
            numbers.
        ValueError: On a call, if `value` does not broadcast to the shape, or the dtype cannot
            represent it: a fraction or NaN as an integer, an imaginary part as a float, a number
            that is too large, or an infinity or NaN that the dtype lacks.

    Examples:
        >>> Constant([1, 2])((2, 2), "int8").tolist()
        [[1, 2], [1, 2]]
    """

    _floats_only = False

    _array: NDArray[Any]

    def __init__(self, value: ArrayLike = 0.0) -> None:
        self._keep(_array=as_array("value", value))

    @property
    def value(self) -> Any:
        """The number as a Python number, or the array as a read-only copy."""
        return self._array if self._array.ndim else self._array.item()

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types, an array in Keras's form."""
        return {"value": serialize_array(self._array)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        """Return a new initializer from the result of `get_config`, ours or Keras's."""
        if isinstance(config, dict) and "value" in config:
            config = {**config, "value": deserialize_array("value", config["value"])}
        return super().from_config(config)

    def _identity(self) -> dict[str, Any]:
        # Compared by dtype and bits: 1, 1.0 and True, or 0.0 and -0.0, are different constants.
        return {"value": self._array}

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        if not self._array.ndim:
            return _fill_with(self._array, dtype, "value")
        sizes = (1,) * (len(shape) - self._array.ndim) + self._array.shape
        pairs = list(zip(sizes, shape, strict=False))
        if len(sizes) != len(shape) or any(own not in (1, size) for own, size in pairs):
            raise ValueError(
                f"`value` must broadcast to the shape {shape}, received: {show(self._array)}"
            )
        values = cast(self._array, dtype, "value").reshape(sizes)

        def write(out: Array, start: Shape | None) -> None:
            block = tuple(
                slice(None) if own == 1 else slice(low, low + size)
                for own, low, size in zip(sizes, start or (0,) * out.ndim, out.shape, strict=True)
            )
            np.copyto(out, values[block])

        return write


class Identity(ArrayInitializer):
    """The identity matrix times a number, in any dtype: `gain` on the diagonal, 0 elsewhere.

    Only pages with elements of the diagonal are touched in a new array; the others take no memory
    until they are used.

    Args:
        gain: A finite number.

    Raises:
        TypeError: If `gain` is not a number.
        ValueError: If it is not finite; on a call, if the shape does not have two dimensions (which
            may differ), or the dtype cannot represent `gain`.

    Examples:
        >>> Identity()((2, 3), "int8").tolist()
        [[1, 0, 0], [0, 1, 0]]
    """

    _floats_only = False
    _on_zeros = True

    gain: float

    def __init__(self, gain: float = 1.0) -> None:
        self._keep(gain=check_real("gain", gain))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types; `gain` only if it is not 1."""
        return {} if self.gain == 1.0 else {"gain": self.gain}

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        if len(shape) != 2:
            raise ValueError(f"`shape` must have 2 dimensions for Identity, received: {shape}")
        gain = np.frombuffer(_encode(np.array(self.gain), dtype, "gain"), dtype.numpy)

        def write(out: Array, start: Shape | None) -> None:
            row, column = start or (0, 0)
            rows, columns = out.shape
            # The diagonal enters the block at (i, j) and has `count` elements in it.
            i, j = max(column - row, 0), max(row - column, 0)
            count = min(rows - i, columns - j)
            if count > 0:
                out.reshape(-1)[i * columns + j :: columns + 1][:count] = gain

        return write


def _fill_with(number: NDArray[Any], dtype: DType, argument: str) -> Writer:
    return Repeat(_encode(number, dtype, argument))


def _encode(number: NDArray[Any], dtype: DType, argument: str) -> bytes:
    return _encode_bytes(number.tobytes(), number.dtype, dtype, argument)


@lru_cache(maxsize=256)  # keyed by the bytes: 0.0 and -0.0 are equal as numbers
def _encode_bytes(number: bytes, source: np.dtype[Any], dtype: DType, argument: str) -> bytes:
    return cast(np.frombuffer(number, source), dtype, argument).tobytes()
