"""Recipes: which rule applies to which weight, and the values that it gets."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import initializers
from cases import same_bits
from initializers import (
    Constant,
    HeNormal,
    Initializer,
    Ones,
    RandomNormal,
    Recipe,
    SeedGenerator,
    VarianceScaling,
    Zeros,
    digest,
    fold_in,
    register,
)
from initializers.recipe import Plan, Rule, Spec, Weight
from recipe_model import DIGEST, RECIPE, SHAPES


def made(recipe: Recipe, name: str, shape: Any, dtype: str | None = None) -> Any:
    return recipe.weight(name, Spec(shape, dtype)).make()


def test_the_first_matching_rule_applies_and_names_give_seeds() -> None:
    rules: Any = [
        ("*.bias", "zeros"),
        (re.compile(r"\w+\.[0-9]+"), RandomNormal()),
        ("a*", "ones"),
    ]
    recipe = Recipe(rules, seed=7)
    assert same_bits(made(recipe, "a.bias", (3,)), Zeros()((3,)))
    expected = RandomNormal(seed=fold_in(7, "a.12"))((3, 4))
    assert same_bits(made(recipe, "a.12", (3, 4)), expected)
    assert same_bits(
        made(recipe, "a.12x", (3, 4)), Ones()((3, 4))
    )  # the pattern matches the whole name only
    weight = recipe.weight("a.12", (3, 4))
    initializer = RandomNormal(seed=fold_in(7, "a.12"))
    assert weight == Weight("a.12", (3, 4), "float32", initializer, None)
    assert (weight.size, weight.nbytes) == (12, 48)
    assert recipe.find("b.bias") == 0
    assert recipe.find("b") is None
    assert recipe.choose("a.bias", (3,)) == Rule(Zeros(), "*.bias")
    with pytest.raises(
        ValueError, match=r"no rule of the recipe matches the weight 'b\.biax' \(nearest: '\*"
    ):
        recipe.weight("b.biax", (3,))


def test_init_makes_every_weight() -> None:
    assert digest(RECIPE.init(SHAPES)) == DIGEST
    weights = RECIPE.init({name: Spec(shape, "float16") for name, shape in SHAPES.items()})
    assert {array.dtype.name for array in weights.values()} == {"float16"}
    assert all(array.flags.c_contiguous for array in weights.values())
    assert RECIPE.with_seed(4).seed == 4
    assert digest(RECIPE.with_seed(4).with_seed(-3).init(SHAPES)) == DIGEST
    assert RECIPE.with_seed(4) != RECIPE


def test_dtypes_of_specs_rules_and_recipes() -> None:
    rules = [Rule("ones", "a*", dtype="float64"), Rule("ones", "*")]
    for dtype, expected in ((None, "float32"), ("bfloat16", "bfloat16")):
        recipe = Recipe(rules, seed=1, dtype=dtype)
        assert made(recipe, "a", (2,), "float16").dtype == "float64"
        assert made(recipe, "b", (2,)).dtype.name == expected
        assert made(recipe, "b", (2,), "float16").dtype.name == (dtype or "float16")
        assert made(recipe, "b", (2,), "int8").dtype == "int8"  # a recipe's dtype applies to floats


TORCH_SHAPES = ((4, 6), (4, 6, 3), (4, 6, 3, 2), (4, 6, 3, 2, 2))


@pytest.mark.parametrize("shape", TORCH_SHAPES)
@pytest.mark.parametrize("law", ["he_normal", "orthogonal"])
def test_torch_weights_are_kernels_transposed(shape: tuple[int, ...], law: str) -> None:
    torch = Recipe({"*": law}, seed=1, convention="torch")
    axes = (*range(2, len(shape)), 1, 0)
    kernel = tuple(shape[axis] for axis in axes)
    values = made(torch, "x", shape)
    assert values.shape == shape
    initializer: Any = initializers.get(law)
    expected = initializer.with_seed(fold_in(1, "x"))(kernel)
    assert same_bits(np.ascontiguousarray(values.transpose(axes)), expected)
    # An adapter's rule and an explicit permutation give the same values.
    assert torch.choose("x", shape).permute == axes
    told = Recipe({"*": Rule(law, permute=axes)}, seed=1)
    assert same_bits(made(told, "x", shape), values)
    # A rule's own convention overrides the recipe's.
    keras = Recipe([Rule(law, "*", convention="keras")], seed=1, convention="torch")
    expected = initializer.with_seed(fold_in(1, "x"))(shape)
    assert same_bits(made(keras, "x", shape), expected)


def test_laws_without_layout_ignore_the_convention() -> None:
    table = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    axes = VarianceScaling(input_axes=[1], output_axes=[0])
    for law in (RandomNormal(), Constant(table), Constant(2), axes, "uniform", "zeros"):
        recipe = Recipe({"*": law}, seed=1, convention="torch")
        initializer: Any = initializers.get(law)
        seeded = initializer.with_seed(fold_in(1, "x"))
        assert same_bits(made(recipe, "x", (2, 3)), seeded((2, 3)))
        assert recipe.weight("x", (2, 3)).permute is None
    he = Recipe({"*": "he_normal"}, seed=1, convention="torch")
    assert he.weight("x", (3,)).permute is None
    told = Recipe({"*": Rule(RandomNormal(), permute=(1, 0))}, seed=1)
    assert told.weight("x", (2, 3)).permute == (1, 0)
    with pytest.raises(ValueError, match=r"`permute` of the rule for 'x' must name the 1 axes"):
        told.weight("x", (2,))


def test_rules_round_trip_through_text(fresh_registry: None) -> None:
    @register("tests")
    class Halves(Initializer):
        def __init__(self, sign: int = 1, note: str | None = None) -> None:
            self.sign, self.note = sign, note

        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return np.full(shape, self.sign / 2, dtype)

        def get_config(self) -> dict[str, Any]:
            return {"sign": self.sign, "note": self.note}

    @register("tests")
    def thirds(shape: Any, dtype: Any = None) -> Any:
        return np.full(shape, 1 / 3, dtype)

    recipe = Recipe({"a": Halves(-1), "b": thirds, "c": "tests>Halves"}, seed=1)
    assert recipe.rules[0].to_dict() == {
        "glob": "a",
        "initializer": "tests>Halves",
        "config": {"sign": -1},
    }
    for again in (Recipe.from_toml(recipe.to_toml()), Recipe.from_json(recipe.to_json())):
        assert again == recipe
        assert made(again, "a", (2,)).tolist() == [-0.5, -0.5]
        assert made(again, "b", (1,), "float64").tolist() == [1 / 3]
        assert made(again, "c", (2,)).tolist() == [0.5, 0.5]

    class Unknown(Halves):
        pass

    for bad in (Unknown(), lambda shape, dtype=None: np.zeros(shape, dtype)):
        with pytest.raises((TypeError, ValueError)):
            Recipe({"*": bad}, seed=1)


def test_recipes_are_compared_copied_and_printed() -> None:
    recipe = Recipe([("*.bias", "zeros"), ("*", RandomNormal(stddev=0.02))], seed=3)
    same = Recipe(
        {"*.bias": Zeros(), "*": {"class_name": "RandomNormal", "config": {"stddev": 0.02}}},
        seed=3,
        comment="the same",
    )
    assert recipe == same
    assert recipe == copy.deepcopy(recipe) == pickle.loads(pickle.dumps(recipe))
    assert type(recipe).__module__ == "initializers"
    for other in (
        Recipe(recipe.rules, seed=4),
        Recipe(recipe.rules, seed=3, dtype="float16"),
        Recipe(recipe.rules, seed=3, convention="torch"),
        Recipe(recipe.rules[::-1], seed=3),
        Recipe({"*.bias": "zeros", "*": RandomNormal(stddev=0.03)}, seed=3),
    ):
        assert recipe != other
    assert Recipe({"*": Constant(1)}, seed=1) != Recipe({"*": Constant(1.0)}, seed=1)
    assert recipe != "recipe"
    rule = Rule("he_normal", "a", permute=(1, 0), optional=True, comment="x")
    assert repr(rule) == "Rule('HeNormal', 'a', permute=(1, 0), optional=True)"
    assert eval(repr(recipe)) == recipe
    assert rule.summary == "HeNormal()"
    table = Rule(Constant(np.arange(200.0)), "a")
    assert table.summary == "Constant(value=an array of shape (200,) and dtype float64)"
    assert Rule(RandomNormal(stddev=1 / 3), "a").summary == "RandomNormal(stddev=0.333333)"
    with pytest.raises(TypeError, match="unhashable"):
        hash(recipe)


def test_a_plan_lists_every_rule_and_weight() -> None:
    recipe = Recipe(
        [
            Rule("ones", "*.gone", optional=True),
            (re.compile(r"h\.\d+\.bias"), "zeros"),
            Rule(HeNormal(), "*", dtype="bfloat16"),
        ],
        seed=1,
        convention="torch",
    )
    shapes: dict[str, Any] = {"embed": (5, 3)}
    for layer in range(3):
        shapes |= {f"h.{layer}.weight": (3, 3), f"h.{layer}.bias": (3,)}
    shapes["h.7.weight"] = (3, 3)
    shapes["scale"] = ()
    plan = recipe.plan(shapes)
    assert isinstance(plan, Plan)
    assert list(plan.weights) == list(shapes)
    assert plan.weights["embed"] == recipe.weight("embed", (5, 3))
    assert [names for _, names in plan.rules] == [
        (),
        ("h.0.bias", "h.1.bias", "h.2.bias"),
        ("embed", "h.0.weight", "h.1.weight", "h.2.weight", "h.7.weight", "scale"),
    ]
    assert (plan.size, plan.nbytes) == (61, 4 * 9 + 2 * 52)
    assert (
        str(plan)
        == """\
   weights           shape            dtype     number  elements
