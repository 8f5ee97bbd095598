"""Names of a model's variables that depend neither on the process nor on the backend."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import keras
from keras.src.utils.naming import to_snake_case

from .._arguments.conventions import KERAS

T = TypeVar("T")


def name_variables(model: keras.Layer) -> dict[str, Any]:
    """Return the weights of a model or layer by names that depend only on its structure.

    A name is the path from the model (not included) to the variable: `"block/dense#1/kernel"`. A
    layer appears under its given name; automatic names such as `dense_7` become `dense`. Repeated
    names inside one parent get `#1`, `#2`, … in the order in which the parent tracks them. A shared
    layer has its first name.

    Raises:
        TypeError: If `model` is not a Keras layer or model.
        ValueError: If it was not built, so it has no variables yet.

    Examples:
        >>> import keras
        >>> layers = [keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)]
        >>> list(name_variables(keras.Sequential(layers)))
        ['dense/kernel', 'dense/bias', 'dense#1/kernel', 'dense#1/bias']
    """
    if not isinstance(model, keras.Layer):
        raise TypeError(f"`model` must be a Keras layer or model, received: {model!r}")
    if not model.built:
        raise ValueError(
            f"`model` must be built: call it once or use `build`, received: {model.name}"
        )
    seen: set[int] = set()
    named = {}
    for path, layer in walk_layers(model):
        for label, variable in label_variables(layer).items():
            if id(variable) not in seen:
                seen.add(id(variable))
                named[f"{path}/{label}" if path else label] = variable
    return named


def list_specs(model: keras.Layer) -> list[tuple[Any, ...]]:
    """Return the name, shape, dtype and convention of each weight, as `read_specs` reads them."""
    return [(name, each.shape, each.dtype, KERAS) for name, each in name_variables(model).items()]


def list_values(model: keras.Layer) -> Iterator[tuple[str, Any]]:
    """Yield the name and the values of each weight, as arrays."""
    for name, each in name_variables(model).items():
        yield name, keras.ops.convert_to_numpy(each.value)


def label_variables(layer: Any) -> dict[str, Any]:
    """Return a layer's own variables, without those of inner layers, by unique labels."""
    variables = (*layer._trainable_variables, *layer._non_trainable_variables)
    return dict(_number((_label_variable(each), each) for each in variables))


def walk_layers(layer: Any) -> Iterator[tuple[str, Any]]:
    """Yield a layer and all layers below it, each once, with the prefix of its variables' names."""
    yield from _walk(layer, "", {id(layer)})


def _walk(layer: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    yield path, layer
    for label, child in _number((label_layer(each), each) for each in layer._layers):
        if id(child) not in seen:
            seen.add(id(child))
            yield from _walk(child, f"{path}/{label}" if path else label, seen)


def _number(labeled: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Yield labeled objects with unique labels."""
    counts: Counter[str] = Counter()
    for label, thing in labeled:
        count = counts[label]
        counts[label] += 1
        yield (f"{label}#{count}" if count else label), thing


def label_layer(layer: Any) -> str:
    """Return a layer's name without the number that counts the process's layers."""
    name, automatic = layer.name, to_snake_case(type(layer).__name__)
    # `Bidirectional` derives two names from one automatic name.
    match = re.fullmatch(rf"((?:forward_|backward_)?{re.escape(automatic)})(?:_\d+)?", name)
    return match[1] if match else name


def _label_variable(variable: Any) -> str:
    # On the JAX backend the class of variables has another name.
    is_automatic = re.fullmatch(r"(jax_|nnx_)?variable(_\d+)?", variable.name)
    return "variable" if is_automatic else variable.name
