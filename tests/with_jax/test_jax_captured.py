"""Recipes that were captured in PyTorch: JAX trees, sharded or not, have the same digest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from initializers import Recipe, digest
from initializers.jax import init_tree
from initializers.recipe import read_specs

jax.config.update("jax_num_cpu_devices", 8)

# `python tests/with_torch/captured_models.py --write` writes these files.
DATA = Path(__file__).parent.parent / "captured"
DIGESTS = json.loads((DATA / "digests.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", DIGESTS)
def test_trees_have_the_digest(name: str) -> None:
    recipe = Recipe.load(DATA / f"{name}.toml")
    mesh = jax.make_mesh((8,), ("x",))
    tree: dict[str, Any] = {}
    specs = read_specs(DATA / f"{name}.json")
    for weight, spec in specs.items():
        is_even = bool(spec.shape) and spec.shape[0] % 8 == 0
        place = NamedSharding(mesh, P("x") if is_even else P())
        tree[weight] = jax.ShapeDtypeStruct(spec.shape, spec.dtype, sharding=place)
    weights = init_tree(tree, recipe)
    assert any(not leaf.is_fully_replicated for leaf in jax.tree.leaves(weights))
    whole = {weight: np.array(leaf) for weight, leaf in weights.items()}
    for weight, spec in specs.items():  # a tree does not tell which row stands for padding
        whole[weight][list(spec.padding)] = 0
    assert digest(whole, sort=True) == DIGESTS[name]
