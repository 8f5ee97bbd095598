"""Functions of a uniform draw as initializers for sequence models."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..._classes.base import ArrayInitializer
from ..._classes.state_space import LogOfUniform, RingRadius, TimeStepBias
from .laws import Mapped, Uniform
from .record import to_simple

# Uniform draws at which a function is compared with that of an initializer.
_DRAWS = [(2 * k + 1) / 64 for k in range(32)]
_CLOSE = 1e-7
# A line that ends this close to 0, in units of its other end, ends at 0.
_ZERO = 1e-12


def find_function(law: Mapped) -> ArrayInitializer | None:
    """Return the initializer that draws by a function of a uniform draw, or None.

    Whatever operations computed it, a function is that of an initializer if some transform of its
    values is a line over the draw: the values themselves decide.
    """
    if not isinstance(law.base, Uniform):
        return None
    low, high = law.base.low, law.base.high
    try:
        values = [_evaluate(law.tree, low + (high - low) * draw) for draw in _DRAWS]
        if values[0] > values[-1]:
            values.reverse()  # 1 − u is uniform too
    except (ValueError, OverflowError):  # of a logarithm, say
        return None
    for make in (_find_log_of_uniform, _find_ring, _find_time_step):
        found = make(values)
        if found is not None:
            return found
    return None


def _evaluate(tree: Any, draw: float) -> float:
    """Return the value of a tree of operations; ValueError where there is none."""
    if tree == "x":
        return draw
    match tree[0]:
        case "affine":
            return float(tree[1] * _evaluate(tree[3], draw) + tree[2])
        case "add":
            return _evaluate(tree[1], draw) + _evaluate(tree[2], draw)
        case "clamp":
            value = _evaluate(tree[3], draw)
            low, high = -math.inf if tree[1] is None else tree[1], tree[2]
            return max(low, value if high is None else min(high, value))
        case "exp" | "expm1" | "log" | "log1p" | "sqrt":
            function: Callable[[float], float] = getattr(math, tree[0])
            return function(_evaluate(tree[1], draw))
    raise ValueError(tree[0])


def _find_log_of_uniform(values: list[float]) -> ArrayInitializer | None:
    ends = _find_line([_exp(value) for value in values])
    return None if ends is None else _make(LogOfUniform, *ends)


def _find_ring(values: list[float]) -> ArrayInitializer | None:
    for softplus in (False, True):
        rates = [_softplus(value) if softplus else _exp(value) for value in values]
        ends = _find_line([_exp(-2 * rate) for rate in reversed(rates)])
        if ends is not None and ends[0] >= 0:
            return _make(RingRadius, *(to_simple(math.sqrt(end)) for end in ends), softplus)
    return None


def _find_time_step(values: list[float]) -> ArrayInitializer | None:
    steps = [_softplus(value) for value in values]
    if steps[0] <= 0:
        return None
    logarithms = [math.log(step) for step in steps]
    # Time steps that a floor raised are equal; the others are on a line.
    floor = steps[0] if steps[1] - steps[0] < _CLOSE * steps[0] else 0.0
    free = [k for k, step in enumerate(steps) if step > floor * (1 + _CLOSE)]
    if len(free) < 3:
        return None
    ends = _find_line([logarithms[k] for k in free], [_DRAWS[k] for k in free])
    if ends is None:
        return None
    dt_min, dt_max = (to_simple(math.exp(end)) for end in ends)
    unfelt = TimeStepBias().dt_floor
    return _make(TimeStepBias, dt_min, dt_max, floor or (unfelt if unfelt <= dt_min else 0.0))


def _find_line(values: list[float], draws: list[float] = _DRAWS) -> tuple[float, float] | None:
    """Return the values at 0 and 1 of an ascending line through these points, or None."""
    slope = (values[-1] - values[0]) / (draws[-1] - draws[0])
    start = values[0] - slope * draws[0]
    if not (slope > 0 and math.isfinite(slope)):
        return None
    for value, draw in zip(values, draws, strict=True):
        if not math.isclose(value, start + slope * draw, rel_tol=_CLOSE, abs_tol=_CLOSE * slope):
            return None
    end = start + slope
    return (0.0 if abs(start) < _ZERO * abs(end) else to_simple(start)), to_simple(end)


def _make(kind: type[ArrayInitializer], *arguments: Any) -> ArrayInitializer | None:
    try:
        return kind(*arguments)
    except ValueError:  # out of the initializer's range
        return None


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def _softplus(x: float) -> float:
    return math.log1p(math.exp(x)) if x < 700 else x
