"""Arrays of JAX from our values: eager or traced, whole or each device's block."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec, Sharding

from .._arguments.checks import show, to_integer
from .._arguments.dtypes import DType, look_up
from .._arguments.seeds import check_seed_integer
from .._arguments.shapes import Array, Shape, check_shape
from .._classes.constants import Constant, Ones, Zeros
from .._filling import AnyFill, plan_fill
from .._memory.allocation import allocate_aligned
from ._native import draw, draw_block, find_draw, make_arguments
from ._stream.block import Target

# Makes the initializer of a tensor of some shape, with some seed.
# Returns the initializer for a shape and a seed.
Maker = Callable[[Shape, int], Any]


def make_array(
    maker: Maker, key: Any, shape: Any, dtype: Any, out_sharding: Any, factor: Any = None
) -> Any:
    """Return the array of `shape` that `maker` and `key` give, on the devices of `out_sharding`.

    Args:
        maker: Makes the initializer.
        key: A key of `jax.random`, or an integer.
        shape: The global shape.
        dtype: The dtype; None means JAX's default.
        out_sharding: A sharding, a `PartitionSpec` or None.
        factor: None, or a traced number that multiplies the values before they are rounded.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value, or the initializer has no values for shape and dtype.
    """
    shape = check_shape(shape)
    kind = look_up_canonical(dtype)
    words = _words_of(key)
    if factor is not None:
        plan_fill(maker(shape, 0), shape, kind)  # refuses the dtypes that have no values
        wide = "float64" if kind.name == "float64" else "float32"
        array = make_array(maker, key, shape, wide, out_sharding)
        return (array * jnp.asarray(factor, wide)).astype(kind.numpy)
    if isinstance(words, jax.core.Tracer) or is_compiling():
        initializer = maker(shape, 0)
        fill = plan_fill(initializer, shape, kind)  # raises errors now, not as the program runs
        if isinstance(initializer, (Zeros, Ones, Constant)):
            # Operations of JAX: as an array, the values would be a constant of the program.
            own = np.shape(getattr(initializer, "value", 0))
            return broadcast(initializer(own, kind.numpy), shape, kind, out_sharding)
        found = find_draw(fill)
        if found is not None:
            arguments = make_arguments(found, words)
            return trace_draw(found[0], arguments, out_sharding)
        return _trace_callback(maker, words, shape, kind, out_sharding)
    fill = plan_fill(maker(shape, to_seed(words)), shape, kind)
    if out_sharding is None:
        return place_whole(fill, shape, kind)
    return make_blocks(fill, shape, kind, check_sharding(out_sharding, shape))


def look_up_canonical(dtype: Any) -> DType:
    """Return the dtype that JAX makes of `dtype`: of 32 bits unless 64 are enabled."""
    default = jnp.result_type(float)
    return look_up(default if dtype is None else jax.dtypes.canonicalize_dtype(dtype))


def broadcast(value: Any, shape: Shape, kind: DType, out_sharding: Any) -> Any:
    """Return an array of one number, or of an array that broadcasts, by operations of JAX."""
    if out_sharding is None:
        return jnp.full(shape, value, kind.numpy)

    def make(value: Any, places: list[Any], extent: Shape) -> Any:
        starts = [place * size for place, size in zip(places, extent, strict=True)]
        return jax.lax.dynamic_slice(jnp.full(shape, value, kind.numpy), starts, extent)

    return _trace_blocks(make, value, shape, out_sharding)


def _words_of(key: Any) -> Any:
    """Return the uint32 words of a key, an array of one dimension."""
    number = to_integer(key) if getattr(key, "shape", ()) == () else None
    if number is not None:
        bits = check_seed_integer(number) % 2**128
        return np.array([bits >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0)], np.uint32)
    typed = hasattr(key, "dtype") and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    words = jax.random.key_data(key) if typed else key
    if getattr(words, "dtype", None) != np.uint32:
        raise TypeError(f"`key` must be a key of jax.random or an integer, received: {show(key)}")
    if words.ndim != 1:
        raise ValueError(
            "`key` must be one key (use jax.vmap for a batch of them), "
            f"received: an array of shape {key.shape}"
        )
    if words.shape[0] > 4:
        raise ValueError(
            f"`key` must have at most 128 bits, received: {words.shape[0]} words of 32 bits"
        )
    return words


def to_seed(words: Any) -> int:
    """Return the words of a key, most significant first, as one integer in [-2**127, 2**127)."""
    number = int.from_bytes(np.asarray(words).astype(">u4").tobytes(), "big")
    return number - 2**128 if number >= 2**127 else number


def place_whole(fill: AnyFill, shape: Shape, kind: DType) -> Any:
    """Return a whole array on every device of the mesh that is set, else on the default device."""
    if not is_compiling() and not (mesh := jax.sharding.get_mesh()).empty:
        # As JAX does. On one device, the array could not be placed by an annotation of Flax.
        return make_blocks(fill, shape, kind, NamedSharding(mesh, PartitionSpec()))
    return jax.device_put(_make_block(fill, kind, (0,) * len(shape), shape))


def _make_block(fill: AnyFill, kind: DType, start: Shape, extent: Shape) -> Array:
    """Return a block in new memory that JAX need not copy."""
    block = allocate_aligned(extent, kind)
    fill(block, start)
    return block


def check_sharding(out_sharding: Any, shape: Shape) -> Sharding:
    """Return `out_sharding` as a sharding that divides the shape.

    Raises:
        TypeError: If it is neither a sharding nor a `PartitionSpec`.
        ValueError: If there is no mesh, it lacks an axis, or a dimension does not divide evenly.
    """
    sharding = out_sharding
    if isinstance(sharding, PartitionSpec):
        sharding = _place(sharding, out_sharding)
    elif isinstance(getattr(sharding, "mesh", None), AbstractMesh) and not is_compiling():
        # Shapes traced where a mesh is set have it without its devices.
        sharding = _place(sharding.spec, out_sharding)
    if not isinstance(sharding, Sharding):
        raise TypeError(
            "`out_sharding` must be a sharding, a PartitionSpec or None, "
            f"received: {show(out_sharding)}"
        )
    try:
        sharding.shard_shape(shape)
    except ValueError as error:
        raise ValueError(
            f"`out_sharding` must divide the shape {shape} evenly, "
            f"received: {show(out_sharding)} ({' '.join(str(error).split())})"
        ) from None
    return sharding


def _place(spec: PartitionSpec, received: Any) -> NamedSharding:
    """Return a sharding on the mesh of `jax.set_mesh`."""
    mesh = jax.sharding.get_abstract_mesh() if is_compiling() else jax.sharding.get_mesh()
    if mesh.empty:
        raise ValueError(
            "`out_sharding` must be a sharding on devices where no mesh is set "
            f"(see jax.set_mesh), received: {show(received)}"
        )
    try:
        return NamedSharding(mesh, spec)
    except ValueError as error:
        raise ValueError(
            f"`out_sharding` must name axes of the mesh {mesh.axis_names}, received: {spec!r} "
            f"({' '.join(str(error).split())})"
        ) from None


def is_compiling() -> bool:
    """Return whether the caller is being compiled, where there are no devices yet."""
    try:
        jax.sharding.get_mesh()
    except ValueError:
        return True
    return False


def make_blocks(fill: AnyFill, shape: Shape, kind: DType, sharding: Sharding) -> Any:
    """Return a global array of which this process makes the blocks of its own devices."""
    made: dict[tuple[Shape, Shape], Array] = {}

    def make(index: tuple[slice, ...]) -> Array:
        bounds = [part.indices(size)[:2] for part, size in zip(index, shape, strict=True)]
        start = tuple(low for low, _ in bounds)
        extent = tuple(high - low for low, high in bounds)
        if (start, extent) in made:
            # Devices that hold the same block must not share its memory: it may be donated.
            return np.array(made[start, extent])
        block = made[start, extent] = _make_block(fill, kind, start, extent)
        return block

    return jax.make_array_from_callback(shape, sharding, make, dtype=kind.numpy)


def trace_draw(target: Target, arguments: Any, out_sharding: Any) -> Any:
    """Return a traced array whose values the compiled program makes, each device its block."""
    if out_sharding is None:
        return _unmap(lambda arguments: draw(target, arguments), arguments)

    def make(arguments: Any, places: list[Any], extent: Shape) -> Any:
        indices = [None if isinstance(place, int) else place for place in places]
        return draw_block(target, extent, indices, arguments)

    return _trace_blocks(make, arguments, target.shape, out_sharding)


def _trace_callback(maker: Maker, words: Any, shape: Shape, kind: DType, out_sharding: Any) -> Any:
    """Return what calls us when the compiled program runs, once for each device's block."""
    if out_sharding is None:
        return _trace_whole(maker, words, shape, kind)

    def make(words: Any, places: list[Any], extent: Shape) -> Any:
        call = partial(_call_back, maker, shape, kind, extent)
        result = jax.ShapeDtypeStruct(extent, kind.numpy)
        numbers = jnp.array(places, jnp.int32)
        return jax.pure_callback(call, result, words, numbers, vmap_method="broadcast_all")

    return _trace_blocks(make, words, shape, out_sharding)