────────────────────────────────────────────────────────────────
1. *.gone → Ones(): no weight
2. /h\\.\\d+\\.bias/ → Zeros()
   h.{0-2}.bias      3                float32        3         9
3. * → HeNormal()
   embed             5 × 3 as (1, 0)  bfloat16       1        15
   h.{0-2,7}.weight  3 × 3 as (1, 0)  bfloat16       4        36
   scale             scalar           bfloat16       1         1
────────────────────────────────────────────────────────────────
9 weights, 61 elements, 140 bytes"""
    )


def test_large_numbers_in_names_are_not_expanded() -> None:
    """Ids, time stamps and hashes in names are never expanded into ranges."""
    long = "9" * 5000
    names = ["w.0.a", "w.1700000000.a", f"w.{long}.a", f"{long}.b", f"{long}.c", "x.7.d", "x.08.d"]
    table = str(Recipe({"*": "zeros"}, seed=1).plan(dict.fromkeys(names, (2,))))
    assert [line.split()[0] for line in table.split("\n")[3:-2]] == [
        *("w.{…}.a", f"{long}.b", f"{long}.c", "x.{7-8}.d")
    ]
    with pytest.raises(ValueError, match="no rule of the recipe") as caught:
        Recipe({"y*": "zeros"}, seed=1).plan(dict.fromkeys(names, (2,)))
    message = str(caught.value)
    assert message.startswith(
        f"no rule of the recipe matches 7 weights: 'w.{{…}}.a', '{'9' * 199}…', '{'9' * 199}…', "
        "'x.{7-8}.d'; rule 1 of the recipe, `y*`, matches no weight\nAdd a rule; "
    )
    run = {f"w.{i}": (1,) for i in range(9)} | {"v.1700000000": (1,), "v.1700000001": (1,)}
    table = str(Recipe({"*": "zeros"}, seed=1).plan(run))
    assert "w.{0-8} " in table
    assert "v.{1700000000-1700000001} " in table


def test_a_plan_refuses_unmatched_weights_and_rules() -> None:
    recipe = Recipe([("*.bias", "zeros"), ("h.*.kernle", "ones"), ("*", "ones")], seed=1)
    with pytest.raises(ValueError, match="matches no weight") as caught:
        recipe.plan({"h.0.kernel": (2,), "h.0.bias": (2,)})
    assert str(caught.value) == (
        "rule 2 of the recipe, `h.*.kernle`, matches no weight (nearest: 'h.0.kernel')\n"
        "Fix its pattern, mark it optional, or pass `partial=True` for a part of a model."
    )
    shapes = {f"h.{layer}.{name}": (2,) for layer in range(20) for name in ("kernel", "bias")}
    short = Recipe([("*.biases", "zeros"), ("*.bias", "zeros"), ("*s", "ones")], seed=1)
    with pytest.raises(ValueError, match="no rule of the recipe") as caught:
        short.plan({**shapes, "biases": (1,), "a.biases": (1,)} | {"s": (1,)})
    message = str(caught.value)
    assert message.startswith("no rule of the recipe matches 20 weights: 'h.{0-19}.kernel'")
    shadowed = Recipe({"*": "zeros", "*.bias": "ones"}, seed=1)
    with pytest.raises(
        ValueError, match=r"rule 2 .*, `\*\.bias`, matches only weights that earlier rules match"
    ):
        shadowed.plan(shapes)
    many = {f"{chr(97 + i)}": (1,) for i in range(26)}
    with pytest.raises(ValueError, match=r"matches 25 weights: 'b', .*'k', .*'z'"):
        Recipe({"a": "ones"}, seed=1).plan(many)
    with pytest.raises(ValueError, match="weight 'x' cannot be filled: `shape` must have at least"):
        Recipe({"*": "orthogonal"}, seed=1).plan({"x": (3,)})
    with pytest.raises(ValueError, match="weight 'x' cannot be filled: HeNormal needs one of"):
        Recipe({"*": "he_normal"}, seed=1).init({"x": Spec((3,), "int32")})


def test_bad_rules_and_arguments_are_refused() -> None:
    cases: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        ("zeros", {}, TypeError, "`rules` must be a mapping"),
        (3, {}, TypeError, "`rules` must be a mapping"),
        (["zeros"], {}, TypeError, "received among them: 'zeros'"),
        ([("*", "zeros", 3)], {}, TypeError, "pairs of a pattern and an initializer"),
        ([(3, "zeros")], {}, TypeError, "`pattern` must be a string, received: 3"),
        ({"\ud800": "zeros"}, {}, ValueError, "`pattern` must be Unicode text"),
        ({"*": None}, {}, TypeError, "`initializer` must be an initializer"),
        ({"*": "he_norml"}, {}, ValueError, r"did you mean 'he_normal'\?"),
        ({"*": HeNormal(seed=1)}, {}, ValueError, r"must have no seed.*HeNormal\(seed=1\)"),
        ({"*": HeNormal(SeedGenerator(1))}, {}, ValueError, "must have no seed"),
        ({"*": Rule("ones", name="x")}, {}, ValueError, "must have no `name` without `stack`"),
        ([("a", "ones"), ("a", "zeros")], {}, ValueError, "received a as rule 1 and as rule 2"),
        ({}, {"seed": None}, TypeError, "`seed` must be an integer"),
        ({}, {"seed": 2**127}, ValueError, r"`seed` must be an integer in \[-2\*\*127"),
        ({}, {"dtype": "float31"}, ValueError, "`dtype` must be one of"),
        ({}, {"convention": "Torch"}, ValueError, r"`convention` must.*did you mean 'torch'\?"),
        ({}, {"comment": 3}, TypeError, "`comment` must be a string"),
        ({}, {"comment": "a\rb"}, ValueError, "`comment` must have no control characters"),
    ]
    for rules, arguments, error, message in cases:
        with pytest.raises(error, match=message):
            Recipe(rules, **{"seed": 1, **arguments})
    rule_cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"regex": True, "pattern": "é(b"}, ValueError, r"received: 'é\(b' \(unclosed.*position 1"),
        ({"regex": True, "pattern": "(" * 10_000}, ValueError, "`regex` must be a regular"),
        ({"regex": 1}, TypeError, "`regex` must be a bool"),
        ({"optional": "no"}, TypeError, "`optional` must be a bool"),
        ({"dtype": "flaot16"}, ValueError, r"did you mean 'float16'\?"),
        ({"permute": (0, 0)}, ValueError, "must name each axis once"),
        ({"convention": "jax"}, ValueError, "`convention` must be one of 'keras', 'torch'"),
    ]
    for arguments, error, message in rule_cases:
        with pytest.raises(error, match=message):
            Rule(**{"pattern": "*", "initializer": "ones", **arguments})


def test_recipes_are_saved_and_loaded(tmp_path: Path) -> None:
    for suffix in (".toml", ".json", ".TOML"):
        path = tmp_path / f"recipe{suffix}"
        RECIPE.save(path)
        assert Recipe.load(path) == RECIPE
        assert Recipe.load(str(path)) == RECIPE
        assert path.read_bytes().endswith(b"\n")
        assert b"\r" not in path.read_bytes()
    bad = tmp_path / "bad.toml"
    bad.write_text("seed = 1\nseed = 2\n")
    with pytest.raises(ValueError, match=r"bad\.toml'.*line 2"):
        Recipe.load(bad)
    bad.write_bytes(b"seed = 1 # \xff\n")
    with pytest.raises(ValueError, match=r"bad\.toml'.*position 11"):
        Recipe.load(bad)
    bad.write_bytes(b"\xef\xbb\xbfseed = 1\r\nrules = [{glob = '*', initializer = 'zeros'}]\r\n")
    assert Recipe.load(bad) == Recipe({"*": "zeros"}, seed=1)
    for call in (Recipe.load, RECIPE.save):
        with pytest.raises(ValueError, match=r"`path` must end in \.toml or \.json, received: 'x'"):
            call("x")
    with pytest.raises(FileNotFoundError):
        Recipe.load(tmp_path / "none.toml")
