"""The theoretical distribution of the values of this package's initializers."""

from __future__ import annotations

import math
from typing import Any

from .. import _core
from .._arguments.shapes import Shape
from .._classes.constants import Constant, Ones, Zeros
from .._classes.orthogonal import Orthogonal
from .._classes.random_base import RandomInitializer
from . import laws
from .laws import Law


def theory(initializer: Any, shape: Shape) -> Law | None:
    """Return the law of each element of a tensor of this shape, or None if it is not known.

    Elements of an orthogonal matrix are distributed like those of random unit vectors with n
    elements (the longer side), times the gain: variance 1/n, excess kurtosis -6/(n + 2).
    """
    if isinstance(initializer, Zeros):
        return laws.constant(0.0)
    if isinstance(initializer, Ones):
        return laws.constant(1.0)
    if isinstance(initializer, Constant):
        value = initializer.get_config()["value"]
        return laws.constant(float(value)) if isinstance(value, (int, float)) else None
    if isinstance(initializer, Orthogonal):
        return _orthogonal(initializer, shape)
    if not isinstance(initializer, RandomInitializer):
        return None
    try:
        fill, parameters = initializer._law(shape)
    except NotImplementedError:
        return None
    samplers: dict[Any, Any] = {
        _core.fill_uniform: laws.uniform,
        _core.fill_normal: laws.normal,
        _core.fill_truncated_normal: laws.truncated_normal,
    }
    make = samplers.get(fill)
    return None if make is None else make(*parameters)


def _orthogonal(initializer: Orthogonal, shape: Shape) -> Law:
    axis = initializer.axis % len(shape)
    rows, columns = math.prod(shape[:axis] + shape[axis + 1 :]), shape[axis]
    longer = max(rows, columns, 1)
    gain = abs(initializer.gain)
    kurtosis = -6.0 / (longer + 2) if gain else math.nan
    return Law("orthogonal", 0.0, gain / math.sqrt(longer), -gain, gain, kurtosis, None)


def singular_value(initializer: Any) -> float | None:
    """Return the singular value of an initializer's matrices if all are equal, else None."""
    if isinstance(initializer, Orthogonal) and initializer.axis == -1:
        return initializer.gain
    return None


def p_value(distance: float, n: int) -> float:
    """Return the probability that n values of the law have at least this distance.

    Kolmogorov (1933): the limit of many values.
    """
    x = math.sqrt(n) * distance
    if x < 0.2:
        return 1.0
    terms = ((1 if k % 2 else -1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))
    return min(max(2 * math.fsum(terms), 0.0), 1.0)
