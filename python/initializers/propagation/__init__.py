"""The scales of activations and gradients from layer to layer, before training.

The picture that people make by hand to find a bad initialization: Glorot & Bengio (2010),
Understanding the difficulty of training deep feedforward neural networks; He et al. (2015), Delving
deep into rectifiers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._arguments.checks import show
from .._arguments.conventions import KERAS
from .._arguments.seeds import check_seed_integer, no_seeds_drawn
from .._arguments.types import Activation
from .._classes.base import Initializer
from .._frameworks import find_adapter, load_adapter
from .._public import publish
from ..recipe import Rule
from ..recipe._resolve import ResolvedRules, can_choose
from ._inputs import make_normal
from ._result import Layer, Propagation, summarize
from ._stack import check_activation, check_widths, pass_through

__all__ = ["Layer", "Propagation", "propagate"]


def propagate(
    model: Any,
    inputs: Any = None,
    *,
    loss: Callable[[Any], Any] | None = None,
    rules: Any = None,
    seed: int = 0,
    training: bool = True,
    widths: Any = 256,
    depth: int = 20,
    activation: Activation = "relu",
) -> Propagation:
    """Measure the scales of activations and gradients in every layer of a model, beside theory.

    One batch goes through the model, and its gradient comes back. The model does not change, also
    on errors: weights, gradients, running statistics and mode stay. During the call of the model,
    the random states of Python, NumPy and torch are saved and restored; so another thread that
    draws from them meanwhile draws the same numbers again later. A recipe alone does not touch
    them. `print` the result for a table, `plot` it for a picture, or read its `verdict`.

    Theory covers dense and convolutional layers, normalizations, dropout, embeddings, elementwise
    activations and sums, also those without a layer of their own. Elsewhere it continues from the
    measured scales. It does not see other uses of a value (concatenation, multiplication).

    Args:
        model: A Keras model or layer, a torch module, a Flax module (linen, with its variables as
            `module.bind(variables)`, or nnx) or an Equinox module (called on one example at a
            time). Or rules (see `rules`), an initializer, its name or configuration: this is
            tried in a plain stack of dense layers without biases, on NumPy.
        inputs: The model's arguments: an array, a tuple of positional arguments or a dict of
            keyword arguments, with the batch as first axis. A tuple of integers is the shape of a
            standard-normal batch. None: such a batch of the model's own input shape, if it is
            known; unknown dimensions are 32, and integers are drawn for an embedding.
        loss: A function of the model's output that returns a scalar of its framework. None: the sum
            of all outputs, each times a standard-normal number, so that the gradients of the
            outputs have the scale 1.
        rules: Rules that initialize the weights first, as for the adapters: a `Recipe`, a mapping
            from patterns of names to initializers, a list of `Rule`s with patterns, or a function
            of name and shape. Here also an initializer for all matrices and kernels, as in the
            mapping `{"*": initializer}`; vectors then keep their values. None: the model's current
            weights.
        seed: An integer in `[-2**127, 2**127)`, for inputs, the loss, dropout and the weights. A
            `Recipe` uses its own seed, and Keras's dropout layers use their own generators.
        training: Whether the model runs as in training: with dropout, normalized by the batch.
        widths: For the stack: the number of units in its input and in every layer; or a sequence,
            the input's first.
        depth: For the stack: the number of layers, if `widths` is one number.
        activation: For the stack: `"linear"`, `"relu"`, `"leaky_relu"`, `"tanh"`, `"sigmoid"`,
            `"gelu"`, `"silu"`, `"elu"`, `"selu"`, `"softplus"`, `"softsign"`, `"relu6"`,
            `"hard_tanh"` or `"mish"`.

    Returns:
        The scales, layer by layer. Keras's NumPy backend has no gradients; those are None.

    Raises:
        TypeError: If `model` is none of these, or another argument has a wrong type.
        ValueError: If an argument has a wrong value, or `inputs` must be given and is not.

    Examples:
        >>> result = propagate("glorot_uniform", depth=30, activation="relu")
        >>> result.verdict.partition(":")[0]
        'vanishing'
        >>> propagate("he_normal", depth=30, activation="relu").verdict.partition(":")[0]
        'stable'
    """
    seed = check_seed_integer(seed)
    if loss is not None and not callable(loss):
        raise TypeError(f"`loss` must be a function of the output or None, received: {show(loss)}")
    adapter = find_adapter(model)
    if adapter is not None:
        measure_model = load_adapter(adapter, "_propagation").measure_model
        chosen = None if rules is None else _make_rules(rules, seed)
        return _summarize(measure_model(model, inputs, loss, chosen, seed, training), loss)
    if rules is not None or not _is_recipe(model):
        raise TypeError(
            "`model` must be a model of Keras, torch, Flax or Equinox, or (without `rules`) a "
            f"recipe or an initializer, received: {show(model)}"
        )
    return _try_in_stack(model, inputs, loss, seed, check_widths(widths, depth), activation)


propagate.__module__ = "initializers"  # the public place, as for all names there
publish(__name__, globals())


def _summarize(calls: Any, loss: Any) -> Propagation:
    if all(call.gradient is None for call in calls):
        return summarize(calls, None, None)
    text = "the given loss" if loss is not None else "standard-normal weights times the outputs"
    return summarize(calls, text, None if loss is not None else 1.0)


def _try_in_stack(
    given: Any, inputs: Any, loss: Any, seed: int, widths: list[int], activation: str
) -> Propagation:
    if loss is not None:
        raise ValueError(f"`loss` must be None for a recipe alone, received: {show(loss)}")
    check_activation(activation)
    convention = getattr(given, "convention", None) or KERAS
    rules = _make_rules(given, seed)
    batch = (
        make_normal((256, widths[0]), seed, "inputs", 0)
        if inputs is None
        else np.asarray(inputs, float)
    )
    if batch.ndim != 2 or batch.shape[1] != widths[0] or not len(batch):
        raise ValueError(
            f"`inputs` must have the shape (batch, {widths[0]}), received: {show(batch)}"
        )
    back = make_normal((len(batch), widths[-1]), seed, "loss")
    with np.errstate(all="ignore"):  # the verdict reports overflows
        return _summarize(pass_through(rules, convention, batch, widths, activation, back), loss)


def _is_recipe(thing: object) -> bool:
    if isinstance(thing, (list, tuple)):
        return all(isinstance(each, (Rule, list, tuple)) for each in thing)
    return isinstance(thing, (str, Mapping, Initializer)) or can_choose(thing)


def _make_rules(rules: Any, seed: int) -> ResolvedRules:
    """Return the rules, or rules that apply one initializer to all matrices.

    Initializers by name draw no seed from `random`, since every weight gets its own.
    """
    is_config = isinstance(rules, Mapping) and "class_name" in rules
    with no_seeds_drawn():
        if not (is_config or isinstance(rules, (str, Initializer))):
            own = getattr(rules, "seed", None)
            return ResolvedRules(rules, seed if own is None else own)
        rule = Rule(rules)

    def choose(name: str, shape: tuple[int, ...]) -> Rule | None:
        is_bias = "bias" in name.replace("/", ".").rpartition(".")[2]
        return None if len(shape) < 2 or is_bias else rule

    return ResolvedRules(choose, seed)
