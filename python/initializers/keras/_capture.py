"""`capture`: the initializers of a Keras model's variables, as a recipe by name."""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from .._arguments.checks import check_bool
from .._arguments.conventions import KERAS
from .._arguments.dtypes import look_up
from .._arguments.seeds import check_seed_integer
from .._classes.base import ArrayInitializer
from .._classes.registry import BUILT_IN
from ..recipe import CaptureReport, Recipe, Rule, read_specs
from ..recipe._capture.known import describe_values
from ..recipe._capture.rules import Origin
from ..recipe._capture.variables import LARGEST, Variable, Words, make_result
from ..recipe._initializer_data import as_data
from ._hook import as_ours
from ._names import label_layer, name_variables
from ._naming import Building, Draws, within
from ._seed_model import add_missing, build
from ._tensors import eagerly

_WORDS = Words("model", "variable", "an initializer of Keras or this package")


def capture(
    model: keras.Layer | Callable[[], keras.Layer], seed: int, *, strict: bool = False
) -> tuple[Recipe, CaptureReport]:
    """Return the recipe of the initializers of a model's layers, and a report of what is in it.

    Each variable has the initializer that its layer gave to `add_weight`: one of Keras, of this
    package, or registered. A layer's own function is run; if it gives the same values twice, they
    are those of an initializer, such as `LstmBias` for an LSTM's bias, or kept as numbers. The
    values of trained variables do not matter.

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
    specs = read_specs(built) if named else {}
    origin = "its layers' initializers by initializers.keras.capture"
    return make_result(found, specs, seed, strict, label_layer(built), origin, _WORDS)


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


def _find(name: str, variable: Any, building: Building) -> Variable:
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
    return Variable(name, shape, initializer, reason, origin, array)


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
    if math.prod(shape) > LARGEST:
        return None, f"{_name(given)} has more than {LARGEST} values", None
    drawn = f"drawn by {_name(given)}, which is no initializer of Keras or this package"
    made = []
    for seed in (1, 2):
        try:
            with within(Draws(seed, name)), eagerly():
                value = given(shape, dtype=variable.dtype)
                value = keras.ops.convert_to_numpy(keras.ops.cast(value, variable.dtype))
        except Exception as error:  # the model's own code
            return None, f"{_name(given)} raised {type(error).__name__}: {error}", None
        made.append(np.asarray(value))
    one, other = made
    if one.shape != shape or one.tobytes() != other.tobytes():
        return None, drawn, None
    initializer, reason = describe_values(one)
    return initializer, reason, None if initializer else one
