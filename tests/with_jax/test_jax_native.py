"""Values made inside the compiled program, by each device its own, without a callback."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import equinox
import haiku
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from jax_arrays import same

import initializers.jax as ours
from initializers import HeNormal, RandomNormal, RandomUniform, TruncatedNormal
from initializers.jax import _native

jax.config.update("jax_num_cpu_devices", 8)

KEY = jax.random.key(42)
SHAPE = (64, 48)


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INITIALIZERS_JAX", "native")


def init(key: Any) -> Any:
    return ours.he_normal()(key, SHAPE)


def expect(key: Any, shape: Any = SHAPE) -> Any:
    words = jax.random.key_data(key)
    return HeNormal(int(words[0]) << 32 | int(words[1]))(shape)


def read_program(function: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    return jax.jit(function, **options).lower(*arguments).compile().as_text() or ""


def check_program(text: str, shape: Any = SHAPE) -> None:
    """Check that a program has no callback, no collective and no array of the whole shape."""
    assert "callback" not in text
    assert not re.findall(r"all-gather|all-reduce|all-to-all|collective|reduce-scatter", text)
    assert f"f32[{','.join(map(str, shape))}]" not in text


def test_every_law_equals_the_core_on_one_device() -> None:
    cases: list[tuple[Any, Any]] = [
        (ours.uniform(0.3), RandomUniform(0.0, 0.3, 42)),
        (ours.normal(0.3), RandomNormal(0.0, 0.3, 42)),
        (ours.truncated_normal(0.3), TruncatedNormal(0.0, 0.3, 42)),
    ]
    for make, expected in cases:
        compiled = jax.jit(lambda key, make=make: make(key, SHAPE))
        assert same(compiled(KEY), expected(SHAPE))
        assert "callback" not in read_program(compiled, KEY)
    assert same(
        jax.jit(lambda: ours.normal(0.3)(42, SHAPE, "bfloat16"))(), cases[1][1](SHAPE, "bfloat16")
    )
    wide = jax.random.wrap_key_data(np.array([2**31, 0, 0, 5], np.uint32), impl="rbg")
    made = jax.jit(lambda key: ours.normal(0.3)(key, SHAPE))(wide)
    assert same(made, RandomNormal(0.0, 0.3, 5 - 2**127)(SHAPE))
    for shape in ((), (0, 3)):
        assert same(
            jax.jit(lambda key, shape=shape: ours.normal(0.3)(key, shape))(KEY), cases[1][1](shape)
        )


MESHES = [((8,), P("x")), ((4, 2), P("y", "x")), ((2, 2, 2), P(None, ("z", "x")))]


@pytest.mark.parametrize(("sizes", "spec"), MESHES, ids=["8", "4x2", "2x2x2"])
def test_results_with_out_shardings_equal_the_core(sizes: Any, spec: Any) -> None:
    place = NamedSharding(jax.make_mesh(sizes, ("x", "y", "z")[: len(sizes)]), spec)
    compiled = jax.jit(init, out_shardings=place).lower(KEY).compile()
    array = compiled(KEY)
    assert same(array, expect(KEY))
    assert array.sharding.is_equivalent_to(place, 2)
    check_program(compiled.as_text() or "")
    memory = compiled.memory_analysis()
    assert memory.output_size_in_bytes == array.addressable_shards[0].data.nbytes


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit], ids=["auto", "explicit"])
def test_values_under_a_mesh_equal_the_core(kind: Any) -> None:
    mesh = jax.make_mesh((4, 2), ("x", "y"), axis_types=(kind, kind))
    move = jax.sharding.reshard if kind == AxisType.Explicit else jax.lax.with_sharding_constraint
    keys = jax.random.split(KEY, 8)
    each = np.stack([expect(key) for key in keys])
    with jax.set_mesh(mesh):
        assert "callback" not in read_program(init, KEY)
        check_program(read_program(lambda key: move(init(key), P("x", "y")), KEY))
        check_program(read_program(lambda key: ours.he_normal()(key, SHAPE, None, P("y")), KEY))
        # A batch that the mesh splits, and one whose tensors it splits.
        split = jax.jit(jax.vmap(init))(jax.device_put(keys, NamedSharding(mesh, P("x"))))
        assert same(split, each)
        assert split.sharding.spec[0] == "x"
        batch = lambda keys: move(jax.vmap(init)(keys), P(None, "y", "x"))  # noqa: E731
        made = jax.jit(batch).lower(keys).compile()
        assert same(made(keys), each)
        check_program(made.as_text() or "", (8, *SHAPE))
        nested = jax.jit(jax.vmap(jax.vmap(init)))(keys.reshape(2, 4))
        assert same(nested.reshape(each.shape), each)

        def step(carry: Any, key: Any) -> Any:
            return carry, jax.checkpoint(init)(key)

        assert same(jax.jit(lambda keys: jax.lax.scan(step, 0, keys)[1])(keys), each)


def test_keys_may_vary_over_a_mesh() -> None:
    mesh = jax.make_mesh((8,), ("x",))
    keys = jax.random.split(KEY, 8)
    each = np.stack([expect(key) for key in keys])
    with jax.set_mesh(mesh):
        mapped = jax.shard_map(lambda key: init(key[0])[None], in_specs=P("x"), out_specs=P("x"))
        assert same(jax.jit(mapped)(jax.device_put(keys, NamedSharding(mesh, P("x")))), each)
    assert same(jax.pmap(init)(keys), each)
    assert same(jax.vmap(init)(keys), each)
    assert jax.jit(jax.vmap(init))(keys[:0]).shape == (0, *SHAPE)


def test_uneven_shardings_equal_the_core() -> None:
    def make(key: Any) -> Any:
        made = ours.he_normal()(key, (12, 5))
        return jax.lax.with_sharding_constraint(made, P("x")) + 0, made

    with jax.set_mesh(jax.make_mesh((8,), ("x",), axis_types=(AxisType.Auto,))):
        for made in jax.jit(make, out_shardings=P())(KEY):
            assert same(made, expect(KEY, (12, 5)))


def test_settings_of_jax_change_nothing() -> None:
    with (
        jax.enable_x64(True),
        jax.numpy_rank_promotion("raise"),
        jax.numpy_dtype_promotion("strict"),
    ):
        assert same(jax.jit(lambda key: ours.he_normal()(key, SHAPE, "float32"))(KEY), expect(KEY))
        wide = jax.jit(lambda key: ours.he_normal()(key, SHAPE, "float64"))
        assert "callback" in read_program(wide, KEY)
        assert same(wide(KEY), HeNormal(42)(SHAPE, "float64"))


def test_the_host_makes_laws_without_a_native_form(monkeypatch: pytest.MonkeyPatch) -> None:
    makers: list[Any] = [
        ours.normal(1e-25),  # values become subnormal
        ours.truncated_normal(1.0, None, -1.0, 3.0),
        ours.orthogonal(),
    ]
    for make in makers:
        function = lambda key, make=make: make(key, SHAPE)  # noqa: E731
        assert "callback" in read_program(function, KEY)
        assert same(jax.jit(function)(KEY), np.asarray(make(KEY, SHAPE)))
    monkeypatch.setenv("INITIALIZERS_JAX", "callback")
    assert "callback" in read_program(lambda key: init(key), KEY)
    monkeypatch.setenv("INITIALIZERS_JAX", "fast")
    with pytest.raises(
        ValueError, match=r"INITIALIZERS_JAX must be 'callback', 'native' or not set"
    ):
        jax.jit(lambda key: init(key))(KEY)


def test_exported_programs_equal_the_core() -> None:
    from jax import export

    place = NamedSharding(jax.make_mesh((8,), ("x",)), P("x"))
    sharded = jax.jit(lambda key: ours.he_normal()(key, SHAPE, None, place))
    for function in (jax.jit(init), sharded):
        data = export.export(function)(jax.ShapeDtypeStruct((), KEY.dtype)).serialize()
        loaded = export.deserialize(data)
        keys = KEY if function is not sharded else jax.device_put(KEY, place.update(spec=P()))
        assert same(jax.jit(loaded.call)(keys), expect(KEY))


CACHED = """
import jax, sys
jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_compilation_cache_dir", sys.argv[1])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
jax.config.update("jax_remove_custom_partitioning_ptr_from_cache_key", True)
from jax.sharding import NamedSharding, PartitionSpec as P
from initializers.jax import he_normal, normal
place = NamedSharding(jax.make_mesh((8,), ("x",)), P("x"))
hits = []
jax.monitoring.register_event_listener(lambda name, **_: hits.append(name))
for make in (he_normal(), normal()):
    before = len([name for name in hits if name.endswith("cache_hits")])
    array = jax.jit(lambda key: make(key, (64, 48)), out_shardings=place)(jax.random.key(42))
    print(len([name for name in hits if name.endswith("cache_hits")]) - before, float(array.sum()))
