"""Initializes a whole model by rules, every variable by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from .._arguments.conventions import KERAS
from .._arguments.dtypes import look_up
from .._memory.allocation import allocate_aligned
from ..recipe import Rule
from ..recipe._planner import Planner
from ..recipe._resolve import ResolvedRules, RulesLike
from ._names import name_variables
from ._seed_model import build
from ._tensors import to_tensor


def init_model(
    model: keras.Layer | Callable[[], keras.Layer],
    rules: RulesLike,
    seed: int | None = None,
    *,
    partial: bool = False,
) -> keras.Layer:
    """Initialize every weight of a model by rules and its name.

    The layers' own initializers are not used; for those see `seed_model`. The values of a variable
    depend on `seed`, its name, its shape and its rule, and are the same on every backend, device
    and layout. Names are those of `name_variables`.

    Args:
        model: A built model or layer; or a function without arguments that returns one. The
            initializers of that model draw nothing.
        rules: A `Recipe`; a mapping from patterns of names to an initializer, a `Rule`, or None for
            variables that keep their values; a list of such pairs and of `Rule`s with patterns; a
            function of a variable's name and shape that returns an initializer, a `Rule` or None;
            or an object with such a method `choose`. In a mapping or list, the first pattern that
            matches a name applies. Fans are counted in Keras's convention, (*kernel, inputs,
            outputs), unless a rule or the recipe states another `convention`. Variables keep their
            dtypes, whatever a rule says.
        seed: An integer in `[-2**127, 2**127)`, which replaces the seed of a `Recipe`; None: the
            seed of the `Recipe`. The seed of a variable is `fold_in(seed, name)`.
        partial: Whether the model is part of a larger one: rules may then match nothing in it.

    Returns:
        The model.

    Raises:
        TypeError: If an argument has a wrong type, or the function does not return a model.
        ValueError: If the model is not built, a variable cannot be filled or has no rule, or a rule
            that is not optional matches no variable. No variable is changed then.

    Examples:
        >>> import keras
        >>> from initializers import Recipe
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        >>> recipe = Recipe({"*/kernel": "he_normal", "*/bias": "ones"}, seed=1)
        >>> keras.ops.convert_to_numpy(init_model(model, recipe).layers[0].bias).tolist()
        [1.0, 1.0, 1.0]
    """
    chosen = ResolvedRules(rules, seed)
    built, _ = build(model)
    named = name_variables(built)
    shapes = [(name, tuple(each.shape), KERAS) for name, each in named.items()]
    planner = Planner(chosen.seed)
    planned = [
        (variable, _plan(name, variable, rule, planner))
        for (name, variable), rule in zip(
            named.items(), chosen.choose_all(shapes, partial=partial), strict=True
        )
        if rule is not None
    ]
    for variable, make in planned:
        variable.assign(make())
    return built


def _plan(name: str, variable: Any, rule: Rule, planner: Planner) -> Callable[[], Any]:
    """Return a function that makes the value of a variable.

    Foreign code is called now, as it may fail or return a wrong shape: errors must come before any
    variable is changed.
    """
    shape = tuple(variable.shape)
    try:
        kind = look_up(variable.dtype)
        fill = planner.plan_fill(rule, name, shape, kind)
    except (TypeError, ValueError) as error:
        raise type(error)(f"variable {name!r} cannot be filled: {error}") from None
    layout = getattr(variable, "_layout", None)
    start = (0,) * len(shape)

    def make() -> Any:
        if layout is not None:
            from ._shards import make_sharded

            place = getattr(layout, "backend_layout", layout)
            return make_sharded(lambda out, at: fill(out, at or start), shape, kind, place, False)
        array = allocate_aligned(shape, kind)
        fill(array, start)
        return to_tensor(array, kind)

    if not fill.is_foreign:
        return make
    try:
        made = make()
    except (TypeError, ValueError) as error:
        kind_of_error = TypeError if isinstance(error, TypeError) else ValueError
        raise kind_of_error(f"variable {name!r} cannot be filled: {error}") from None
    return lambda: made
