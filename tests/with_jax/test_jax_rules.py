"""`init_tree`: layouts, rules that must match, stacks of scanned layers, factories as rules."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

import initializers.jax
from initializers import HeNormal, Recipe, VarianceScaling, fold_in, propagate
from initializers.jax import Rule, init_tree
from initializers.recipe import read_specs

S = jax.ShapeDtypeStruct


def std(array: Any) -> float:
    return float(np.asarray(array).std())


def test_trees_have_keras_s_layout() -> None:
    tree = {"a": {"kernel": S((3, 3, 16, 128), "float32")}}
    made = init_tree(tree, {"*": "he_normal"}, 1)["a"]["kernel"]
    assert std(made) == pytest.approx(math.sqrt(2 / (9 * 16)), rel=0.02)
    recipe = Recipe({"*": "he_normal"}, seed=1)
    assert np.array_equal(recipe.init(tree)["a/kernel"], made)
    assert np.array_equal(init_tree(tree, recipe)["a"]["kernel"], made)
    torch = {"a": {"kernel": S((128, 16, 3, 3), "float32")}}
    for rules in (
        Recipe({"*": "he_normal"}, seed=1, convention="torch"),
        {"*": Rule("he_normal", convention="torch")},
    ):
        turned = init_tree(torch, rules, 1)["a"]["kernel"]
        assert np.array_equal(np.asarray(turned).transpose(2, 3, 1, 0), made)


def test_layers_of_equinox_have_outputs_first() -> None:
    class Net(eqx.Module):  # type: ignore[misc]
        layers: Any
        own: Any

        def __init__(self, key: Any) -> None:
            self.layers = eqx.nn.Sequential(
                [eqx.nn.Linear(200, 60, key=key), eqx.nn.Conv2d(16, 64, 3, key=key)]
            )
            self.own = jnp.ones((200, 60))

    model = eqx.filter_eval_shape(Net, jax.random.key(0))
    rules = {"*bias": "zeros", "*": "he_normal"}
    made = init_tree(model, rules, 1)
    assert std(made.layers[0].weight) == pytest.approx(math.sqrt(2 / 200), rel=0.03)
    assert std(made.layers[1].weight) == pytest.approx(math.sqrt(2 / (16 * 9)), rel=0.03)
    assert std(made.own) == pytest.approx(
        math.sqrt(2 / 200), rel=0.03
    )  # the layout of JAX's matrices
    specs = read_specs(model)
    assert [spec.convention for spec in specs.values()] == [*["torch"] * 4, "keras"]
    recipe = Recipe(rules, seed=1)
    assert np.array_equal(recipe.init(model)["layers/layers/0/weight"], made.layers[0].weight)
    # A single initializer and a mapping give the same result.
    mlp = eqx.nn.MLP(16, 4, 256, 2, use_bias=False, use_final_bias=False, key=jax.random.key(0))
    one = propagate(mlp, rules="he_normal")
    assert one == propagate(mlp, rules={"*": "he_normal"})


def test_unmatched_rules_and_weights_are_refused() -> None:
    tree = {"a": {"kernel": S((3, 2), "float32"), "bias": S((2,), "float32")}}
    for rules in ({"*bais": "zeros", "*": "ones"}, Recipe({"*bais": "zeros", "*": "ones"}, seed=1)):
        with pytest.raises(ValueError, match=r"rule 1 .*, `\*bais`, matches no weight \(nearest: "):
            init_tree(tree, rules, 1)
        assert init_tree(tree, rules, 1, partial=True)["a"]["bias"].tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"matches 2 weights.*: 'a/bias', 'a/kernel'"):
        init_tree(tree, {"b": Rule("ones", optional=True)}, 1)
    assert init_tree(tree, {"*bias": None, "*": "ones"}, 1)["a"]["bias"] is tree["a"]["bias"]


def test_leaves_of_one_name_are_refused() -> None:
    for tree in (
        {"a": {"b": S((2,), "float32")}, "a/b": S((2,), "float32")},
        {"a": [S((2,), "float32")], "a/0": S((2,), "float32")},
    ):
        with pytest.raises(ValueError, match=r"equal values, received 2 of the name 'a/[b0]'"):
            init_tree(tree, {"*": "normal"}, 1)
    # Leaves that are not arrays may have any name.
    assert init_tree({"a": {"b": S((2,), "float32")}, "a/b": 3}, {"*": "ones"}, 1)["a/b"] == 3


def test_trees_without_arrays_are_refused() -> None:
    for tree in ({"a": (3, 3)}, {}, None, 3, "text"):
        with pytest.raises(TypeError, match=r"must have an array or a jax\.ShapeDtypeStruct as a"):
            init_tree(tree, {"*": "ones"}, 1)


def test_scanned_layers_have_their_own_fans() -> None:
    """std 0.088 instead of each layer's 0.177: the layers counted as a receptive field."""
    tree = {"blocks": {"k": S((4, 64, 64), "float32")}}
    made = init_tree(tree, {"*": Rule("he_normal", stack=1)}, 1)["blocks"]["k"]
    for i, layer in enumerate(np.asarray(made)):
        assert std(layer) == pytest.approx(0.177, rel=0.03)
        assert np.array_equal(layer, HeNormal(fold_in(1, f"blocks/{i}/k"))((64, 64)))
    named = {"*": Rule("he_normal", stack=1, name="blocks/{i}/k")}
    assert np.array_equal(init_tree({"scan": tree["blocks"]}, named, 1)["scan"]["k"], made)
    unscanned = {"blocks": [{"k": S((64, 64), "float32")} for _ in range(4)]}
    plain = init_tree(unscanned, {"*": "he_normal"}, 1)["blocks"]
    assert all(np.array_equal(plain[i]["k"], made[i]) for i in range(4))


