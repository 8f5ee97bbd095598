"""Plans the weights of a model: many share a rule, a shape and a dtype, and differ in the seed."""

from __future__ import annotations

from .._arguments.dtypes import DType
from .._arguments.seeds import fold_in
from .._arguments.shapes import Shape
from .._filling import AnyFill, Fill
from ._rule import Rule


class Planner:
    """Plans the fills of weights.

    Args:
        seed: The seed of the model.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        # By the rule's identity: the rule is kept, so that no other can get it.
        self._known: dict[tuple[int, Shape, DType, tuple[int, ...]], tuple[Rule, Fill]] = {}

    def plan_fill(
        self, rule: Rule, name: str, shape: Shape, dtype: DType, padding: tuple[int, ...] = ()
    ) -> AnyFill:
        """Return the fill of the weight `name` by a fitted rule, as `Rule.plan_fill`.

        Raises:
            ValueError: If the initializer has no values for the shape or the dtype.
        """
        key = id(rule), shape, dtype, padding
        known = self._known.get(key)
        if known is not None:
            fill = known[1].with_seed(fold_in(self._seed, rule.name or name))
            if fill is not None:
                return fill
        made = rule.plan_fill(self._seed, name, shape, dtype, padding)
        # Classes of others can override what a seed means.
        if isinstance(made, Fill) and getattr(rule.initializer, "_is_ours", False):
            self._known[key] = rule, made
        return made
