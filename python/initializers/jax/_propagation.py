"""Measures activations and gradients in the modules of Flax and Equinox."""

from __future__ import annotations

import dataclasses
import functools
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._arguments.seeds import fold_in
from ..propagation._generators import generators_kept
from ..propagation._inputs import ask_for_inputs, make_batch, split_inputs
from ..propagation._measure import rms_of
from ..propagation._theory import Call
from ..recipe._resolve import ResolvedRules
from ._effects import find_effect
from ._tape import Entry, Run, Tape, differentiate, is_array, is_inexact
from ._tree import init_tree

_EXAMPLE = "inputs=(64, 32, 32, 3)"
# Classes are patched while a model runs, by one thread at a time.
_lock = threading.Lock()


def measure_model(
    model: Any, inputs: Any, loss: Any, rules: ResolvedRules | None, seed: int, training: bool
) -> list[Call]:
    """Return the passes through the layers of a module, which stays unchanged.

    See `initializers.propagate`.
    """
    linen, nnx = sys.modules.get("flax.linen"), sys.modules.get("flax.nnx")
    if linen is not None and isinstance(model, linen.Module):
        adapter: _Adapter = _Linen(model, inputs, rules, seed)
    elif nnx is not None and isinstance(model, nnx.Module):
        adapter = _Nnx(model, inputs, rules, seed, training)
    else:
        adapter = _Equinox(model, inputs, rules, seed, training)
    passes, gradients = differentiate(adapter.run, adapter.weights, loss, seed)
    counts: Counter[Any] = Counter()
    calls = []
    for each in passes:
        again = counts[each.key]
        counts[each.key] += 1
        layer = adapter.layer_at(each.key)
        kind = type(layer).__name__
        own = adapter.arrays_at(each.key, adapter.weights, each.is_leaf)
        found = adapter.arrays_at(each.key, gradients, each.is_leaf)
        matrices = [m for m, weight in own.items() if weight.ndim > 1 and "bias" not in m]
        effect = None
        if each.is_leaf and each.inputs:
            x, y = each.inputs[0].shape, each.output.shape
            effect = find_effect(layer, own, each.keywords, x, y)
        calls.append(
            Call(
                name=("/".join(map(str, each.key)) or kind) + (f"#{again}" if again else ""),
                type=kind,
                inputs=each.inputs,
                output=each.output,
                effect=effect,
                is_leaf=each.is_leaf,
                is_weighted=bool(matrices) and not kind.startswith("Embed"),
                gradient=each.gradient,
                weight_gradient=rms_of(*(found[m] for m in matrices)) if matrices else None,
            )
        )
    return calls


class _Adapter:
    """What differs between Flax and Equinox.

    Attributes:
        weights: Tree of the arrays to differentiate by.
        run: Runs the model on such a tree.
    """

    weights: Any
    run: Run

    def layer_at(self, key: Any) -> Any:
        """Return the layer of a key, to read its class and options."""
        raise NotImplementedError

    def arrays_at(self, key: Any, tree: Any, all_below: bool) -> dict[str, Any]:
        """Return the arrays of a layer by name, from a tree like `weights`."""
        raise NotImplementedError


