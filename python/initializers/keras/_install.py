"""`install`: makes names in Keras mean the initializers of this package."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import keras
import keras.src.initializers

from . import _hook
from ._classes import BY_NAME
from ._tensors import BACKEND

_MODULES = (keras.src.initializers, keras.initializers)
_theirs = keras.src.initializers.get


def get(identifier: Any) -> Any:
    """Return the initializer of `identifier`. Names mean this package's initializers.

    Args:
        identifier: A name, such as `"he_normal"`; or any other argument of
            `keras.initializers.get`, with the same result: a configuration gives the class that it
            names, ours (`"initializers>HeNormal"`) or Keras's.

    Returns:
        The initializer, or None for None.

    Raises:
        ValueError: If `identifier` does not mean an initializer.

    Examples:
        >>> get("he_normal")
        HeNormal()
    """
    return BY_NAME[identifier]() if _is_our_name(identifier) else _theirs(identifier)


def serialize(initializer: Any) -> Any:
    """Return the configuration of an initializer, as `keras.initializers.serialize` does.

    Examples:
        >>> from initializers.keras import HeNormal
        >>> serialize(HeNormal(seed=1))["registered_name"]
        'initializers>HeNormal'
    """
    return keras.initializers.serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the initializer of a configuration, as `keras.initializers.deserialize` does.

    Args:
        config: The result of `serialize`, or a name, which means this package's initializer.
        custom_objects: Classes and functions that are not registered, by name.

    Returns:
        The initializer.

    Examples:
        >>> deserialize({"class_name": "initializers>HeNormal", "config": {"seed": 1}})
        HeNormal(seed=1)
    """
    if _is_our_name(config) and config not in (custom_objects or {}):
        return BY_NAME[config]()
    return keras.initializers.deserialize(config, custom_objects)


def _is_our_name(identifier: Any) -> bool:
    is_name = isinstance(identifier, str) and identifier in BY_NAME
    return is_name and keras.saving.get_registered_object(identifier) is None


class _Installation(AbstractContextManager[None]):
    """Undoes an installation at the end of a `with` block, unless it existed before."""

    def __init__(self, was_installed: bool) -> None:
        self._was_installed = was_installed

    def __exit__(self, *error: object) -> None:
        if not self._was_installed:
            uninstall()


def install() -> AbstractContextManager[None]:
    """Make names, and so the defaults of all Keras layers, mean the initializers of this package.

    It applies to all threads from now on, or inside a `with` block. `Dense(8)` and
    `Dense(8, kernel_initializer="he_normal")` get our initializers, with seeds from
    `keras.utils.set_random_seed`, as Keras's initializers.

    A name always means ours: in your code, in a layer that `from_config`, `clone_model` or
    `model_from_json` creates again, or in a file. Objects, classes and configurations are not
    affected. Keras's layers write configurations into files, so the initializers in a saved model
    stay Keras's.

    Examples:
        >>> import keras
        >>> with install():
        ...     layer = keras.layers.Dense(8)
        >>> layer.kernel_initializer
        GlorotUniform()
    """
    was_installed = keras.src.initializers.get is get
    for module in _MODULES:
        module.get = get
    if BACKEND == "jax":
        _hook.put_hook()
        _hook.runs_functions_eagerly = True
    return _Installation(was_installed)


def uninstall() -> None:
    """Make names mean Keras's initializers again.

    Examples:
        >>> import keras
        >>> installed = install()
        >>> uninstall()
        >>> print(type(keras.initializers.get("he_normal")).__module__)
        keras.src.initializers.random_initializers
    """
    for module in _MODULES:
        if module.get is get:
            module.get = _theirs