def _trace_blocks(make: Any, operand: Any, shape: Shape, out_sharding: Any) -> Any:
    """Return a traced array of blocks: each is `make(operand, places, extent)` on its device.

    `places` are the numbers of the block along each axis.
    """
    sharding = check_sharding(out_sharding, shape)
    if not isinstance(sharding, NamedSharding):
        raise TypeError(
            "`out_sharding` must be a NamedSharding or a PartitionSpec inside jax.jit, "
            f"received: {show(out_sharding)}"
        )
    extent = sharding.shard_shape(shape)
    names = [*sharding.spec, *[None] * (len(shape) - len(sharding.spec))]

    def make_local(operand: Any) -> Any:
        return make(operand, [jax.lax.axis_index(name) if name else 0 for name in names], extent)

    return jax.shard_map(
        make_local,
        mesh=sharding.mesh,
        in_specs=PartitionSpec(),
        out_specs=sharding.spec,
        check_vma=False,
    )(operand)


def _trace_whole(maker: Maker, words: Any, shape: Shape, kind: DType) -> Any:
    """Return the traced call that makes a whole array, which is replicated on a mesh."""

    def make(words: Any) -> Any:
        call = partial(_call_back, maker, shape, kind, shape)
        result = jax.ShapeDtypeStruct(shape, kind.numpy)
        start = np.zeros(len(shape), np.int32)
        array = jax.pure_callback(call, result, words, start, vmap_method="broadcast_all")
        # XLA calls back from one device, and would leave the array there, where operations on the
        # mesh refuse it ("Cannot convert GSPMDSharding"): the barrier ends what it infers.
        return jax.lax.optimization_barrier(array)

    return _unmap(jax.jit(make), words)  # one program, even where operations run one at a time


