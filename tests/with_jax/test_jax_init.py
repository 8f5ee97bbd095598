"""The factories of `jax.nn.initializers`: JAX's meaning, our values, on any sharding."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jax_arrays import same
from scipy import stats  # type: ignore[import-untyped]

import initializers.jax as ours
from initializers import (
    DeltaOrthogonal,
    HeNormal,
    Initializer,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from initializers.jax import _places

jax.config.update("jax_num_cpu_devices", 8)

ALPHA = 1e-6
# For JAX's own draws: threefry, the default, takes XLA seconds to compile for each shape.
CHEAP_KEY = jax.random.key(1, impl="rbg")

SHAPE = (16, 24)

FLOATS = ("float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")

FACTORIES: list[tuple[Any, Initializer]] = [
    (ours.uniform(0.3), RandomUniform(0.0, 0.3, 42)),
    (ours.normal(0.3), RandomNormal(0.0, 0.3, 42)),
    (ours.truncated_normal(0.3, None, -1.0, 3.0), TruncatedNormal(0.0, 0.3, 42, (-1.0, 3.0))),
    (ours.glorot_uniform(), VarianceScaling(1.0, "fan_avg", "uniform", 42)),
    (ours.xavier_normal(), VarianceScaling(1.0, "fan_avg", "truncated_normal", 42)),
    (ours.lecun_uniform(), VarianceScaling(1.0, "fan_in", "uniform", 42)),
    (ours.lecun_normal(), VarianceScaling(1.0, "fan_in", "truncated_normal", 42)),
    (ours.kaiming_uniform(), VarianceScaling(2.0, "fan_in", "uniform", 42)),
    (ours.he_normal(), VarianceScaling(2.0, "fan_in", "truncated_normal", 42)),
    (
        ours.variance_scaling(0.7, "fan_geo_avg", "normal"),
        VarianceScaling(0.7, "fan_geo_avg", "untruncated_normal", 42),
    ),
    (ours.orthogonal(0.7), Orthogonal(0.7, 42)),
    (ours.orthogonal(column_axis=0), Orthogonal(1.0, 42, 0)),
]


@pytest.fixture(autouse=True)
def callback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the host make the values under jit; `test_jax_native.py` has the other way."""
    monkeypatch.setenv("INITIALIZERS_JAX", "callback")


MESHES: list[tuple[tuple[int, ...], AxisType]] = [
    ((8,), AxisType.Explicit),
    ((4, 2), AxisType.Explicit),
    ((2, 2, 2), AxisType.Explicit),
    ((4, 2), AxisType.Auto),
]

SPECS = [P(), P("x"), P(None, "x")]

SPECS_2D = [P("x", "y"), P("y", "x"), P(None, ("y", "x")), P(("y", "x"))]


def make_mesh(sizes: tuple[int, ...], kind: AxisType = AxisType.Explicit) -> Mesh:
    return jax.make_mesh(sizes, ("x", "y", "z")[: len(sizes)], axis_types=(kind,) * len(sizes))


@pytest.mark.parametrize(("init", "expected"), FACTORIES)
@pytest.mark.parametrize("name", FLOATS)
def test_values_are_numpys(init: Any, expected: Any, name: str) -> None:
    key = jax.random.key(42)
    values = expected(SHAPE, name)
    assert same(init(key, SHAPE, name), values)
    assert same(jax.jit(lambda key: init(key, SHAPE, name))(key), values)


