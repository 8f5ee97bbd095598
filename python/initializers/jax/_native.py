"""Makes values inside the compiled program, on the device that holds them, without a callback.

`draw` is one operation that XLA's partitioner may split in any way (`custom_partitioning`): each
device makes the elements of its own block from the block's place on the mesh, without
communication. `custom_partitioning` has no rule for `jax.vmap`, so `custom_vmap` wraps it: its rule
is the same operation with one more batch axis.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import custom_vmap
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import Mesh, NamedSharding, PartitionSpec, auto_axes

from .._arguments.shapes import Shape
from .._classes.writers import Draw
from .._filling import Fill
from .._memory.float_mode import standard_float_mode
from ._selftest import is_exact_here
from ._stream.block import ORIGIN, Target, locate, make_blocks, pack_arguments
from ._stream.laws import LAWS

# "callback" or "native": sets how values are made under jit, whatever the self-test says.
VARIABLE = "INITIALIZERS_JAX"

# XLA flushes subnormal numbers to 0 on some processors. With parameters of at least this magnitude
# no operation of a law gives one: its factors are at least 2^−32, and two places cancel.
_LEAST = 2.0**-64


def find_draw(fill: Any) -> tuple[Target, Draw, list[float]] | None:
    """Return target, writer and parameters of a native draw; None if the host must make the values.

    Raises:
        ValueError: If the environment variable has an unknown value.
    """
    if not isinstance(fill, Fill) or not isinstance(fill.write, Draw) or 0 in fill.shape:
        return None
    write = fill.write
    with standard_float_mode():
        described = write.describe()
    if described is None or described[0] not in LAWS or write.dtype.name == "float64":
        return None
    law, parameters = described
    if any(0 < abs(number) < _LEAST for number in parameters) or not _is_usable(law):
        return None
    return Target(law, write.dtype.name, fill.shape), write, parameters


def _is_usable(law: str) -> bool:
    mode = os.environ.get(VARIABLE, "")
    if mode not in ("", "callback", "native"):
        raise ValueError(
            f"the environment variable {VARIABLE} must be 'callback', 'native' or not set, "
            f"received: {mode!r}"
        )
    return mode == "native" or (mode == "" and is_exact_here(law))


def make_arguments(found: tuple[Target, Draw, list[float]], words: Any) -> Any:
    """Return the arguments of a draw whose seed is the key's words, most significant first."""
    target, write, parameters = found
    # Padding and an addition: JAX cannot concatenate constants with keys that a mesh splits.
    constants = pack_arguments(target, [0] * 4, write.stream, parameters)
    seed = jnp.asarray(words)[::-1]
    return lax.pad(seed, np.uint32(0), [(0, len(constants) - len(seed), 0)]) + constants


def draw(target: Target, arguments: Any) -> Any:
    """Return the tensors of a batch of draws (one tensor if there are no batch axes)."""
    return _operation(target, arguments.ndim - 1)(arguments)


def draw_block(target: Target, extent: Shape, indices: list[Any], arguments: Any) -> Any:
    """Return one block of a tensor; for `extent` and `indices` see `locate`."""
    return make_blocks(target, extent, locate(target.shape, extent, indices), arguments)


@lru_cache(maxsize=1024)
def _operation(target: Target, batch: int) -> Callable[[Any], Any]:
    """Return the operation on arguments with `batch` leading axes."""
    partitioned = _partition(target, batch)

    def call(arguments: Any) -> Any:
        split = jax.typeof(arguments).sharding.spec[:batch]
        if not any(split):
            return partitioned(arguments)
        # Loops refuse a batch that a mesh of Explicit axes splits.
        spec = PartitionSpec(*split, *[None] * len(target.shape))
        return auto_axes(partitioned, out_sharding=spec)(arguments)

    operation = custom_vmap(call)

    @operation.def_vmap  # type: ignore[untyped-decorator]
    def _batch(size: int, batched: Any, arguments: Any) -> Any:
        return _operation(target, batch + 1)(arguments), True

    # jit, so that it is one program even where operations run one at a time.
    compiled: Callable[[Any], Any] = jax.jit(operation)
    return compiled