class _Linen(_Adapter):
    def __init__(self, model: Any, inputs: Any, rules: ResolvedRules | None, seed: int) -> None:
        import flax

        is_bound = model.scope is not None
        bare, variables = model.unbind() if is_bound else (model, {})
        if inputs is None:
            raise ask_for_inputs(model, _EXAMPLE)
        args, keywords = split_inputs(inputs, seed, lambda x: _convert(x, jnp.float32))
        key = jax.random.key(fold_in(seed, "propagate", "jax") % 2**32)
        rngs = {name: jax.random.fold_in(key, i) for i, name in enumerate(("params", "dropout"))}
        if not is_bound:
            with generators_kept():
                variables = bare.init(rngs, *args, **keywords)
        variables = flax.core.unfreeze(variables)
        weights = {"params": variables.pop("params", {})}
        if rules is not None:
            # Rules may apply to collections other than weights.
            weights = init_tree(weights, rules, rules.seed, partial=bool(variables))
        self.weights = flax.core.meta.unbox(weights)
        self._layers: dict[Any, Any] = {}

        def run(weights: Any, shifts: Any) -> Any:
            tape = Tape(shifts)

            def intercept(function: Any, args: Any, keywords: Any, context: Any) -> Any:
                module = context.module
                if context.method_name != "__call__":
                    return function(*args, **keywords)
                self._layers[module.path] = module
                return tape.call(module.path, module, function, args, keywords)

            with flax.linen.intercept_methods(intercept), generators_kept():
                output = bare.apply(
                    {**variables, **weights},
                    *args,
                    **keywords,
                    rngs=rngs,
                    mutable=[name for name in variables if name != "intermediates"],
                )[0]
            return output, tape.entries, tape.values

        self.run = run

    def layer_at(self, key: Any) -> Any:
        return self._layers[key]

    def arrays_at(self, key: Any, tree: Any, all_below: bool) -> dict[str, Any]:
        node = tree["params"]
        for part in key:
            node = node.get(part, {})
        return _list_arrays(node, all_below)


class _Nnx(_Adapter):
    def __init__(
        self, model: Any, inputs: Any, rules: ResolvedRules | None, seed: int, training: bool
    ) -> None:
        from flax import nnx

        model = nnx.clone(model)
        model.train() if training else model.eval()
        definition, weights, rest = nnx.split(model, nnx.Param, ...)
        if rules is not None:
            others = bool(jax.tree.leaves(rest))  # rules may apply to them
            weights = init_tree(weights, rules, rules.seed, partial=others)
            nnx.update(model, weights)
        self.weights = weights
        self._layers = dict(nnx.iter_modules(model))
        if inputs is None:
            inputs = _guess_inputs(model, self._layers.values(), seed)
        args, keywords = split_inputs(inputs, seed, lambda x: _convert(x, _dtype_of(weights)))

        def run(weights: Any, shifts: Any) -> Any:
            tape = Tape(shifts)
            copy = nnx.merge(definition, weights, rest, copy=True)
            layers = {id(module): (path, module) for path, module in nnx.iter_modules(copy)}
            with _tapped(layers, tape), generators_kept():
                output = copy(*args, **keywords)
            return output, tape.entries, tape.values

        self.run = run

    def layer_at(self, key: Any) -> Any:
        return self._layers[key]

    def arrays_at(self, key: Any, tree: Any, all_below: bool) -> dict[str, Any]:
        from flax import nnx

        node = nnx.to_pure_dict(tree)
        for part in key:
            node = node.get(part, {})
        return _list_arrays(node, all_below)


class _Equinox(_Adapter):
    def __init__(
        self, model: Any, inputs: Any, rules: ResolvedRules | None, seed: int, training: bool
    ) -> None:
        import equinox

        if not callable(model):
            raise TypeError(f"`model` must be callable, received: {type(model).__name__}")
        if rules is not None:
            model = init_tree(model, rules, rules.seed)
        model = equinox.nn.inference_mode(model, value=not training)
        self.weights, static = equinox.partition(model, equinox.is_inexact_array)
        self._layers = dict(_walk(model, (), set()))
        if inputs is None:
            inputs = _guess_inputs(model, self._layers.values(), seed)
        dtype = _dtype_of(self.weights)
        args, keywords = split_inputs(inputs, seed, lambda x: _convert(x, dtype))
        found: list[Entry] = []

        def run(weights: Any, shifts: Any) -> Any:
            whole = equinox.combine(weights, static)
            layers = {id(module): (path, module) for path, module in _walk(whole, (), set())}

            def run_one(args: Any, keywords: Any, shifts: Any) -> Any:
                tape = Tape(shifts)
                with _tapped(layers, tape), generators_kept():
                    output = whole(*args, **keywords)
                found[:] = tape.entries
                return output, tape.values

            output, values = jax.vmap(run_one)(args, keywords, shifts)
            return output, list(found), values

        self.run = run

    def layer_at(self, key: Any) -> Any:
        return self._layers[key]

    def arrays_at(self, key: Any, tree: Any, all_below: bool) -> dict[str, Any]:
        node = tree
        for part in key:
            node = getattr(node, part) if isinstance(part, str) else node[part]
        if all_below:
            leaves = jax.tree_util.tree_flatten_with_path(node)[0]
            named = {
                jax.tree_util.keystr(path, simple=True, separator="/"): leaf
                for path, leaf in leaves
            }
        else:
            named = {field.name: getattr(node, field.name) for field in dataclasses.fields(node)}
        return {name: np.asarray(leaf) for name, leaf in named.items() if is_inexact(leaf)}