@pytest.mark.parametrize(("sizes", "kind"), MESHES)
@pytest.mark.parametrize("spec", SPECS + SPECS_2D, ids=str)
@pytest.mark.parametrize("law", ["he_normal", "orthogonal"])
def test_every_sharding_is_the_same_array(sizes: Any, kind: Any, spec: Any, law: str) -> None:
    if spec in SPECS_2D and len(sizes) == 1:
        spec = P(None, ("x",))
    place = NamedSharding(make_mesh(sizes, kind), spec)
    init, key = getattr(ours, law)(), jax.random.key(42)
    expected = {"he_normal": HeNormal(42), "orthogonal": Orthogonal(1.0, 42)}[law](SHAPE)

    def check(array: Any) -> None:
        assert same(array, expected)
        assert array.sharding.is_equivalent_to(place, 2)

    check(init(key, SHAPE, out_sharding=place))
    check(jax.jit(lambda key: init(key, SHAPE, out_sharding=place))(key))
    check(jax.jit(lambda: init(key, SHAPE, out_sharding=place))())
    with jax.set_mesh(place.mesh):
        check(init(key, SHAPE, out_sharding=place.spec))
        check(jax.jit(lambda key: init(key, SHAPE, out_sharding=place.spec))(key))
        check(jax.jit(lambda: init(key, SHAPE, out_sharding=place.spec))())


def test_each_distinct_block_is_made_once_and_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(fill: Any, kind: Any, start: Any, extent: Any) -> Any:
        made.append((start, extent))
        return make_block(fill, kind, start, extent)

    make_block = _places.make_block
    monkeypatch.setattr(_places, "make_block", make)
    place = NamedSharding(make_mesh((4, 2)), P("x"))
    array = ours.he_normal()(1, (8, 3), out_sharding=place)
    assert sorted(made) == [((row, 0), (2, 3)) for row in (0, 2, 4, 6)]
    pointers = {shard.data.unsafe_buffer_pointer() for shard in array.addressable_shards}
    assert len(pointers) == 8


def test_keys() -> None:
    init = ours.normal(1.0)
    expected = RandomNormal(0.0, 1.0, 42)((3,))
    for key in (42, np.int64(42), jax.random.key(42), jax.random.PRNGKey(42)):
        assert same(init(key, (3,)), expected)
    for seed in (-1, -(2**127), 2**127 - 1):
        assert same(init(seed, (3,)), RandomNormal(0.0, 1.0, seed)((3,)))
    wide = jax.random.wrap_key_data(np.array([2**31, 0, 0, 5], np.uint32), impl="rbg")
    assert same(init(wide, (3,)), RandomNormal(0.0, 1.0, 5 - 2**127)((3,)))
    keys = jax.random.split(jax.random.key(1), 3)
    for batch in (keys, jax.random.key_data(keys)):
        with pytest.raises(ValueError, match=r"`key` must be one key \(use jax\.vmap"):
            init(batch, (3,))
        with pytest.raises(ValueError, match="`key` must be one key"):
            jax.jit(lambda keys: init(keys, (3,)))(batch)
    for bad in ("a", 1.5, None, np.zeros(2)):
        with pytest.raises(TypeError, match=r"`key` must be a key of jax\.random or an integer"):
            init(bad, (3,))


def test_transformations() -> None:
    init, keys = ours.he_normal(), jax.random.split(jax.random.key(1), 6)
    each = np.stack([np.asarray(init(key, (5, 4))) for key in keys])
    assert same(jax.vmap(lambda key: init(key, (5, 4)))(keys), each)
    nested = jax.jit(jax.vmap(jax.vmap(lambda key: init(key, (5, 4)))))
    assert same(nested(keys.reshape(2, 3)).reshape(6, 5, 4), each)
    _, scanned = jax.lax.scan(lambda carry, key: (carry, init(key, (5, 4))), 0, keys)
    assert same(scanned, each)
    shape = jax.eval_shape(lambda key: init(key, (5, 4)), keys[0])
    assert (shape.shape, shape.dtype) == ((5, 4), np.float32)
    product = jax.checkpoint(lambda x, key: (init(key, (5, 4)) * x).sum())
    assert jax.grad(product)(2.0, keys[0]) == pytest.approx(each[0].sum(), rel=1e-5)
    mesh = make_mesh((4, 2))
    place = NamedSharding(mesh, P("x", "y"))
    shape = jax.eval_shape(lambda key: init(key, (8, 4), out_sharding=place), keys[0])
    assert shape.shape == (8, 4)


