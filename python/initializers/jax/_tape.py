"""Records signals and gradients of layers while JAX traces a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import get_opaque_trace_state

from .._arguments.checks import show
from ..propagation._inputs import make_normal
from ..propagation._measure import measure, rms_of
from ..propagation._theory import Pass


@dataclass(frozen=True)
class Entry:
    """One pass through a layer: the model's key for it, and the arguments of the call."""

    key: Any
    is_leaf: bool
    keywords: dict[str, Any]


class Tape:
    """Records the passes through layers in one trace; adds a shift to each output.

    The gradient with respect to a shift is the gradient with respect to the output. Calls inside a
    loop or a separately compiled function are another trace and belong to the layer around them.
    """

    def __init__(self, shifts: list[Any] | None) -> None:
        self.entries: list[Entry] = []
        self.values: list[tuple[list[Any], Any]] = []
        self._shifts = shifts
        self._state = get_opaque_trace_state()
        self._started = 0
        self._active: list[int] = []

    def call(
        self, key: Any, owner: object, function: Callable[..., Any], args: Any, keywords: Any
    ) -> Any:
        """Call a layer's function; record its input and output.

        `owner` is the layer; nested calls of its own function are part of it.
        """
        is_within = bool(self._active) and self._active[-1] == id(owner)
        if is_within or get_opaque_trace_state() != self._state:
            return function(*args, **keywords)
        self._started += 1
        started = self._started
        self._active.append(id(owner))
        try:
            output = function(*args, **keywords)
        finally:
            self._active.pop()
        leaves, structure = jax.tree.flatten(output)
        place = next((i for i, leaf in enumerate(leaves) if is_inexact(leaf) and leaf.size), None)
        if place is None:
            return output
        if self._shifts is not None:
            leaves[place] = leaves[place] + self._shifts[len(self.values)]
        inputs = [
            each for each in jax.tree.leaves((args, keywords)) if is_array(each) and each.size
        ]
        self.entries.append(Entry(key, self._started == started, dict(keywords)))
        self.values.append((inputs, leaves[place]))
        return jax.tree.unflatten(structure, leaves)


# (weights, shifts of the outputs or None) → output, recorded passes, recorded values. Runs a model.
Run = Callable[[Any, "list[Any] | None"], "tuple[Any, list[Entry], list[tuple[list[Any], Any]]]"]


def differentiate(
    run: Run, weights: Any, loss: Callable[[Any], Any] | None, seed: int
) -> tuple[list[Pass], Any]:
    """Return the passes through the layers of a model, and the gradients by its weights.

    Args:
        run: Runs the model.
        weights: Tree of the arrays to differentiate by.
        loss: Function of the output to differentiate, or None.
        seed: Seed of the loss that replaces None.
    """
    outputs = jax.eval_shape(lambda weights: run(weights, None)[2], weights)
    shifts = [jnp.zeros(output.shape, output.dtype) for _, output in outputs]
    entries: list[Entry] = []

    def forward(weights: Any, shifts: Any) -> Any:
        output, entries[:], values = run(weights, shifts)
        return _make_loss(output, loss, seed), values

    gradient = jax.jit(jax.grad(forward, argnums=(0, 1), has_aux=True))
    (weight_gradients, gradients), values = gradient(weights, shifts)
    passes = [
        Pass(
            entry.key,
            entry.is_leaf,
            entry.keywords,
            tuple(measure(np.asarray(each)) for each in inputs),
            measure(np.asarray(output)),
            rms_of(np.asarray(found)),
        )
        for entry, (inputs, output), found in zip(entries, values, gradients, strict=True)
    ]
    return passes, weight_gradients


def is_array(leaf: Any) -> bool:
    """Return whether `leaf` is an array of numbers, traced or not."""
    is_one = isinstance(leaf, (jax.Array, np.ndarray))
    return is_one and not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def is_inexact(leaf: Any) -> bool:
    """Return whether `leaf` is an array of floats."""
    return is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)


def _make_loss(output: Any, loss: Callable[[Any], Any] | None, seed: int) -> Any:
    if loss is not None:
        value = loss(output)
        if not is_inexact(value) or value.shape != ():
            raise TypeError(f"`loss` must return a scalar array, received: {show(value)}")
        return value
    total: Any = None
    for i, leaf in enumerate(jax.tree.leaves(output)):
        if is_inexact(leaf):
            weights = make_normal(leaf.shape, seed, "loss", i)
            # At least float32, so that the sum of a narrow dtype does not overflow.
            kind = jnp.promote_types(leaf.dtype, jnp.float32)
            part = (leaf.astype(kind) * jnp.asarray(weights, kind)).sum()
            total = part if total is None else total + part
    if total is None:
        raise TypeError(f"`model` must return an array of floats, received: {show(output)}")
    return total
