"""A recipe for a JAX tree: the same bits as NumPy's, sharded or not; specs of trees."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from initializers import Recipe, digest
from initializers.jax import init_tree
from initializers.recipe import Spec, read_specs
from recipe_model import DIGEST, RECIPE, SHAPES

jax.config.update("jax_num_cpu_devices", 8)


def make_tree(dtype: str = "float32") -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, shape in SHAPES.items():
        layer, leaf = name.split("/")
        tree.setdefault(layer, {})[leaf] = jax.ShapeDtypeStruct(shape, dtype)
    return tree


def flatten(tree: Any) -> dict[str, Any]:
    return {f"{a}/{b}": np.asarray(x) for a, layer in tree.items() for b, x in layer.items()}


def test_a_tree_has_the_digest_of_all_frameworks() -> None:
    weights = flatten(init_tree(make_tree(), RECIPE))
    assert digest({name: weights[name] for name in SHAPES}) == DIGEST
    # The order of a tree is that of its leaves.
    specs = read_specs(make_tree("bfloat16"))
    assert specs == {name: Spec(shape, "bfloat16", "keras") for name, shape in SHAPES.items()}
    made, half = RECIPE.init(specs), flatten(init_tree(make_tree("bfloat16"), RECIPE))
    assert all(made[name].tobytes() == half[name].tobytes() for name in SHAPES)


def test_a_sharded_tree_has_the_same_values() -> None:
    tree = {"dense": {"kernel": jax.ShapeDtypeStruct((20, 6), "float32")}}
    mesh = jax.make_mesh((4, 2), ("x", "y"))
    weights = init_tree(tree, RECIPE, shardings=NamedSharding(mesh, P("x", "y")), partial=True)
    whole = RECIPE.weight("dense/kernel", (20, 6)).make()
    assert len(weights["dense"]["kernel"].addressable_shards) == 8
    assert np.asarray(weights["dense"]["kernel"]).tobytes() == whole.tobytes()


def test_specs_are_read_from_modules() -> None:
    abstract = nnx.eval_shape(lambda: nnx.Linear(3, 2, rngs=nnx.Rngs(0)))
    state = nnx.state(abstract, nnx.Param)
    assert read_specs(state) == {
        "bias": Spec((2,), "float32", "keras"),
        "kernel": Spec((3, 2), "float32", "keras"),
    }
    made = Recipe({"bias": "zeros", "kernel": "he_normal"}, seed=1).init(state)
    assert made["kernel"].shape == (3, 2)
    assert read_specs({"a": np.zeros((2, 3), "int8")}) == {"a": Spec((2, 3), "int8")}
    layers = [{"kernel": jax.ShapeDtypeStruct((3, 2), "float16")}]
    assert read_specs(layers) == {"0/kernel": Spec((3, 2), "float16", "keras")}
    assert read_specs([{"name": "a", "shape": [2]}]) == {"a": Spec((2,))}
    bad: Any
    for bad in (None, {"a": {"b": (2, 3)}}, 3):
        with pytest.raises((TypeError, ValueError), match=r"must be a mapping|must have the key"):
            read_specs(bad)
