"""The report of `capture`: parameters with a rule, and without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..._arguments.specs import Spec
from .._recipe import Recipe

_MOST_NAMES = 3


@dataclass(frozen=True)
class OpaqueWeight:
    """A weight that no initializer describes.

    Attributes:
        name: Its name.
        shape: Its shape.
        reason: The operation that no initializer has, or what else is missing.
        place: The line of the model's source that wrote or created the weight, as
            `"module:line"`, or `""`.

    Examples:
        >>> print(OpaqueWeight("rate", (3, 4), "drawn by exponential_", "mypackage.model:12"))
        rate (3 × 4): drawn by exponential_, mypackage.model:12
    """

    name: str
    shape: tuple[int, ...]
    reason: str
    place: str

    def __str__(self) -> str:
        shape = " × ".join(map(str, self.shape)) or "scalar"
        return f"{self.name} ({shape}): {self.reason}" + (f", {self.place}" if self.place else "")


@dataclass(frozen=True, eq=False)
class CaptureReport:
    """The result of `capture`: the recipe, and the weights with a rule and without.

    Attributes:
        model: The name of the module's class, or of a Keras model.
        recipe: The recipe.
        weights: The rule of each captured parameter, by name: its place in the recipe's `rules`.
        specs: Shape and dtype of each weight and buffer with a rule, by name, for `Recipe.plan`,
            `Recipe.init` and checkpoints.
        opaque: The parameters without a rule, by name. A recipe that lacks them is refused by
            `init_module_` and `Recipe.plan` until they have one.
        arrays: Known values that are too many for a recipe, by the names in `opaque`.
        tied: Further names of a parameter, by its first name.
        copies: Parameters that began as a copy of another's draw, with that one's name. By the
            recipe they are drawn separately, with the same law.
        buffers: Persistent buffers that no rule matches. They keep the module's own values.
        reads: Lines where the constructor read drawn values, so that a law may depend on them.
        fallback: Why the constructor ran on the CPU, in memory; None if it needed none.

    Examples:
        >>> from initializers import Recipe
        >>> recipe = Recipe({"*.bias": "zeros", "*": "he_normal"}, seed=1)
        >>> weights = {"dense.bias": 0, "dense.weight": 1}
        >>> print(CaptureReport("Network", recipe, weights, specs={}, opaque={}))
        Network: 2 of 2 parameters captured, 2 rules
              1 × *.bias → Zeros()
              1 × * → HeNormal()
    """

    model: str
    recipe: Recipe
    weights: Mapping[str, int]
    specs: Mapping[str, Spec]
    opaque: Mapping[str, OpaqueWeight]
    arrays: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    tied: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    buffers: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    fallback: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every parameter has a rule."""
        return not self.opaque

    def __str__(self) -> str:
        return "\n".join(self._list_lines())

    def _list_lines(self) -> Iterator[str]:
        total = len(self.weights) + len(self.opaque)
        rules = len(self.recipe.rules)
        yield f"{self.model}: {len(self.weights)} of {total} parameters captured, {rules} rules"
        for place, count in sorted(Counter(self.weights.values()).items()):
            rule = self.recipe.rules[place]
            yield f"  {count:5} × {rule.label} → {rule.summary}"
        if self.opaque:
            yield f"{len(self.opaque)} without a rule:"
            yield from (f"  {each}" for each in self.opaque.values())
            yield (
                "  Ways out: put a Rule with an initializer of yours before the recipe's; or a "
                "pair (name, None) beside them, which keeps the module's own values."
            )
        if self.arrays:
            yield f"in `arrays`: {_name_some(self.arrays)}"
        if self.tied:
            yield f"tied: {_name_some(self.tied)}"
        if self.copies:
            yield f"copies of one draw, drawn separately by the recipe: {_name_some(self.copies)}"
        if self.buffers:
            yield f"buffers that keep their values: {_name_some(self.buffers)}"
        if self.reads:
            yield f"drawn values were read at: {', '.join(self.reads)}"
        if self.fallback:
            yield f"constructed on the CPU, in memory: {self.fallback}"


def _name_some(names: object) -> str:
    listed = list(names)  # type: ignore[call-overload]
    more = len(listed) - _MOST_NAMES
    return ", ".join(listed[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
