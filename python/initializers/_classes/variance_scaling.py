"""Initializers whose scale depends on a weight's fans: Glorot, He, LeCun."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, TypedDict, get_args

from .. import _core
from .._arguments.checks import check_name, check_real_where
from .._arguments.shapes import Shape
from .._arguments.types import Distribution, Mode, SeedLike
from .fans import check_axes, fans_of
from .random_base import RandomInitializer
from .writers import Law

_MODES = get_args(Mode)
# "normal" is another name of "truncated_normal".
_DISTRIBUTIONS = tuple(name for name in get_args(Distribution) if name != "normal")

# The standard deviation of a standard normal variable truncated to (-2, 2).
TRUNCATED_STDDEV = 0.87962566103423978


class VarianceScaling(RandomInitializer):
    """Values with mean 0 and variance `scale` / n, where n counts inputs or outputs.

    `mode` decides n: fan_in, fan_out, their mean (fan_in + fan_out) / 2, or their geometric mean
    √(fan_in · fan_out); see `compute_fans`. n is at least 1. `distribution` decides the values:
    normal, truncated to two standard deviations (stddev = √(scale / n) / 0.87962566103423978, which
    makes the variance right after truncation); normal (stddev = √(scale / n)); or uniform in
    [-limit, limit) with limit = √(3 · scale / n).

    Args:
        scale: A finite number > 0.
        mode: `"fan_in"`, `"fan_out"`, `"fan_avg"` or `"fan_geo_avg"`.
        distribution: `"truncated_normal"` (`"normal"` means the same), `"untruncated_normal"` or
            `"uniform"`, in lower or upper case.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.
        input_axes: The axes of the shape that count as inputs; needs `output_axes`.
        output_axes: The axes that count as outputs; needs `input_axes`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; on a call, if the shape lacks an axis, or values could
            overflow the dtype.

    Examples:
        >>> VarianceScaling(scale=0.1, mode="fan_in", distribution="uniform", seed=1)((2, 3)).shape
        (2, 3)
    """

    scale: float
    mode: Mode
    distribution: Distribution
    input_axes: tuple[int, ...] | None
    output_axes: tuple[int, ...] | None

    def __init__(
        self,
        scale: float = 1.0,
        mode: Mode = "fan_in",
        distribution: Distribution = "truncated_normal",
        seed: SeedLike = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        # Messages begin with Keras's words: code written for Keras may look for them.
        positive = "Argument `scale` must be positive float: "
        self._keep(scale=check_real_where("scale", scale, "> 0", lambda x: x > 0, positive))
        self._keep(mode=check_name("mode", mode, _MODES, "Invalid `mode` argument: "))
        name: object = distribution
        if isinstance(distribution, str):
            name = distribution.lower()
            name = "truncated_normal" if name == "normal" else name
        invalid = "Invalid `distribution` argument: "
        self._keep(distribution=check_name("distribution", name, _DISTRIBUTIONS, invalid))
        inputs, outputs = check_axes(input_axes, output_axes)
        self._keep(input_axes=inputs, output_axes=outputs)
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **super().get_config(),
            "input_axes": None if self.input_axes is None else [*self.input_axes],
            "output_axes": None if self.output_axes is None else [*self.output_axes],
        }

    def _law(self, shape: Shape) -> Law:
        # The order of operations is part of the stream: another order differs in the last bit.
        variance = self.scale / max(1.0, self._fan(shape))
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return _core.fill_uniform, (-limit, limit)
        if self.distribution == "untruncated_normal":
            return _core.fill_normal, (0.0, math.sqrt(variance))
        stddev = math.sqrt(variance) / TRUNCATED_STDDEV
        return _core.fill_truncated_normal, (0.0, stddev, -2.0, 2.0)

    def _fan(self, shape: Shape) -> float:
        fan_in, fan_out = fans_of(shape, self.input_axes, self.output_axes)
        if self.mode == "fan_in":
            return fan_in
        if self.mode == "fan_out":
            return fan_out
        if self.mode == "fan_avg":
            return (fan_in + fan_out) / 2.0
        return math.sqrt(fan_in * fan_out)


class _Arguments(TypedDict):
    scale: float
    mode: Mode
    distribution: Distribution


class _Preset(VarianceScaling):
    """A `VarianceScaling` with fixed `scale`, `mode` and `distribution`."""

    _arguments: ClassVar[_Arguments]

    def __init__(
        self,
        seed: SeedLike = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            **self._arguments, seed=seed, input_axes=input_axes, output_axes=output_axes
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        config = super().get_config()
        return {key: config[key] for key in ("seed", "input_axes", "output_axes")}


class GlorotNormal(_Preset):
    """Truncated normal with variance 2 / (fan_in + fan_out), also called Xavier normal.

    The normal is cut at ±2σ, σ = √(2 / (fan_in + fan_out)) / 0.87962566103423978.

    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural
    networks.

    Args:
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.
        input_axes: The axes of the shape that count as inputs, if it is not in Keras's convention;
            needs `output_axes`.
        output_axes: The axes that count as outputs; needs `input_axes`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; on a call, if the shape lacks an axis.

    Examples:
        >>> GlorotNormal(seed=1)((784, 256)).shape
        (784, 256)
    """

    _arguments = _Arguments(scale=1.0, mode="fan_avg", distribution="truncated_normal")


class GlorotUniform(_Preset):
    """Uniform in [-limit, limit), limit = √(6 / (fan_in + fan_out)), also called Xavier uniform.

    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural
    networks.

    Args:
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.
        input_axes: The axes of the shape that count as inputs, if it is not in Keras's convention;
            needs `output_axes`.
        output_axes: The axes that count as outputs; needs `input_axes`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; on a call, if the shape lacks an axis.

    Examples:
        >>> GlorotUniform(seed=1)((784, 256)).shape
        (784, 256)
    """

    _arguments = _Arguments(scale=1.0, mode="fan_avg", distribution="uniform")


class HeNormal(_Preset):
    """Truncated normal with variance 2 / fan_in, also called Kaiming normal.

    The normal is cut at ±2σ, σ = √(2 / fan_in) / 0.87962566103423978.

    He et al. (2015), Delving deep into rectifiers: surpassing human-level performance on ImageNet
    classification.

    Args:
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.
        input_axes: The axes of the shape that count as inputs, if it is not in Keras's convention;
            needs `output_axes`.
        output_axes: The axes that count as outputs; needs `input_axes`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; on a call, if the shape lacks an axis.

    Examples:
        >>> HeNormal(seed=1)((784, 256)).shape
        (784, 256)
    """

    _arguments = _Arguments(scale=2.0, mode="fan_in", distribution="truncated_normal")


class HeUniform(_Preset):
    """Uniform in [-limit, limit), limit = √(6 / fan_in), also called Kaiming uniform.

    He et al. (2015), Delving deep into rectifiers: surpassing human-level performance on ImageNet
    classification.

    Args:
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.
        input_axes: The axes of the shape that count as inputs, if it is not in Keras's convention;
            needs `output_axes`.
        output_axes: The axes that count as outputs; needs `input_axes`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; on a call, if the shape lacks an axis.

    Examples:
        >>> HeUniform(seed=1)((784, 256)).shape
        (784, 256)
    """

    _arguments = _Arguments(scale=2.0, mode="fan_in", distribution="uniform")


class LecunNormal(_Preset):
    """Truncated normal with variance 1 / fan_in.

    The normal is cut at ±2σ, σ = √(1 / fan_in) / 0.87962566103423978.

    LeCun et al. (1998), Efficient backprop; Klambauer et al. (2017), Self-normalizing neural
    networks.

    Args:
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.
        input_axes: The axes of the shape that count as inputs, if it is not in Keras's convention;
            needs `output_axes`.
        output_axes: The axes that count as outputs; needs `input_axes`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; on a call, if the shape lacks an axis.

    Examples:
        >>> LecunNormal(seed=1)((784, 256)).shape
        (784, 256)
    """

    _arguments = _Arguments(scale=1.0, mode="fan_in", distribution="truncated_normal")


class LecunUniform(_Preset):
    """Uniform in [-limit, limit), limit = √(3 / fan_in).

    LeCun et al. (1998), Efficient backprop.

    Args:
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.
        input_axes: The axes of the shape that count as inputs, if it is not in Keras's convention;
            needs `output_axes`.
        output_axes: The axes that count as outputs; needs `input_axes`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; on a call, if the shape lacks an axis.

    Examples:
        >>> LecunUniform(seed=1)((784, 256)).shape
        (784, 256)
    """

    _arguments = _Arguments(scale=1.0, mode="fan_in", distribution="uniform")
