"""Arrays inside compiled programs: made there, or by the host through a callback."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from .._arguments.checks import show
from .._arguments.dtypes import DType
from .._arguments.shapes import Shape
from .._classes.writers import Repeat
from .._filling import AnyFill, Fill, StackFill
from ._native import draw, draw_block, find_draw
from ._places import check_sharding, make_block
from ._stream.block import Target, pack_arguments

# Words of a key, most significant first → fill of the array.
Planner: TypeAlias = Callable[[Any], AnyFill]


def broadcast(value: Any, shape: Shape, kind: DType, out_sharding: Any) -> Any:
    """Return an array of one number or of an array that broadcasts, by JAX operations."""
    if out_sharding is None:
        return jnp.full(shape, value, kind.numpy)

    def make(value: Any, places: list[Any], extent: Shape) -> Any:
        starts = [place * size for place, size in zip(places, extent, strict=True)]
        return jax.lax.dynamic_slice(jnp.full(shape, value, kind.numpy), starts, extent)

    return _trace_blocks(make, value, shape, out_sharding)


def trace_fill(fill: AnyFill, shape: Shape, kind: DType, out_sharding: Any) -> Any:
    """Return a traced array with the values of a fill whose seed is known."""
    parts = [fill] if isinstance(fill, Fill) else _list_parts(fill, shape)
    if 0 in shape:
        return broadcast(0, shape, kind, out_sharding)
    if isinstance(parts[0].write, Repeat):
        pattern = parts[0].write.pattern
        value = np.frombuffer(pattern * (kind.numpy.itemsize // len(pattern)), kind.numpy)
        return broadcast(value[0], shape, kind, out_sharding)
    found = [draw for draw in map(find_draw, parts) if draw is not None]
    if len(found) < len(parts):
        return trace_callback(lambda words: fill, np.zeros(1, np.uint32), shape, kind, out_sharding)
    stack = len(shape) - len(parts[0].shape)
    arguments = np.stack([_pack(*each) for each in found]).reshape(*shape[:stack], -1)
    make = partial(_draw_transposed, found[0][0], parts[0].order, stack)
    if out_sharding is None:
        return _unmap(lambda arguments: make(arguments, [0] * len(shape), shape), arguments)
    return _trace_blocks(make, arguments, shape, out_sharding)


def _list_parts(stack: StackFill, shape: Shape) -> list[Fill]:
    """Return the fill of each tensor of a stack, in C order."""
    return [part for _, part, _ in stack.split(shape, (0,) * len(shape))]


def _pack(target: Target, write: Any, parameters: list[float]) -> Any:
    words = [write.seed % 2**128 >> shift & 0xFFFFFFFF for shift in (0, 32, 64, 96)]
    return pack_arguments(target, words, write.stream, parameters)


def _draw_transposed(
    target: Target,
    order: tuple[int, ...] | None,
    stack: int,
    arguments: Any,
    places: list[Any],
    extent: Shape,
) -> Any:
    """Return a block of a stack of tensors whose axes are those of `target` in another order."""
    axes = [stack + axis for axis in order or range(len(target.shape))]
    whole = all(isinstance(place, int) for place in places)
    if whole:
        made = draw(target, jnp.asarray(arguments))
    else:
        for axis in range(stack):
            start = places[axis] * extent[axis]
            arguments = jax.lax.dynamic_slice_in_dim(arguments, start, extent[axis], axis)
        indices = [None if isinstance(places[axis], int) else places[axis] for axis in axes]
        made = draw_block(target, tuple(extent[axis] for axis in axes), indices, arguments)
    return made.transpose(*range(stack), *(int(place) + stack for place in np.argsort(axes)))


def trace_draw(target: Target, arguments: Any, out_sharding: Any) -> Any:
    """Return a traced array whose values the compiled program makes, each device its own block."""
    if out_sharding is None:
        return _unmap(lambda arguments: draw(target, arguments), arguments)

    def make(arguments: Any, places: list[Any], extent: Shape) -> Any:
        indices = [None if isinstance(place, int) else place for place in places]
        return draw_block(target, extent, indices, arguments)

    return _trace_blocks(make, arguments, target.shape, out_sharding)


def trace_callback(plan: Planner, words: Any, shape: Shape, kind: DType, out_sharding: Any) -> Any:
    """Return a traced array that calls the host once for each device's block when it runs.

    `plan` returns the fill for the seed given by the words of a key.
    """
    if out_sharding is None:
        return _trace_whole(plan, words, shape, kind)

    def make(words: Any, places: list[Any], extent: Shape) -> Any:
        call = partial(_call_back, plan, kind, extent)
        result = jax.ShapeDtypeStruct(extent, kind.numpy)
        numbers = jnp.array(places, jnp.int32)
        return jax.pure_callback(call, result, words, numbers, vmap_method="broadcast_all")

    return _trace_blocks(make, words, shape, out_sharding)


def _trace_blocks(make: Any, operand: Any, shape: Shape, out_sharding: Any) -> Any:
    """Return a traced array of blocks; each device runs `make(operand, places, extent)`.

    `places` are the indices of the block along each axis.
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


def _trace_whole(plan: Planner, words: Any, shape: Shape, kind: DType) -> Any:
    """Return the traced call that makes a whole array, replicated on a mesh."""

    def make(words: Any) -> Any:
        call = partial(_call_back, plan, kind, shape)
        result = jax.ShapeDtypeStruct(shape, kind.numpy)
        start = np.zeros(len(shape), np.int32)
        array = jax.pure_callback(call, result, words, start, vmap_method="broadcast_all")
        # XLA calls back from one device and would leave the array there, where operations on the
        # mesh refuse it ("Cannot convert GSPMDSharding"); the barrier stops that inference.
        return jax.lax.optimization_barrier(array)

    return _unmap(jax.jit(make), words)  # one program, even where operations run one at a time


def _unmap(make: Any, operand: Any) -> Any:
    """Return `make(operand)`; inside a `shard_map` over some axes, make the others manual too."""
    mesh = jax.sharding.get_abstract_mesh()
    axes = zip(mesh.axis_names, mesh.axis_types, strict=True)
    free = {name for name, axis_type in axes if axis_type != AxisType.Manual}
    if free and len(free) < len(mesh.axis_names):
        # Neither callbacks nor the partitioner work if only some axes are manual.
        spec = PartitionSpec()
        make = jax.shard_map(make, axis_names=free, in_specs=spec, out_specs=spec, check_vma=False)
    return make(operand)


def _call_back(plan: Planner, kind: DType, extent: Shape, words: Any, places: Any) -> Any:
    """Return the block with index `places` along each axis; for a batch of keys, one of each."""
    words, places = np.asarray(words), np.asarray(places)
    if words.ndim > 1:
        pairs = zip(words, places, strict=True)
        blocks = [_call_back(plan, kind, extent, *pair) for pair in pairs]
        return np.stack(blocks) if blocks else np.empty((0, *extent), kind.numpy)
    start = tuple(int(place) * size for place, size in zip(places, extent, strict=True))
    return make_block(plan(words), kind, start, extent)