def _unmap(make: Any, operand: Any) -> Any:
    """Return `make(operand)`; inside a `shard_map` over some axes, with the others manual too."""
    mesh = jax.sharding.get_abstract_mesh()
    axes = zip(mesh.axis_names, mesh.axis_types, strict=True)
    free = {name for name, axis_type in axes if axis_type != AxisType.Manual}
    if free and len(free) < len(mesh.axis_names):
        # Neither callbacks nor the partitioner work where only some axes are manual.
        spec = PartitionSpec()
        make = jax.shard_map(make, axis_names=free, in_specs=spec, out_specs=spec, check_vma=False)
    return make(operand)


def _call_back(
    maker: Maker, shape: Shape, kind: DType, extent: Shape, words: Any, places: Any
) -> Any:
    """Return the block with the number `places` along each axis; of a batch of keys, each."""
    words, places = np.asarray(words), np.asarray(places)
    if words.ndim > 1:
        pairs = zip(words, places, strict=True)
        blocks = [_call_back(maker, shape, kind, extent, *pair) for pair in pairs]
        return np.stack(blocks) if blocks else np.empty((0, *extent), kind.numpy)
    start = tuple(int(place) * size for place, size in zip(places, extent, strict=True))
    return _make_block(plan_fill(maker(shape, to_seed(words)), shape, kind), kind, start, extent)
