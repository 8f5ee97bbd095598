"""Fills of weights that share a rule, a shape and a dtype: only the seed is new."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from initializers import RandomNormal, Rule
from initializers._arguments.dtypes import look_up
from initializers.recipe._planner import Planner

KIND = look_up("float32")
NAMES = ("a.weight", "b.weight", "c.weight")


class Shifted(RandomNormal):
    """A class of others with another meaning of a seed."""

    def with_seed(self, seed: Any) -> Any:
        return super().with_seed(seed + 1)


def _values(fill: Any) -> Any:
    out = np.empty((4, 3), np.float32)
    fill(out, (0, 0))
    return out


@pytest.mark.parametrize(
    "rule",
    [
        Rule("zeros"),
        Rule("random_normal"),
        Rule("he_normal", permute=(1, 0)),
        Rule("orthogonal"),
        Rule("identity"),
        Rule("he_uniform", name="shared"),
        Rule(Shifted()),
        Rule("random_uniform", stack=1),
    ],
    ids=lambda rule: type(rule.initializer).__name__,
)
def test_fills_equal_those_of_single_plans(rule: Rule) -> None:
    planner = Planner(5)
    for name in NAMES:
        found = planner.plan_fill(rule, name, (4, 3), KIND, (1,) if not rule.stack else ())
        single = rule.plan_fill(5, name, (4, 3), KIND, (1,) if not rule.stack else ())
        assert _values(found).tobytes() == _values(single).tobytes()


def test_another_rule_shape_or_dtype_has_its_own_plan() -> None:
    planner, double = Planner(1), look_up("float64")
    one, two = Rule(RandomNormal(stddev=1.0)), Rule(RandomNormal(stddev=2.0))
    first, second = (_values(planner.plan_fill(rule, "a", (4, 3), KIND)) for rule in (one, two))
    assert np.array_equal(second, 2 * first)
    other: Any = planner.plan_fill(one, "a", (3, 4), KIND)
    wide: Any = planner.plan_fill(one, "a", (4, 3), double)
    assert (other.shape, wide.write.dtype) == ((3, 4), double)
