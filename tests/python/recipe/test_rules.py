"""Code that the adapters share: rules by name, and fills of memory with any strides."""

from __future__ import annotations

import copy
import itertools
import pickle
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import initializers
from initializers import (
    Constant,
    DeltaOrthogonal,
    HeNormal,
    Hippo,
    Identity,
    Initializer,
    Ones,
    Orthogonal,
    RandomNormal,
    Recipe,
    SeedGenerator,
    Sinusoidal,
    Sparse,
    TimeStepBias,
    Zeros,
    _filling,
    fold_in,
)
from initializers._arguments.dtypes import look_up
from initializers._filling import plan_fill
from initializers.recipe import Rule
from initializers.recipe._resolve import ResolvedRules

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
    (Hippo(), (2, 5, 4)),
    (Sinusoidal(), (5, 6)),
    (TimeStepBias(seed=1), (3, 5)),
]


@pytest.mark.parametrize(("initializer", "shape"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("most", [3, 7, 1 << 20])
def test_memory_of_any_strides_and_orders_is_filled(
    initializer: Any, shape: tuple[int, ...], dtype: str, most: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr(_filling, "_PIECE", most)
    kind, rank = look_up(dtype), len(shape)
    whole = initializer(shape, dtype)
    for order in itertools.permutations(range(rank)):
        target = tuple(shape[order.index(axis)] for axis in range(rank))
        fill = plan_fill(initializer, target, kind, order)
        # Every second element of a larger array, then a block of it.
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


def test_all_blocks_of_a_fill_are_of_one_draw() -> None:
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


def test_initializers_without_index_make_whole_tensors() -> None:
    class Ramp(Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return np.arange(12).reshape(shape).astype(dtype)

    out = np.empty((3, 2), np.float32)
    plan_fill(Ramp(), (3, 4), look_up(None))(out, (0, 2))
    assert out.tolist() == [[2, 3], [6, 7], [10, 11]]
    wrong = plan_fill(lambda shape, dtype: np.zeros(shape), (3, 4), look_up(None))
    with pytest.raises(ValueError, match=r"must return an array of shape \(3, 4\) and dtype float"):
        wrong(out, (0, 2))


def test_rules_choose_an_initializer_by_name() -> None:
    class Recipe:
        seed = 6

        def choose(self, name: str, shape: Any) -> Any:
            return HeNormal(1) if len(shape) == 2 else None

    for recipe in (Recipe(), Recipe().choose):
        rules = ResolvedRules(recipe, 5)
        assert rules.choose("bias", (3,)) is None
        rule = rules.choose("kernel", (3, 4), "keras")
        assert rule is not None
        assert rule == Rule(HeNormal(1))
        assert rule.seeded(5, "kernel") == HeNormal(fold_in(5, "kernel"))
    assert (ResolvedRules(Recipe(), None).seed, ResolvedRules(Recipe(), 5).seed) == (6, 5)
    rules = ResolvedRules(
        {"*.bias": "zeros", "a.*": Rule(HeNormal(), name="b"), "?[12]": "ones"}, 5
    )
    assert rules.choose("a.bias", (3,)) == Rule(Zeros(), "*.bias")
    named = rules.choose("a.kernel", (3, 4), "keras")
    assert named is not None
    assert named.seeded(5, "a.kernel") == HeNormal(fold_in(5, "b"))
    assert rules.choose("x2", (3,)) == Rule(Ones(), "?[12]")
    with pytest.raises(ValueError, match="no rule of `rules` matches the weight 'other'"):
        rules.choose("other", (3,))
    with pytest.raises(ValueError, match="must name the 1 axes of its shape"):
        ResolvedRules({"*": Rule("ones", permute=(1, 0))}, 5).choose("bias", (3,))
    bad: Any
    for bad in (None, "he_normal", HeNormal(), HeNormal, 3):
        with pytest.raises(TypeError, match="`rules` must be a Recipe, a mapping"):
            ResolvedRules(bad, 5)
    with pytest.raises(TypeError, match="`seed` must be an integer"):
        ResolvedRules({}, None)


def choose(rules: Any, name: str) -> Rule | None:
    return ResolvedRules(rules, 1).choose(name, (3, 4), "keras")


def test_every_form_of_rules_means_the_same() -> None:
    rule = Rule("he_normal", r"h\.\d+\.kernel", regex=True, optional=True)
    bare = Rule("he_normal", optional=True)
    compiled = re.compile(r"h\.\d+\.kernel")
    forms: list[Any] = [
        [("*bias", "zeros"), rule],
        (Rule("zeros", "*bias"), (compiled, rule)),
        [("*bias", "zeros"), (compiled, bare)],
        {"*bias": "zeros", compiled: bare},
        {"*bias": Rule("zeros", "*bias"), compiled: rule},
        iter([Rule("zeros", "*bias"), rule]),
    ]
    for form in forms:
        rules = ResolvedRules(form, 1)
        assert rules.choose("h.1.bias", (3,)) == Rule("zeros", "*bias")
        chosen = rules.choose("h.10.kernel", (3, 4), "keras")
        assert chosen is not None
        assert chosen == rule
        if not isinstance(form, Iterator):
            assert Recipe(form, seed=1).rules == (Rule("zeros", "*bias"), rule)
    assert choose([("*bias", None), ("*", "ones")], "bias") is None
    assert choose({compiled: None, "*": "ones"}, "h.1.kernel") is None
    named = choose([Rule("ones", "a", name="b")], "a")
    assert named is not None
    assert named.name == "b"
    assert choose(lambda name, shape: Rule("ones", "other"), "a") == Rule("ones", "other")


@pytest.mark.parametrize(
    ("rules", "error", "message"),
    [
        ([Rule("ones")], ValueError, r"one without a pattern: Rule\('Ones'\)"),
        (
            {"a": Rule("ones", "b")},
            ValueError,
            r"for the pattern a a Rule without a pattern of its",
        ),
        ([("a", Rule("ones", "a", regex=True))], ValueError, "without a pattern of its own"),
        ([("a", "ones"), Rule("zeros", "a")], ValueError, "received a as rule 1 and as rule 2"),
        ([3], TypeError, "`rules` must hold Rules or pairs .*, received among them: 3"),
        (["ab"], TypeError, "received among them: 'ab'"),
        ({3: "ones"}, TypeError, "`pattern` must be a string, received: 3"),
        ({"a": "bananas"}, ValueError, "rule 'a': .*bananas"),
    ],
)
def test_bad_forms_of_rules_are_refused(rules: Any, error: type[Exception], message: str) -> None:
    for call in (lambda: ResolvedRules(rules, 1), lambda: Recipe(rules, seed=1)):
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize("regex", [False, True])
def test_names_must_be_unicode_text(regex: bool) -> None:
    rule = Rule("ones", "a", regex=regex)
    with pytest.raises(ValueError, match=r"`name` must be Unicode text, received: '\\ud800'"):
        rule.matches("\ud800")
    with pytest.raises(ValueError, match="`name` must be Unicode text"):
        Recipe([rule], seed=1).plan({"\ud800": (3,)})
    with pytest.raises(TypeError, match="`name` must be a string, received: 3"):
        rule.matches(3)  # type: ignore[arg-type]
    assert not Rule("ones").matches("a")


def test_rules_are_compared_and_printed() -> None:
    def local(shape: Any, dtype: Any = None) -> Any:
        return np.zeros(shape, dtype)

    assert Rule(local) == Rule(local)
    assert Rule(local) != Rule(lambda shape, dtype: local(shape, dtype))
    assert "local" in repr(Rule(local)), repr(Rule(local))
    assert "local" in Rule(local).summary
    assert Rule(HeNormal(1)) != Rule(HeNormal(2))
    assert Rule(Constant(1)) != Rule(Constant(1.0))
    assert Rule("ones", comment="x") == Rule("ones")
    assert Rule("ones", "a") != Rule("ones")
    assert Rule("ones").label == ""
    for rule in (
        Rule(HeNormal(1), "*.a", dtype="float16", permute=(1, 0), comment="x"),
        Rule("ones", "a+", regex=True, stack=1, name="a/{i}", convention="torch", optional=True),
        Rule("ones", permute=()),
    ):
        assert eval(repr(rule)) == rule
        for again in (pickle.loads(pickle.dumps(rule)), copy.deepcopy(rule)):
            assert again == rule
            assert again.matches("aa") == rule.matches("aa")
    assert initializers.Rule is initializers.recipe.Rule is Rule
    assert Rule.__module__ == "initializers"


def test_bad_rules_are_refused() -> None:
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"initializer": None}, TypeError, "`initializer` must be an initializer"),
        ({"initializer": "bananas"}, ValueError, "bananas"),
        ({"initializer": "ones", "permute": (0, 2)}, ValueError, "must name each axis once"),
        ({"initializer": "ones", "permute": (0, "1")}, TypeError, "must name each axis once"),
        ({"initializer": "ones", "permute": 1}, TypeError, "must name each axis once"),
        ({"initializer": "ones", "name": 1}, TypeError, "`name` must be a string or None"),
        ({"initializer": "ones", "name": "\ud800"}, ValueError, "`name` must be Unicode text"),
        ({"initializer": "ones", "pattern": (1, 0)}, TypeError, "`pattern` must be a string"),
        ({"initializer": "ones", "regex": True}, ValueError, "`regex` must be False for a rule"),
    ]
    for arguments, error, message in cases:
        with pytest.raises(error, match=message):
            Rule(**arguments)