def _partition(target: Target, batch: int) -> Any:
    """Return the operation that XLA's partitioner splits."""

    @custom_partitioning  # type: ignore[untyped-decorator]
    def partitioned(arguments: Any) -> Any:
        return make_blocks(target, target.shape, ORIGIN, arguments)

    def lower(mesh: Any, arguments: Any, result: Any) -> Any:
        if isinstance(result.sharding, NamedSharding):
            make, operand = _split_by_axes(target, batch, result.sharding)
        else:
            # JAX does not pass a mesh that only `jax.set_mesh` has set.
            mesh, make = _split_by_table(target, batch, result)
            operand = NamedSharding(mesh, PartitionSpec())
        return mesh, make, result.sharding, (operand,)

    def infer(mesh: Any, arguments: Any, result: Any) -> Any:
        spec = arguments[0].sharding.spec[:batch]
        return NamedSharding(mesh, PartitionSpec(*spec, *[None] * len(target.shape)))

    leading = [f"b{axis}" for axis in range(batch)]
    own = [f"d{axis}" for axis in range(len(target.shape))]
    rule = f"{' '.join([*leading, 'a'])} -> {' '.join([*leading, *own])}"
    partitioned.def_partition(lower, infer, sharding_rule=rule)
    return partitioned


def _split_by_axes(
    target: Target, batch: int, sharding: NamedSharding
) -> tuple[Callable[[Any], Any], NamedSharding]:
    """Return (maker of a device's block from its place on the mesh, sharding of the arguments)."""
    mesh = sharding.mesh
    entries = [*sharding.spec, *[None] * (batch + len(target.shape) - len(sharding.spec))]
    names = [entry if isinstance(entry, tuple) else (entry,) if entry else () for entry in entries]
    counts = [math.prod(mesh.shape[name] for name in axes) for axes in names[batch:]]
    # All blocks of an uneven sharding have one size: the last ones extend beyond the tensor.
    extent = tuple(-(-size // count) for size, count in zip(target.shape, counts, strict=True))

    def make(arguments: Any) -> Any:
        indices = [lax.axis_index(axes) if axes else None for axes in names[batch:]]
        return draw_block(target, extent, indices, arguments)

    return make, NamedSharding(mesh, PartitionSpec(*entries[:batch], None))


def _split_by_table(target: Target, batch: int, result: Any) -> tuple[Mesh, Callable[[Any], Any]]:
    """Return (mesh of one axis, maker of a device's block for all keys, by the device's number)."""
    # Indices of each device's block along each axis, for a shape that every sharding divides.
    large = tuple(result.sharding.num_devices for _ in result.shape)
    blocks = result.sharding.devices_indices_map(large)
    mesh = Mesh(np.array(list(blocks)), ("devices",))
    ranges = [
        [part.indices(size) for part, size in zip(block, large, strict=True)]
        for block in blocks.values()
    ]
    units = [high - low for low, high, _ in ranges[0]]
    counts = [size // unit for size, unit in zip(large, units, strict=True)]
    table = np.array([[low for low, _, _ in block] for block in ranges], np.int32) // units
    # All blocks of an uneven sharding have one size: the last ones extend beyond the tensor.
    extent = tuple(-(-size // count) for size, count in zip(result.shape, counts, strict=True))

    def make(arguments: Any) -> Any:
        number = lax.axis_index("devices")
        indices = [
            jnp.asarray(column)[number] if count > 1 else None
            for column, count in zip(table.T, counts, strict=True)
        ]
        for axis in range(batch):
            if indices[axis] is not None:
                rows = indices[axis] * extent[axis] + lax.iota(np.int32, extent[axis])
                arguments = jnp.take(arguments, rows, axis, mode="clip")
        return draw_block(target, extent[batch:], indices[batch:], arguments)

    return mesh, make
