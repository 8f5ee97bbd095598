"""Initializers by name as the rules of a recipe."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from ..._classes.distributions import RandomNormal
from ...recipe import Recipe, Rule
from ...recipe._initializer_data import identify
from .laws import Origin
from .patterns import describe
from .weights import Found

_MOST_CALLS = 3


def make_recipe(
    weights: list[Found], initializers: dict[str, Any], seed: int, comment: str
) -> Recipe:
    """Return a recipe whose rules match the names in `initializers`, and no others of `weights`."""
    keys = {
        each.name: repr(identify(initializers[each.name])) if each.name in initializers else None
        for each in weights
    }
    sizes = {each.name: math.prod(each.shape) for each in weights}
    by_name = {each.name: each for each in weights}
    left = dict(by_name)
    rules = []
    for pattern, key in describe(keys, sizes):
        rule = Rule(_first(initializers, keys, key), pattern)
        matched = [left.pop(name) for name in list(left) if rule.matches(name)]
        rules.append(
            Rule(
                rule.initializer,
                pattern,
                optional=all(each.is_buffer for each in matched),
                comment=_comment(matched, rule.initializer, initializers.values()),
            )
        )
    recipe = Recipe(rules, seed=seed, convention="torch", comment=comment)
    for each in weights:
        place = recipe.find(each.name)
        found = None if place is None else repr(identify(recipe.rules[place].initializer))
        if found != keys[each.name]:
            raise AssertionError(f"the rule for {each.name!r} gives {found}, not {keys[each.name]}")
    return recipe


def _first(initializers: dict[str, Any], keys: dict[str, Any], key: object) -> Any:
    return next(initializers[name] for name, own in keys.items() if own == key)


def _comment(matched: list[Found], initializer: Any, others: Iterable[Any]) -> str | None:
    """Say which calls of the model made a rule."""
    origins = [each.law.origin for each in matched if each.law.origin is not None]
    calls = list(dict.fromkeys(map(_describe, origins)))
    more = len(calls) - _MOST_CALLS
    lines = [*calls[:_MOST_CALLS], *([f"and {more} more"] if more > 0 else [])]
    depth = _find_depth(matched, initializer, others)
    return "\n".join(lines + ([depth] if depth else [])) or None


def _describe(origin: Origin) -> str:
    return f"{origin.call} in {origin.function}" if origin.function else origin.call


def _find_depth(matched: list[Found], initializer: Any, others: Iterable[Any]) -> str | None:
    """Say that a deviation is scaled to the depth, if it is another one over sqrt(2 * layers)."""
    if not isinstance(initializer, RandomNormal):
        return None
    forms: dict[str, int] = {}
    for each in matched:
        form = re.sub(r"\d+", "0", each.name)
        forms[form] = forms.get(form, 0) + 1
    layers = max(forms.values(), default=0)
    if layers < 2:
        return None
    for other in others:
        if isinstance(other, RandomNormal) and other.mean == initializer.mean:
            expected = other.stddev / math.sqrt(2 * layers)
            if math.isclose(expected, initializer.stddev, rel_tol=1e-12):
                return f"stddev = {other.stddev:g} / sqrt(2 * layers), layers = {layers}"
    return None
