"""`capture`: the initializers of a Keras model's variables, as a recipe by name."""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from .._arguments.checks import check_bool
from .._arguments.conventions import KERAS
from .._arguments.dtypes import look_up
from .._arguments.seeds import check_seed_integer
from .._arguments.shapes import Shape
from .._classes.base import ArrayInitializer
from .._classes.constants import Constant, Ones, Zeros
from .._classes.registry import BUILT_IN
from ..recipe import CaptureReport, OpaqueWeight, Recipe, Rule, read_specs
from ..recipe._capture.rules import MOST_VALUES, Origin, make_recipe
from ..recipe._initializer_data import as_data
from ._hook import as_ours
from ._names import label_layer, name_variables
from ._naming import Building, Draws, within
from ._seed_model import add_missing, build
from ._tensors import eagerly

# Functions for more elements are not run to see whether they draw.
_LARGEST = 2**24


@dataclass(frozen=True, eq=False)
class _Found:
    """A variable with its initializer, or the reason why it has none."""

    name: str
    shape: Shape
    initializer: Any
    reason: str
    origin: Origin | None
    array: NDArray[Any] | None = None
    is_buffer: bool = False


def capture(
    model: keras.Layer | Callable[[], keras.Layer], seed: int, *, strict: bool = False
) -> tuple[Recipe, CaptureReport]:
    """Return the recipe of the initializers of a model's layers, and a report of what is in it.

    Each variable has the initializer that its layer gave to `add_weight`: one of Keras, of this
    package, or registered. A layer's own function is run; if it gives the same values twice, as an
    LSTM's forget bias, they are kept as numbers. The values of trained variables do not matter.

    The recipe has few rules by the names of `name_variables`, with comments that name the layers;
    it states the convention `"keras"`. Its values are this package's, from `seed` and the names.

    A variable without such an initializer gets no rule and stands in `report.opaque`, with the line
    that created it.

    Args:
        model: A function without arguments that returns a model or layer: no value is drawn while
            it runs. Or a built model or layer: each layer with weights is then created a second
            time from its configuration, to find its initializers.
        seed: The recipe's seed, an integer in `[-2**127, 2**127)`.
        strict: Whether a variable without a rule is an error.

    Returns:
        The recipe and a `CaptureReport`.

    Raises:
        TypeError: If an argument has a wrong type, or the function does not return a model.
        ValueError: If the model is not built or has no variable with an initializer, if a layer of
            a built model cannot be created again, if `seed` is out of range; with `strict`, if a
            variable has no rule.

    Examples:
        >>> import keras
        >>> layers = [keras.Input((2,)), keras.layers.Dense(3, "relu", name="dense")]
        >>> recipe, report = capture(keras.Sequential(layers), seed=1)
        >>> recipe.rules
        (Rule('Zeros', '*/bias'), Rule('GlorotUniform', '*'))
        >>> report.is_complete
        True
    """
    seed = check_seed_integer(seed)
    check_bool("strict", strict)
    built, building = build(model, Building(locate=_locate))
    named = name_variables(built)
    add_missing(building, built)
    found = [_find(name, variable, building) for name, variable in named.items()]
    initializers = {each.name: each.initializer for each in found if each.initializer is not None}
    opaque = {each.name: _describe(each) for each in found if each.initializer is None}
    listed = "; ".join(map(str, opaque.values()))
    label = label_layer(built)
    if not initializers:
        raise ValueError(
            "`model` must have a variable with an initializer of Keras or this package, received: "
            f"{label} with {listed or 'no variables'}"
        )
    if strict and opaque:
        raise ValueError(
            "with `strict` every variable must have an initializer of Keras or this package, "
            f"received: {listed}"
        )
    comment = f"{label}, captured from its layers' initializers by initializers.keras.capture."
    recipe = make_recipe(found, initializers, seed, KERAS, comment, separator="/")
    report = CaptureReport(
        model=label,
        recipe=recipe,
        weights={name: place for name in initializers if (place := recipe.find(name)) is not None},
        specs={name: spec for name, spec in read_specs(built).items() if name in initializers},
        opaque=opaque,
        arrays={
            each.name: each.array
            for each in found
            if each.name in opaque and each.array is not None
        },
    )
    return recipe, report


