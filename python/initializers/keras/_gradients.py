"""Gradients with respect to the outputs of layers, computed by Keras's backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from .._arguments.dtypes import look_up
from ..propagation._inputs import make_normal
from ..propagation._measure import Value, measure, precision_of, rms_of
from ..propagation._theory import Pass

_BACKEND = keras.backend.backend()


class Passes:
    """Records the passes through layers on an eager backend."""

    def __init__(self) -> None:
        self.found: list[Pass] = []
        self.outputs: list[Any] = []
        self._started = 0

    def call(self, layer: Any, function: Callable[..., Any], args: Any, keywords: Any) -> Any:
        """Call a layer, and record its inputs and output."""
        self._started += 1
        started = self._started
        output = function(*args, **keywords)
        result = next((each for each in keras.tree.flatten(output) if is_float(each)), None)
        if result is not None:
            given = [each for each in keras.tree.flatten((args, keywords)) if _is_tensor(each)]
            is_leaf = self._started == started
            inputs = tuple(map(_measure, given))
            self.found.append(Pass(layer, is_leaf, keywords, inputs, _measure(result)))
            self.outputs.append(result)
        return output


def differentiate(
    run: Callable[[Any], Any], weights: list[Any], arguments: Any, loss: Any, seed: int
) -> tuple[list[Pass], list[Any]]:
    """Return all passes through layers, and the gradients with respect to weights, as NumPy arrays.

    On the NumPy backend gradients are None.

    Args:
        run: Runs the model and calls its layers through a `Passes`.
        weights: Variables of floats.
        arguments: All arguments of the model.
        loss: The function of the output to differentiate, or None.
        seed: The seed of the loss, if it is None.
    """
    if _BACKEND == "jax":
        return _differentiate_jax(run, weights, loss, seed)
    passes = Passes()
    if _BACKEND not in _BY_BACKEND:
        run(passes)
        return passes.found, [None] * len(weights)
    found = _BY_BACKEND[_BACKEND](run, passes, weights, arguments, loss, seed)
    gradients = [None if each is None else keras.ops.convert_to_numpy(each) for each in found]
    for each, gradient in zip(passes.found, gradients, strict=False):
        each.gradient = None if gradient is None else rms_of(gradient)
    return passes.found, gradients[len(passes.found) :]


def _differentiate_tensorflow(
    run: Any, passes: Passes, weights: list[Any], arguments: Any, loss: Any, seed: int
) -> list[Any]:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        for each in keras.tree.flatten(arguments):
            if is_float(each):
                tape.watch(each)
        value = _make_loss(run(passes), loss, seed)
    targets = [*passes.outputs, *(each.value for each in weights)]
    found = tape.gradient(value, targets)
    return [each if each is None else tf.convert_to_tensor(each) for each in found]


def _differentiate_torch(
    run: Any, passes: Passes, weights: list[Any], arguments: Any, loss: Any, seed: int
) -> list[Any]:
    import torch

    with torch.enable_grad():
        for each in keras.tree.flatten(arguments):
            if is_float(each):
                each.requires_grad_()
        value = _make_loss(run(passes), loss, seed)
    targets = [*passes.outputs, *(each.value for each in weights)]
    followed = [each for each in targets if each.requires_grad]
    found = iter(torch.autograd.grad(value, followed, allow_unused=True))
    return [next(found) if each.requires_grad else None for each in targets]


_BY_BACKEND = {"tensorflow": _differentiate_tensorflow, "torch": _differentiate_torch}


def _differentiate_jax(
    run: Any, weights: list[Any], loss: Any, seed: int
) -> tuple[list[Pass], list[Any]]:
    from ..jax._tape import Tape
    from ..jax._tape import differentiate as differentiate_traced

    def run_traced(values: Any, shifts: Any) -> Any:
        tape = _Tape(Tape(shifts))
        with keras.StatelessScope(state_mapping=list(zip(weights, values, strict=True))):
            output = run(tape)
        return output, tape.tape.entries, tape.tape.values

    values = [each.value for each in weights]
    passes, gradients = differentiate_traced(run_traced, values, loss, seed)
    return passes, list(map(keras.ops.convert_to_numpy, gradients))


@dataclass
class _Tape:
    """JAX's tape with the interface of `Passes`."""

    tape: Any

    def call(self, layer: Any, function: Callable[..., Any], args: Any, keywords: Any) -> Any:
        """Call a layer, and record its inputs and output."""
        return self.tape.call(layer, layer, function, args, keywords)


def _make_loss(output: Any, loss: Any, seed: int) -> Any:
    if loss is not None:
        return loss(output)
    total: Any = 0.0
    for i, each in enumerate(keras.tree.flatten(output)):
        if is_float(each):
            weights = make_normal(tuple(each.shape), seed, "loss", i)
            # float32: the sum of a narrow dtype could overflow.
            product = keras.ops.cast(each, "float32") * keras.ops.convert_to_tensor(
                weights, "float32"
            )
            total = total + keras.ops.sum(product)
    return total


def is_float(tensor: Any) -> bool:
    """Return whether `tensor` is a tensor or variable of floats."""
    return _is_tensor(tensor) and "float" in keras.backend.standardize_dtype(tensor.dtype)


def _is_tensor(thing: Any) -> bool:
    is_one = keras.ops.is_tensor(thing) or isinstance(thing, keras.Variable)
    return is_one and 0 not in thing.shape


def _measure(tensor: Any) -> Value:
    kind = look_up(keras.backend.standardize_dtype(tensor.dtype))
    return measure(keras.ops.convert_to_numpy(tensor), precision_of(kind.numpy))
