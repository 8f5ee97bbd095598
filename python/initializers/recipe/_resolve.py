"""Resolves the rules of a call, in every form that they can have, for the weights of a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from .._arguments.checks import check_bool, show
from .._arguments.seeds import check_seed_integer
from .._arguments.shapes import Shape
from .._classes.base import Initializer, InitializerLike
from . import _coverage
from ._initializer_data import as_data
from ._patterns import Pattern, read_pattern
from ._rule import Rule

# A weight's name, its shape, and the convention of the model that holds it.
Named: TypeAlias = "tuple[str, Shape, str | None]"

# The rule of a pattern; None for weights that keep their values.
RuleLike: TypeAlias = InitializerLike | Rule | None
PatternLike: TypeAlias = str | re.Pattern[str]

# Rules with their patterns, as `Recipe` reads them. Values are `RuleLike`; but type checkers infer
# `dict[str, object]` for a variable that holds a dict with values of several types.
RuleList: TypeAlias = (
    Mapping[str, Any]
    | Mapping[re.Pattern[str], Any]
    | Mapping[PatternLike, Any]
    | Iterable[Rule | tuple[PatternLike, Any]]
)


class Chooses(Protocol):
    """An object that chooses rules, such as a `Recipe`."""

    def choose(self, name: str, shape: Shape) -> RuleLike:
        """Return the rule of a weight, or None if it keeps its values."""


# Rules as adapters read them.
RulesLike: TypeAlias = RuleList | Chooses | Callable[[str, Shape], RuleLike]


@dataclass(frozen=True)
class Kept:
    """A pattern whose weights keep their values: its rule is None."""

    matcher: Pattern
    optional: bool = False

    @property
    def regex(self) -> bool:
        """Whether the pattern is a regular expression."""
        return self.matcher.regex

    @property
    def pattern(self) -> str:
        """The text of the pattern."""
        return self.matcher.text

    @property
    def label(self) -> str:
        """The pattern in messages."""
        return self.matcher.label

    def matches(self, name: str) -> bool:
        """Return whether the pattern matches a name."""
        return self.matcher.matches(name)


def parse_rules(rules: object) -> tuple[Rule | Kept, ...]:
    """Return the rules of a mapping or a list, in its order.

    Args:
        rules: A mapping from patterns to initializers; or an iterable of `Rule`s with patterns and
            of pairs of a pattern and an initializer. A pattern is a glob (a string) or an
            `re.compile`d expression. In place of an initializer there may be a `Rule` without a
            pattern (or with the same pattern), or None for weights that keep their values.

    Raises:
        TypeError: If `rules` is something else, or a part of it has a wrong type.
        ValueError: If a part has a wrong value, or two rules have one pattern.
    """
    pairs: Any = rules.items() if isinstance(rules, Mapping) else rules
    try:  # an array without dimensions has a method for it, which refuses
        entries = None if isinstance(rules, (str, bytes)) else iter(pairs)
    except TypeError:
        entries = None
    if entries is None:
        raise TypeError(
            "`rules` must be a mapping from patterns to initializers, or a list of Rules with "
            f"patterns or of such pairs, received: {show(rules)}{_hint_mapping(rules)}"
        )
    parsed = tuple(map(_parse_entry, entries))
    places: dict[tuple[bool, str | None], int] = {}
    for number, rule in enumerate(parsed, 1):
        first = places.setdefault((rule.regex, rule.pattern), number)
        if first != number:
            raise ValueError(
                f"`rules` must have different patterns, received {rule.label} as rule {first} and "
                f"as rule {number}"
            )
    return parsed


def _hint_mapping(rules: object) -> str:
    """Return the mapping that is equivalent to a single initializer, as a hint."""
    if isinstance(rules, (str, Initializer)):
        return f" (for every weight: {{'*': {show(rules)}}})"
    return ""


def _parse_entry(entry: Any) -> Rule | Kept:
    if isinstance(entry, Rule):
        if entry.pattern is None:
            raise ValueError(
                "`rules` must hold Rules with a `pattern` or pairs of a pattern and an "
                f"initializer, received among them one without a pattern: {show(entry)}"
            )
        return entry
    if not isinstance(entry, (tuple, list)) or len(entry) != 2:
        raise TypeError(
            "`rules` must hold Rules or pairs of a pattern and an initializer, received among "
            f"them: {show(entry)}"
        )
    pattern, value = read_pattern(entry[0]), entry[1]
    if value is None:
        return Kept(pattern)
    try:
        rule = to_rule(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rule {pattern.text!r}: {error}") from None
    if rule.pattern is None:
        return replace(rule, pattern=pattern.text, regex=pattern.regex)
    if (rule.pattern, rule.regex) != (pattern.text, pattern.regex):
        raise ValueError(
            f"`rules` must have for the pattern {pattern.label} a Rule without a pattern of its "
            f"own (or with the same), received: {show(rule)}"
        )
    return rule


def to_rule(value: object) -> Rule:
    """Return a rule unchanged, or a rule for an initializer."""
    return value if isinstance(value, Rule) else Rule(value)


def parse_recipe_rules(rules: object) -> tuple[Rule, ...]:
    """Return the rules of a recipe: as `parse_rules`, but all must be data, and none None."""
    return tuple(map(_read_data, parse_rules(rules)))


def _read_data(rule: Rule | Kept) -> Rule:
    if isinstance(rule, Kept):
        raise TypeError(
            f"rule {rule.pattern!r}: `initializer` must be an initializer, received: None"
        )
    try:
        return read_data(rule)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rule {rule.pattern!r}: {error}") from None


def read_data(rule: Rule) -> Rule:
    """Return a rule with a pattern as a recipe's file would give it back.

    Raises:
        TypeError: If its initializer cannot be written.
        ValueError: If its initializer has a seed, or it has a `name` without `stack`.
    """
    if rule.name is not None and not rule.stack:
        raise ValueError(
            "a rule of a recipe must have no `name` without `stack`, as many weights would share "
            f"it, received: {show(rule.name)}"
        )
    return replace(rule, initializer=as_data(rule.initializer))


class ResolvedRules:
    """The rules of one call, in any form that the call accepts, with its seed.

    Args:
        rules: A `Recipe`; a mapping or a list as for `parse_rules`, whose first matching rule
            applies; a function of a weight's name and shape that returns an initializer, a `Rule`,
            or None for a weight that keeps its values; or an object with such a method `choose`.
        seed: An integer in `[-2**127, 2**127)`; None for the attribute `seed` of `rules`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value.
    """

    def __init__(self, rules: RulesLike | ResolvedRules, seed: int | None) -> None:
        self.seed = check_seed_integer(getattr(rules, "seed", None) if seed is None else seed)
        if isinstance(rules, ResolvedRules):
            self.__dict__ = {**vars(rules), "seed": self.seed}
            return
        from . import Recipe

        self._subject = "`rules`"
        self._stated: str | None = None
        self._function: Callable[[str, Shape], Any] | None = None
        self._entries: Sequence[Rule | Kept] = ()
        if isinstance(rules, Recipe):
            self._subject, self._stated = "the recipe", rules.convention
            self._entries = rules.rules
            return
        self._function = _find_function(rules)
        if self._function is None:
            self._entries = parse_rules(rules)

    def choose(self, name: str, shape: Shape, convention: str | None = None) -> Rule | None:
        """Return the rule of the weight `name`, or None if it keeps its values.

        Args:
            name: The weight's name.
            shape: Its shape.
            convention: The convention of the model that holds the weight; None: unknown.

        Raises:
            ValueError: If no pattern matches, the rule does not fit the shape, or its values depend
                on an unknown convention.
            TypeError: If a function returned something other than an initializer.
        """
        return self.choose_all([(name, shape, convention)], partial=True)[0]

    def choose_all(
        self, weights: Iterable[Named], others: Iterable[str] = (), partial: bool = False
    ) -> list[Rule | None]:
        """Return the rules of all weights of a model, in their order.

        Args:
            weights: Name, shape and convention of every weight.
            others: Names that need no rule, but that a rule may match.
            partial: Whether the weights are part of a model: rules may then match none.

        Raises:
            TypeError: If a function returned something other than an initializer.
            ValueError: As for `choose`, or if a rule that is not optional matches no weight.
        """
        check_bool("partial", partial)
        weights = list(weights)
        if self._function is not None:
            results = [self._function(name, shape) for name, shape, _ in weights]
            chosen = [None if result is None else to_rule(result) for result in results]
        else:
            names = [name for name, _, _ in weights]
            places = _coverage.assign(
                self._entries, names, others=list(others), partial=partial, subject=self._subject
            )
            entries = [self._entries[place] for place in places]
            chosen = [entry if isinstance(entry, Rule) else None for entry in entries]
            self._check_stacks(places, names)
        return list(self._fit_all(chosen, weights))

    def _fit_all(
        self, rules: Iterable[Rule | None], weights: Iterable[Named]
    ) -> Iterator[Rule | None]:
        """Yield the rules, fitted to their weights; many weights of a model have one shape."""
        known: dict[tuple[int, Shape, str | None], Rule] = {}
        for rule, (name, shape, host) in zip(rules, weights, strict=True):
            if rule is None:
                yield None
                continue
            key = id(rule), shape, host
            fitted = known.get(key)
            if fitted is None:
                fitted = known[key] = rule.fit(name, shape, self._stated, host)
            yield fitted

    def _check_stacks(self, places: Sequence[int], names: Sequence[str]) -> None:
        """Raise ValueError if the tensors of two stacks would have the same names."""
        for place in set(places):
            rule = self._entries[place]
            if isinstance(rule, Kept) or rule.name is None or not rule.stack:
                continue
            found = [name for name, own in zip(names, places, strict=True) if own == place]
            if len(found) > 1:
                raise ValueError(
                    f"a rule with `stack` and `name`={rule.name!r} must match one weight, "
                    f"received: {', '.join(map(repr, found))}"
                )


def can_choose(rules: object) -> bool:
    """Return whether an object has our method `choose`; arrays have another of that name."""
    return callable(getattr(rules, "choose", None)) and not hasattr(rules, "__array__")


def _find_function(rules: object) -> Callable[[str, Shape], Any] | None:
    """Return the function that chooses rules, or None for a mapping or a list."""
    if can_choose(rules):
        return rules.choose  # type: ignore[attr-defined, no-any-return]
    if callable(rules) and not isinstance(rules, (Initializer, type)):
        return rules
    if isinstance(rules, (Mapping, Iterable)) and not isinstance(rules, (str, bytes)):
        return None
    raise TypeError(
        "`rules` must be a Recipe, a mapping from patterns to initializers, a list of Rules with "
        "patterns, a function of name and shape, or an object with such a method `choose`, "
        f"received: {show(rules)}{_hint_mapping(rules)}"
    )
