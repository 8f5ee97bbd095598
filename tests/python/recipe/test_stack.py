"""Stacks: leading axes hold separate tensors, each with the values that it has alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import same_bits
from initializers import Orthogonal, RandomNormal, Recipe, checkpoint, digest
from initializers._arguments.dtypes import look_up
from initializers.recipe import Rule
from initializers.recipe._resolve import ResolvedRules

LAWS = ["he_normal", "orthogonal", "ones", RandomNormal(stddev=0.02), "constant"]


def alone(law: Any, names: list[str], shape: Any, convention: Any = "keras") -> Any:
    """Return the tensors of these names, initialized one by one, stacked."""
    made = Recipe({"*": law}, seed=7, convention=convention).init(dict.fromkeys(names, shape))
    return np.stack([made[name] for name in names])


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("convention", ["keras", "torch"])
def test_each_tensor_has_its_own_values(law: Any, convention: Any) -> None:
    expected = alone(law, [f"blocks/{i}/k" for i in range(4)], (6, 5), convention)
    for rule in (
        Rule(law, "*", stack=1),
        Rule(law, "*", stack=1, name="blocks/{i}/k"),
    ):
        recipe = Recipe([rule], seed=7, convention=convention)
        values = recipe.init({"blocks/k": (4, 6, 5)})["blocks/k"]
        assert same_bits(values, expected)
        assert same_bits(
            Recipe.from_toml(recipe.to_toml()).init({"blocks/k": (4, 6, 5)})["blocks/k"], expected
        )
    # The same stack with PyTorch's names.
    torch = Recipe({"*": Rule(law, stack=1)}, seed=7, convention=convention)
    expected = alone(law, [f"blocks.{i}.k" for i in range(4)], (6, 5), convention)
    assert same_bits(torch.init({"blocks.k": (4, 6, 5)})["blocks.k"], expected)


def test_fans_are_those_of_one_layer() -> None:
    specs = {"blocks/k": (4, 64, 64)}
    flat = Recipe({"*": "he_normal"}, seed=1, convention="keras").init(specs)["blocks/k"]
    assert flat.std() == pytest.approx(
        (2 / 256) ** 0.5, rel=0.02
    )  # the axis of size 4 counts as receptive field
    stacked = Recipe({"*": Rule("he_normal", stack=1)}, seed=1, convention="keras").init(specs)
    for layer in stacked["blocks/k"]:
        assert layer.std() == pytest.approx((2 / 64) ** 0.5, rel=0.03)
    assert len({layer.tobytes() for layer in stacked["blocks/k"]}) == 4


def test_stacks_of_several_axes() -> None:
    names = [f"layers/{i}/experts/{j}/w" for i in range(2) for j in range(3)]
    expected = alone("orthogonal", names, (5, 4)).reshape(2, 3, 5, 4)
    rule = Rule("orthogonal", stack=2, name="layers/{i}/experts/{j}/w")
    recipe = Recipe({"*": rule}, seed=7, convention="keras")
    assert same_bits(recipe.init({"layers/w": (2, 3, 5, 4)})["layers/w"], expected)
    plain = Recipe({"*": Rule("orthogonal", stack=2)}, seed=7, convention="keras")
    names = [f"layers/{i}/{j}/w" for i in range(2) for j in range(3)]
    expected = alone("orthogonal", names, (5, 4)).reshape(2, 3, 5, 4)
    assert same_bits(plain.init({"layers/w": (2, 3, 5, 4)})["layers/w"], expected)
    # Names of one part; vectors and scalars; empty stacks.
    normal = Recipe({"*": Rule("normal", stack=1)}, seed=7)
    assert same_bits(normal.init({"w": (3, 2)})["w"], alone("normal", ["w/0", "w/1", "w/2"], (2,)))
    assert same_bits(normal.init({"w": (2,)})["w"], alone("normal", ["w/0", "w/1"], ()))
    assert normal.init({"w": (0, 2)})["w"].shape == (0, 2)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_blocks_of_stacks_of_any_strides(data: st.DataObject) -> None:
    law = data.draw(st.sampled_from([Orthogonal(), RandomNormal(), "he_normal", "identity"]))
    axes = data.draw(st.integers(1, 2))
    shape = (3, 2, 4, 5) if axes == 2 else (3, 4, 5)
    convention = data.draw(st.sampled_from(["keras", "torch"]))
    rule = ResolvedRules({"*": Rule(law, stack=axes)}, 1).choose("a/b", shape, convention)
    assert rule is not None
    fill = rule.plan_fill(1, "a/b", shape, look_up(None))
    whole = np.empty(shape, np.float32)
    fill(whole, (0,) * len(shape))
    bounds = [sorted(data.draw(st.tuples(*[st.integers(0, size)] * 2))) for size in shape]
    place = tuple(slice(low, high) for low, high in bounds)
    block = np.full([2 * (high - low) for low, high in bounds], 7, np.float32)
    seconds = (slice(None, None, 2),) * len(shape)
    fill(block[seconds], tuple(low for low, _ in bounds))
    assert np.array_equal(block[seconds], whole[place])
    assert (block[1::2] == 7).all()


def test_checkpoints_of_stacks(tmp_path: Path) -> None:
    specs = {"blocks/k": (4, 30, 20), "blocks/q": (4, 20, 20), "blocks/b": (4, 20)}
    rules = {
        "*/b": Rule("zeros", stack=1),
        "*/q": Rule("orthogonal", stack=1, name="stack.{i}.q"),
        "*": Rule("he_normal", stack=1),
    }
    recipe = Recipe(rules, seed=7, convention="keras")
    made = recipe.init(specs)
    path = checkpoint.write(recipe, specs, tmp_path / "a", max_shard_size=7000)
    assert checkpoint.verify(path).ok
    assert checkpoint.verify(path, recipe, specs).ok
    again = checkpoint.verify(path, recipe.with_seed(8), specs)
    assert {each.name for each in again.differences} == {"blocks/k", "blocks/q"}
    from safetensors.numpy import load_file

    stored: dict[str, Any] = {}
    for file in sorted((tmp_path / "a").glob("*.safetensors")):
        stored |= load_file(file)
    assert digest({name: stored[name] for name in specs}) == digest(made)


def test_memory_of_a_stack_is_that_of_one_tensor(tmp_path: Path) -> None:
    """Orthogonal matrices of a stack are made, written and verified one after another."""
    from initializers.checkpoint import _shards

    weight = Recipe({"*": Rule("orthogonal", stack=1)}, seed=1, convention="keras").weight(
        "blocks/q", (8, 64, 64)
    )
    assert _shards.is_made_whole(weight)
    assert _shards.piece_size(weight, 1) == 64 * 64 * 4
    pieces = list(_shards.list_pieces(weight, _shards.piece_size(weight, 1)))
    assert [start for start, *_ in pieces] == [(i, 0, 0) for i in range(8)]
    assert {extent for _, extent, *_ in pieces} == {(1, 64, 64)}


def test_plans_show_stacks() -> None:
    recipe = Recipe({"*": Rule("he_normal", stack=1)}, seed=1, convention="torch")
    plan = recipe.plan({"blocks.k": (4, 6, 5)})
    assert "4 × 6 × 5 stack 1 as (1, 0)" in str(plan)
    weight = plan.weights["blocks.k"]
    assert [part.name for part in weight.parts] == [f"blocks.{i}.k" for i in range(4)]
    assert weight.parts[2] == Recipe({"*": "he_normal"}, seed=1, convention="torch").weight(
        "blocks.2.k", (6, 5)
    )
    rule = plan.rules[0][0]
    assert repr(rule) == "Rule('HeNormal', '*', stack=1)"
    assert rule.to_dict() == {"glob": "*", "initializer": "HeNormal", "stack": 1}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"stack": -1}, ValueError, "`stack` must be an integer in 0 to 4, received: -1"),
        ({"stack": 5}, ValueError, "`stack` must be an integer in 0 to 4, received: 5"),
        ({"stack": "1"}, TypeError, "`stack` must be an integer in 0 to 4, received: '1'"),
        ({"stack": True}, TypeError, "`stack` must be an integer in 0 to 4, received: True"),
        ({"stack": 1, "name": "a"}, ValueError, r"must contain \{i\}, such as"),
        ({"stack": 1, "name": "a/{j}"}, ValueError, r"must contain \{i\}"),
        ({"stack": 1, "name": "a/{i}/{j}"}, ValueError, "no other braces"),
        ({"stack": 2, "name": "a/{i}"}, ValueError, r"must contain \{i\} and \{j\}"),
    ],
)
def test_bad_stacks_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    for pattern in (None, "*"):
        with pytest.raises(error, match=message):
            Rule("ones", pattern, **arguments)


def test_bad_shapes_and_names_of_stacks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`stack` of the rule for 'a' must be at most the rank"):
        Recipe({"*": Rule("ones", stack=2)}, seed=1).plan({"a": (3,)})
    with pytest.raises(ValueError, match=r"must name the 1 axes of its shape \(4,\)"):
        Recipe({"*": Rule("ones", stack=1, permute=(1, 0))}, seed=1).plan({"a": (3, 4)})
    with pytest.raises(ValueError, match=r"weight 'a' cannot be filled.* 2 dimensions"):
        Recipe({"*": Rule("orthogonal", stack=1)}, seed=1).plan({"a": (3, 4)})
    with pytest.raises(ValueError, match="must have no `name` without `stack`"):
        Recipe([Rule("ones", "*", name="a")], seed=1)
    named = Recipe({"*": Rule("normal", stack=1, name="x/{i}")}, seed=1)
    with pytest.raises(ValueError, match="must match one weight, received: 'a', 'b'"):
        named.plan({"a": (3, 4), "b": (3, 4)})
    rules = ResolvedRules({"*": Rule("normal", stack=1, name="x/{i}")}, 1)
    with pytest.raises(ValueError, match="must match one weight, received: 'a', 'b'"):
        rules.choose_all([("a", (3, 4), None), ("b", (3, 4), None)])


def test_a_part_of_a_model_as_a_checkpoint(tmp_path: Path) -> None:
    recipe = Recipe({"a.*": "ones", "b.*": "zeros"}, seed=1)
    specs, path = {"b.w": (3,)}, tmp_path / "b.safetensors"
    with pytest.raises(ValueError, match=r"rule 1 .*, `a\.\*`, matches no weight"):
        checkpoint.write(recipe, specs, path)
    checkpoint.write(recipe, specs, path, partial=True)
    assert checkpoint.verify(path).ok
    assert checkpoint.verify(path, specs=specs, partial=True).ok
    with pytest.raises(ValueError, match="matches no weight"):
        checkpoint.verify(path, specs=specs)
