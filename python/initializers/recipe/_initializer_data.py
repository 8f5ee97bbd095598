"""Initializers of rules as data: which ones a file can hold, and their text."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

from .._arguments.checks import show
from .._arguments.shapes import Shape
from .._classes.registry import key_of
from .._classes.serialization import get, serialize
from .._classes.variance_scaling import VarianceScaling

# The module of our JAX factories and of the functions that they return.
_JAX = "initializers.jax"


def as_data(initializer: Any) -> Any:
    """Return the initializer as a recipe's file would give it back: ours or a registered one.

    Raises:
        TypeError: If it cannot be written.
        ValueError: If it has a seed.
    """
    if _is_from_factory(initializer):
        raise TypeError(
            "`initializer` of a recipe must be data, such as 'he_normal', not the result of a "
            f"factory of initializers.jax, received: {show(initializer)}"
        )
    config = serialize(initializer)
    seed = getattr(initializer, "_init_seed", None)
    if seed is not None:
        raise ValueError(
            "`initializer` of a rule must have no seed, as the recipe gives one to each weight, "
            f"received: {show(initializer)}"
        )
    return get(config)


def describe(initializer: Any) -> tuple[str, dict[str, Any]]:
    """Return the name of an initializer and the arguments that differ from their defaults.

    Raises:
        TypeError: If it cannot be written as data.
    """
    if isinstance(initializer, FunctionType) and not key_of(initializer, ""):
        raise TypeError(f"`initializer` must be registered, received: {show(initializer)}")
    data = serialize(initializer)
    assert data is not None
    if data["class_name"] == "function":
        return data["config"], {}
    key = key_of(type(initializer), "")
    is_ours = key.startswith("initializers>")
    parameters = inspect.signature(type(initializer)).parameters
    # All arguments of foreign classes are written, as their defaults may change. TOML has no null.
    return data["class_name"] if is_ours else key, {
        name: value
        for name, value in data["config"].items()
        if name != "seed"
        and not (name in parameters and _is_default(value, parameters[name].default, is_ours))
    }


def _is_default(value: object, default: object, is_ours: bool) -> bool:
    default = [*default] if isinstance(default, tuple) else default
    return (is_ours or value is None) and repr(value) == repr(default)


def summarize(initializer: Any) -> str:
    """Return an initializer as tables show it, such as `"RandomNormal(stddev=0.02)"`."""
    try:
        name, config = describe(initializer)
    except TypeError:  # not data, such as a function of another module
        return show(initializer)
    # The repr of an array is shorter than its configuration.
    values = {key: getattr(initializer, key, value) for key, value in config.items()}
    given = (
        f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={show(value)}"
        for key, value in values.items()
    )
    return f"{name}({', '.join(given)})"


def identify(initializer: Any) -> object:
    """Return text that is equal for equal initializers (1 and 1.0 differ), or else the object."""
    if isinstance(initializer, FunctionType):
        return initializer
    try:
        return repr(serialize(initializer))
    except TypeError:
        return initializer


def refuse_jax(initializer: object) -> None:
    """Raise TypeError for an initializer of JAX, or for a factory that was not called."""
    module = getattr(initializer, "__module__", None) or ""
    if not callable(initializer) or not isinstance(module, str):
        return
    name = str(getattr(initializer, "__qualname__", "")).partition(".")[0]
    if module.startswith("jax.") and "initializers" in module:
        raise TypeError(
            f"`initializer` must be made by this package, such as `initializers.jax.{name}` "
            f"or a name ('he_normal'), received JAX's own: {show(initializer)}"
        )
    if module.startswith(_JAX) and not _is_from_factory(initializer):
        raise TypeError(
            f"`initializer` must be the result of a factory, `{name}(…)`, received the factory: "
            f"{show(initializer)}"
        )


def make_from_factory(initializer: Any, shape: Shape) -> Any:
    """Return the initializer of a factory of `initializers.jax` for a shape."""
    if not _is_from_factory(initializer):
        return initializer
    made = initializer.maker(shape, 0)
    if isinstance(made, VarianceScaling):
        rank = len(shape)
        kernel = tuple(range(rank - 2))
        if (made.input_axes, made.output_axes) == ((*kernel, rank - 2), (*kernel, rank - 1)):
            # JAX's default axes mean a kernel. So the weight's convention decides the axes.
            return VarianceScaling(made.scale, made.mode, made.distribution)
    return made


def _is_from_factory(initializer: object) -> bool:
    module = getattr(initializer, "__module__", None)
    return str(module).startswith(_JAX) and hasattr(initializer, "maker")
