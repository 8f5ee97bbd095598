"""Orthogonal matrices: random ones, and the orthogonal factor of a given matrix.

For seeds see `random_base`. Matrices are computed in float32 (float64 for float64) and rounded
once: an orthogonal bfloat16 tensor is the float32 tensor, rounded.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from .._arguments.checks import check_real, is_masked, show, to_integer
from .._arguments.dtypes import DType, look_up
from .._arguments.shapes import Array, Shape
from .._arguments.sizes import size_text
from .._arguments.types import SeedLike
from .._memory.allocation import allocate
from .._memory.limit import exceeds_memory
from .random_base import RandomInitializer
from .writers import Law, Writer


class Orthogonal(RandomInitializer):
    """Orthogonal matrix with the Haar distribution (uniform), times a gain.

    The last dimension (or `axis`) is the columns; all other dimensions together are the rows. The
    columns are orthonormal, or the rows if there are more columns than rows. The distribution is
    that of Q in the QR factorization of a Gaussian matrix, with a positive diagonal of R. The
    matrix is a product of random reflectors, at half the cost (Stewart, 1980, The efficient
    generation of random orthogonal matrices with an application to condition estimators).

    |QᵀQ - 1| is at most (12 + √m/2)·ε, with the longer side m and the ε of float32 (of float64 for
    float64). One small matrix in millions exceeds this by a hundredth.

    Proposed for networks by Saxe et al. (2014), Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks.

    Args:
        gain: A finite number that multiplies the matrix.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.
        axis: The dimension of the columns: JAX's `column_axis`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it is out of range; on a call, if the shape has fewer than 2 dimensions or
            lacks the axis, or `gain` overflows the dtype.

    Examples:
        >>> q = Orthogonal(seed=1)((4, 3))
        >>> abs(q.T @ q).round(6).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    _costly_blocks = True
    _transposes = True

    gain: float
    axis: int

    def __init__(self, gain: float = 1.0, seed: SeedLike = None, axis: int = -1) -> None:
        self._keep(gain=check_real("gain", gain))
        number = to_integer(axis)
        if number is None:
            raise TypeError(f"`axis` must be an integer, received: {show(axis)}")
        if not -(2**63) <= number < 2**63:  # Python refuses to print very long integers
            raise ValueError(f"`axis` must be in [-2**63, 2**63), received: {show(axis)}")
        self._keep(axis=number)
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types; `axis` only if it is not -1."""
        config = {"gain": self.gain, **super().get_config()}
        return config if self.axis == -1 else {**config, "axis": self.axis}

    def _law(self, shape: Shape) -> Law:
        return _core.fill_orthogonal, (self.gain,)

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        rank = len(shape)
        if rank < 2:
            raise ValueError(
                f"`shape` must have at least 2 dimensions for Orthogonal, received: {shape}"
            )
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"`axis` must be a dimension of the shape {shape}, received: {self.axis}"
            )
        axis = self.axis % rank
        if axis == rank - 1:
            _require_reflectors(shape, dtype)
            return super()._plan(shape, dtype)

        def move(sizes: Shape) -> Shape:
            return sizes[:axis] + sizes[axis + 1 :] + sizes[axis : axis + 1]

        _require_reflectors(move(shape), dtype)
        fill = super()._plan(move(shape), dtype)

        def write(out: Array, start: Shape | None) -> None:
            moved = np.empty(move(out.shape), out.dtype)
            fill(moved, None if start is None else move(start))
            out[...] = np.moveaxis(moved, -1, axis)

        return write


def orthogonalize(matrix: ArrayLike) -> NDArray[Any]:
    """Return the orthogonal factor of a matrix, with a unique sign.

    This is Q of the QR factorization with a diagonal of R that is >= 0: the result of the
    Gram-Schmidt process on the columns of the matrix, or on its rows if there are more columns than
    rows. The result is orthonormal even if they are linearly dependent. It is computed by blocked
    Householder reflections (Schreiber and Van Loan, 1989), with the same bits on every machine. For
    |QᵀQ - 1| see `Orthogonal`.

    Args:
        matrix: A matrix of finite floats. float32 and float64 are computed as such, other float
            dtypes in float32 and rounded once. Python's numbers are float64.

    Returns:
        A new array with the shape and dtype of `matrix`.

    Raises:
        TypeError: If `matrix` does not hold floats, or has a mask, which would be lost.
        ValueError: If it does not have 2 dimensions, or holds NaN or infinity.
        MemoryError: If there is not enough memory for the computation.

    Examples:
        >>> orthogonalize([[3.0, 0.0], [4.0, 5.0]]).round(15).tolist()
        [[0.6, -0.8], [0.8, 0.6]]
    """
    if is_masked(matrix):
        raise TypeError(
            "`matrix` must have no mask, which would be lost: pass `matrix.filled(...)` or "
            f"`matrix.data`, received: {show(matrix)}"
        )
    array = np.asarray(matrix)
    try:
        dtype = look_up(array.dtype.newbyteorder("="))
    except (TypeError, ValueError):
        dtype = None
    if dtype is None or dtype.kind != "f":
        raise TypeError(f"`matrix` must be made of floats, received: {show(matrix)}")
    if array.ndim != 2:
        raise ValueError(f"`matrix` must have 2 dimensions, received: {show(array)}")
    compute = look_up("float64" if dtype.name == "float64" else "float32")
    source = array.astype(compute.numpy)
    result = allocate(source.shape, compute, zeros=False)
    _core.orthogonalize(source, result)
    return result.astype(dtype.numpy, copy=False)


def _require_reflectors(shape: Shape, dtype: DType) -> None:
    """Raise MemoryError if the reflectors of the whole matrix exceed the memory."""
    rows, columns = math.prod(shape[:-1]), shape[-1]
    longer, shorter = max(rows, columns), min(rows, columns)
    size = (8 if dtype.name == "float64" else 4) * (longer * shorter - shorter * (shorter - 1) // 2)
    if exceeds_memory(size):
        raise MemoryError(
            f"no memory for the reflectors of shape {show(shape)}: {size_text(size)} are needed"
        )
