"""Writers: functions that fill blocks of one tensor, mostly by the Rust core."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from .. import _core
from .._arguments.dtypes import DType
from .._arguments.shapes import Array, Shape
from .._memory.allocation import fill_pattern

if TYPE_CHECKING:
    from .random_base import RandomInitializer

# Fills the given array with the block that begins at `start` (None: the whole tensor).
Writer: TypeAlias = Callable[[Array, "Shape | None"], None]

# A sampler of the core, and its last arguments: the parameters.
Law: TypeAlias = tuple[Callable[..., None], tuple[float, ...]]

# Sampler → function that returns its formula's name and its rounded parameters.
_DESCRIPTIONS: dict[Callable[..., None], Callable[..., tuple[str, list[float]]]] = {
    _core.fill_uniform: _core.describe_uniform,
    _core.fill_normal: _core.describe_normal,
    _core.fill_truncated_normal: _core.describe_truncated_normal,
}


@lru_cache(maxsize=1024)  # models have many weights of few laws
def _check_law(fill: Callable[..., None], dtype: DType, parameters: tuple[float, ...]) -> None:
    _DESCRIPTIONS[fill](dtype.name, *parameters)


class Draw:
    """A `Writer` of random values, which can describe its formula.

    Attributes:
        shape: The shape of the whole tensor.
        dtype: The tensor's dtype.
        seed: An integer in `[-2**127, 2**127)`.
        stream: An integer in `[0, 2**64)`.
    """

    __slots__ = ("_initializer", "_law", "dtype", "seed", "shape", "stream")

    def __init__(
        self,
        initializer: RandomInitializer,
        law: Law,
        shape: Shape,
        dtype: DType,
        seed: int,
        stream: int,
    ) -> None:
        self._initializer, self._law = initializer, law
        self.shape, self.dtype, self.seed, self.stream = shape, dtype, seed, stream

    def with_seed(self, seed: int) -> Draw:
        """Return the draw of another tensor of the shape and dtype, from its own seed."""
        return Draw(self._initializer, self._law, self.shape, self.dtype, seed, 0)

    def __call__(self, out: Array, start: Shape | None) -> None:
        """Fill `out`, the block that begins at `start`."""
        fill, parameters = self._law
        if self.dtype.raw is not None:
            out = out.view(self.dtype.raw)
        block = None if start is None else (self.shape, start)
        self._initializer._call(
            fill, out, self.dtype.name, self.seed, self.stream, block, *parameters
        )

    def as_call(self) -> tuple[Callable[..., None], tuple[Any, ...]]:
        """Return the function that fills a whole array, and its arguments after the array."""
        fill, parameters = self._law
        return fill, (self.dtype.name, self.seed, self.stream, None, *parameters)

    def check(self) -> bool:
        """Check the parameters without filling memory; return False if only a fill can.

        Raises:
            ValueError: If values could overflow the dtype.
        """
        fill, parameters = self._law
        if fill not in _DESCRIPTIONS:
            return False
        try:
            _check_law(fill, self.dtype, parameters)
        except ValueError as error:
            raise self._initializer._refusal(self.dtype.name, error) from None
        return True

    def describe(self) -> tuple[str, list[float]] | None:
        """Return the formula's name and parameters; None if elements depend on each other.

        Raises:
            ValueError: If values could overflow the dtype.
        """
        fill, parameters = self._law
        if fill not in _DESCRIPTIONS:
            return None
        try:
            return _DESCRIPTIONS[fill](self.dtype.name, *parameters)
        except ValueError as error:
            raise self._initializer._refusal(self.dtype.name, error) from None


def leave(out: Array, start: Shape | None) -> None:
    """Write nothing: the memory is zero already."""


class Repeat:
    """A `Writer` of one repeated element.

    Attributes:
        pattern: The element's bytes; one zero byte for zeros of any dtype.
    """

    def __init__(self, pattern: bytes) -> None:
        self.pattern = pattern

    def __call__(self, out: Array, start: Shape | None) -> None:
        """Fill `out`."""
        fill_pattern(out, self.pattern)
