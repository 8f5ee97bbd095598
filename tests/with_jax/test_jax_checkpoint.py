"""Checkpoints in JAX: `safetensors` loads the adapter's values, sharded or not."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from safetensors import safe_open
from safetensors.flax import load_file
from test_jax_recipe import flatten, make_tree

from initializers import Recipe, checkpoint
from initializers.jax import init_tree
from recipe_model import RECIPE, SHAPES

jax.config.update("jax_num_cpu_devices", 8)


def test_loaders_read_the_values_of_the_adapter(tmp_path: Path) -> None:
    for dtype in ("float32", "bfloat16"):
        tree = make_tree(dtype)
        path = checkpoint.write(RECIPE, tree, tmp_path / f"{dtype}.safetensors")
        loaded = load_file(path)
        wanted = flatten(init_tree(tree, RECIPE))
        assert set(loaded) == set(wanted) == set(SHAPES)
        with safe_open(path, framework="flax") as file:
            for name, values in wanted.items():
                for found in (loaded[name], file.get_tensor(name)):
                    assert isinstance(found, jax.Array)
                    assert found.dtype == jnp.dtype(dtype)
                    assert np.asarray(found).tobytes() == values.tobytes(), name
        assert checkpoint.verify(path, specs=tree).ok


def test_a_sharded_tree_equals_the_checkpoint(tmp_path: Path) -> None:
    recipe = Recipe({"*": "he_normal"}, seed=3)
    tree = {"dense": {"kernel": jax.ShapeDtypeStruct((20, 6), "float32")}}
    mesh = jax.make_mesh((4, 2), ("x", "y"))
    weights = init_tree(tree, recipe, shardings=NamedSharding(mesh, P("x", "y")))
    path = checkpoint.write(recipe, tree, tmp_path / "a.safetensors")
    assert (load_file(path)["dense/kernel"] == weights["dense"]["kernel"]).all()