def _describe(found: _Found) -> OpaqueWeight:
    place = found.origin.place if found.origin else ""
    return OpaqueWeight(found.name, found.shape, found.reason, place)


def _locate() -> tuple[str, str] | None:
    """Return the method of a layer that creates a variable, and its line."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        is_layer = isinstance(owner := frame.f_locals.get("self"), keras.Layer)
        if is_layer and not module.startswith(_HELPERS):
            return (
                f"{type(owner).__name__}.{frame.f_code.co_name}",
                f"{module}:{frame.f_lineno}",
            )
        frame = frame.f_back
    return None


# Modules with methods of the base classes, which layers call.
_HELPERS = (
    *("keras.src.layers.layer", "keras.src.ops", "keras.src.utils", "keras.src.backend"),
    *("keras.src.models", "flax", __name__.rpartition(".")[0]),
)


def _find(name: str, variable: Any, building: Building) -> _Found:
    shape = tuple(variable.shape)
    given = building[variable]
    function, place = building.find_place(variable) or ("", "")
    initializer, reason, array = _convert(given, name, variable)
    if initializer is not None:
        try:
            Rule(initializer, convention=KERAS).plan_fill(0, name, shape, look_up(variable.dtype))
        except (TypeError, ValueError) as error:
            initializer, reason = None, str(error)
    code = getattr(given, "__code__", None)
    if initializer is None and code is not None:
        place = f"{given.__module__}:{code.co_firstlineno}"
    origin = Origin(_name(given), function, place) if place else None
    return _Found(name, shape, initializer, reason, origin, array)


def _name(initializer: Any) -> str:
    return str(getattr(initializer, "__name__", type(initializer).__name__))


def _convert(given: Any, name: str, variable: Any) -> tuple[Any, str, NDArray[Any] | None]:
    """Return an initializer without a seed, or None with a reason and perhaps the values."""
    if given is None:
        return None, "created from values, not by an initializer", None
    ours = as_ours(given)
    if isinstance(ours, ArrayInitializer) and type(ours).__name__ in BUILT_IN:
        config = {key: value for key, value in ours.get_config().items() if key != "seed"}
        return BUILT_IN[type(ours).__name__].from_config(config), "", None
    try:
        return as_data(given), "", None
    except (TypeError, ValueError):
        pass  # not registered
    return _run(given, name, variable)


def _run(given: Any, name: str, variable: Any) -> tuple[Any, str, NDArray[Any] | None]:
    """Find the values of a function that does not draw."""
    shape = tuple(variable.shape)
    if math.prod(shape) > _LARGEST:
        return None, f"{_name(given)} has more than {_LARGEST} values", None
    drawn = f"drawn by {_name(given)}, which is no initializer of Keras or this package"
    made = []
    for seed in (1, 2):
        try:
            with within(Draws(seed, name)), eagerly():
                value = given(shape, dtype=variable.dtype)
                value = keras.ops.convert_to_numpy(keras.ops.cast(value, variable.dtype))
        except Exception as error:  # the model's own code
            return None, f"{_name(given)} raised {type(error).__name__}: {error}", None
        made.append(np.asarray(value, "float32" if value.dtype.itemsize < 4 else None))
    one, other = made
    if one.shape != shape or not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
        return None, drawn, None
    first = one.reshape(-1)[:1]
    if (one == first).all() and not np.signbit(first).any():
        number = first[0].item() if first.size else 0
        return (Zeros() if number == 0 else Ones() if number == 1 else Constant(number)), "", None
    if one.size > MOST_VALUES:
        reason = f"{one.size:,} known values: too many for a recipe, in `report.arrays`"
        return None, reason, one
    return Constant(one), "", None
