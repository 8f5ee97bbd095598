"""Initializes a whole model from one seed, every variable by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, overload

import keras
from keras.src.utils.python_utils import is_default

from .._arguments.checks import check_bool, show
from .._arguments.seeds import check_seed_integer
from ._hook import as_ours, put_hook
from ._names import label_variables, name_variables, walk_layers
from ._naming import Building, Draws, within


@overload
def seed_model(
    model: keras.Layer | Callable[[], keras.Layer], seed: int, *, report: Literal[False] = False
) -> keras.Layer: ...


@overload
def seed_model(
    model: keras.Layer | Callable[[], keras.Layer], seed: int, *, report: Literal[True]
) -> tuple[keras.Layer, list[str]]: ...


def seed_model(
    model: keras.Layer | Callable[[], keras.Layer], seed: int, *, report: bool = False
) -> keras.Layer | tuple[keras.Layer, list[str]]:
    """Initialize every weight of a model by its own initializer, from one seed and its name.

    The k-th draw of a variable uses the seed `fold_in(seed, name)` if k is 0, else
    `fold_in(seed, name, k)`, with the names of `name_variables`. So the values do not depend on the
    backend, on other models of the process or on the order of building. An additional layer does
    not change layers with given names. Layers that share an initializer, or whose initializers
    share a seed, get different values. This covers initializers of this package and of Keras, also
    those that a function calls; all use this package's values.

    Several threads may call this at the same time, each with its own model.

    Args:
        model: A function without arguments that returns a model or layer: no value is drawn while
            it runs, and each value once afterwards. Or a built model or layer: each layer with
            weights is then created a second time from its configuration, to find its initializers.
        seed: An integer in `[-2**127, 2**127)`.
        report: Whether to also return the names of the variables that were not seeded.

    Returns:
        The model. With `report=True`, the model and the names of the variables that kept their
        values, because no initializer of this package or of Keras makes them.

    Raises:
        TypeError: If an argument has a wrong type, or the function does not return a model.
        ValueError: If the model is not built, a layer of a built model cannot be created again, or
            `seed` is out of range. No variable is changed then.

    Examples:
        >>> import keras
        >>> def build():
        ...     return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        >>> model = seed_model(build, seed=1)
        >>> print(keras.ops.convert_to_numpy(model.layers[0].kernel))
        [[-0.89186984  0.4731288   0.879097  ]
         [-0.8027737  -0.87386304 -0.73447174]]
        >>> seed_model(model, seed=1, report=True)[1]
        []
    """
    seed = check_seed_integer(seed)
    check_bool("report", report)
    built, building = build(model)
    variables = name_variables(built)
    add_missing(building, built)
    unseeded = [
        name
        for name, variable in variables.items()
        if not _draw(variable, building, Draws(seed, name))
    ]
    return (built, unseeded) if report else built


def build(
    model: keras.Layer | Callable[[], keras.Layer], building: Building | None = None
) -> tuple[keras.Layer, Building]:
    """Return the model, or the one that a function builds, and the variables created meanwhile.

    Variables created by the function hold zeros if an initializer makes their values.
    """
    building = building or Building()
    if isinstance(model, keras.Layer):
        return model, building
    if not callable(model):
        raise TypeError(
            "`model` must be a Keras model, or a function that returns one, "
            f"received: {show(model)}"
        )
    put_hook()
    with within(building):
        return model(), building


def add_missing(building: Building, model: keras.Layer) -> None:
    """Find the initializers of variables that were created before the call."""
    owned = [(layer, label_variables(layer)) for _, layer in walk_layers(model)]
    missing = {id(v): v for _, own in owned for v in own.values() if v not in building}
    for layer, own in owned:
        if not any(id(variable) in missing for variable in own.values()):
            continue
        again, twin = _make_again(layer, building)
        made = label_variables(twin)
        for label, variable in own.items():
            if variable in building or label not in made or made[label] not in again:
                continue
            if made[label].shape == variable.shape:
                twin_variable = made[label]
                building.note(variable, again[twin_variable], again.find_place(twin_variable))
    for variable in missing.values():
        if variable not in building:
            building.note(variable, None)


def _make_again(layer: keras.Layer, building: Building) -> tuple[Building, Any]:
    """Return a second layer like this one, and its variables' initializers."""
    put_hook()
    again = Building(keeps_initializers=True, locate=building.locate)
    try:
        with within(again):
            twin = type(layer).from_config(_read_config(layer))
            if layer.built and not is_default(layer.build):
                twin.build_from_config(layer.get_build_config())
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"`model` must have layers that can be made again from `get_config`, where their "
            f"initializers are found; pass the function that builds the model instead; "
            f"received: {layer.name!r} ({reason})"
        ) from error
    return again, twin


def _read_config(layer: keras.Layer) -> dict[str, Any]:
    """Return a layer's configuration without the Keras keys that its constructor does not accept.

    Custom layers are often written without `**kwargs`. Those keys do not matter here.
    """
    parameters = inspect.signature(type(layer)).parameters.values()
    taken = {each.name for each in parameters}
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters)
    own = {"name", "trainable", "dtype"}
    config: dict[str, Any] = layer.get_config()
    return {key: config[key] for key in config if takes_all or key in taken or key not in own}


def _draw(variable: Any, building: Building, draws: Draws) -> bool:
    """Assign a variable its value; return whether its initializer draws by name."""
    initializer = as_ours(building[variable])
    if initializer is None:
        return False
    keywords = {"dtype": variable.dtype}
    layout = getattr(variable, "_layout", None)
    if layout is not None and "layout" in inspect.signature(initializer).parameters:
        keywords["layout"] = layout
    with within(draws):
        value = initializer(tuple(variable.shape), **keywords)
    if not draws.calls:
        return False
    variable.assign(value)
    return True
