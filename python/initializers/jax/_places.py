"""Shardings as arguments, and the blocks of each device, made by the host."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.sharding import AbstractMesh, NamedSharding, PartitionSpec, Sharding

from .._arguments.checks import show
from .._arguments.dtypes import DType
from .._arguments.shapes import Array, Shape
from .._filling import AnyFill
from .._memory.allocation import allocate_aligned


def place_whole(fill: AnyFill, shape: Shape, kind: DType) -> Any:
    """Return a whole array on every device of the current mesh, or on the default device."""
    if not is_compiling() and not (mesh := jax.sharding.get_mesh()).empty:
        # As JAX does. An annotation of Flax could not move an array that is on one device.
        return make_blocks(fill, shape, kind, NamedSharding(mesh, PartitionSpec()))
    return jax.device_put(make_block(fill, kind, (0,) * len(shape), shape))


def make_block(fill: AnyFill, kind: DType, start: Shape, extent: Shape) -> Array:
    """Return a block in new memory that JAX uses without a copy."""
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
        # A shape traced under `jax.set_mesh` has the mesh without its devices.
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
    """Return whether the caller is being compiled, when devices are not known yet."""
    try:
        jax.sharding.get_mesh()
    except ValueError:
        return True
    return False


def make_blocks(fill: AnyFill, shape: Shape, kind: DType, sharding: Sharding) -> Any:
    """Return a global array; this process makes the blocks of its own devices."""
    made: dict[tuple[Shape, Shape], Array] = {}

    def make(index: tuple[slice, ...]) -> Array:
        bounds = [part.indices(size)[:2] for part, size in zip(index, shape, strict=True)]
        start = tuple(low for low, _ in bounds)
        extent = tuple(high - low for low, high in bounds)
        if (start, extent) in made:
            # Devices with the same block must not share its memory: it may be donated.
            return np.array(made[start, extent])
        block = made[start, extent] = make_block(fill, kind, start, extent)
        return block

    return jax.make_array_from_callback(shape, sharding, make, dtype=kind.numpy)
