"""Recognizes elementwise nonlinearities, and computes their effect on the scale of a signal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
Function: TypeAlias = Callable[[Vector], Vector]


def _sigmoid(x: Vector) -> Vector:
    return 0.5 * (1 + np.tanh(x / 2))


def _softplus(x: Vector) -> Vector:
    return np.logaddexp(0, x)


def _elu(x: Vector) -> Vector:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


# The tanh form of GELU is within 5e-4 of the exact one.
FUNCTIONS: dict[str, Function] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))),
    "silu": lambda x: x * _sigmoid(x),
    "elu": _elu,
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * _elu(x)),
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "mish": lambda x: x * np.tanh(_softplus(x)),
}

# For outputs: whether the derivative is less than a twentieth of its largest value.
_SATURATED: dict[str, Callable[[Vector], NDArray[np.bool_]]] = {
    "tanh": lambda y: 1 - y * y < 0.05,
    "sigmoid": lambda y: 4 * y * (1 - y) < 0.05,
    "softsign": lambda y: (1 - np.abs(y)) ** 2 < 0.05,
    "hard_tanh": lambda y: np.abs(y) >= 1,
}


@dataclass(frozen=True)
class Activation:
    """An elementwise function by name. `slopes` describes one that is linear on each side of 0."""

    name: str
    slopes: tuple[float, float] | None = None  # of positive and of negative inputs

    def __call__(self, x: Vector) -> Vector:
        """Return the function's values."""
        if self.slopes is None:
            return FUNCTIONS[self.name](x)
        return np.where(x > 0, self.slopes[0] * x, self.slopes[1] * x)


# The number of cells. Their midpoints avoid 0, where some functions have no derivative.
_CELLS = 4000
_Z: Vector = np.linspace(-8.5, 8.5, 2 * _CELLS + 1)[1::2]
# Additional inputs where functions bend, for wide Gaussians.
_BENDS: Vector = np.linspace(-20.0, 20.0, 2 * _CELLS + 1)[1::2]
_WIDE = 2.0


@dataclass(frozen=True)
class Moments:
    """The mean and the mean square of a signal."""

    mean: float
    square: float

    @property
    def spread(self) -> float:
        """The standard deviation."""
        return math.sqrt(max(self.square - self.mean * self.mean, 0.0))


def _integrate(x: Moments) -> tuple[Vector, Vector]:
    """Return points and weights for means over a Gaussian with the moments `x`."""
    z: Vector = _Z
    if _WIDE < x.spread < math.inf:
        bends = (_BENDS - x.mean) / x.spread
        z = np.sort(np.concatenate([z, bends[np.abs(bends) < z[-1]]])).astype(np.float64)
    density: Vector = np.exp(-z * z / 2)
    density *= np.gradient(z)
    weights: Vector = density / density.sum()
    points: Vector = x.mean + x.spread * z
    return points, weights


def apply(function: Function, x: Moments) -> Moments:
    """Return the moments of `function` of a Gaussian with the moments `x`.

    The integral over the Gaussian measure of Poole et al. (2016), Exponential expressivity in deep
    neural networks through transient chaos, equation 3; for relu it is half of `x.square`
    (He et al., 2015).
    """
    with np.errstate(all="ignore"):
        points, weights = _integrate(x)
        y = function(points)
        return Moments(float(weights @ y), float(weights @ (y * y)))


def apply_derivative(function: Function, x: Moments) -> float:
    """Return the mean square of the derivative of `function` at a Gaussian with the moments `x`.

    By it an activation scales gradients: χ without the weights' variance, in Schoenholz et al.
    (2017), Deep information propagation, equation 6.
    """
    step = 1e-4 * min(x.spread or 1e-9, 1.0)
    with np.errstate(all="ignore"):
        points, weights = _integrate(x)
        slope = (function(points + step) - function(points - step)) / (2 * step)
        return float(weights @ (slope * slope))


def saturated(name: str, outputs: Vector) -> float | None:
    """Return the fraction of outputs where an activation is nearly flat; None if it never is."""
    is_flat = _SATURATED.get(name)
    return None if is_flat is None or not outputs.size else float(is_flat(outputs).mean())


# The number of positions that are compared first. All functions are tabulated there.
HEAD = 32


def tabulate(x: Vector) -> NDArray[np.float64]:
    """Return all functions at the first positions of a sample, one function per row."""
    with np.errstate(all="ignore"):
        return np.stack([function(x[:HEAD]) for function in FUNCTIONS.values()])


def recognize(
    x: Vector, table: NDArray[np.float64], y: Vector, tolerance: float
) -> Activation | None:
    """Return the activation that maps `x` to `y`, or None.

    Args:
        x: A sample of inputs, some of them not 0.
        table: The result of `tabulate` for `x`.
        y: The outputs at the same positions.
        tolerance: The largest difference, relative to the root mean square of `y`.
    """
    bound = tolerance * math.sqrt(float(np.mean(y * y)))
    fitted = _fit_slopes(x, y)
    near = np.abs(table - y[:HEAD]).max(axis=1) <= bound
    names = [name for name, is_near in zip(FUNCTIONS, near, strict=True) if is_near]
    best: float = bound
    chosen: Activation | None = None
    for candidate in (fitted, *map(Activation, names)):
        with np.errstate(all="ignore"):
            error = float(np.abs(candidate(x) - y).max())
        # Simpler functions come first. A later one must be clearly better.
        if error <= bound and (chosen is None or error < 0.3 * best):
            best, chosen = error, candidate
    return chosen


def recognize_dropout(x: Vector, y: Vector, tolerance: float) -> float | None:
    """Return the factor by which dropout scaled the kept elements, if `y` is such an `x`."""
    kept = y != 0
    if not 8 <= kept.sum() < np.count_nonzero(x):
        return None
    with np.errstate(all="ignore"):
        scale = float(np.median(y[kept] / x[kept]))
    bound = tolerance * math.sqrt(float(np.mean(y * y)))
    is_it = scale > 1 and float(np.abs(scale * x[kept] - y[kept]).max()) <= bound
    return scale if is_it else None


def _fit_slopes(x: Vector, y: Vector) -> Activation:
    high, low = int(np.argmax(x)), int(np.argmin(x))
    right = float(y[high] / x[high]) if x[high] > 0 else None
    left = float(y[low] / x[low]) if x[low] < 0 else None
    right, left = (right if right is not None else left), (left if left is not None else right)
    right, left = right or 0.0, left or 0.0
    if abs(right - left) <= 0.01 * abs(right):
        left = right
    if abs(right - 1) <= 0.01:
        right, left = 1.0, (1.0 if left == right else left)
    names = {(1.0, 1.0): "linear", (1.0, 0.0): "relu"}
    kind = "scale" if right == left else "leaky_relu"
    return Activation(names.get((right, left), kind), (right, left))
