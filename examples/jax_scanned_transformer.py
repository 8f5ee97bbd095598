"""JAX with Flax linen: a Transformer of scanned layers, initialized under `jit`, sharded, by name.

As in MaxText, one array holds a weight of all layers, weights have logical axes, and a table of
rules lays these on a mesh: here of eight devices, which the processor plays. The compiled program
makes each device's part on that device. Recipe and names serve PyTorch too.

Run it with flax installed, as in `.envs/jax/bin/python`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen
from flax.linen.spmd import logical_to_mesh_sharding
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.sharding import AxisType

import initializers
from initializers import Recipe
from initializers.jax import init_tree, normal, ones, variance_scaling

LAYERS, VOCABULARY, WIDTH, HEADS, HEAD = 4, 64, 32, 4, 8
# Logical axis → axis of the mesh; None: not split.
PLACES = (
    ("layers", None),
    ("vocabulary", "tensor"),
    ("embed", "fsdp"),
    ("heads", "tensor"),
    ("head", None),
    ("mlp", "tensor"),
)
RECIPE = Recipe.load(Path(__file__).with_name("scanned_transformer.toml"))


def dense(features: Any, axes: tuple[str, ...], name: str, inputs: int = 1) -> Any:
    """Return a layer without bias, with logical axes; the first `inputs` of them are inputs."""
    init = variance_scaling(1.0, "fan_in", "truncated_normal")  # of the kernel as a matrix
    return linen.DenseGeneral(
        features,
        axis=tuple(range(-inputs, 0)),
        use_bias=False,
        kernel_init=linen.with_logical_partitioning(init, axes),
        name=name,
    )


class Attention(linen.Module):  # type: ignore[misc]  # Any where Flax is not installed
    """Causal attention."""

    @linen.compact  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        """Return what each place reads from the places up to it."""
        query, key, value = (
            dense((HEADS, HEAD), ("embed", "heads", "head"), name)(x)
            for name in ("query", "key", "value")
        )
        read = jax.nn.dot_product_attention(query, key, value, is_causal=True)
        return dense(WIDTH, ("heads", "head", "embed"), "out", inputs=2)(read)


class Mlp(linen.Module):  # type: ignore[misc]
    """Two dense layers."""

    @linen.compact  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        """Return the outputs of each place."""
        x = linen.relu(dense(4 * WIDTH, ("embed", "mlp"), "up")(x))
        return dense(WIDTH, ("mlp", "embed"), "down")(x)


def norm(name: str) -> Any:
    """Return a layer with a scale of one weight a feature."""
    init = linen.with_logical_partitioning(ones, ("embed",))
    return linen.RMSNorm(scale_init=init, name=name)


class Layer(linen.Module):  # type: ignore[misc]
    """One layer, in the form that `linen.scan` wants."""

    @linen.compact  # type: ignore[untyped-decorator]
    def __call__(self, x: Any, _: None) -> tuple[Any, None]:
        """Return the stream after this layer."""
        x = x + Attention(name="attention")(norm("norm1")(x))
        return x + Mlp(name="mlp")(norm("norm2")(x)), None


class Transformer(linen.Module):  # type: ignore[misc]
    """A decoder whose layers are scanned."""

    @linen.compact  # type: ignore[untyped-decorator]
    def __call__(self, tokens: Any) -> Any:
        """Return the logits of the next tokens."""
        table = linen.with_logical_partitioning(normal(0.02), ("vocabulary", "embed"))
        x = linen.Embed(VOCABULARY, WIDTH, embedding_init=table, name="embed")(tokens)
        scanned = linen.scan(
            Layer,
            variable_axes={"params": 0},
            split_rngs={"params": True},
            length=LAYERS,
            metadata_params={linen.PARTITION_NAME: "layers"},
        )
        x, _ = scanned(name="layers")(x, None)
        return dense(VOCABULARY, ("embed", "vocabulary"), "head")(norm("norm")(x))


def compile_sharded(make: Any, places: Any, *arguments: Any) -> Any:
    """Return a compiled program, checked: each device makes its part, alone."""
    compiled = jax.jit(make, out_shardings=places).lower(*arguments).compile()
    program = compiled.as_text() or ""
    assert not re.search("callback|all-gather|all-reduce|collective-permute", program)
    return compiled


def main() -> None:
    """Initialize the Transformer in two ways under `jit`, and compare."""
    jax.config.update("jax_num_cpu_devices", 8)
    axes = ("data", "fsdp", "tensor")
    mesh = jax.make_mesh((2, 2, 2), axes, axis_types=(AxisType.Auto,) * 3)
    model, key, tokens = Transformer(), jax.random.key(0), jnp.arange(64).reshape(4, 16)
    shapes = jax.eval_shape(model.init, key, tokens)["params"]
    places = logical_to_mesh_sharding(linen.get_partition_spec(shapes), mesh, PLACES)

    # By the keys of Flax, in the layers' own initializers.
    compile_sharded(lambda key: linen.unbox(model.init(key, tokens)["params"]), places, key)(key)

    # By name: the names that a PyTorch module has, with dots.
    shapes = flatten_dict(linen.unbox(shapes), sep=".")
    places = flatten_dict(places, sep=".")
    weights = compile_sharded(lambda: init_tree(shapes, RECIPE), places)()
    outside = init_tree(shapes, RECIPE)  # by the Rust core
    for name, weight in weights.items():
        assert weight.sharding.is_equivalent_to(places[name], weight.ndim)
        assert np.array_equal(weight, outside[name])
    kernel = weights["layers.mlp.up.kernel"]
    part = kernel.addressable_shards[0].data.shape
    print(f"layers.mlp.up.kernel: {kernel.shape}, {part} on each device")
    named = {name: np.asarray(weight) for name, weight in sorted(weights.items())}
    print(f"digest of the weights, seed {RECIPE.seed}: {initializers.digest(named)}")

    logits = jax.jit(model.apply)({"params": unflatten_dict(weights, sep=".")}, tokens)
    chance = jax.nn.log_softmax(logits)[:, :-1]
    loss = -jnp.take_along_axis(chance, tokens[:, 1:, None], -1).mean()
    print(f"loss before training {loss:.2f}, of a guess {jnp.log(VOCABULARY):.2f}")


if __name__ == "__main__":
    main()
