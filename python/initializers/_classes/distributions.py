"""Initializers that draw every element from one distribution.

About seeds, for all random initializers: with an integer seed (or None, for which one integer is
drawn from `random.randint(1, 10**9)` when the initializer is made) every call with the same
arguments gives the same values. With a `SeedGenerator` every call gives fresh ones. The value of an
element depends on the seed, the shape, its position in it and the parameters alone: not on the
machine, the number of threads or the block that is asked for. bfloat16, float16 and float8 values
are the float32 values rounded once; float64 has values of its own.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np

from .. import _core
from .._arguments.checks import check_real, check_real_where, show, to_float
from .._arguments.dtypes import DType
from .._arguments.seeds import SeedGenerator, SeedLike, check_seed, draw_seed, serialize_seed
from .._arguments.shapes import Array, Shape
from .base import BuiltIn, Writer

Self = TypeVar("Self", bound="RandomInitializer")

# A sampler of the core, and the parameters that stand last in its call.
Law: TypeAlias = tuple[Callable[..., None], tuple[float, ...]]

# Sampler → function that returns its formula's name and its rounded parameters.
_DESCRIPTIONS: dict[Callable[..., None], Callable[..., tuple[str, list[float]]]] = {
    _core.fill_uniform: _core.describe_uniform,
    _core.fill_normal: _core.describe_normal,
    _core.fill_truncated_normal: _core.describe_truncated_normal,
}

# A shape of so many elements takes memory that is worth some microseconds.
_MUCH = 2**16

# Beyond it lies 6e-300 of the distribution: the sampler for the tail ends there.
_FARTHEST_BOUND = 37.0


class RandomInitializer(BuiltIn):
    """Base of the initializers with a seed.

    Attributes:
        seed: The integer or generator that the values are drawn from.
    """

    seed: int | SeedGenerator
    _init_seed: int | SeedGenerator | None

    # How the argument is read and written; an adapter knows the generators of its framework too.
    _check_seed = staticmethod(check_seed)
    _serialize_seed = staticmethod(serialize_seed)

    def __init__(self, seed: SeedLike = None) -> None:
        # Kept apart, so that a clone of an unseeded initializer draws a seed of its own.
        given = None if seed is None else self._check_seed(seed)
        self._keep(_init_seed=given, seed=draw_seed() if given is None else given)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON has them; None for a seed that was drawn."""
        return {"seed": self._serialize_seed(self._init_seed)}

    def with_seed(self: Self, seed: int | SeedGenerator) -> Self:
        """Return a copy with another seed, an integer or a `SeedGenerator`."""
        result = copy.copy(self)
        checked = self._check_seed(seed)
        result._keep(_init_seed=checked, seed=checked)
        return result

    def _identity(self) -> dict[str, Any]:
        return {**self.get_config(), "seed": self.seed}

    def _law(self, shape: Shape) -> Law:
        """Return the sampler for a tensor of this shape."""
        raise NotImplementedError

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        law = self._law(shape)
        # Before a generator moves on, or much memory is asked for; else the fill itself checks.
        if isinstance(self.seed, SeedGenerator) or math.prod(shape) >= _MUCH:
            self._check(law, dtype)
        return self._fill(law, shape, dtype, *self._draw())

    def _plan_without_draw(self, shape: Shape, dtype: DType) -> Writer | None:
        if not isinstance(self.seed, SeedGenerator):
            return self._plan(shape, dtype)
        self.with_seed(0)._plan(shape, dtype)
        return None

    def _check(self, law: Law, dtype: DType) -> None:
        """Let the core check the parameters, on nothing."""
        fill, parameters = law
        nothing = np.empty((0, 0), dtype.raw or dtype.name)  # a matrix, as orthogonal ones must be
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


class Draw:
    """Writes the blocks of one tensor: a `Writer` that tells what it writes.

    Attributes:
        shape: The shape of the whole tensor.
        dtype: Its dtype.
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

    def __call__(self, out: Array, start: Shape | None) -> None:
        """Fill `out`, the block that begins at `start`."""
        fill, parameters = self._law
        if self.dtype.raw is not None:
            out = out.view(self.dtype.raw)
        block = None if start is None else (self.shape, start)
        self._initializer._call(
            fill, out, self.dtype.name, self.seed, self.stream, block, *parameters
        )

    def describe(self) -> tuple[str, list[float]] | None:
        """Return the formula's name and its parameters; None if elements depend on each other.

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


