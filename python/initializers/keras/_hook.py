"""The one hook in Keras, for `seed_model` and `init_model`.

Importing this package changes nothing in Keras. The first call that needs the hook installs it for
the life of the process: removing it at the end of a call would also remove it for other threads.
Outside of such calls, in every thread, each part passes through to Keras.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

import keras
import keras.src.initializers
from keras.src.backend.common.variables import Variable

from .._classes.base import ArrayInitializer
from ._classes import BY_NAME
from ._naming import Building, current
from ._tensors import eagerly

_lock = threading.Lock()
_is_in_place = False

# Set by the first `install()`, for good: a layer's own function, such as an LSTM's bias, then runs
# when it is called even inside `jax.jit`, as our initializers do. A layer that was created during
# an installation may be built after it.
runs_functions_eagerly = False

# Keras's class → ours.
_OURS: dict[type, Any] = {
    theirs: ours
    for name, ours in BY_NAME.items()
    if (theirs := getattr(keras.initializers, name, None)) is not None
}


def put_hook() -> None:
    """Install the hook, unless it is in place."""
    global _is_in_place
    with _lock:
        if _is_in_place:
            return
        Variable.__init__ = _record(Variable.__init__)
        for theirs in _OURS:
            if "__call__" in vars(theirs):
                _delegate(theirs)
        serialize = _keep(keras.src.initializers.serialize)
        keras.src.initializers.serialize = keras.initializers.serialize = serialize
        _is_in_place = True


def as_ours(initializer: Any, theirs: type | None = None) -> Any:
    """Convert an initializer of Keras to ours with the same arguments; return others unchanged.

    Args:
        initializer: Any initializer.
        theirs: The Keras class of which it is an instance; None: exactly its own class.
    """
    theirs = theirs or type(initializer)
    if theirs not in _OURS:
        return initializer
    names = inspect.signature(theirs).parameters
    return _OURS[theirs](**{name: getattr(initializer, name) for name in names})


def _record(original: Callable[..., None]) -> Callable[..., None]:
    """Record variables while a model is built: Keras does not keep their initializers."""

    @functools.wraps(original)
    def initialize(self: Any, initializer: Any, *arguments: Any, **keywords: Any) -> None:
        building = current.get()
        if not isinstance(building, Building):
            if runs_functions_eagerly and _is_plain_function(initializer):
                initializer = _now(initializer)
            return original(self, initializer, *arguments, **keywords)
        if isinstance(initializer, str):
            initializer = keras.initializers.get(initializer)
        # Ours accept a layout, so not even the zeros are made whole.
        blank = _now(initializer) if _is_plain_function(initializer) else as_ours(initializer)
        original(self, blank, *arguments, **keywords)
        building.note(self, initializer, building.locate())

    return initialize


def _is_plain_function(initializer: Any) -> bool:
    return callable(initializer) and not isinstance(
        initializer, (keras.Initializer, ArrayInitializer)
    )


def _now(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a layer's own function, which joins values of initializers, run when it is called."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        with eagerly():
            return function(*arguments, **keywords)

    return call


def _delegate(theirs: Any) -> None:
    """Make a class of Keras use our values while names decide the seed."""
    original = theirs.__call__

    @functools.wraps(original)
    def call(self: Any, *arguments: Any, **keywords: Any) -> Any:
        if current.get() is None:
            return original(self, *arguments, **keywords)
        return as_ours(self, theirs)(*arguments, **keywords)

    theirs.__call__ = call


def _keep(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make configurations hold the initializer itself: some initializers cannot be saved."""

    @functools.wraps(original)
    def serialize(initializer: Any) -> Any:
        building = current.get()
        if isinstance(building, Building) and building.keeps_initializers:
            return initializer
        return original(initializer)

    return serialize