def test_dtypes() -> None:
    init = ours.he_normal(dtype="bfloat16")
    assert init(1, SHAPE).dtype == jnp.bfloat16
    assert init(1, SHAPE, "float16").dtype == np.float16
    assert ours.he_normal()(1, SHAPE).dtype == np.float32
    with jax.enable_x64(True):
        assert same(ours.he_normal()(1, SHAPE), HeNormal(1)(SHAPE, "float64"))
    for dtype in ("int32", "complex64"):
        with pytest.raises(ValueError, match="VarianceScaling needs one of the dtypes"):
            init(1, SHAPE, dtype)
        with pytest.raises(ValueError, match="VarianceScaling needs one of the dtypes"):
            jax.jit(lambda key, dtype=dtype: init(key, SHAPE, dtype))(jax.random.key(1))


def test_constants() -> None:
    for key in (None, jax.random.key(1)):
        assert same(ours.zeros(key, (3, 2), "int8"), np.zeros((3, 2), np.int8))
        assert same(ours.ones(key, (3, 2)), np.ones((3, 2), np.float32))
        assert same(ours.constant(2.5)(key, (3,), "float16"), np.full(3, 2.5, np.float16))
    assert same(ours.constant([1, 2])(None, (3, 2), "int32"), np.array([[1, 2]] * 3, np.int32))


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((30, 20), {}),
        ((3, 3, 8, 16), {}),
        ((16, 8, 3, 3), {"in_axis": 1, "out_axis": 0}),
        ((12, 4, 5, 6), {"in_axis": 0, "out_axis": (1, 2)}),
        ((7, 12, 10), {"batch_axis": 0}),
        ((2, 3, 12, 10), {"in_axis": -2, "out_axis": (-1,), "batch_axis": (0,)}),
    ],
)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"])
def test_scales_are_those_of_jax(shape: Any, axes: Any, mode: str) -> None:
    for distribution in ("truncated_normal", "normal", "uniform"):
        arguments: tuple[Any, ...] = (0.8, mode, distribution)
        here = ours.variance_scaling(*arguments, **axes)(1, shape)
        there = jax.nn.initializers.variance_scaling(*arguments, **axes)(CHEAP_KEY, shape)
        # The exact distribution of the test takes seconds.
        found = stats.ks_2samp(np.ravel(here), np.ravel(there), method="asymp")
        assert found.pvalue > ALPHA
        if distribution == "uniform":  # the limit shows the scale to three digits
            large = (*shape[:-1], shape[-1])
            ratio = float(jnp.abs(here).max() / jnp.abs(there).max())
            assert ratio == pytest.approx(1, abs=0.02), large


@pytest.mark.parametrize(
    ("factory", "arguments"),
    [
        ("uniform", (0.3,)),
        ("normal", (0.3,)),
        ("truncated_normal", (0.3, None, -0.5, 1.5)),
        *((name, ()) for name in ("glorot_uniform", "glorot_normal", "lecun_uniform")),
        *((name, ()) for name in ("lecun_normal", "he_uniform", "he_normal")),
    ],
)
def test_moments_are_those_of_jax(factory: str, arguments: Any) -> None:
    here = np.ravel(getattr(ours, factory)(*arguments)(1, (300, 200)))
    peer = getattr(jax.nn.initializers, factory)(*arguments)
    there = np.ravel(peer(CHEAP_KEY, (300, 200)))
    assert stats.ks_2samp(here, there).pvalue > ALPHA
    assert here.std() == pytest.approx(there.std(), rel=0.02)


