"""Cases from JAX's and Flax's own tests of initializers, on their factories and on ours.

They follow `nn_test.py` of JAX, `initializers_test`, `embed_test`, `lora_test` and `spmd_test` of
nnx, and `initializers_test` and `linen_meta_test` of linen. `make jax-peers` prints the counts.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import initializers.jax as ours

jax.config.update("jax_num_cpu_devices", 8)

PEERS = {"stock": jax.nn.initializers, "ours": ours}
SHAPES = [(2,), (2, 2), (2, 3), (3, 2), (2, 3, 4), (4, 3, 2), (2, 3, 4, 5)]
# As in JAX's tests if x64 is not enabled.
FLOATING = ["float32"]
INEXACT = [*FLOATING, "complex64"]
# Name → dtypes, least and greatest rank of its shapes.
FACTORIES: dict[str, tuple[list[str], int, int]] = {
    "uniform": (FLOATING, 1, 4),
    "normal": (INEXACT, 1, 4),
    "he_normal": (INEXACT, 2, 4),
    "he_uniform": (INEXACT, 2, 4),
    "glorot_normal": (INEXACT, 2, 4),
    "glorot_uniform": (INEXACT, 2, 4),
    "lecun_normal": (INEXACT, 2, 4),
    "lecun_uniform": (INEXACT, 2, 4),
    "orthogonal": (FLOATING, 2, 2),
    "truncated_normal": (FLOATING, 1, 4),
    "delta_orthogonal": (FLOATING, 4, 4),
    "variance_scaling": (FLOATING, 2, 4),
}
CASES = [
    (name, shape, dtype)
    for name, (dtypes, low, high) in FACTORIES.items()
    for shape in SHAPES
    if low <= len(shape) <= high
    for dtype in dtypes
]
KEY = jax.random.PRNGKey(0)


@pytest.fixture(params=PEERS, autouse=True)
def peer(request: pytest.FixtureRequest) -> Any:
    return PEERS[request.param]


def build(peer: Any, name: str, **keywords: Any) -> Any:
    if name == "variance_scaling":
        return peer.variance_scaling(1, "fan_geo_avg", "normal", **keywords)
    return getattr(peer, name)(**keywords)


def make_mesh(*names: str, sizes: Any = (2, 2), kind: AxisType = AxisType.Auto) -> Any:
    return jax.make_mesh(sizes, names, axis_types=(kind,) * len(names))


# nn_test


@pytest.mark.parametrize("given", ["call", "factory"])
@pytest.mark.parametrize(("name", "shape", "dtype"), CASES)
def test_nn_initializer(peer: Any, name: str, shape: Any, dtype: str, given: str) -> None:
    if given == "factory":
        call = partial(build(peer, name, dtype=dtype), KEY, shape)
    else:
        call = partial(build(peer, name), KEY, shape, dtype)
    if peer is ours and dtype.startswith("complex"):
        with pytest.raises(ValueError, match="needs one of the dtypes"):
            call()
        pytest.xfail("complex dtypes are refused")
    value = call()
    assert value.shape == shape
    assert value.dtype == jax.dtypes.canonicalize_dtype(dtype)


@pytest.mark.parametrize(
    "axes",
    [
        {"in_axis": (0, 1), "out_axis": (-2, -1)},
        {"in_axis": 0, "out_axis": (2, 3), "batch_axis": 1},
    ],
)
def test_nn_axes(peer: Any, axes: Any) -> None:
    init = peer.variance_scaling(1.0, "fan_avg", "truncated_normal", **axes)
    assert init(KEY, (2, 3, 4, 5)).shape == (2, 3, 4, 5)


def test_nn_rank(peer: Any) -> None:
    init = peer.variance_scaling(1.0, "fan_avg", "truncated_normal")
    with pytest.raises(ValueError, match=r"at least 2-?D"):
        init(KEY, (5,))


@pytest.mark.parametrize("name", ["uniform", "normal", "truncated_normal"])
def test_nn_upcasting(peer: Any, name: str) -> None:
    init = getattr(peer, name)(jnp.array(1.0, jnp.float32), jnp.bfloat16)
    assert init(KEY, (4, 4)).dtype == jnp.bfloat16


# initializers_test of nnx and linen


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("shape", [(2, 3), (4,), ()])
@pytest.mark.parametrize(("name", "value"), [("zeros", 0), ("ones", 1)])
def test_initializers_values(peer: Any, name: str, value: int, shape: Any, dtype: str) -> None:
    made = getattr(peer, name)(jax.random.key(0), shape, dtype)
    assert (made.shape, made.dtype) == (shape, np.dtype(dtype))
    np.testing.assert_array_equal(made, np.full(shape, value))


@pytest.mark.parametrize(("name", "value"), [("zeros", 0.0), ("ones", 3.0)])
def test_initializers_nnx_layer(peer: Any, name: str, value: float) -> None:
    layer = nnx.Linear(
        3, 5, kernel_init=getattr(peer, name), bias_init=peer.zeros, rngs=nnx.Rngs(0)
    )
    assert layer.kernel.shape == (3, 5)
    np.testing.assert_array_equal(layer(jnp.ones((1, 3))), np.full((1, 5), value))


@pytest.mark.parametrize(("name", "value"), [("zeros", 0), ("ones", 1)])
def test_initializers_linen_layer(peer: Any, name: str, value: int) -> None:
    layer = linen.Dense(5, kernel_init=getattr(peer, name))
    parameters = layer.init(jax.random.key(42), jnp.ones((3, 2)))["params"]
    np.testing.assert_array_equal(parameters["kernel"], np.full((2, 5), value))


# embed_test


@pytest.mark.parametrize("input_dtype", ["int16", "int32"])
@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("param_dtype", ["float32", "float16"])
def test_embed(peer: Any, input_dtype: str, count: int, dtype: str, param_dtype: str) -> None:
    init = peer.variance_scaling(1.0, "fan_in", "normal", out_axis=0)
    options = {"dtype": dtype, "param_dtype": param_dtype, "embedding_init": init}
    x = jnp.arange(count, dtype=input_dtype)
    layer = nnx.eval_shape(lambda: nnx.Embed(count, 32, rngs=nnx.Rngs(42), **options))
    other = linen.Embed(count, 32, **options)
    variables = other.init(jax.random.key(42), x)
    layer.embedding.set_value(variables["params"]["embedding"])
    np.testing.assert_array_equal(layer(x), other.apply(variables, x))


# lora_test


def make_lora(peer: Any, *sizes: int, **keywords: Any) -> Any:
    return nnx.LoRA(
        *sizes,
        a_initializer=peer.he_uniform(),
        b_initializer=peer.zeros,
        rngs=nnx.Rngs(0),
        **keywords,
    )


def test_lora(peer: Any) -> None:
    layer = make_lora(peer, 3, 2, 4)
    x = jax.random.normal(jax.random.key(0), (1, 3))
    assert layer.lora_a.shape == (3, 2)
    np.testing.assert_allclose(layer(x), x @ layer.lora_a[...] @ layer.lora_b[...])


def test_lora_with_a_base(peer: Any) -> None:
    linear = nnx.Linear(3, 4, use_bias=False, kernel_init=peer.lecun_normal(), rngs=nnx.Rngs(0))
    layer = make_lora(peer, 3, 2, 4, base_module=linear)
    x = jax.random.normal(jax.random.key(0), (1, 3))
    np.testing.assert_allclose(layer(x), linear(x), rtol=1e-6)  # B is zero


def test_lora_linear(peer: Any) -> None:
    linear = nnx.Linear(3, 3, kernel_init=peer.lecun_normal(), rngs=nnx.Rngs(0))
    layer = nnx.LoRALinear(
        3,
        3,
        lora_rank=4,
        a_initializer=peer.he_uniform(),
        b_initializer=peer.zeros,
        rngs=nnx.Rngs(1),
    )
    nnx.update(layer, nnx.state(linear))
    x = jnp.ones((1, 3))
    np.testing.assert_allclose(layer(x), linear(x), rtol=1e-6)


@pytest.mark.parametrize("kind", [nnx.LoRAParam, nnx.Param])
def test_lora_kind_of_parameters(peer: Any, kind: Any) -> None:
    state = nnx.state(make_lora(peer, 3, 4, 2, lora_param_type=kind), kind)
    assert {"lora_a", "lora_b"} <= set(state)


# spmd_test


class Model(nnx.Module):  # type: ignore[misc]  # Any where Flax is not installed
    def __init__(self, init: Any, names: Any) -> None:
        make = nnx.with_partitioning(init, sharding=names)
        self.w = nnx.Param(make(jax.random.key(0), (8, 2)))

    def __call__(self, x: Any) -> Any:
        return x @ self.w


@pytest.mark.parametrize("sizes", [(2, 2), (1, 1)])
@pytest.mark.parametrize("name", ["ones", "lecun_normal"])
def test_spmd_compiled(peer: Any, name: str, sizes: Any) -> None:
    init = peer.ones if name == "ones" else peer.lecun_normal()
    with jax.set_mesh(make_mesh("model", "data", sizes=sizes)):
        model = nnx.merge(*jax.jit(lambda: nnx.split(Model(init, ("model", "data"))))())
        y = model(jax.device_put(jnp.zeros((4, 8)), P(None, "model")))
    assert model.w.sharding.shard_shape((8, 2)) == (8 // sizes[0], 2 // sizes[1])
    assert y.shape == (4, 2)


def test_spmd_eager_and_optimizer(peer: Any) -> None:
    mesh = make_mesh("row", "col")
    with jax.set_mesh(mesh):
        model = Model(peer.lecun_normal(), ("row", "col"))
        optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
    place = NamedSharding(mesh, P("row", "col"))
    assert model.w.sharding.is_equivalent_to(place, 2)
    assert optimizer.opt_state[0].mu["w"].sharding.is_equivalent_to(place, 2)


def test_spmd_sharding_of_the_optimizer_alone(peer: Any) -> None:
    mesh = make_mesh("row", "col")
    with jax.set_mesh(mesh):
        model = nnx.Linear(
            4,
            2,
            kernel_init=peer.lecun_normal(),
            kernel_metadata={"optimizer_sharding": ("row", "col")},
            rngs=nnx.Rngs(0),
        )
        optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
        assert model.kernel.sharding.is_equivalent_to(NamedSharding(mesh, P()), 2)
        for _ in range(2):
            gradients = jax.grad(lambda model: model(jnp.ones(4)).sum())(model)
            optimizer.update(model, gradients)
    place = NamedSharding(mesh, P("row", "col"))
    assert optimizer.opt_state[0].mu["kernel"].sharding.is_equivalent_to(place, 2)


def test_spmd_scanned_layers(peer: Any) -> None:
    class Layers(nnx.Module):  # type: ignore[misc]
        @nnx.split_rngs(splits=5)  # type: ignore[untyped-decorator]
        @nnx.vmap(  # type: ignore[untyped-decorator]
            in_axes=(0, 0), transform_metadata={nnx.PARTITION_NAME: "layers"}
        )
        def __init__(self, rngs: Any) -> None:
            init = nnx.with_metadata(peer.lecun_normal(), out_sharding=("din", "dout"))
            self.linear = nnx.Linear(4, 4, kernel_init=init, bias_init=peer.zeros, rngs=rngs)

        @nnx.scan(  # type: ignore[untyped-decorator]
            in_axes=(0, nnx.Carry), transform_metadata={nnx.PARTITION_NAME: "layers"}
        )
        def __call__(self, x: Any) -> Any:
            return self.linear(x), None

    with jax.set_mesh(make_mesh("layers", "din", "dout", sizes=(1, 2, 2))):
        model = Layers(rngs=nnx.Rngs(0))
        assert model(jnp.ones((5, 4)))[0].shape == (5, 4)
    kernels = np.asarray(model.linear.kernel[...])
    assert kernels.shape == (5, 4, 4)
    assert len({kernel.tobytes() for kernel in kernels}) == 5
    assert model.linear.kernel.out_sharding == ("layers", "din", "dout")


@pytest.mark.parametrize("eager", [True, False])
def test_spmd_eager_sharding(peer: Any, eager: bool) -> None:
    with nnx.use_eager_sharding(eager), jax.set_mesh(make_mesh("data", "model")):
        value = peer.lecun_normal()(jax.random.key(0), (4, 8))
        w = nnx.Param(value, out_sharding=(None, "model"))
    assert ("model" in w.get_value().sharding.spec) == eager


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (partial(nnx.Linear, 4, 8), (2, 4)),
        (partial(nnx.LinearGeneral, 4, 8), (2, 4)),
        (partial(nnx.Einsum, "ab,bc->ac", (4, 8), (8,)), (2, 4)),
        (partial(nnx.Conv, 4, 8, kernel_size=(3,)), (2, 4, 4)),
    ],
)
def test_spmd_out_sharding(peer: Any, layer: Any, shape: Any) -> None:
    with jax.set_mesh(make_mesh("X", "Y", kind=AxisType.Explicit)):
        x = jax.sharding.reshard(jnp.ones(shape), P("X"))
        made = layer(kernel_init=peer.lecun_normal(), bias_init=peer.zeros, rngs=nnx.Rngs(0))
        assert jax.typeof(made(x)).sharding.spec[0] == "X"
        spec = P("X", *[None] * (len(shape) - 2), "Y")
        assert jax.typeof(made(x, out_sharding=spec)).sharding.spec == spec


def test_spmd_out_sharding_of_embeddings(peer: Any) -> None:
    with jax.set_mesh(make_mesh("X", "Y", kind=AxisType.Explicit)):
        init = peer.variance_scaling(1.0, "fan_in", "normal", out_axis=0)
        layer = nnx.Embed(8, 4, embedding_init=init, rngs=nnx.Rngs(0))
        x = jax.sharding.reshard(jnp.ones((2, 4)), P("X", None))
        assert jax.typeof(layer.attend(x)).sharding.spec == P("X", None)
        layer = jax.sharding.reshard(layer, P("X"))
        indices = jax.sharding.reshard(jnp.arange(4), P("Y"))
        assert jax.typeof(layer(indices, out_sharding=P("X"))).sharding.spec == P("X", None)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_spmd_abstract(peer: Any, kind: AxisType) -> None:
    def make() -> Any:
        init = nnx.with_partitioning(peer.lecun_normal(), (None, "model"))
        return nnx.Linear(8, 8, use_bias=False, kernel_init=init, rngs=nnx.Rngs(0))

    with jax.set_mesh(make_mesh("batch", "model", kind=kind)):
        kernel = nnx.eval_shape(make).kernel
    assert kernel.sharding.spec == P(None, "model")


# linen_meta_test


def test_meta_boxes(peer: Any) -> None:
    class Bar(linen.Module):  # type: ignore[misc]
        @linen.compact  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            init = linen.with_partitioning(peer.ones, ("in", "out"))
            kernel = self.param("kernel", init, (x.shape[-1], 2))
            assert self.get_variable("params", "kernel").names == ("in", "out")
            return x @ kernel

    class Foo(linen.Module):  # type: ignore[misc]
        @linen.compact  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            mapped = linen.vmap(
                Bar,
                in_axes=0,
                variable_axes={"params": 0},
                split_rngs={"params": True},
                metadata_params={linen.PARTITION_NAME: "batch"},
            )
            return mapped(name="bar")(x)

    variables = Foo().init(KEY, jnp.zeros((8, 3)))
    assert variables["params"]["bar"]["kernel"].names == ("batch", "in", "out")


def test_meta_scanned_layers(peer: Any) -> None:
    class Mlp(linen.Module):  # type: ignore[misc]
        @linen.compact  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            up = linen.with_partitioning(peer.lecun_normal(), ("data", "model"))
            down = linen.with_partitioning(peer.lecun_normal(), ("model", "data"))
            x = linen.Dense(64, kernel_init=up)(x)
            return linen.Dense(16, kernel_init=down)(x)

    class Model(linen.Module):  # type: ignore[misc]
        @linen.compact  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            scan = linen.scan(
                lambda _, carry: (Mlp()(carry), ()),
                variable_axes={"params": 0},
                split_rngs={"params": True},
                length=4,
                metadata_params={linen.PARTITION_NAME: None},
            )
            return scan(self, x)[0]

    mesh, model, x = make_mesh("data", "model", sizes=(4, 2)), Model(), jnp.ones((8, 16))
    specs = linen.get_partition_spec(jax.eval_shape(model.init, KEY, x))
    assert specs["params"]["Mlp_0"]["Dense_0"]["kernel"] == P(None, "data", "model")
    places = jax.tree.map(lambda spec: NamedSharding(mesh, spec), specs)
    variables = jax.jit(model.init, out_shardings=places)(KEY, x)
    kernel = variables["params"]["Mlp_0"]["Dense_1"]["kernel"].value
    assert kernel.sharding.spec == P(None, "model", "data")
    assert len({layer.tobytes() for layer in np.asarray(kernel)}) == 4
    assert model.apply(variables, x).shape == (8, 16)