"""


def test_the_persistent_cache_holds_programs(tmp_path: Any) -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", CACHED, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    sums = [float(make(KEY, (64, 48)).sum()) for make in (ours.he_normal(), ours.normal())]
    for output in outputs:
        # Programs that differ only in their law are not mistaken for each other.
        assert [float(text) for text in output[1::2]] == pytest.approx(sums, abs=1e-3)
    assert outputs[1][0] > outputs[0][0]
    assert outputs[1][2] > outputs[0][2]


def test_a_program_has_one_operation_for_each_tensor() -> None:
    _native._operation.cache_clear()
    jax.jit(lambda key: [init(each) for each in jax.random.split(key, 3)])(KEY)
    assert _native._operation.cache_info().misses == 1


class Layer(nnx.Module):  # type: ignore[misc]  # Any where Flax is not installed
    def __init__(self, rngs: Any) -> None:
        self.dense = nnx.Linear(*SHAPE, kernel_init=ours.he_normal(), rngs=rngs)


def make_linen(key: Any) -> Any:
    return linen.Dense(48, kernel_init=ours.he_normal()).init(key, jnp.ones((1, 64)))["params"][
        "kernel"
    ]


def make_nnx(key: Any) -> Any:
    return Layer(nnx.Rngs(key)).dense.kernel.get_value()


def make_equinox(key: Any) -> Any:
    layer = equinox.nn.Linear(48, 64, key=key)
    return equinox.tree_at(lambda layer: layer.weight, layer, init(key)).weight


def make_haiku(key: Any) -> Any:
    def call(x: Any) -> Any:
        def own(shape: Any, dtype: Any) -> Any:
            return ours.he_normal()(haiku.next_rng_key(), shape, dtype)

        return haiku.Linear(48, w_init=own)(x)

    return haiku.transform(call).init(key, jnp.ones((1, 64)))["linear"]["w"]


@pytest.mark.parametrize("make", [make_linen, make_nnx, make_equinox, make_haiku])
def test_layers_of_every_library_equal_the_core(make: Any) -> None:
    place = NamedSharding(jax.make_mesh((4, 2), ("x", "y")), P("x", "y"))
    compiled = jax.jit(make, out_shardings=place).lower(KEY).compile()
    assert same(compiled(KEY), np.asarray(make(KEY)))
    check_program(compiled.as_text() or "")


TREE = {
    "embed": jax.ShapeDtypeStruct((16, 8), "float32"),
    "layers": {"kernel": jax.ShapeDtypeStruct((4, 8, 24), "bfloat16")},
    "torch": jax.ShapeDtypeStruct((24, 8), "float32"),
    "norm": {
        "scale": jax.ShapeDtypeStruct((8,), "float32"),
        "bias": jax.ShapeDtypeStruct((8,), "float32"),
    },
    "square": jax.ShapeDtypeStruct((8, 8), "float32"),
    "kept": jax.ShapeDtypeStruct((3,), "float32"),
    "empty": jax.ShapeDtypeStruct((0, 8), "float32"),
}
RULES = {
    "embed": "normal",
    "layers/*": ours.Rule("he_normal", stack=1),
    "torch": ours.Rule("glorot_uniform", convention="torch"),
    "*scale": "ones",
    "*bias": "zeros",
    "square": "orthogonal",
    "kept": None,
    "empty": "normal",
}
SPLIT = {"embed": P("x", "y"), "layers": P("x", None, "y"), "torch": P("y", "x"), "square": P("x")}


@pytest.mark.parametrize("sharded", [False, True])
def test_trees_inside_jit_equal_the_core(sharded: bool) -> None:
    mesh = jax.make_mesh((4, 2), ("x", "y"))
    split = {name: NamedSharding(mesh, SPLIT.get(name, P())) for name in TREE}
    places = split if sharded else None

    def make() -> Any:
        return {**ours.init_tree(TREE, RULES, 7, places), "kept": None}

    expected = {**ours.init_tree(TREE, RULES, 7, places), "kept": None}
    made = jax.jit(make)()
    same_leaves = jax.tree.map(lambda a, b: same(a, np.asarray(b)), made, expected)
    assert all(jax.tree.leaves(same_leaves)), same_leaves
    if sharded:
        assert made["layers"]["kernel"].sharding.is_equivalent_to(split["layers"], 3)
    shapes = jax.eval_shape(make)
    assert jax.tree.map(lambda leaf: leaf.shape, shapes) == jax.tree.map(
        lambda leaf: leaf.shape, made
    )


def test_trees_with_out_shardings_equal_the_core() -> None:
    mesh = jax.make_mesh((4, 2), ("x", "y"))
    tree = {name: TREE[name] for name in ("layers", "torch")}
    rules = {name: RULES[name] for name in ("layers/*", "torch")}
    places = {name: NamedSharding(mesh, SPLIT[name]) for name in tree}
    compiled = (
        jax.jit(lambda: ours.init_tree(tree, rules, 7), out_shardings=places).lower().compile()
    )
    expected = ours.init_tree(tree, rules, 7)
    for name, made in compiled().items():
        assert all(
            map(same, jax.tree.leaves(made), map(np.asarray, jax.tree.leaves(expected[name])))
        )
    check_program(compiled.as_text() or "", (24, 8))
    assert len(compiled.as_text() or "") < 1_000_000


def test_trees_inside_nnx_jit_equal_the_core() -> None:
    state = nnx.state(nnx.eval_shape(lambda: Layer(nnx.Rngs(0))))
    rules = {"*kernel": "he_normal", "*bias": "zeros"}
    made = nnx.jit(lambda: ours.init_tree(state, rules, 7))()
    expected = ours.init_tree(state, rules, 7)
    kernel, plain = (each["dense"]["kernel"].get_value() for each in (made, expected))
    assert same(kernel, np.asarray(plain))