def test_a_scan_of_linen_equals_the_loop() -> None:
    class Layer(linen.Module):  # type: ignore[misc]
        @linen.compact  # type: ignore[untyped-decorator]
        def __call__(self, x: Any, _: Any) -> Any:
            return linen.Dense(8)(x), None

    scan = linen.scan(Layer, variable_axes={"params": 0}, split_rngs={"params": True}, length=3)(
        name="layers"
    )
    x = jnp.ones((2, 8))
    shapes = jax.eval_shape(scan.init, jax.random.key(0), x, None)
    rules = {
        "*/bias": "zeros",
        "*/kernel": Rule("he_normal", stack=1, name="params/layers_{i}/Dense_0/kernel"),
    }
    kernel = init_tree(shapes, rules, 1)["params"]["Dense_0"]["kernel"]
    for i in range(3):
        expected = HeNormal(fold_in(1, f"params/layers_{i}/Dense_0/kernel"))((8, 8))
        assert np.array_equal(kernel[i], expected)


def test_stacks_may_be_sharded() -> None:
    from jax.sharding import NamedSharding
    from jax.sharding import PartitionSpec as P

    mesh = jax.make_mesh((2, 4), ("x", "y"))
    tree = {"blocks": {"k": S((4, 8, 6), "float32")}}
    for law in ("he_normal", "orthogonal"):
        rules = {"*": Rule(law, stack=1)}
        whole = init_tree(tree, rules, 1)["blocks"]["k"]
        for spec in (P("x"), P("x", "y"), P(None, "y", "x"), P(("x",), None, None)):
            made = init_tree(tree, rules, 1, NamedSharding(mesh, spec))["blocks"]["k"]
            assert np.array_equal(made, whole)


def test_an_ensemble_of_equinox_equals_its_members() -> None:
    def make(key: Any) -> Any:
        return eqx.nn.Linear(32, 16, key=key)

    shapes = eqx.filter_eval_shape(eqx.filter_vmap(make), jax.random.split(jax.random.key(0), 3))
    rules = {"bias": "zeros", "weight": Rule("he_normal", stack=1, name="members/{i}/weight")}
    made = init_tree(shapes, rules, 1).weight
    for i in range(3):
        expected = HeNormal(fold_in(1, f"members/{i}/weight"))((32, 16)).T
        assert np.array_equal(made[i], expected)


@pytest.mark.parametrize("name", ["he_normal", "lecun_uniform", "glorot_normal", "orthogonal"])
def test_our_factories_are_rules(name: str) -> None:
    tree = {"a": S((12, 8), "float32"), "b": S((3, 3, 4, 8), "bfloat16")}
    factory = getattr(initializers.jax, name)
    made = init_tree(tree, {"*": factory()}, 1)
    expected = init_tree(tree, {"*": name}, 1)
    for leaf in tree:
        assert np.array_equal(made[leaf], expected[leaf])
        key = fold_in(1, leaf)
        assert np.array_equal(made[leaf], factory()(key, tree[leaf].shape, tree[leaf].dtype))


def test_factories_with_arguments_are_rules() -> None:
    tree = {"a": S((4, 12, 8), "float32"), "b": S((5,), "float32")}
    he = initializers.jax.he_normal(batch_axis=0)
    rules = {"a": he, "b": initializers.jax.zeros}
    made = init_tree(tree, rules, 1)
    assert np.array_equal(made["a"], he(fold_in(1, "a"), (4, 12, 8)))
    assert std(made["a"]) == pytest.approx(math.sqrt(2 / 12), rel=0.1)
    assert made["b"].tolist() == [0] * 5
    values = init_tree(tree, {"*": initializers.jax.constant(3.0)}, 1)["b"]
    assert values.tolist() == [3] * 5
    inside = init_tree({"a": tree["a"]}, {"*": Rule(initializers.jax.he_normal(), stack=1)}, 1)
    expected = VarianceScaling(2.0, seed=fold_in(1, "a/2"))((12, 8))
    assert np.array_equal(inside["a"][2], expected)
    with pytest.raises(ValueError, match=r"`in_axis` must name axes of the shape \(5,\)"):
        init_tree(tree, {"*": initializers.jax.he_normal()}, 1)


def test_factories_in_a_recipe_are_refused() -> None:
    with pytest.raises(TypeError, match="must be data, such as 'he_normal', not the result of a"):
        Recipe({"*": initializers.jax.he_normal()}, seed=1)


def test_factories_of_jax_are_refused() -> None:
    tree = {"a": S((12, 8), "float32")}
    theirs = jax.nn.initializers
    for given, name in (
        (theirs.he_normal(), "variance_scaling"),
        (theirs.normal(0.02), "normal"),
        (theirs.zeros, "zeros"),
        (theirs.he_normal, "he_normal"),
    ):
        with pytest.raises(TypeError, match=rf"such as `initializers\.jax\.{name}`.*JAX's own"):
            init_tree(tree, {"*": given}, 1)
        with pytest.raises(TypeError, match="JAX's own"):
            init_tree(tree, lambda name, shape, given=given: given, 1)  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"the result of a factory, `he_normal\(…\)`, received the"):
        init_tree(tree, {"*": initializers.jax.he_normal}, 1)
