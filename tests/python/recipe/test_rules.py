"""What the adapters share: rules by name, and memory of any strides."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from initializers import (
    Constant,
    DeltaOrthogonal,
    HeNormal,
    Identity,
    Initializer,
    Ones,
    Orthogonal,
    RandomNormal,
    SeedGenerator,
    Sparse,
    Zeros,
    _filling,
    fold_in,
)
from initializers._arguments.dtypes import look_up
from initializers._filling import plan_fill
from initializers.recipe._rules import Rule, Rules

CASES: list[tuple[Initializer, tuple[int, ...]]] = [
    (RandomNormal(seed=1), (6, 5, 4)),
    (HeNormal(1), (6, 5, 4)),
    (Orthogonal(seed=1), (9, 4)),
    (Sparse(0.5, seed=1), (9, 4)),
    (DeltaOrthogonal(seed=1), (3, 4, 5)),
    (Identity(2.0), (6, 5)),
    (Constant([1.0, 2.0, 3.0]), (4, 3)),
    (Zeros(), (4, 3)),
    (Ones(), ()),
]


@pytest.mark.parametrize(("initializer", "shape"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("most", [3, 7, 1 << 20])
def test_any_strides_and_orders(
    initializer: Any, shape: tuple[int, ...], dtype: str, most: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr(_filling, "_PIECE", most)
    kind, rank = look_up(dtype), len(shape)
    whole = initializer(shape, dtype)
    for order in itertools.permutations(range(rank)):
        target = tuple(shape[order.index(axis)] for axis in range(rank))
        fill = plan_fill(initializer, target, kind, order)
        # Every second element of larger memory, then a block of it.
        memory = np.full([2 * size for size in target], 7).astype(kind.numpy)
        seconds: Any = (..., *[slice(None, None, 2)] * rank)
        out = memory[seconds]
        fill(out, (0,) * rank)
        assert np.ascontiguousarray(out.transpose(order)).tobytes() == whole.tobytes()
        assert rank == 0 or (memory[1::2] == 7).all()
        start = tuple(size // 3 for size in target)
        rest: Any = (..., *(slice(low, None) for low in start))
        expected = out[rest].copy()
        block = np.empty_like(expected)
        fill(block, start)
        assert block.tobytes() == expected.tobytes()


def test_one_draw_for_all_blocks() -> None:
    counter = SeedGenerator(1)
    fill = plan_fill(RandomNormal(seed=counter), (100, 3), look_up(None))
    first, second = np.empty((50, 3), np.float32), np.empty((50, 3), np.float32)
    fill(first, (0, 0))
    fill(second, (50, 0))
    assert counter.counter == 1
    assert np.array_equal(np.concatenate([first, second]), RandomNormal(seed=1)((100, 3)))
    with pytest.raises(ValueError, match="RandomNormal needs one of the dtypes"):
        plan_fill(RandomNormal(seed=counter), (3,), look_up("int32"))
    assert counter.counter == 1


def test_initializers_that_make_whole_tensors() -> None:
    class Ramp(Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return np.arange(12).reshape(shape).astype(dtype)

    out = np.empty((3, 2), np.float32)
    plan_fill(Ramp(), (3, 4), look_up(None))(out, (0, 2))
    assert out.tolist() == [[2, 3], [6, 7], [10, 11]]
    wrong = plan_fill(lambda shape, dtype: np.zeros(shape), (3, 4), look_up(None))
    with pytest.raises(ValueError, match=r"must return an array of shape \(3, 4\) and dtype float"):
        wrong(out, (0, 2))


def test_rules() -> None:
    class Recipe:
        seed = 6

        def choose(self, name: str, shape: Any) -> Any:
            return HeNormal(1) if len(shape) == 2 else None

    for recipe in (Recipe(), Recipe().choose):
        rules = Rules(recipe, 5)
        assert rules.choose("bias", (3,)) is None
        rule = rules.choose("kernel", (3, 4), "keras")
        assert rule is not None
        assert rule == Rule(HeNormal(1))
        assert rule.seeded(5, "kernel") == HeNormal(fold_in(5, "kernel"))
    assert (Rules(Recipe(), None).seed, Rules(Recipe(), 5).seed) == (6, 5)
    rules = Rules({"*.bias": "zeros", "a.*": Rule(HeNormal(), name="b"), "?[12]": "ones"}, 5)
    assert rules.choose("a.bias", (3,)) == Rule(Zeros())
    named = rules.choose("a.kernel", (3, 4), "keras")
    assert named is not None
    assert named.seeded(5, "a.kernel") == HeNormal(fold_in(5, "b"))
    assert rules.choose("x2", (3,)) == Rule(Ones())
    with pytest.raises(ValueError, match="a weight without a rule: 'other'"):
        rules.choose("other", (3,))
    with pytest.raises(ValueError, match="must name the 1 axes of its shape"):
        Rules({"*": Rule("ones", permute=(1, 0))}, 5).choose("bias", (3,))
    for bad in (None, "he_normal", HeNormal(), HeNormal, 3):
        with pytest.raises(TypeError, match="`rules` must be a Recipe, a mapping"):
            Rules(bad, 5)
    with pytest.raises(TypeError, match="`seed` must be an integer"):
        Rules({}, None)


def test_bad_rules() -> None:
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"initializer": None}, TypeError, "`initializer` must be an initializer"),
        ({"initializer": "bananas"}, ValueError, "bananas"),
        ({"initializer": "ones", "permute": (0, 2)}, ValueError, "must name each axis once"),
        ({"initializer": "ones", "permute": (0, "1")}, TypeError, "must name each axis once"),
        ({"initializer": "ones", "permute": 1}, TypeError, "must name each axis once"),
        ({"initializer": "ones", "name": 1}, TypeError, "`name` must be a string or None"),
    ]
    for arguments, error, message in cases:
        with pytest.raises(error, match=message):
            Rule(**arguments)
