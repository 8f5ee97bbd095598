"""`init_tree`: names, Flax boxes, Equinox, shardings, errors, memory."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from jax_arrays import same

from initializers import GlorotUniform, HeNormal, RandomNormal, fold_in
from initializers.jax import Rule, init_tree

jax.config.update("jax_num_cpu_devices", 8)

RULES = {
    "*bias": Rule("zeros", optional=True),
    "*scale": Rule("ones", optional=True),
    "*kernel": "he_normal",
    "*": Rule(RandomNormal(), optional=True),
}


def he(name: str, shape: Any, dtype: str = "float32") -> Any:
    return HeNormal(fold_in(1, name))(shape, dtype)


def test_trees_of_linen_are_initialized() -> None:
    class Model(linen.Module):  # type: ignore[misc]  # Any where Flax is not installed
        @linen.compact  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            boxed = linen.with_partitioning(linen.initializers.ones, ("x", None))
            x = linen.LayerNorm()(linen.Dense(4, kernel_init=boxed)(x))
            return linen.Dense(3)(x)

    x = jnp.ones((2, 6))
    shapes = jax.eval_shape(Model().init, jax.random.key(0), x)
    weights = init_tree(shapes, RULES, 1)["params"]
    assert isinstance(weights["Dense_0"]["kernel"], linen.Partitioned)
    assert same(weights["Dense_0"]["kernel"].value, he("params/Dense_0/kernel", (6, 4)))
    assert same(weights["Dense_1"]["kernel"], he("params/Dense_1/kernel", (4, 3)))
    assert same(weights["LayerNorm_0"]["scale"], np.ones(4, np.float32))
    assert Model().apply({"params": weights}, x).shape == (2, 3)


def test_trees_of_nnx_are_initialized() -> None:
    class Model(nnx.Module):  # type: ignore[misc]
        def __init__(self, rngs: Any) -> None:
            self.layers = nnx.List([nnx.Linear(6, 4, rngs=rngs), nnx.Linear(4, 3, rngs=rngs)])
            self.dropout = nnx.Dropout(0.1, rngs=rngs)

    abstract = nnx.eval_shape(lambda: Model(nnx.Rngs(0)))
    weights = init_tree(nnx.state(abstract, nnx.Param), RULES, 1)
    assert same(weights["layers"][0]["kernel"].get_value(), he("layers/0/kernel", (6, 4)))
    assert same(weights["layers"][1]["bias"].get_value(), np.zeros(3, np.float32))
    assert isinstance(weights["layers"][0]["kernel"], nnx.Param)


def test_trees_of_equinox_are_initialized() -> None:
    model = eqx.filter_eval_shape(eqx.nn.MLP, 6, 3, 4, 2, key=jax.random.key(0))
    rules = {"*weight": Rule("glorot_uniform", permute=(1, 0)), "*bias": "zeros"}
    model = init_tree(model, rules, 1)
    values = GlorotUniform(fold_in(1, "layers/0/weight"))((6, 4))
    assert same(model.layers[0].weight, np.ascontiguousarray(values.T))
    assert model(jnp.ones(6)).shape == (3,)


def test_other_leaves_are_kept() -> None:
    tree = {"a": jnp.ones(3), "b": "text", "c": jax.ShapeDtypeStruct((2,), "bfloat16"), "d": None}
    made = init_tree(tree, lambda name, shape: None if name == "a" else HeNormal(), 1)
    assert made["a"] is tree["a"]
    assert (made["b"], made["d"]) == ("text", None)
    assert same(made["c"], he("c", (2,), "bfloat16"))


def test_shardings_are_followed() -> None:
    mesh = jax.make_mesh((4, 2), ("x", "y"))
    rows, columns = NamedSharding(mesh, P("x")), NamedSharding(mesh, P(None, "y"))
    leaf = jax.ShapeDtypeStruct((8, 4), "float32")
    placed = jax.ShapeDtypeStruct((8, 4), "float32", sharding=columns)
    tree = {"one": {"kernel": leaf}, "two": [{"kernel": leaf}, {"kernel": placed}]}

    def check(made: Any, *places: Any) -> None:
        arrays = jax.tree.leaves(made)
        names = ("one/kernel", "two/0/kernel", "two/1/kernel")
        for array, name, place in zip(arrays, names, places, strict=True):
            assert same(array, he(name, (8, 4)))
            if place is not None:
                assert array.sharding == place

    check(init_tree(tree, RULES, 1), None, None, columns)
    check(init_tree(tree, RULES, 1, rows), rows, rows, rows)
    check(init_tree(tree, RULES, 1, {"one": columns, "two": rows}), columns, rows, rows)
    each = {"one": {"kernel": rows}, "two": [{"kernel": columns}, {"kernel": None}]}
    check(init_tree(tree, RULES, 1, each), rows, columns, columns)
    with jax.set_mesh(mesh):
        check(init_tree(tree, RULES, 1, P("x")), rows, rows, rows)
    with pytest.raises(ValueError, match="`shardings` must be a prefix of `tree`"):
        init_tree(tree, RULES, 1, {"other": rows})


def test_errors_name_the_leaf() -> None:
    mesh = jax.make_mesh((8,), ("x",))
    tree = {"kernel": jax.ShapeDtypeStruct((6, 4), "float32"), "n": jnp.zeros((2,), jnp.int32)}
    cases: list[tuple[Any, Any, str]] = [
        ({"kernel": "ones"}, None, "matches the weight 'n'"),
        (RULES, None, "leaf 'n' cannot be filled: RandomNormal needs one of the dtypes"),
        ({"*": "ones"}, NamedSharding(mesh, P("x")), "leaf 'kernel' cannot be filled: `out_shard"),
        ({"*": Rule("ones", permute=(1, 0))}, None, "must name the 1 axes"),
    ]
    for recipe, shardings, message in cases:
        with pytest.raises(ValueError, match=message):
            init_tree(tree, recipe, 1, shardings)
    dropout = nnx.state(nnx.eval_shape(lambda: nnx.Dropout(0.1, rngs=nnx.Rngs(0))))
    for name in ("rngs/count", "rngs/key"):
        with pytest.raises(
            (TypeError, ValueError), match=rf"{name}.*nnx\.split\(model, nnx\.Param"
        ):
            init_tree(dropout, {name: RandomNormal(), "*": "zeros"}, 1)
    with pytest.raises(TypeError, match="`rules` must be a Recipe"):
        init_tree(tree, None, 1)  # type: ignore[arg-type]


MEMORY = """
import re, sys, jax, numpy as np
from pathlib import Path
from jax.sharding import NamedSharding, PartitionSpec as P
jax.config.update("jax_num_cpu_devices", 4)
from initializers.jax import init_tree
def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
place = NamedSharding(jax.make_mesh((4,), ("x",)), P("x"))
leaf = lambda n: {"kernel": jax.ShapeDtypeStruct((n, 1024), "float32")}
init_tree(leaf(4), {"*": "he_normal"}, 1, place)
before = peak()
made = init_tree(leaf(65536), {"*": "he_normal"}, 1, place)["kernel"].block_until_ready()
print(peak() - before - made.nbytes / 2**20)
"""


def test_memory_is_that_of_the_array() -> None:
    output = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    assert float(output) < 32  # MiB beyond 256: JAX uses our memory without a copy
