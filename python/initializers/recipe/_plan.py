"""Plans: which rule of a recipe applies to which weight of a model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .._arguments.dtypes import look_up
from .._arguments.shapes import Array, Shape
from .._arguments.sizes import size_text
from .._arguments.specs import Spec
from .._charts import html
from .._charts.text import align, shape_text
from .._filling import AnyFill, Fill, StackFill, plan_fill
from .._memory.allocation import allocate
from ._coverage import NUMBER, merge_names
from ._resolve import ResolvedRules
from ._rule import Rule

_Row: TypeAlias = tuple[str, str, str, str, str]
_HEADINGS: _Row = ("weights", "shape", "dtype", "number", "elements")


@dataclass(frozen=True)
class Weight:
    """The initialization of one weight of a model.

    Attributes:
        name: The weight's name.
        shape: Its shape.
        dtype: The name of its dtype.
        initializer: Its initializer, with the seed that belongs to the name.
        permute: The axis order in which the values are made; None: the shape's own order.
            `weight.transpose(permute)` holds the values of `initializer`.
        stack: The number of leading axes along which separate tensors are stacked.
        parts: The tensors of a stack, in C order, with their own names and seeds. `initializer`
            then has no seed, and `permute` applies to one tensor.
        padding: The rows that are zero whatever the initializer says.

    Examples:
        >>> from initializers import Recipe
        >>> recipe = Recipe({"*": "he_normal"}, seed=1, convention="keras")
        >>> weight = recipe.plan({"kernel": (784, 256)}).weights["kernel"]
        >>> weight.shape, weight.dtype, weight.nbytes
        ((784, 256), 'float32', 802816)
    """

    name: str
    shape: Shape
    dtype: str
    initializer: Any
    permute: tuple[int, ...] | None = None
    stack: int = 0
    parts: tuple[Weight, ...] = ()
    padding: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The number of bytes that the values take."""
        return self.size * look_up(self.dtype).numpy.itemsize

    def plan_fill(self) -> AnyFill:
        """Return the fill of the weight, for any block. A `SeedGenerator` is drawn from once.

        Raises:
            ValueError: If the initializer has no values for the shape or the dtype.
        """
        try:
            if self.stack:
                return StackFill(self._plan_part, self.shape, self.stack, self.padding)
            kind = look_up(self.dtype)
            return plan_fill(self.initializer, self.shape, kind, self.permute, self.padding)
        except (TypeError, ValueError) as error:
            raise type(error)(f"weight {self.name!r} cannot be filled: {error}") from None

    def _plan_part(self, index: Shape) -> Fill:
        flat = int(np.ravel_multi_index(index, self.shape[: self.stack]))
        part = self.parts[flat]
        return plan_fill(part.initializer, part.shape, look_up(part.dtype), part.permute)

    def make(self) -> Array:
        """Return the values, in a new array."""
        fill = self.plan_fill()
        array = allocate(self.shape, look_up(self.dtype), zeros=False)
        fill(array, (0,) * len(self.shape))
        return array


