"""A whole model by rules, every variable by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from .._arguments.conventions import KERAS
from .._arguments.dtypes import look_up
from .._memory.allocation import allocate_aligned
from ..recipe import Rule
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
    """Give every weight of a model its first value again, by its name and rules.

    The layers' own initializers are not used: see `seed_model` for those. The values of a
    variable depend on `seed`, its name, its shape and what `rules` say, and are the same on every
    backend, device and layout. Names are those of `name_variables`.

    Args:
        model: A built model or layer; or a function without arguments that returns one, whose
            initializers draw nothing.
        rules: A `Recipe`; a mapping from patterns of names to an initializer, a `Rule`, or None for
            a variable that keeps its value; a list of such pairs and of `Rule`s with patterns, of
            which the first that matches counts, as of a mapping; a function of a variable's name
            and shape that returns an initializer, a `Rule` or None; or an object with such a
            method `choose`. Fans are counted by Keras's convention, (*kernel, inputs, outputs),
            unless a rule or the recipe states another `convention`. A variable has the dtype that
            it has, whatever a rule says.
        seed: An integer in `[-2**127, 2**127)`; it wins over the seed of a `Recipe`, which None
            leaves in force. A variable's is `fold_in(seed, name)`.
        partial: Whether the model is a part of a larger one, so that rules may match nothing in it.

    Returns:
        The model.

    Raises:
        TypeError: If an argument has a wrong type, or the function returns no model.
        ValueError: If the model is not built, a variable cannot be filled, `rules` have nothing for
            it, or a rule that is not optional matches no variable. No variable is changed then.

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
    planned = [
        (variable, _plan(name, variable, rule, chosen.seed))
        for (name, variable), rule in zip(
            named.items(), chosen.choose_all(shapes, partial=partial), strict=True
        )
        if rule is not None
    ]
    for variable, make in planned:
        variable.assign(make())
    return built


def _plan(name: str, variable: Any, rule: Rule, seed: int) -> Callable[[], Any]:
    """Return what makes the value of a variable; foreign code makes its value now.

    It may yet fail or return a wrong shape, which must be known before any variable is changed.
    """
    shape = tuple(variable.shape)
    try:
        kind = look_up(variable.dtype)
        fill = rule.plan_fill(seed, name, shape, kind)
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
