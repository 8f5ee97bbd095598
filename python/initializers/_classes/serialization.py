"""Converts initializers to configurations, and names and configurations to initializers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from .._arguments.checks import show
from .._arguments.number_arrays import as_array, serialize_array
from .._arguments.seeds import SeedGenerator, serialize_seed
from .base import Initializer
from .constants import Constant
from .registry import PACKAGE, TORCH_NAMES, find, key_of

Given = TypeVar("Given", bound=Callable[..., Any])
Made = TypeVar("Made")

# Modules whose plain class names mean our classes. (Keras 2 wrote no module.)
_KNOWN_ROOTS = (PACKAGE, "keras", "tf_keras", "tensorflow")


@overload
def get(identifier: None) -> None: ...
@overload
def get(identifier: str | dict[str, Any]) -> Initializer: ...
@overload
def get(identifier: NDArray[Any] | np.generic) -> Constant: ...
@overload
def get(identifier: type[Made]) -> Made: ...  # type: ignore[overload-overlap]  # a class is called
@overload
def get(identifier: Given) -> Given: ...
def get(identifier: object) -> Any:
    """Return the initializer of a name, a configuration or an object.

    Args:
        identifier: A name, such as `"he_normal"` or `"my_package>name"`; a configuration written by
            `serialize` or Keras; a class, which is called without arguments; any other callable,
            which is returned unchanged; an array, which gives a `Constant`; or None.

    Returns:
        The initializer, or None for None.

    Raises:
        TypeError: If `identifier` is something else.
        ValueError: If it is an unknown name or an invalid configuration.

    Examples:
        >>> get("he_normal")
        HeNormal()
        >>> get({"class_name": "RandomNormal", "config": {"stddev": 0.02, "seed": 3}})
        RandomNormal(stddev=0.02, seed=3)
    """
    if identifier is None:
        return None
    if isinstance(identifier, (str, dict)):
        return deserialize(identifier)
    if isinstance(identifier, (np.ndarray, np.generic)):
        return Constant(identifier)
    return _instantiate(identifier)


def serialize(initializer: Any) -> dict[str, Any] | None:
    """Return a configuration of `initializer` in JSON's types, for `deserialize`.

    `deserialize` needs `custom_objects` for classes and functions that are neither part of this
    package nor registered.

    Args:
        initializer: An instance of a class with a `get_config` method, a function with a name, or
            None.

    Returns:
        A dict with the keys module, class_name, config and registered_name, as Keras writes it; or
        None for None.

    Raises:
        TypeError: If `initializer` is something else, such as a lambda or a partial, or its
            configuration is not a dict of plain values.

    Examples:
        >>> from initializers import Constant
        >>> configuration = serialize(Constant(0.5))
        >>> configuration["class_name"], configuration["config"]
        ('Constant', {'value': 0.5})
    """
    if initializer is None:
        return None
    if isinstance(initializer, FunctionType) and initializer.__name__ != "<lambda>":
        return {
            "module": "builtins",
            "class_name": "function",
            "config": key_of(initializer, initializer.__name__),
            "registered_name": "function",
        }
    cls = type(initializer)
    if isinstance(initializer, type) or not hasattr(initializer, "get_config"):
        raise TypeError(
            "`initializer` must be an instance with a `get_config` method or a function with a "
            f"name to be serialized, received: {show(initializer)}"
        )
    config = initializer.get_config()
    if not isinstance(config, dict):
        raise TypeError(
            f"`get_config` of {cls.__name__} must return a dict, received: {show(config)}"
        )
    key = key_of(cls, cls.__name__)
    module = PACKAGE if key.startswith(f"{PACKAGE}>") else cls.__module__
    return {
        "module": None if module == "__main__" else module,
        "class_name": cls.__name__,
        "config": {name: _serialize_value(cls, name, value) for name, value in config.items()},
        "registered_name": key,
    }


def _serialize_value(cls: type, name: str, value: object) -> Any:
    if value is None or isinstance(value, (str, bool, int, float)):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (np.generic, np.ndarray)):
        return serialize_array(as_array(name, value))
    if isinstance(value, (list, tuple)):
        return [_serialize_value(cls, name, part) for part in value]
    if isinstance(value, dict):
        return {key: _serialize_value(cls, name, part) for key, part in value.items()}
    if isinstance(value, SeedGenerator):
        return serialize_seed(value)
    if isinstance(value, FunctionType) or hasattr(value, "get_config"):
        return serialize(value)
    raise TypeError(
        f"`{name}` in the configuration of {cls.__name__} must be a plain value to be serialized, "
        f"received: {show(value)}"
    )


@overload
def deserialize(config: None, custom_objects: Mapping[str, Any] | None = None) -> None: ...
@overload
def deserialize(
    config: str | dict[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Initializer: ...
def deserialize(
    config: str | dict[str, Any] | None, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return a new initializer from its configuration.

    Args:
        config: A configuration written by `serialize`, Keras 3 or Keras 2, or a name, or None.
        custom_objects: Classes and functions that are not registered, by name.

    Returns:
        The initializer; None for None.

    Raises:
        TypeError: If an argument or a part of `config` has a wrong type.
        ValueError: If `config` lacks a key, has wrong arguments for its class, or names an object
            that is neither part of this package nor registered nor in `custom_objects`.

    Examples:
        >>> deserialize({"class_name": "HeNormal", "config": {"seed": 1}})
        HeNormal(seed=1)
    """
    if custom_objects is not None and not isinstance(custom_objects, Mapping):
        raise TypeError(f"`custom_objects` must be a dict, received: {show(custom_objects)}")
    custom = custom_objects or {}
    if config is None:
        return None
    if isinstance(config, str):
        if config in TORCH_NAMES and config not in custom:
            return deserialize({"class_name": config})
        return _instantiate(find(config, custom))
    if not isinstance(config, dict):
        raise TypeError(f"`config` must be a dict or a name, received: {show(config)}")
    name = config.get("class_name")
    if not isinstance(name, str):
        raise ValueError(
            f"`config` must have a string under the key 'class_name', received: {show(config)}"
        )
    inner = config.get("config")
    if name == "function":
        if not isinstance(inner, str):
            raise TypeError(f"`config` of a function must be its name, received: {show(inner)}")
        return _instantiate(find(inner, custom, only_custom=True))
    inner = {} if inner is None else inner
    if not isinstance(inner, dict):
        raise TypeError(f"`config` of {name} must be a dict, received: {show(inner)}")
    # A configuration that names a module means that module's class, not torch's function.
    if name in TORCH_NAMES and name not in custom and not {"module", "registered_name"} & {*config}:
        name, given = TORCH_NAMES[name]
        inner = {**given, **inner}
    found = _find_class(config, name, custom)
    # Keras's files hold the whole seed in `build_config`, and a shortened one in `config`.
    build_config = config.get("build_config")
    if isinstance(build_config, dict) and config.get("registered_name") == f"{PACKAGE}>{name}":
        inner = {**inner, **build_config}
    if not isinstance(found, type):
        return _instantiate(found)
    if not hasattr(found, "from_config"):
        raise TypeError(f"{name} must have a `from_config` method, received: {show(found)}")
    return _instantiate(found.from_config(inner))


def _find_class(config: dict[str, Any], name: str, custom: Mapping[str, Any]) -> Any:
    registered, module = config.get("registered_name"), config.get("module", "keras")
    for argument, value in (("registered_name", registered), ("module", module)):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"`{argument}` of {name} must be a string, received: {show(value)}")
    if registered is not None and (">" in registered or registered in custom):
        return find(registered, custom)
    is_foreign = module is None or module.partition(".")[0] not in _KNOWN_ROOTS
    return find(name, custom, only_custom=is_foreign)


def _instantiate(thing: Any) -> Any:
    """Return the callable `thing`, or an instance of it if it is a class."""
    if isinstance(thing, type):
        try:
            made = thing()
        except TypeError as error:
            raise TypeError(
                f"{thing.__name__} cannot be created without arguments, received the class: {error}"
            ) from error
    else:
        made = thing
    if not callable(made):
        raise TypeError(
            "`identifier` must be a name, a configuration, a class, a callable, an array or None, "
            f"received: {show(thing)}"
        )
    return made