@dataclass(frozen=True, repr=False)
class Plan:
    """Which rule of a recipe applies to which weight of a model; its `repr` is a table.

    Attributes:
        weights: The initialization of every weight by name, in the model's order.
        rules: Each rule in the recipe's order, with the names of the weights to which it applies.

    Examples:
        >>> from initializers import Recipe
        >>> recipe = Recipe({"*bias": "zeros", "*": "he_normal"}, seed=1, convention="keras")
        >>> recipe.plan({"dense/bias": (256,), "dense/kernel": (784, 256)})
           weights       shape      dtype    number  elements
        ─────────────────────────────────────────────────────
        1. *bias → Zeros()
           dense/bias    256        float32       1       256
        2. * → HeNormal()
           dense/kernel  784 × 256  float32       1   200,704
        ─────────────────────────────────────────────────────
        2 weights, 200,960 elements, 804 kB
    """

    weights: dict[str, Weight]
    rules: tuple[tuple[Rule, tuple[str, ...]], ...]

    @property
    def size(self) -> int:
        """The number of elements of all weights."""
        return sum(weight.size for weight in self.weights.values())

    @property
    def nbytes(self) -> int:
        """The number of bytes that the values of all weights take."""
        return sum(weight.nbytes for weight in self.weights.values())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        rows: list[Sequence[str]] = []
        for number, (rule, names) in enumerate(self.rules, 1):
            nothing = "" if names else ": no weight"
            rows.append((f"{number}. {rule.label} → {rule.summary}{nothing}",))
            rows += group_weights([self.weights[name] for name in names])
        return html.table(_HEADINGS, rows, right=(3, 4)) + self._total

    @property
    def _total(self) -> str:
        count = f"{len(self.weights):,} weight{'s' * (len(self.weights) != 1)}"
        return f"{count}, {self.size:,} elements, {size_text(self.nbytes)}"

    def __str__(self) -> str:
        table: list[str | _Row] = [_HEADINGS]
        for number, (rule, names) in enumerate(self.rules, 1):
            nothing = "" if names else ": no weight"
            table.append(f"{number}. {rule.label} → {rule.summary}{nothing}")
            table += group_weights([self.weights[name] for name in names])
        rows = align([row for row in table if isinstance(row, tuple)], right=(3, 4))
        aligned = iter(rows)
        lines = [row if isinstance(row, str) else f"   {next(aligned)}" for row in table]
        line = "─" * (3 + len(rows[0]))
        return "\n".join([lines[0], line, *lines[1:], line, self._total])


def group_weights(weights: Iterable[Weight]) -> Iterator[_Row]:
    """Yield one row for all weights whose names differ only in numbers."""
    groups: dict[tuple[Any, ...], list[Weight]] = {}
    for weight in weights:
        key = (
            *(NUMBER.sub("0", weight.name), weight.shape, weight.dtype),
            *(weight.permute, weight.stack, weight.padding),
        )
        groups.setdefault(key, []).append(weight)
    for (_, shape, dtype, permute, stack, padding), members in groups.items():
        sizes = shape_text(shape)
        axes = (f" stack {stack}" if stack else "") + (f" as {permute}" if permute else "")
        axes += f", rows {', '.join(map(str, padding))} zero" if padding else ""
        elements = sum(weight.size for weight in members)
        name = merge_names([weight.name for weight in members])
        yield name, sizes + axes, dtype, str(len(members)), f"{elements:,}"


def make_plan(recipe: Any, specs: Mapping[str, Spec], partial: bool) -> Plan:
    """Return the plan of a recipe for a model, or with `partial` for a part of a model.

    Raises:
        ValueError: If a weight has no rule or no values, or a rule has no weight.
    """
    named = [(name, spec.shape, spec.convention) for name, spec in specs.items()]
    chosen = ResolvedRules(recipe, recipe.seed).choose_all(named, partial=partial)
    taken: list[list[str]] = [[] for _ in recipe.rules]
    weights: dict[str, Weight] = {}
    places = {(rule.pattern, rule.regex): place for place, rule in enumerate(recipe.rules)}
    for (name, spec), rule in zip(specs.items(), chosen, strict=True):
        assert rule is not None
        place = places[rule.pattern, rule.regex]
        taken[place].append(name)
        dtype = recipe._choose_dtype(recipe.rules[place], spec.dtype)
        weights[name] = make_weight(rule, recipe.seed, name, spec, dtype)
    for weight in weights.values():
        try:
            weight.plan_fill()
        except (TypeError, ValueError) as error:
            place = recipe.find(weight.name)
            label = recipe.rules[place].label
            raise type(error)(f"rule {place + 1}, {label!r}: {error}") from None
    return Plan(weights, tuple(zip(recipe.rules, map(tuple, taken), strict=True)))


def make_weight(rule: Rule, seed: int, name: str, spec: Spec, dtype: str) -> Weight:
    """Return the initialization of a weight, or of a stack, by a fitted rule."""
    shape = spec.shape
    names = list(rule.list_names(name, shape))
    if not rule.stack:
        initializer = rule.seeded(seed, names[0])
        return Weight(name, shape, dtype, initializer, rule.permute, padding=spec.padding)
    parts = tuple(
        Weight(each, shape[rule.stack :], dtype, rule.seeded(seed, each), rule.permute)
        for each in names
    )
    axes = rule.permute, rule.stack
    return Weight(name, shape, dtype, rule.initializer, *axes, parts, spec.padding)
