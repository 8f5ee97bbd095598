"""Arrays under `jax.set_mesh`: ours work wherever JAX's own initializers do."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import initializers.jax as ours
from initializers import HeNormal, Zeros, fold_in
from initializers.jax import init_tree

jax.config.update("jax_num_cpu_devices", 8)

KEY = jax.random.key(42)
SHAPE = (64, 32)
RULES = {"*bias": "zeros", "*kernel": "he_normal"}


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INITIALIZERS_JAX", "native")


def make_mesh(kind: AxisType) -> Mesh:
    return jax.make_mesh((4, 2), ("x", "y"), axis_types=(kind, kind))


@pytest.fixture(params=[AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
def mesh(request: pytest.FixtureRequest) -> Any:
    """Set a mesh of eight devices."""
    mesh = make_mesh(request.param)
    with jax.set_mesh(mesh):
        yield mesh


def init(key: Any) -> Any:
    return ours.he_normal()(key, SHAPE)


def expect(seed: int = 42, shape: Any = SHAPE) -> Any:
    return HeNormal(seed)(shape)


def check(array: Any, expected: Any, place: Any) -> None:
    """Check bits and sharding, and that the next operation accepts the array."""
    assert np.asarray(array).tobytes() == np.ascontiguousarray(expected).tobytes()
    assert array.sharding.is_equivalent_to(place, array.ndim)
    assert np.array_equal(array + 1, expected + np.float32(1))
    assert np.array_equal(jax.jit(lambda array: array * 2)(array), expected * 2)


def test_eager_arrays_are_on_every_device(mesh: Any) -> None:
    whole = NamedSharding(mesh, P())
    check(init(KEY), expect(), whole)
    check(ours.zeros(KEY, SHAPE), Zeros()(SHAPE), whole)
    check(ours.constant([1.0, 2.0])(KEY, (3, 2)), np.array([[1, 2]] * 3, np.float32), whole)
    tree = {"kernel": jax.ShapeDtypeStruct(SHAPE, "float32")}
    made = init_tree(tree, RULES, 1, partial=True)
    check(made["kernel"], expect(fold_in(1, "kernel")), whole)
    donated = jax.jit(lambda array: array + 1, donate_argnums=0)(init(KEY))
    shards = [np.asarray(each.data) for each in donated.addressable_shards]
    assert all(np.array_equal(shard, expect() + np.float32(1)) for shard in shards)


def test_results_of_jit_are_on_every_device(mesh: Any) -> None:
    whole = NamedSharding(mesh, P())
    array = jax.jit(init)(KEY)
    check(array, expect(), whole)
    np.testing.assert_allclose(array.T @ array, expect().T @ expect(), rtol=1e-4, atol=1e-4)
    check(jax.jit(lambda: init(42))(), expect(), whole)
    check(jax.jit(lambda key: ours.ones(key, SHAPE))(KEY), np.ones(SHAPE, np.float32), whole)
    place = NamedSharding(mesh, P("x", "y"))
    check(jax.jit(init, out_shardings=place)(KEY), expect(), place)
    check(jax.jit(init, out_shardings=place.spec)(KEY), expect(), place)
    sharded = jax.device_put(jnp.ones((8, 64)), P("x"))
    product = jax.jit(lambda key, x: x @ init(key))(KEY, sharded)
    assert product.sharding.is_equivalent_to(NamedSharding(mesh, P("x")), 2)
    assert jnp.isfinite(product + 1).all()


def test_sharding_constraints_are_followed(mesh: Any) -> None:
    place = NamedSharding(mesh, P("x", "y"))
    explicit = mesh.axis_types[0] == AxisType.Explicit
    move = jax.sharding.reshard if explicit else jax.lax.with_sharding_constraint
    check(jax.jit(lambda key: move(init(key), place.spec))(KEY), expect(), place)
    for make in (ours.zeros, ours.constant(np.zeros(32, np.float32))):
        made = jax.jit(lambda key, make=make: make(key, SHAPE, None, place.spec))(KEY)
        check(made, np.zeros(SHAPE, np.float32), place)


def test_transformations_under_a_mesh(mesh: Any) -> None:
    whole = NamedSharding(mesh, P())
    keys = jax.random.split(KEY, 3)
    each = np.stack([np.asarray(init(key)) for key in keys])
    check(jax.vmap(init)(keys), each, whole)
    check(jax.jit(jax.vmap(init))(keys), each, whole)
    _, scanned = jax.jit(lambda keys: jax.lax.scan(lambda c, key: (c, init(key)), 0, keys))(keys)
    check(scanned, each, whole)
    looped = jax.jit(
        lambda key: jax.lax.scan(lambda c, _: (c + 1, None), init(key), None, length=2)[0]
    )(KEY)
    check(looped, expect() + np.float32(1) + np.float32(1), whole)
    gradient = jax.grad(jax.checkpoint(lambda x: (init(KEY) * x).sum()))(2.0)
    assert gradient == pytest.approx(expect().sum(), rel=1e-4)


@pytest.mark.parametrize("names", [{"x"}, {"x", "y"}], ids=["x", "x, y"])
def test_values_inside_shard_map(mesh: Any, names: Any) -> None:
    mapped = jax.shard_map(
        init, in_specs=P(), out_specs=P(), axis_names=names, check_vma=len(names) == 2
    )
    check(jax.jit(mapped)(KEY), expect(), NamedSharding(mesh, P()))


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
def test_results_of_jit_where_only_the_key_is_on_a_mesh(kind: AxisType) -> None:
    whole = NamedSharding(make_mesh(kind), P())
    check(jax.jit(init)(jax.device_put(KEY, whole)), expect(), whole)


def test_programs_do_not_contain_constants(mesh: Any) -> None:
    for make in (ours.zeros, ours.ones, ours.constant(3.0), ours.he_normal()):
        program = jax.jit(lambda make=make: make(42, (512, 1024))).lower()  # 2 MiB
        assert len(program.as_text()) < 100_000


class Block(nnx.Module):  # type: ignore[misc]  # Any where Flax is not installed
    def __init__(self, rngs: Any, place: Any = ("x", "y"), module: Any = ours) -> None:
        self.up = nnx.Linear(
            *SHAPE, kernel_init=nnx.with_partitioning(module.he_normal(), place), rngs=rngs
        )
        self.down = nnx.Linear(
            *SHAPE[::-1],
            kernel_init=module.he_normal(),
            kernel_metadata={"out_sharding": place[::-1]},
            rngs=rngs,
        )


def test_nnx_layers_under_a_mesh(mesh: Any) -> None:
    eager = Block(nnx.Rngs(0))
    for model in (eager, nnx.jit(lambda: Block(nnx.Rngs(0)))()):
        assert model.up.kernel.sharding.spec == P("x", "y")
        assert model.down.kernel.sharding.spec == P("y", "x")
        same = np.array_equal(model.up.kernel.get_value(), eager.up.kernel.get_value())
        assert same
        up = nnx.Linear(*SHAPE, kernel_init=ours.he_normal(), rngs=nnx.Rngs(0))
        assert np.array_equal(model.up.kernel.get_value(), up.kernel.get_value())


def test_nnx_trees_under_a_mesh(mesh: Any) -> None:
    abstract = nnx.eval_shape(lambda: Block(nnx.Rngs(0)))
    state = nnx.state(abstract)
    expected = expect(fold_in(1, "up/kernel"))
    places = [None, nnx.get_named_sharding(state, mesh), nnx.get_partition_spec(state)]
    for shardings in places:
        made = init_tree(state, RULES, 1, shardings)
        check(made["up"]["kernel"].get_value(), expected, NamedSharding(mesh, P("x", "y")))
        assert made["down"]["bias"].get_value().sharding.is_fully_replicated


def test_nnx_trees_without_a_mesh() -> None:
    mesh = make_mesh(AxisType.Auto)
    with jax.set_mesh(mesh):
        state = nnx.state(nnx.eval_shape(lambda: Block(nnx.Rngs(0))))
    with pytest.raises(ValueError, match=r"leaf 'down/bias' cannot be filled: `out_sharding` must"):
        init_tree(state, RULES, 1)
    made = init_tree(state, RULES, 1, nnx.get_named_sharding(state, mesh))
    assert made["up"]["kernel"].get_value().sharding == NamedSharding(mesh, P("x", "y"))
    with (
        jax.set_mesh(jax.make_mesh((8,), ("rows",))),
        pytest.raises(ValueError, match=r"leaf 'down/kernel' .* must name axes of the mesh"),
    ):
        init_tree(state, RULES, 1)


def test_linen_layers_under_a_mesh(mesh: Any) -> None:
    names = ("x", "y") if mesh.axis_types[0] == AxisType.Auto else (None, None)
    dense = linen.Dense(32, kernel_init=linen.with_partitioning(ours.he_normal(), names))
    x = jnp.ones((2, 64))
    for variables in (dense.init(KEY, x), jax.jit(dense.init)(KEY, x)):
        kernel = variables["params"]["kernel"].value
        plain = linen.Dense(32, kernel_init=ours.he_normal()).init(KEY, x)
        assert np.array_equal(kernel, plain["params"]["kernel"])
        assert dense.apply(variables, x).shape == (2, 32)
    shapes = jax.eval_shape(dense.init, KEY, x)
    places = linen.get_sharding(shapes, mesh)
    made = init_tree(shapes, RULES, 1, places)["params"]["kernel"].value
    check(made, expect(fold_in(1, "params/kernel")), NamedSharding(mesh, P(*names)))