def test_bad_arguments() -> None:
    mesh = make_mesh((8,))
    init, key = ours.he_normal(), jax.random.key(1)
    uneven = NamedSharding(mesh, P("x"))
    for call in (init, lambda *a, **k: jax.jit(lambda key: init(key, *a[1:], **k))(key)):
        with pytest.raises(ValueError, match=r"`out_sharding` must divide the shape \(6, 3\)"):
            call(key, (6, 3), out_sharding=uneven)
        with pytest.raises(
            ValueError, match="`out_sharding` must be a sharding on devices where no"
        ):
            call(key, (8, 3), out_sharding=P("x"))
        with pytest.raises(TypeError, match="`out_sharding` must be a sharding, a PartitionSpec"):
            call(key, (8, 3), out_sharding="x")
        with (
            jax.set_mesh(mesh),
            pytest.raises(ValueError, match=r"must name axes of the mesh \('x',\)"),
        ):
            call(key, (8, 3), out_sharding=P("rows"))
    single = jax.sharding.SingleDeviceSharding(jax.devices()[3])
    assert init(key, (4, 3), out_sharding=single).devices() == {jax.devices()[3]}
    with pytest.raises(TypeError, match="must be a NamedSharding or a PartitionSpec inside"):
        jax.jit(lambda key: init(key, (4, 3), out_sharding=single))(key)
    for arguments, message in [
        ((1.0, "fan", "normal"), "`mode` must be one of"),
        ((1.0, "fan_in", "gauss"), "`distribution` must be one of"),
        ((0.0, "fan_in", "normal"), "`scale` must be a finite number > 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            ours.variance_scaling(*arguments)  # type: ignore[arg-type]
    bad_axes: list[tuple[dict[str, Any], str]] = [
        ({"in_axis": 2}, r"`in_axis` must name axes of the shape \(4, 3\)"),
        ({"batch_axis": (0, -3)}, r"`batch_axis` must name axes of the shape \(4, 3\)"),
    ]
    for axes, message in bad_axes:
        with pytest.raises(ValueError, match=message):
            ours.he_normal(**axes)(key, (4, 3))
    for shape in ((), (4,)):
        with pytest.raises(
            ValueError, match=r"`in_axis` .* \(it must be at least 2-D, or name the"
        ):
            init(key, shape)
    with pytest.raises(TypeError, match="`in_axis` must be an integer or a sequence"):
        ours.he_normal(in_axis="0")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`stddev` must be a finite number >= 0"):
        ours.normal(-1.0)


def test_delta_orthogonal() -> None:
    place = NamedSharding(make_mesh((4, 2)), P(None, None, "y", "x"))
    key = jax.random.key(42)
    for column_axis in (-1, -2):
        init = ours.delta_orthogonal(0.7, column_axis)
        expected = DeltaOrthogonal(0.7, 42)((3, 5, 8, 16))
        assert same(init(key, (3, 5, 8, 16)), expected)
        assert same(init(key, (3, 5, 8, 16), out_sharding=place), expected)
        compiled = jax.jit(lambda key, init=init: init(key, (3, 5, 8, 16), out_sharding=place))
        assert same(compiled(key), expected)
    with pytest.raises(ValueError, match="`column_axis` must be -1 or -2"):
        ours.delta_orthogonal(column_axis=2)
    with pytest.raises(ValueError, match="no more input than output channels"):
        ours.delta_orthogonal()(key, (3, 8, 4))


@pytest.mark.parametrize("shape", [(12, 8), (8, 12), (3, 4, 6)])
def test_orthogonal_is_jax_s_by_definition(shape: Any) -> None:
    for axis in range(len(shape)):
        ours_made = ours.orthogonal(1.0, axis)(1, shape)
        theirs = jax.nn.initializers.orthogonal(1.0, axis)(jax.random.key(1), shape)
        for made in (ours_made, theirs):
            matrix = np.moveaxis(np.asarray(made, np.float64), axis, -1).reshape(-1, shape[axis])
            tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
            assert np.abs(tall.T @ tall - np.eye(tall.shape[1])).max() < 2e-6


SCALED: list[tuple[Any, float]] = [
    (ours.normal, 0.3),
    (ours.truncated_normal, 0.3),
    (ours.uniform, 0.3),
    (lambda value: ours.variance_scaling(value, "fan_in", "truncated_normal"), 2.0),
    (lambda value: ours.variance_scaling(value, "fan_avg", "uniform", dtype="bfloat16"), 2.0),
    (ours.orthogonal, 0.3),
]


@pytest.mark.parametrize(("factory", "value"), SCALED)
@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_traced_scales(factory: Any, value: float, name: str) -> None:
    key = jax.random.key(42)
    made = jax.jit(lambda value: factory(value)(key, SHAPE, name))(value)
    expected = factory(value)(key, SHAPE, name)
    assert made.dtype == expected.dtype
    # √ and the product are rounded in float32: equal but for the last bits.
    error = made.astype("float32") - expected.astype("float32")
    assert abs(error).max() <= max(float(jnp.finfo(name).eps), 1e-6) * value
    if factory in (ours.normal, ours.truncated_normal):
        assert same(made, np.asarray(expected))


def test_traced_scales_in_transformations() -> None:
    key = jax.random.key(42)
    ones = np.asarray(ours.normal(1.0)(key, SHAPE))
    total = jax.grad(lambda stddev: ours.normal(stddev)(key, SHAPE).sum())(0.5)
    assert total == pytest.approx(ones.sum(), rel=1e-5)
    scales = jnp.array([0.5, 2.0])
    many = jax.vmap(lambda stddev: ours.normal(stddev)(key, SHAPE))(scales)
    assert same(many, np.stack([ones * np.float32(0.5), ones * np.float32(2)]))
    wide = jax.jit(lambda value: ours.constant(value)(key, SHAPE, "float16"))(1.5)
    assert same(wide, np.full(SHAPE, 1.5, np.float16))
    rows = jax.jit(lambda value: ours.constant(value)(None, (3, 2), "int8"))(jnp.array([1, 2]))
    assert same(rows, np.array([[1, 2]] * 3, np.int8))
    place = NamedSharding(make_mesh((4, 2)), P("x", "y"))
    for factory in (ours.normal, ours.constant):
        array = jax.jit(lambda value, make=factory: make(value)(key, SHAPE, None, place))(0.5)
        assert array.sharding.is_equivalent_to(place, 2)
        assert same(array, np.asarray(factory(0.5)(key, SHAPE)))
    cases: list[tuple[Any, Any, str]] = [
        (ours.normal, jnp.ones(2), "`stddev` must be one number"),
        (lambda value: ours.truncated_normal(1.0, lower=value), 0.5, "`lower` must be a number"),
        (lambda value: ours.truncated_normal(1.0, upper=value), 0.5, "`upper` must be a number"),
    ]
    for factory, value, message in cases:
        with pytest.raises((TypeError, ValueError), match=message):
            jax.jit(lambda value, make=factory: make(value)(key, SHAPE))(value)
    with pytest.raises(ValueError, match="RandomNormal needs one of the dtypes"):
        jax.jit(lambda value: ours.normal(value)(key, SHAPE, "int32"))(0.5)


def test_parameters_are_arrays_of_jax() -> None:
    for kind in ("float32", "bfloat16"):
        for factory in (ours.uniform, ours.normal, ours.truncated_normal):
            made = factory(jnp.ones((), kind), "bfloat16")(1, SHAPE)
            assert same(made, np.asarray(factory(1.0)(1, SHAPE, "bfloat16")))


def test_the_protocol_is_jax_s() -> None:
    assert ours.Initializer is jax.nn.initializers.Initializer
    for init in (ours.zeros, ours.he_normal(), ours.constant(1)):
        assert isinstance(init, ours.Initializer)


def test_which_keys_are_their_number() -> None:
    init = ours.normal(1.0)
    for number in (0, 42, 2**32 - 1):
        key = jax.random.key(np.uint32(number))
        assert same(init(key, (3,)), RandomNormal(0.0, 1.0, number)((3,)))
    # A key of the generator rbg has 128 bits: a threefry key, twice.
    key = jax.random.key(42, impl="rbg")
    assert same(init(key, (3,)), RandomNormal(0.0, 1.0, 42 * (2**64 + 1))((3,)))