def _walk(node: Any, path: tuple[Any, ...], seen: set[int]) -> Iterator[tuple[Any, Any]]:
    """Yield (module, path) of the callable modules in an Equinox model."""
    import equinox

    if id(node) in seen:
        return
    if isinstance(node, equinox.Module):
        seen.add(id(node))
        if callable(node):
            yield path, node
        names = [field.name for field in dataclasses.fields(node)]
        parts: list[tuple[Any, Any]] = [(name, getattr(node, name, None)) for name in names]
    elif isinstance(node, (list, tuple)):
        parts = list(enumerate(node))
    elif isinstance(node, dict):
        parts = list(node.items())
    else:
        return
    for name, part in parts:
        yield from _walk(part, (*path, name), seen)


@contextmanager
def _tapped(layers: dict[int, tuple[Any, Any]], tape: Tape) -> Iterator[None]:
    """Record the calls of these modules on a tape; other instances are not recorded."""
    kinds = {type(module) for _, module in layers.values() if callable(module)}
    with _lock:
        own = {kind: vars(kind).get("__call__") for kind in kinds}
        before = {kind: kind.__call__ for kind in kinds}
        try:
            for kind in kinds:
                kind.__call__ = _tap(before[kind], layers, tape)
            yield
        finally:
            for kind, function in own.items():
                if function is None:
                    del kind.__call__
                else:
                    kind.__call__ = function


def _tap(original: Any, layers: dict[int, tuple[Any, Any]], tape: Tape) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **keywords: Any) -> Any:
        found = layers.get(id(self))
        function = functools.partial(original, self)
        if found is None:
            return function(*args, **keywords)
        return tape.call(found[0], self, function, args, keywords)

    return call


def _list_arrays(node: Any, all_below: bool) -> dict[str, Any]:
    leaves = jax.tree_util.tree_flatten_with_path(node)[0]
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in leaves
        if is_inexact(leaf) and (all_below or len(path) == 1)
    }


def _convert(value: Any, dtype: Any) -> Any:
    def one(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            return jnp.asarray(leaf, dtype if leaf.dtype.kind == "f" else None)
        return leaf

    return jax.tree.map(one, np.asarray(value) if isinstance(value, list) else value)


def _dtype_of(tree: Any) -> Any:
    return next((leaf.dtype for leaf in jax.tree.leaves(tree) if is_inexact(leaf)), jnp.float32)


def _guess_inputs(model: Any, layers: Any, seed: int) -> Any:
    """Return a batch for the first layer with weights, or None if its shape is unknown."""
    for layer in layers:
        kind = type(layer).__name__
        features = getattr(layer, "in_features", None)
        if kind == "Linear" and isinstance(features, int):
            return make_batch((features,), seed)
        if kind == "Embed":
            return make_batch((None,), seed, below=layer.num_embeddings)
        if any(is_array(getattr(value, "value", value)) for value in vars(layer).values()):
            break
    raise ask_for_inputs(model, _EXAMPLE)
