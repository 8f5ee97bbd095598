"""Names in Keras that mean the initializers of this package."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from typing import Any

import keras
import keras.src.initializers
from keras.src.backend.common.global_state import get_global_attribute

from ._classes import BY_NAME

_MODULES = (keras.src.initializers, keras.initializers)
_theirs = keras.src.initializers.get


@functools.wraps(_theirs)
def _ours(identifier: Any) -> Any:
    if isinstance(identifier, str) and identifier in BY_NAME:
        is_custom = keras.saving.get_registered_object(identifier) is not None
        # Names in a file mean what they meant to those who saved it.
        is_loading = get_global_attribute("shared_objects/id_to_obj_map") is not None
        if not is_custom and not is_loading:
            return BY_NAME[identifier]()
    return _theirs(identifier)


class _Installation(AbstractContextManager[None]):
    """Undoes an installation at the end of a `with` block, unless it was there before."""

    def __init__(self, was_installed: bool) -> None:
        self._was_installed = was_installed

    def __exit__(self, *error: object) -> None:
        if not self._was_installed:
            uninstall()


def install() -> AbstractContextManager[None]:
    """Let names, and so the defaults of every Keras layer, mean the initializers of this package.

    From now on, or inside a `with` block. `Dense(8)` and `Dense(8, kernel_initializer="he_normal")`
    get ours; their seeds come from `keras.utils.set_random_seed`, as those of Keras's do. Objects,
    classes and configurations of Keras stay Keras's, and so does everything in a saved model that
    is loaded meanwhile.

    Examples:
        >>> import keras
        >>> with install():
        ...     layer = keras.layers.Dense(8)
        >>> layer.kernel_initializer
        GlorotUniform()
    """
    was_installed = keras.src.initializers.get is _ours
    for module in _MODULES:
        module.get = _ours
    return _Installation(was_installed)


def uninstall() -> None:
    """Let names mean Keras's initializers again."""
    for module in _MODULES:
        if module.get is _ours:
            module.get = _theirs
