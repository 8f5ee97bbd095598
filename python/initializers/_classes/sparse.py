"""Sparse matrices. For seeds see `random_base`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core
from .._arguments.checks import check_nonnegative, check_real_where
from .._arguments.dtypes import DType, look_up
from .._arguments.seeds import fold_in
from .._arguments.shapes import Array, Shape
from .._arguments.types import SeedLike
from .._memory.allocation import allocate
from .random_base import RandomInitializer, draw_words
from .writers import Law, Writer

# The most random words that are drawn at once.
_WORDS = 1 << 20


class Sparse(RandomInitializer):
    """Normal matrix with a share of zeros in every column, at random rows.

    Martens (2010), Deep learning via Hessian-free optimization; `torch.nn.init.sparse_`. A block
    needs the random words of the whole matrix.

    Args:
        sparsity: The share of zeros, in [0, 1]: each column has ceil(sparsity * rows) zeros.
        stddev: The standard deviation of the other elements, a finite number >= 0.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If it is out of range; on a call, if the shape does not have two dimensions, or
            values could overflow the dtype.

    Examples:
        >>> (Sparse(0.7, seed=1)((10, 4)) == 0).sum(0).tolist()
        [7, 7, 7, 7]
    """

    _costly_blocks = True

    sparsity: float
    stddev: float

    def __init__(self, sparsity: float, stddev: float = 0.01, seed: SeedLike = None) -> None:
        share = check_real_where("sparsity", sparsity, "in [0, 1]", lambda x: 0 <= x <= 1)
        self._keep(sparsity=share)
        self._keep(stddev=check_nonnegative("stddev", stddev))
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {"sparsity": self.sparsity, "stddev": self.stddev, **super().get_config()}

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        if len(shape) != 2:
            raise ValueError(f"`shape` must have 2 dimensions for Sparse, received: {shape}")
        law: Law = _core.fill_normal, (0.0, self.stddev)
        self._check(law, dtype)
        seed, stream = self._draw()
        fill = self._fill(law, shape, dtype, seed, stream)
        zeros = math.ceil(self.sparsity * shape[0])
        purposed = fold_in(seed, "initializers", "mask", 0)

        def write(out: Array, start: Shape | None) -> None:
            if zeros == 0 or not out.size:
                fill(out, start)
                return
            row, column = start or (0, 0)
            # A block needs the words of its whole columns. They are allocated first: an error
            # must come before anything is written.
            words = allocate((shape[0], out.shape[1]), look_up("uint32"), zeros=False)
            fill(out, start)
            if shape[1] > _WORDS:
                for i, part in enumerate(words):
                    part[:] = draw_words(len(part), purposed, stream, i * shape[1] + column)
            else:
                step = _WORDS // shape[1]
                for low in range(0, shape[0], step):
                    part = words[low : low + step]
                    drawn = draw_words(len(part) * shape[1], purposed, stream, low * shape[1])
                    part[:] = drawn.reshape(len(part), -1)[:, column : column + out.shape[1]]
            last = np.partition(words, zeros - 1, axis=0)[zeros - 1]
            chosen = words <= last
            # Among equal words, which are rare, the lower rows become zeros.
            for j in np.flatnonzero(np.count_nonzero(chosen, axis=0) > zeros):
                order = np.argsort(words[:, j], kind="stable")
                chosen[order[zeros:], j] = False
            out[chosen[row : row + out.shape[0]]] = 0

        return write
