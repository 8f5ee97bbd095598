"""Theory: how the scales of signals and gradients should pass through each layer.

Forward, a layer y = Wx + b with independent weights of mean 0 has E[y²] = fan_in · E[w²] · E[x²] +
E[b²]; backward, E[g_x²] = fan_out · E[w²] · E[g_y²] (Glorot & Bengio, 2010, equations 5 and 6; He
et al., 2015, equations 7 and 13). An activation between them multiplies by its own integrals (see
`_activations`). Theory treats the terms of a sum as independent, and gradients that meet too.

The values alone show the flow: an array that equals an earlier one, an activation of one, one with
some elements dropped, or the sum of two, is treated as such. So activations and residual sums count
even without a layer. Any other value starts again with its measured scale, and gradients start
again at every value that may have contributed to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

import numpy as np

from ._activations import (
    FUNCTIONS,
    HEAD,
    Activation,
    Moments,
    Vector,
    apply,
    apply_derivative,
    recognize,
    recognize_dropout,
    tabulate,
)
from ._measure import Value

# The number of earlier values of the same size among which a value is searched.
_POOL = 16


@dataclass(frozen=True)
class Effect:
    """How a layer with known weights changes the scale of a signal.

    Attributes:
        gain: E[y²] / E[x²] without the offset: fan_in · E[w²] for a linear layer. For a layer that
            `normalizes`: the mean square of its scale.
        offset: The term that is added to E[y²]: the mean square of the bias.
        activation: The activation that the layer applies to y, a name in `FUNCTIONS`.
        normalizes: Whether the signal is first normalized to mean 0 and variance 1.
    """

    gain: float
    offset: float = 0.0
    activation: str = "linear"
    normalizes: bool = False


@dataclass(eq=False)
class Pass:
    """The measurements of one pass through a layer, by an adapter.

    Attributes:
        key: The adapter's key of the layer.
        is_leaf: Whether there were no passes through inner layers.
        keywords: The keyword arguments of the call.
        inputs: The input arrays.
        output: The output array.
        gradient: The root mean square of the gradient with respect to it.
    """

    key: Any
    is_leaf: bool
    keywords: dict[str, Any]
    inputs: tuple[Value, ...]
    output: Value
    gradient: float | None = None


@dataclass(eq=False)
class Call:
    """One pass through a layer, as an adapter recorded it.

    Attributes:
        name: The layer's name in the model.
        type: The layer's class.
        inputs: The inputs, if they are known.
        output: The output.
        effect: The effect of the layer; None if theory does not cover it.
        is_leaf: Whether there are no layers inside.
        is_weighted: Whether it has matrices or kernels of its own.
        gradient: The root mean square of the gradient with respect to the output.
        weight_gradient: The root mean square of the gradient with respect to its weights.
    """

    name: str
    type: str
    inputs: tuple[Value, ...]
    output: Value
    effect: Effect | None = None
    is_leaf: bool = True
    is_weighted: bool = False
    gradient: float | None = None
    weight_gradient: float | None = None


@dataclass(eq=False)
class Node:
    """A value in the model, and its uses.

    Attributes:
        value: The measured statistics.
        moments: The moments that theory expects, or the measured ones if it expects none.
        is_known: Whether `moments` come from theory.
        targets: The values computed from it, and the factors by which the squared gradient changes
            on the way back.
        is_used_otherwise: Whether it also has uses that theory does not follow.
        gradient: The measured root mean square of the gradient.
        gradient_square: The square of the gradient that theory expects.
        activation: The activation that computes it from an earlier value, if there is one.
        follower: The activation that is applied to it next, and the result.
    """

    value: Value
    moments: Moments
    is_known: bool = False
    targets: list[tuple[Node, float]] = field(default_factory=list)
    is_used_otherwise: bool = False
    gradient: float | None = None
    gradient_square: float | None = None
    activation: str | None = None
    follower: tuple[str, Value] | None = None

    def __post_init__(self) -> None:
        self.sample: Vector = self.value.sample
        self.is_telling = _is_telling(self.sample)
        self.is_distinct = _is_distinct(self.sample)
        if self.is_distinct:
            self.table = tabulate(self.sample)


def follow(calls: Iterable[Call], output_gradient: float | None) -> list[tuple[Call, Node]]:
    """Return each call with the node of its output, in order.

    Calls come in the order in which they ended. A call that only passes a value on is left out.

    Args:
        calls: The passes through layers.
        output_gradient: The root mean square of the gradient of the last output, if it is known
            beforehand.
    """
    graph = _Graph()
    rows = [(call, node) for call in calls if (node := graph.add(call)) is not None]
    last = rows[-1][1] if rows else None
    for node in reversed(graph.nodes):
        if node.targets and not node.is_used_otherwise:
            parts = [factor * _gradient_of(target) for target, factor in node.targets]
            total = math.fsum(parts) if all(map(math.isfinite, parts)) else math.nan
            node.gradient_square = None if math.isnan(total) else total
        elif node is last and output_gradient is not None:
            node.gradient_square = output_gradient * output_gradient
    return rows


def _gradient_of(node: Node) -> float:
    """Return the squared gradient from which theory continues; NaN if there is none."""
    if node.gradient_square is not None:
        return node.gradient_square
    return math.nan if node.gradient is None else node.gradient * node.gradient


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def add(self, call: Call) -> Node | None:
        """Add the output of a call; return None if it exists already."""
        if call.is_leaf and call.effect is not None and call.inputs:
            node = self._follow_effect(call.effect, self._find_input(call.inputs[0]), call.output)
        else:
            inputs = [self._find_input(value) for value in call.inputs if call.is_leaf]
            known = len(self.nodes)
            node = self._find(call.output)
            if node in self.nodes[:known]:
                node.gradient = call.gradient if node.gradient is None else node.gradient
                return None
            if not node.is_known:
                for source in inputs if call.is_leaf else self._pool(call.output):
                    source.is_used_otherwise = True
        node.gradient = call.gradient
        return node

    def _find_input(self, value: Value) -> Node:
        """Return the node of a layer's input.

        If its origin is not seen, any earlier values of its size may have contributed.
        """
        known = len(self.nodes)
        node = self._find(value)
        if not node.is_known and node not in self.nodes[:known]:
            for source in self._pool(value):
                source.is_used_otherwise = source is not node
        return node

    def _follow_effect(self, effect: Effect, source: Node, output: Value) -> Node:
        x = source.moments
        if effect.normalizes:
            before = Moments(0.0, effect.gain + effect.offset)
            back = effect.gain / (x.spread * x.spread) if x.spread else math.nan
        else:
            before = Moments(0.0, effect.gain * x.square + effect.offset)
            back = effect.gain * output.size / max(source.value.size, 1)
        function = FUNCTIONS[effect.activation]
        if effect.activation == "linear":
            node = self._add_node(output, before, is_known=True)
        else:
            after = apply(function, before)
            node = self._add_node(output, after, is_known=True, activation=effect.activation)
            back *= apply_derivative(function, before)
        source.targets.append((node, back))
        return node

    def _find(self, value: Value) -> Node:
        """Return the node of a value: an existing one, or a new one that is joined to others."""
        alike = self._pool(value)
        for node in alike:
            if np.array_equal(node.sample, value.sample):
                return node
        pool = [node for node in alike if node.is_distinct]
        tolerance = 4 * max([value.precision, 2.5e-4, *(node.value.precision for node in pool)])
        for node in pool:
            found = recognize(node.sample, node.table, value.sample, tolerance)
            if found is not None:
                is_same = found.name == "linear"
                return node if is_same else self._join_activation(node, found, value)
            scale = recognize_dropout(node.sample, value.sample, tolerance)
            if scale is not None:
                return self._join_dropout(node, scale, value)
        return self._find_sum(pool, value, tolerance) or self._add_node(value, value.moments)

    def _pool(self, value: Value) -> list[Node]:
        if not _is_telling(value.sample):
            return []
        alike = (
            node
            for node in reversed(self.nodes)
            if node.is_telling and node.value.size == value.size
        )
        return [node for node, _ in zip(alike, range(_POOL), strict=False)]

    def _add_node(self, value: Value, moments: Moments, **known: Any) -> Node:
        self.nodes.append(Node(value, moments, **known))
        return self.nodes[-1]

    def _join_activation(self, source: Node, found: Activation, value: Value) -> Node:
        moments = apply(found, source.moments)
        node = self._add_node(value, moments, is_known=True, activation=found.name)
        source.targets.append((node, apply_derivative(found, source.moments)))
        source.follower = (found.name, value)
        return node

    def _join_dropout(self, source: Node, scale: float, value: Value) -> Node:
        moments = Moments(source.moments.mean, source.moments.square * scale)
        node = self._add_node(value, moments, is_known=True)
        source.targets.append((node, scale))
        return node

    def _find_sum(self, pool: Sequence[Node], value: Value, tolerance: float) -> Node | None:
        """Return the node of a sum of two values, with an activation of a term or of the sum."""
        y, bound = value.sample, tolerance * value.rms
        for one, other in permutations(pool, 2):
            rest = y[:HEAD] - one.sample[:HEAD]
            for row in np.flatnonzero(np.abs(other.table - rest).max(axis=1) <= bound):
                added = Activation(list(FUNCTIONS)[row])
                if np.abs(one.sample + added(other.sample) - y).max() <= bound:
                    if added.name != "linear":
                        made = _derive(other.value, added(other.sample))
                        other = self._join_activation(other, added, made)
                    return self._join_sum(one, other, value)
            total = one.sample[:HEAD] + other.sample[:HEAD]
            if np.abs(np.maximum(total, 0) - y[:HEAD]).max() <= bound:
                total = one.sample + other.sample
                if np.abs(np.maximum(total, 0) - y).max() <= bound:
                    before = self._join_sum(one, other, _derive(value, total))
                    return self._join_activation(before, _RELU, value)
        return None

    def _join_sum(self, one: Node, other: Node, value: Value) -> Node:
        a, b = one.moments, other.moments
        square = a.square + b.square + 2 * a.mean * b.mean
        node = self._add_node(value, Moments(a.mean + b.mean, square), is_known=True)
        one.targets.append((node, 1.0))
        other.targets.append((node, 1.0))
        return node


_RELU = Activation("relu", (1.0, 0.0))


def _derive(value: Value, sample: Vector) -> Value:
    """Return the statistics of an array from a sample."""
    mean, rms = float(sample.mean()), math.sqrt(float(np.mean(sample * sample)))
    return replace(value, mean=mean, rms=rms, dead=0.0, sample=sample)


def _is_distinct(sample: Vector) -> bool:
    """Return whether a sample is distinctive enough to recognize values computed from it."""
    head = sample[:HEAD]
    finite = bool(np.isfinite(sample).all())
    return finite and np.unique(head[head != 0]).size >= 8


def _is_telling(sample: Vector) -> bool:
    """Return whether a sample is distinctive enough to recognize its origin."""
    return bool(np.isfinite(sample).all()) and bool((sample != sample[:1]).any())
