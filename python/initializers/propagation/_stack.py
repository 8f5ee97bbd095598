"""A plain deep stack of dense layers in NumPy, to try a recipe without a framework."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.checks import check_name, show, to_integer
from .._arguments.dtypes import look_up
from ..recipe._resolve import ResolvedRules
from ._activations import FUNCTIONS
from ._measure import mean_square, measure, rms_of
from ._theory import Call, Effect

Matrix = NDArray[np.float64]


def pass_through(
    rules: ResolvedRules,
    convention: str,
    inputs: Matrix,
    widths: Sequence[int],
    activation: str,
    back: Any,
) -> list[Call]:
    """Return the passes through a stack, which is computed in float64.

    Weight matrices have the names `layers/0/kernel` and so on, and the shape (inputs, outputs); in
    torch's convention `layers.0.weight` and (outputs, inputs).

    Args:
        rules: The rules for the matrices.
        convention: `"torch"` or another.
        inputs: Of shape (batch, widths[0]).
        widths: The width of the input and of every layer.
        activation: The activation of every layer.
        back: The gradient with respect to the last output.
    """
    function = FUNCTIONS[activation]
    weights, befores, signals = [], [], [inputs]
    for i, shape in enumerate(pairwise(widths)):
        weights.append(_make_matrix(rules, convention, i, shape))
        befores.append(signals[-1] @ weights[-1])
        signals.append(function(befores[-1]))
    calls = []
    for i in reversed(range(len(weights))):
        through = back * _slope(function, befores[i])
        calls.append(
            Call(
                name=f"layers/{i}",
                type="dense",
                inputs=(measure(signals[i]),),
                output=measure(signals[i + 1]),
                effect=Effect(len(weights[i]) * mean_square(weights[i]), activation=activation),
                is_weighted=True,
                gradient=rms_of(back),
                weight_gradient=rms_of(signals[i].T @ through),
            )
        )
        back = through @ weights[i].T
    return calls[::-1]


def check_widths(widths: object, depth: object) -> list[int]:
    """Return the width of the input and of every layer."""
    wanted = f"`widths` must be a positive integer or a sequence of them, received: {show(widths)}"
    single = to_integer(widths)
    if single is not None:
        count = to_integer(depth)
        if count is None or count < 1:
            error = TypeError if count is None else ValueError
            raise error(f"`depth` must be a positive integer, received: {show(depth)}")
        checked: list[int | None] = [single] * (count + 1)
    elif isinstance(widths, Sequence) and not isinstance(widths, str):
        checked = [to_integer(width) for width in widths]
        if len(checked) < 2:
            raise ValueError(f"`widths` must have at least 2 integers, received: {show(widths)}")
    else:
        raise TypeError(wanted)
    found = [width for width in checked if width is not None]
    if len(found) != len(checked):
        raise TypeError(wanted)
    if min(found) < 1:
        raise ValueError(wanted)
    return found


def check_activation(activation: object) -> str:
    """Return the name of an activation."""
    return check_name("activation", activation, FUNCTIONS)


def _make_matrix(rules: ResolvedRules, convention: str, i: int, shape: tuple[int, int]) -> Matrix:
    is_torch = convention == "torch"
    name = f"layers.{i}.weight" if is_torch else f"layers/{i}/kernel"
    shape = shape[::-1] if is_torch else shape
    rule = rules.choose(name, shape, convention)
    if rule is None:
        raise ValueError(f"`rules` must have an initializer for {name!r}, received: None")
    matrix = np.empty(shape, np.float32)
    rule.plan_fill(rules.seed, name, shape, look_up("float32"))(matrix, (0, 0))
    return (matrix.T if is_torch else matrix).astype(np.float64)


def _slope(function: Any, x: Matrix) -> Matrix:
    step = 1e-6 * math.sqrt(float(np.mean(x * x))) or 1e-9
    with np.errstate(all="ignore"):
        slope: Matrix = (function(x + step) - function(x - step)) / (2 * step)
    return slope
