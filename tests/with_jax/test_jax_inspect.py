"""`initializers.inspect` of trees of arrays."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from initializers import inspect
from initializers.jax import init_tree


def test_a_tree_is_inspected() -> None:
    shapes = {
        "dense": {"kernel": jax.ShapeDtypeStruct((300, 200), jnp.bfloat16)},
        "bias": jax.ShapeDtypeStruct((200,), jnp.float32),
    }
    tree = init_tree(shapes, {"*kernel": "he_normal", "bias": "zeros"}, 1)
    rows = {row.name: row for row in inspect(tree)}
    assert rows["dense/kernel"].guess.name.split(" or ")[0] == "he_normal"
    assert rows["dense/kernel"].dtype == "bfloat16"
    assert rows["bias"].guess.name == "zeros"
    assert [row.found for row in inspect(shapes)] == [None, None]
