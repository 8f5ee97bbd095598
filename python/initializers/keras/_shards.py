"""Tensors distributed over devices on the JAX backend: each block is made separately."""

from __future__ import annotations

import gc
from typing import Any

import jax
import keras

from .._arguments.checks import show
from .._arguments.dtypes import DType
from .._arguments.shapes import Shape, check_index
from .._classes.writers import Writer
from .._memory.allocation import allocate_aligned


def make_sharded(write: Writer, shape: Shape, dtype: DType, layout: Any, zeros: bool) -> Any:
    """Return the tensor whose blocks `write` writes, each distinct block once.

    One block is in memory at a time, beside the blocks on the devices.
    """
    sharding = to_concrete(layout)
    devices: dict[tuple[Shape, Shape], list[Any]] = {}
    for device, index in sharding.addressable_devices_indices_map(shape).items():
        devices.setdefault(check_index(index, shape), []).append(device)
    parts = {}
    for (start, extent), owners in devices.items():
        # A copy on each device: no device could free or reuse shared memory.
        block = allocate_aligned(extent, dtype, zeros=zeros, shared=False)
        write(block, start)
        for device in owners:
            parts[device] = jax.device_put(block, device)
            parts[device].block_until_ready()
        del block
        gc.collect(0)  # JAX frees the copied memory only now
    return jax.make_array_from_single_device_arrays(shape, sharding, list(parts.values()))


def to_concrete(layout: Any) -> Any:
    """Return the sharding over devices of a layout.

    Keras passes a `NamedSharding` over a mesh without devices. The devices are those of the current
    mesh.
    """
    sharding = layout
    if isinstance(layout, keras.distribution.TensorLayout):
        if layout.device_mesh is None:
            raise ValueError(f"`layout` must have a device mesh, received: {show(layout)}")
        sharding = layout.backend_layout
    if not isinstance(sharding, jax.sharding.Sharding):
        raise TypeError(
            "`layout` must be a keras.distribution.TensorLayout, a jax.sharding.Sharding or None, "
            f"received: {show(layout)}"
        )
    if isinstance(sharding, jax.sharding.NamedSharding) and isinstance(
        sharding.mesh, jax.sharding.AbstractMesh
    ):
        mesh = jax.sharding.get_mesh()
        if mesh.empty:
            raise ValueError(
                "`layout` must be over a mesh with devices, or `jax.set_mesh` must be in use, "
                f"received: {show(layout)}"
            )
        return jax.sharding.NamedSharding(mesh, sharding.spec)
    return sharding
