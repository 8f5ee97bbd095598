"""Initializers that draw every element from one distribution. For seeds see `random_base`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .._arguments.checks import check_nonnegative, check_real, check_real_where, show, to_float
from .._arguments.shapes import Shape
from .._arguments.types import SeedLike
from .random_base import RandomInitializer
from .writers import Law

# The tail sampler ends here. The probability of values beyond it is 6e-300.
_FARTHEST_BOUND = 37.0


class RandomNormal(RandomInitializer):
    """Normal distribution.

    float32 values lie within 6.67 standard deviations of the mean, float64 values within 8.66:
    32 and 64 random bits reach no farther.

    Args:
        mean: The mean, a finite number.
        stddev: The standard deviation, a finite number >= 0.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If it is out of range; on a call, if values could overflow the dtype.

    Examples:
        >>> RandomNormal(stddev=1.0, seed=1)((2, 3)).shape
        (2, 3)
    """

    mean: float
    stddev: float

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: SeedLike = None) -> None:
        self._keep(mean=check_real("mean", mean))
        self._keep(stddev=check_nonnegative("stddev", stddev))
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}

    def _law(self, shape: Shape) -> Law:
        return _core.fill_normal, (self.mean, self.stddev)


class TruncatedNormal(RandomInitializer):
    """Normal distribution truncated to an interval, by default to two standard deviations.

    The values are distributed as if normal values were drawn again until one falls inside. They are
    computed by the inverse distribution function: one draw is always enough, however far in the
    tail the interval lies. `mean` and `stddev` belong to the normal distribution before truncation.
    The values have a smaller standard deviation: 0.8796 · `stddev` for the default bounds.

    Args:
        mean: The mean, a finite number.
        stddev: The standard deviation, a finite number >= 0.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.
        bounds: The interval: two numbers lower < upper, in standard deviations from the mean. Each
            may be infinite. With the default, values lie strictly inside before `mean` is added and
            the result is rounded.

    Raises:
        TypeError: If an argument is not a number.
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
        self._keep(stddev=check_nonnegative("stddev", stddev))
        self._keep(bounds=_check_bounds(bounds))
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types; `bounds` only if not Keras's."""
        config = {"mean": self.mean, "stddev": self.stddev, **super().get_config()}
        return config if self.bounds == (-2.0, 2.0) else {**config, "bounds": [*self.bounds]}

    def _law(self, shape: Shape) -> Law:
        return _core.fill_truncated_normal, (self.mean, self.stddev, *self.bounds)


class RandomUniform(RandomInitializer):
    """Uniform distribution on [minval, maxval).

    Args:
        minval: The lower end, a finite number. It can occur.
        maxval: The upper end, a finite number >= `minval`. It never occurs, in any dtype, unless
            `minval` rounds to the same value.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.

    Raises:
        TypeError: If an argument is not a number.
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
        """Return the constructor's arguments as JSON types."""
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
