"""A whole model from one seed, every variable by its name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras.src.backend.common.variables import Variable

from .._checks import show
from .._seed import check_seed_integer
from ._classes import BY_NAME
from ._names import name_variables
from ._naming import BLANK, Draws, current
from ._tensors import eagerly

_INITIALIZER = "_remembered_initializer"
_initialize = Variable.__init__


@functools.wraps(_initialize)
def _initialize_and_remember(self: Any, initializer: Any, *arguments: Any, **keywords: Any) -> None:
    if isinstance(initializer, str):
        initializer = keras.initializers.get(initializer)
    if callable(initializer) and not isinstance(initializer, keras.Initializer):
        initializer = _now(initializer)
    _initialize(self, initializer, *arguments, **keywords)
    if callable(initializer):
        setattr(self, _INITIALIZER, initializer)


def _now(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a layer's own function, that joins what initializers give, run when it is called."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        with eagerly():
            return function(*arguments, **keywords)

    return call


# Keras forgets the initializer of a variable that has its value.
Variable.__init__ = _initialize_and_remember


def seed_model(
    model: keras.Layer | Callable[[], keras.Layer], seed: int
) -> tuple[keras.Layer, list[Any]]:
    """Give every weight of a model its first value again, from one seed and its own name.

    The k-th draw of a variable takes the seed `fold_in(seed, name)` if k is 0, and else
    `fold_in(seed, name, k)`, with the names of `name_variables`. So the values depend neither on
    the backend, nor on what else the process has built, nor on the order of building; a layer more
    changes no layer that was given a name; and layers that share an initializer, or whose
    initializers share a seed, differ. Initializers of this package and of Keras are drawn so,
    with the values of this package; also those that a function calls.

    Args:
        model: A built model or layer; or a function without arguments that returns one. Then no
            value is drawn while the function runs, and each just once.
        seed: An integer in `[-2**127, 2**127)`.

    Returns:
        The model, and the variables that kept their values, because they were not made by an
        initializer of this package or of Keras, or before this module was imported.

    Raises:
        TypeError: If an argument has a wrong type, or the function returns no model.
        ValueError: If the model is not built, or `seed` out of range.

    Examples:
        >>> import keras
        >>> def build():
        ...     return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        >>> model, unseeded = seed_model(build, seed=1)
        >>> unseeded
        []
    """
    seed = check_seed_integer(seed)
    with theirs_as_ours():
        model = build(model)
        variables = name_variables(model)
        return model, [
            variable
            for name, variable in variables.items()
            if not _draw(variable, Draws(seed, name))
        ]


def build(model: keras.Layer | Callable[[], keras.Layer]) -> keras.Layer:
    """Return the model, or the one that a function builds, whose values are not drawn yet.

    Those of Keras's initializers are, but for inside `theirs_as_ours`.
    """
    if isinstance(model, keras.Layer):
        return model
    if not callable(model):
        raise TypeError(
            "`model` must be a Keras model, or a function that returns one, "
            f"received: {show(model)}"
        )
    with _drawing(BLANK):
        return model()


def _draw(variable: Any, draws: Draws) -> bool:
    """Assign a variable its value, and return whether it has one by name."""
    initializer = getattr(variable, _INITIALIZER, None)
    if initializer is None:
        return False
    keywords = {"dtype": variable.dtype}
    layout = getattr(variable, "_layout", None)
    if layout is not None and "layout" in inspect.signature(initializer).parameters:
        keywords["layout"] = getattr(layout, "backend_layout", layout)
    with _drawing(draws):
        value = initializer(tuple(variable.shape), **keywords)
    if not draws.calls:
        return False
    variable.assign(value)
    return True


@contextmanager
def _drawing(draws: Draws) -> Iterator[None]:
    token = current.set(draws)
    try:
        yield
    finally:
        current.reset(token)


@contextmanager
def theirs_as_ours() -> Iterator[None]:
    """Let Keras's initializers have the values of ours, where names count."""
    originals = {}
    try:
        for name, ours in BY_NAME.items():
            theirs = getattr(keras.initializers, name, None)
            if theirs is not None and theirs not in originals and "__call__" in vars(theirs):
                originals[theirs] = theirs.__call__
                theirs.__call__ = _delegate(theirs, ours)
        yield
    finally:
        for theirs, original in originals.items():
            theirs.__call__ = original


def _delegate(theirs: Any, ours: Any) -> Callable[..., Any]:
    original = theirs.__call__
    parameters = list(inspect.signature(theirs).parameters)

    def call(self: Any, shape: Any, dtype: Any = None, layout: Any = None) -> Any:
        if current.get() is None:  # another thread
            return original(self, shape, dtype)
        return ours(**{name: getattr(self, name) for name in parameters})(shape, dtype, layout)

    return call
