"""Which rule of a recipe takes which weight of a model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ._block import Array, Shape, allocate
from ._checks import hint
from ._dtypes import look_up
from ._recipe_rule import RecipeRule
from ._specs import Spec
from ._write import Fill, plan_fill

_Row: TypeAlias = tuple[str, str, str, str, str]

_NUMBER = re.compile(r"\d+")
_MOST_LISTED = 10


@dataclass(frozen=True)
class Weight:
    """What one weight of a model gets.

    Attributes:
        name: Its name.
        shape: Its shape.
        dtype: The name of its dtype.
        initializer: Its initializer, with the seed that belongs to the name.
        permute: The order of axes in which the values are made, or None for that of the shape:
            `weight.transpose(permute)` holds the values of `initializer`.
    """

    name: str
    shape: Shape
    dtype: str
    initializer: Any
    permute: tuple[int, ...] | None = None

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The number of bytes that the values take."""
        return self.size * look_up(self.dtype).numpy.itemsize

    def plan_fill(self) -> Fill:
        """Return what fills any block of the weight; a seed that counts is drawn from once.

        Raises:
            ValueError: If the initializer has no values for the shape or the dtype.
        """
        try:
            return plan_fill(self.initializer, self.shape, look_up(self.dtype), self.permute)
        except (TypeError, ValueError) as error:
            raise type(error)(f"weight {self.name!r} cannot be made: {error}") from None

    def make(self) -> Array:
        """Return the values, in a new array."""
        fill = self.plan_fill()
        array = allocate(self.shape, look_up(self.dtype), zeros=False)
        fill(array, (0,) * len(self.shape))
        return array


@dataclass(frozen=True)
class Plan:
    """Which rule of a recipe takes which weight of a model; `str` of it is a table.

    Attributes:
        weights: What every weight gets, by its name, in the model's order.
        rules: Each rule, in the recipe's order, with the names of the weights that it takes.
    """

    weights: dict[str, Weight]
    rules: tuple[tuple[RecipeRule, tuple[str, ...]], ...]

    @property
    def size(self) -> int:
        """The number of elements of all weights."""
        return sum(weight.size for weight in self.weights.values())

    @property
    def nbytes(self) -> int:
        """The number of bytes that the values of all weights take."""
        return sum(weight.nbytes for weight in self.weights.values())

    def __str__(self) -> str:
        table: list[str | _Row] = [("weights", "shape", "dtype", "number", "elements")]
        for number, (rule, names) in enumerate(self.rules, 1):
            nothing = "" if names else ": no weight"
            table.append(f"{number}. {rule.label} → {rule.law}{nothing}")
            table += group_weights([self.weights[name] for name in names])
        rows = [line for line in table if isinstance(line, tuple)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [x if isinstance(x, str) else "   " + _align(x, widths) for x in table]
        line = "─" * (3 + sum(widths) + 2 * (len(widths) - 1))
        total = f"{len(self.weights)} weights, {self.size:,} elements, {self.nbytes:,} bytes"
        return "\n".join([lines[0], line, *lines[1:], line, total])


def _align(row: _Row, widths: list[int]) -> str:
    pairs = enumerate(zip(row, widths, strict=True))
    return "  ".join(text.rjust(n) if axis > 2 else text.ljust(n) for axis, (text, n) in pairs)


def group_weights(weights: Iterable[Weight]) -> Iterator[_Row]:
    """Yield a row for all weights whose names differ in numbers only."""
    groups: dict[tuple[str, Shape, str, Any], list[Weight]] = {}
    for weight in weights:
        key = (_NUMBER.sub("0", weight.name), weight.shape, weight.dtype, weight.permute)
        groups.setdefault(key, []).append(weight)
    for (_, shape, dtype, permute), members in groups.items():
        sizes = " × ".join(map(str, shape)) or "scalar"
        axes = f" as {permute}" if permute else ""
        elements = sum(weight.size for weight in members)
        name = _merge([weight.name for weight in members])
        yield name, sizes + axes, dtype, str(len(members)), f"{elements:,}"


def _merge(names: list[str]) -> str:
    """Return `"h.{0-11}.bias"` for the names from `"h.0.bias"` to `"h.11.bias"`."""
    columns = zip(*(map(int, _NUMBER.findall(name)) for name in names), strict=True)
    numbers = iter([sorted(set(column)) for column in columns])

    def write(match: re.Match[str]) -> str:
        found = next(numbers)
        if len(found) == 1:
            return match[0]
        is_run = found == list(range(found[0], found[-1] + 1))
        return f"{{{found[0]}-{found[-1]}}}" if is_run else "{…}"

    return _NUMBER.sub(write, names[0])


def make_plan(recipe: Any, specs: Mapping[str, Spec]) -> Plan:
    """Return the plan of a recipe for a model.

    Raises:
        ValueError: If it is none: a weight without a rule or values, or a rule without a weight.
    """
    taken: list[list[str]] = [[] for _ in recipe.rules]
    untaken = []
    for name in specs:
        place = recipe.find(name)
        if place is None:
            untaken.append(name)
        else:
            taken[place].append(name)
    problems = list(_list_problems(recipe.rules, taken, untaken, specs))
    if problems:
        raise ValueError(
            "the recipe must have a rule for every weight and a weight for every rule, received "
            + "; ".join(problems)
        )
    weights = {name: recipe.weight(name, spec) for name, spec in specs.items()}
    for weight in weights.values():
        weight.plan_fill()
    return Plan(weights, tuple(zip(recipe.rules, map(tuple, taken), strict=True)))


def _list_problems(
    rules: tuple[RecipeRule, ...],
    taken: list[list[str]],
    untaken: list[str],
    specs: Mapping[str, Spec],
) -> Iterator[str]:
    if untaken:
        groups: dict[str, list[str]] = {}
        for name in untaken:
            groups.setdefault(_NUMBER.sub("0", name), []).append(name)
        listed = [repr(_merge(group)) for group in groups.values()]
        more = f" and {len(listed) - _MOST_LISTED} more" if len(listed) > _MOST_LISTED else ""
        near = hint(untaken[0], [rule.pattern for rule in rules])
        count = f"{len(untaken)} weights" if len(untaken) > 1 else "a weight"
        yield f"{count} without a rule: {', '.join(listed[:_MOST_LISTED])}{more}{near}"
    for number, (rule, names) in enumerate(zip(rules, taken, strict=True), 1):
        if names or rule.optional:
            continue
        if any(map(rule.takes, specs)):
            why = ", for rules before it take all that it could"
        else:
            why = hint(rule.pattern, specs)
        yield f"rule {number} without a weight: {rule.label}{why}"