class RandomNormal(RandomInitializer):
    """Normal distribution.

    float32 values lie within 6.67 standard deviations of the mean, float64 within 8.66: the reach
    of 32 and 64 random bits.

    Args:
        mean: The mean, a finite number.
        stddev: The standard deviation, a finite number >= 0.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.

    Raises:
        TypeError: If an argument is no number.
        ValueError: If it is out of range; on a call, if values could overflow the dtype.

    Examples:
        >>> RandomNormal(stddev=1.0, seed=1)((2, 3)).shape
        (2, 3)
    """

    mean: float
    stddev: float

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: SeedLike = None) -> None:
        self._keep(mean=check_real("mean", mean))
        self._keep(stddev=check_real_where("stddev", stddev, ">= 0", lambda x: x >= 0))
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON has them."""
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}

    def _law(self, shape: Shape) -> Law:
        return _core.fill_normal, (self.mean, self.stddev)


class TruncatedNormal(RandomInitializer):
    """Normal distribution restricted to an interval, by default to two standard deviations.

    The values have the law of a normal variable that is drawn again until it falls inside: the
    inverse of the distribution function is evaluated, so one draw is always enough, however far in
    the tail the interval lies. `mean` and `stddev` are those of the normal distribution; that of
    the values is smaller, 0.8796 of `stddev` for the default bounds.

    Args:
        mean: The mean, a finite number.
        stddev: The standard deviation, a finite number >= 0.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.
        bounds: The interval, as two numbers lower < upper in standard deviations from the mean;
            each may be infinite. With the default the values lie strictly inside, before `mean` is
            added and the result rounded.

    Raises:
        TypeError: If an argument is no number.
        ValueError: If it is out of range; on a call, if values could overflow the dtype.

    Examples:
        >>> TruncatedNormal(bounds=(0, float("inf")), seed=1)((2, 3)).shape  # half-normal
        (2, 3)
    """

    mean: float
    stddev: float
    bounds: tuple[float, float]

    def __init__(
        self,
        mean: float = 0.0,
        stddev: float = 0.05,
        seed: SeedLike = None,
        bounds: tuple[float, float] = (-2.0, 2.0),
    ) -> None:
        self._keep(mean=check_real("mean", mean))
        self._keep(stddev=check_real_where("stddev", stddev, ">= 0", lambda x: x >= 0))
        self._keep(bounds=_check_bounds(bounds))
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON has them; `bounds` only if not Keras's."""
        config = {"mean": self.mean, "stddev": self.stddev, **super().get_config()}
        return config if self.bounds == (-2.0, 2.0) else {**config, "bounds": [*self.bounds]}

    def _law(self, shape: Shape) -> Law:
        return _core.fill_truncated_normal, (self.mean, self.stddev, *self.bounds)


class RandomUniform(RandomInitializer):
    """Uniform distribution on [minval, maxval).

    Args:
        minval: The lower end, a finite number; it can occur.
        maxval: The upper end, a finite number >= `minval`; it never occurs, in any dtype, unless
            `minval` rounds to the same value there.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.

    Raises:
        TypeError: If an argument is no number.
        ValueError: If it is out of range; on a call, if the range overflows the dtype.

    Examples:
        >>> RandomUniform(0, 1, seed=1)((2, 3)).shape
        (2, 3)
    """

    minval: float
    maxval: float

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: SeedLike = None) -> None:
        low = check_real("minval", minval)
        high = check_real_where("maxval", maxval, f">= `minval` = {low}", lambda x: x >= low)
        self._keep(minval=low, maxval=high)
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON has them."""
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}

    def _law(self, shape: Shape) -> Law:
        return _core.fill_uniform, (self.minval, self.maxval)


def _check_bounds(bounds: object) -> tuple[float, float]:
    wanted = "two numbers lower < upper, which may be infinite"
    if isinstance(bounds, np.ndarray):
        bounds = bounds.tolist()
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        raise TypeError(f"`bounds` must be {wanted}, received: {show(bounds)}")
    lower, upper = (to_float("bounds", bound, wanted) for bound in bounds)
    if not lower < upper:
        raise ValueError(f"`bounds` must be {wanted}, received: {show(bounds)}")
    if lower >= _FARTHEST_BOUND or upper <= -_FARTHEST_BOUND:
        raise ValueError(
            f"`bounds` must include numbers between -37 and 37, received: {show(bounds)}"
        )
    return lower, upper
