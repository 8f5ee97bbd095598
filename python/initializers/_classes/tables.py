"""The base of initializers whose elements are a function of their place: no element is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from .._arguments.dtypes import DType
from .._arguments.shapes import Array, Shape
from .base import ArrayInitializer
from .writers import Writer

# A function of the core that fills a block of a table, and its last arguments.
TableLaw: TypeAlias = tuple[Callable[..., None], tuple[Any, ...]]


class Table(ArrayInitializer):
    """Base of initializers whose elements are a function of their place.

    Values are computed in float64 by the core and rounded once to the dtype.
    """

    def _table(self, shape: Shape) -> TableLaw:
        """Return the core's function and its arguments; ValueError for a shape without values."""
        raise NotImplementedError

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        fill, arguments = self._table(shape)

        def write(out: Array, start: Shape | None) -> None:
            block = None if start is None else (shape, start)
            out = out if dtype.raw is None else out.view(dtype.raw)
            fill(out, dtype.name, block, *arguments)

        # The core checks the values of the whole tensor, whatever block of it is filled.
        nothing = np.empty((0,) * len(shape), dtype.raw or dtype.name)
        try:
            fill(nothing, dtype.name, (shape, nothing.shape), *arguments)
        except ValueError as error:
            raise ValueError(f"{self!r} cannot fill {dtype.name}: {error}") from None
        return write


def check_last_axes(name: str, shape: Shape, count: int) -> tuple[int, ...]:
    """Return the sizes of the last `count` axes; ValueError if there are fewer."""
    if len(shape) < count:
        dimensions = "dimension" if count == 1 else "dimensions"
        raise ValueError(
            f"`shape` must have {count} or more {dimensions} for {name}, received: {shape}"
        )
    return shape[len(shape) - count :]
