"""Initializers by name as the rules of a recipe."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from ..._arguments.types import Convention
from ..._classes.distributions import RandomNormal
from ..._classes.variance_scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)
from .._initializer_data import identify
from .._recipe import Recipe
from .._rule import Rule
from .patterns import describe

_MOST_CALLS = 3


class Origin(NamedTuple):
    """The call that wrote a law.

    Attributes:
        call: The function that wrote it, with its arguments, such as `"normal_(std=0.02)"`.
        function: The function of the model that called it.
        place: The line of the model's source, as `"module:line"`.
    """

    call: str
    function: str
    place: str


class CapturedWeight(Protocol):
    """A weight of a captured model."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def is_buffer(self) -> bool:
        """Whether its rule is optional."""

    @property
    def origin(self) -> Origin | None:
        """The call that wrote it, if it is known."""


def make_scaling(scale: float, mode: str, distribution: str) -> VarianceScaling:
    """Return the class of that name, where there is one."""
    for named in (GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform):
        known = named()
        if (known.scale, known.mode, known.distribution) == (scale, mode, distribution):
            return known
    return VarianceScaling(scale, mode, distribution)  # type: ignore[arg-type]


def make_recipe(
    weights: Sequence[CapturedWeight],
    initializers: dict[str, Any],
    seed: int,
    convention: Convention,
    comment: str,
    separator: str = ".",
) -> Recipe:
    """Return a recipe whose rules match the names in `initializers`, and no others of `weights`.

    Args:
        weights: All weights.
        initializers: The initializers of those that have one, by name.
        seed: The recipe's seed.
        convention: The recipe's convention.
        comment: The recipe's comment.
        separator: The character between the parts of a name.
    """
    keys = {
        each.name: repr(identify(initializers[each.name])) if each.name in initializers else None
        for each in weights
    }
    sizes = {each.name: math.prod(each.shape) for each in weights}
    by_name = {each.name: each for each in weights}
    left = dict(by_name)
    rules = []
    for pattern, key in _describe_names(keys, sizes, separator):
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
    recipe = Recipe(rules, seed=seed, convention=convention, comment=comment)
    for each in weights:
        place = recipe.find(each.name)
        found = None if place is None else repr(identify(recipe.rules[place].initializer))
        if found != keys[each.name]:
            raise AssertionError(f"the rule for {each.name!r} gives {found}, not {keys[each.name]}")
    return recipe


def _describe_names(
    keys: dict[str, str | None], sizes: dict[str, int], separator: str
) -> list[tuple[str, Any]]:
    """Return globs with keys; `describe` expects dots, so dots and separators are exchanged."""
    swap = str.maketrans({".": separator, separator: "."})
    found = describe(
        {name.translate(swap): key for name, key in keys.items()},
        {name.translate(swap): size for name, size in sizes.items()},
    )
    return [(pattern.translate(swap), key) for pattern, key in found]


def _first(initializers: dict[str, Any], keys: dict[str, Any], key: object) -> Any:
    return next(initializers[name] for name, own in keys.items() if own == key)


def _comment(matched: list[CapturedWeight], initializer: Any, others: Iterable[Any]) -> str | None:
    """Say which calls of the model made a rule."""
    origins = [each.origin for each in matched if each.origin is not None]
    calls = list(dict.fromkeys(map(_describe, origins)))
    more = len(calls) - _MOST_CALLS
    lines = [*calls[:_MOST_CALLS], *([f"and {more} more"] if more > 0 else [])]
    depth = _find_depth(matched, initializer, others)
    return "\n".join(lines + ([depth] if depth else [])) or None


def _describe(origin: Origin) -> str:
    return f"{origin.call} in {origin.function}" if origin.function else origin.call


def _find_depth(
    matched: list[CapturedWeight], initializer: Any, others: Iterable[Any]
) -> str | None:
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
