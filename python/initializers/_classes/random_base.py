"""The base of random initializers: their seeds.

With an integer seed, every call with the same arguments returns the same values. Without a seed
(None), one integer is drawn from `random.randint(1, 10**9)` when the initializer is created. With a
`SeedGenerator`, every call returns fresh values. The value of an element depends only on the seed,
the shape, its position in the shape and the parameters, not on the machine, the number of threads
or the requested block. bfloat16, float16 and float8 values are the float32 values, rounded once;
float64 values are drawn separately.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments.dtypes import DType
from .._arguments.seeds import SeedGenerator, check_seed, draw_seed, serialize_seed
from .._arguments.shapes import Array, Shape
from .._arguments.types import SeedLike
from .base import ArrayInitializer
from .writers import Draw, Law, Writer

Self = TypeVar("Self", bound="RandomInitializer")

# Tensors with at least this many elements have parameters checked before allocation (microseconds).
_MUCH = 2**16


class RandomInitializer(ArrayInitializer):
    """Base of initializers with a seed.

    Attributes:
        seed: The integer or generator from which the values are drawn.
    """

    seed: int | SeedGenerator
    _init_seed: int | SeedGenerator | None

    # Reading and writing the argument. Adapters override these: they know their framework's
    # generators too.
    _check_seed = staticmethod(check_seed)
    _serialize_seed = staticmethod(serialize_seed)

    def __init__(self, seed: SeedLike = None) -> None:
        # The argument is kept too: a clone of an unseeded initializer draws its own seed.
        given = None if seed is None else self._check_seed(seed)
        self._keep(_init_seed=given, seed=draw_seed() if given is None else given)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types; None for a seed that was drawn."""
        return {"seed": self._serialize_seed(self._init_seed)}

    def with_seed(self: Self, seed: int | SeedGenerator) -> Self:
        """Return a copy with another seed, an integer or a `SeedGenerator`."""
        checked = self._check_seed(seed)
        if not self._is_ours:
            result = copy.copy(self)
            result._keep(_init_seed=checked, seed=checked)
            return result
        result = object.__new__(type(self))
        result.__dict__.update(self.__dict__, _init_seed=checked, seed=checked)
        return result

    def _identity(self) -> dict[str, Any]:
        return {**self.get_config(), "seed": self.seed}

    def _law(self, shape: Shape) -> Law:
        """Return the law of a tensor of this shape: a sampler of the core and its parameters."""
        raise NotImplementedError

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        law = self._law(shape)
        # Check before a generator advances or much memory is allocated. Otherwise the fill checks.
        if isinstance(self.seed, SeedGenerator) or math.prod(shape) >= _MUCH:
            self._check(law, dtype)
        return self._fill(law, shape, dtype, *self._draw())

    def _plan_without_draw(self, shape: Shape, dtype: DType) -> Writer | None:
        if not isinstance(self.seed, SeedGenerator):
            return self._plan(shape, dtype)
        self.with_seed(0)._plan(shape, dtype)
        return None

    def _check(self, law: Law, dtype: DType) -> None:
        """Let the core check the parameters, by filling an empty array."""
        fill, parameters = law
        nothing = np.empty((0, 0), dtype.raw or dtype.name)  # the orthogonal sampler needs a matrix
        self._call(fill, nothing, dtype.name, 0, 0, None, *parameters)

    def _draw(self) -> tuple[int, int]:
        """Return the seed and the stream of one tensor."""
        return self.seed.next() if isinstance(self.seed, SeedGenerator) else (self.seed, 0)

    def _fill(self, law: Law, shape: Shape, dtype: DType, seed: int, stream: int) -> Writer:
        return Draw(self, law, shape, dtype, seed, stream)

    def _call(self, fill: Callable[..., None], out: Array, name: str, *arguments: Any) -> None:
        try:
            fill(out, name, *arguments)
        except ValueError as error:
            raise self._refusal(name, error) from None

    def _refusal(self, name: str, error: ValueError) -> ValueError:
        return ValueError(f"{self!r} cannot fill {name}: {error}")


def draw_words(count: int, seed: int, stream: int, first: int = 0) -> NDArray[np.uint32]:
    """Return `count` words of a stream, from word number `first` on."""
    words = np.empty(count, np.uint32)
    _core.fill_words(words, seed, stream, first)
    return words
