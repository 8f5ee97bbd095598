"""The scales of activations and gradients in a Keras model, on all backends."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from ..propagation._generators import generators_kept
from ..propagation._inputs import ask_for_inputs, make_batch, split_inputs
from ..propagation._measure import rms_of
from ..propagation._theory import Call
from ..recipe._resolve import ResolvedRules
from ._effects import find_effect
from ._gradients import differentiate, is_float
from ._init_model import init_model
from ._names import walk_layers

_layers = keras.layers
# These layers call their inner layers step by step, which would be many passes.
_STEPPED = (_layers.RNN, _layers.TimeDistributed)
_lock = threading.RLock()


def measure_model(
    model: Any, inputs: Any, loss: Any, rules: ResolvedRules | None, seed: int, training: bool
) -> list[Call]:
    """Return the passes through the layers of a Keras model, without changing it.

    See `initializers.propagate`.
    """
    if inputs is None:
        inputs = _guess_inputs(model, seed)
    args, keywords = split_inputs(inputs, seed, _convert)
    if not model.built:
        raise ValueError(
            f"`model` must be built: call it once or use `build`, received: {model.name}"
        )
    with _values_kept(model):
        if rules is not None:
            init_model(model, rules, rules.seed)
        weights = [each for each in model.trainable_variables if is_float(each)]
        names = {id(layer): path for path, layer in walk_layers(model)}

        def run(passes: Any) -> Any:
            with _tapped(names, passes), generators_kept():
                return model(*args, **keywords, training=training)

        found, weight_gradients = differentiate(run, weights, (args, keywords), loss, seed)
        by_weight = {id(weight): i for i, weight in enumerate(weights)}
        counts: Counter[int] = Counter()
        calls = []
        for each in found:
            layer = each.key
            again = counts[id(layer)]
            counts[id(layer)] += 1
            own = layer.trainable_variables if each.is_leaf else layer._trainable_variables
            matrices = [variable for variable in own if len(variable.shape) > 1]
            places = [by_weight[id(v)] for v in matrices if id(v) in by_weight]
            gradients = [weight_gradients[i] for i in places if weight_gradients[i] is not None]
            effect = None
            if each.is_leaf and each.inputs:
                effect = find_effect(layer, each.inputs[0].shape, each.output.shape, training)
            calls.append(
                Call(
                    name=(names[id(layer)] or layer.name) + (f"#{again}" if again else ""),
                    type=type(layer).__name__,
                    inputs=each.inputs,
                    output=each.output,
                    effect=effect,
                    is_leaf=each.is_leaf,
                    is_weighted=bool(matrices) and not isinstance(layer, _layers.Embedding),
                    gradient=each.gradient,
                    weight_gradient=rms_of(*gradients) if gradients else None,
                )
            )
    return calls


@contextmanager
def _values_kept(model: Any) -> Iterator[None]:
    """Restore the values of all variables of a model: statistics, seeds and weights."""
    before = [(each, np.array(keras.ops.convert_to_numpy(each.value))) for each in model.variables]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)


@contextmanager
def _tapped(names: dict[int, str], passes: Any) -> Iterator[None]:
    """Record the calls of a model's layers in this thread."""
    original = _layers.Layer.__call__
    thread = threading.get_ident()
    stepped: list[int] = []

    @functools.wraps(original)
    def call(self: Any, *args: Any, **keywords: Any) -> Any:
        function = functools.partial(original, self)
        if stepped or id(self) not in names or threading.get_ident() != thread:
            return function(*args, **keywords)
        if isinstance(self, _STEPPED):
            stepped.append(id(self))
        try:
            return passes.call(self, function, args, keywords)
        finally:
            if stepped and stepped[-1] == id(self):
                stepped.pop()

    with _lock:
        _layers.Layer.__call__ = call
        try:
            yield
        finally:
            _layers.Layer.__call__ = original


def _convert(value: Any) -> Any:
    return keras.tree.map_structure(keras.ops.convert_to_tensor, value)


def _guess_inputs(model: Any, seed: int) -> Any:
    """Return a batch of the input shapes that a model declares."""
    tensors = getattr(model, "inputs", None)
    if not tensors:
        raise ask_for_inputs(model, "inputs=(64, 32, 32, 3)")
    sizes = [
        layer.input_dim for _, layer in walk_layers(model) if isinstance(layer, _layers.Embedding)
    ]
    batches = [_make_input(each, seed, i, sizes) for i, each in enumerate(tensors)]
    structure = model._inputs_struct if hasattr(model, "_inputs_struct") else batches
    packed = keras.tree.pack_sequence_as(structure, batches) if len(batches) > 1 else batches[0]
    # One argument, whatever it holds.
    return (packed,)


def _make_input(tensor: Any, seed: int, place: int, sizes: list[int]) -> Any:
    kind = keras.backend.standardize_dtype(tensor.dtype)
    if "int" in kind:
        batch = make_batch(tuple(tensor.shape[1:]), seed, place, below=min(sizes, default=2))
    else:
        batch = make_batch(tuple(tensor.shape[1:]), seed, place)
    fixed = tensor.shape[0]
    return (batch if fixed is None else batch[:fixed]).astype(kind)
