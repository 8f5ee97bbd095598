"""Blocks of a `DTensor` that this process holds, and their positions in the whole tensor."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate, distribute_tensor

from .._arguments.shapes import Shape
from ._tensor import has_no_memory


class _Run(NamedTuple):
    """Consecutive indices along one dimension: their start in local memory and in the whole."""

    local: int
    whole: int
    length: int


def list_problems(tensor: DTensor) -> Iterator[str]:
    """Yield the conditions that the placements of `tensor` violate."""
    for placement in tensor.placements:
        if placement.is_partial():
            yield f"without a {placement!r} placement, whose values are sums over processes"
    local = tensor._local_tensor
    if has_no_memory(local):
        yield f"one whose shards have memory of their own, not instances of {type(local).__name__}"


def list_blocks(tensor: DTensor) -> Iterator[tuple[Tensor, Shape]]:
    """Yield the blocks that this process holds, each with its start in the whole tensor."""
    with torch.no_grad():
        local = tensor.detach().to_local()
    if local.numel() == 0:
        return
    mesh, placements = tensor.device_mesh, tuple(tensor.placements)
    place = tuple(mesh.get_coordinate())
    runs = [
        _find_runs(size, mesh, _placements_of(placements, axis, tensor.dim()), place)
        for axis, size in enumerate(tensor.shape)
    ]
    held = tuple(sum(run.length for run in axis) for axis in runs)
    if held != tuple(local.shape):
        raise ValueError(
            f"`tensor` must have placements that torch can distribute, received: {placements} of "
            f"shape {tuple(tensor.shape)}, of which {tuple(local.shape)} is here and not {held}"
        )
    for block in itertools.product(*runs):
        here = tuple(slice(run.local, run.local + run.length) for run in block)
        yield local[here], tuple(run.whole for run in block)


def _placements_of(placements: tuple[Any, ...], axis: int, rank: int) -> tuple[Any, ...]:
    """Return the placements of a vector that is distributed like this axis."""
    return tuple(_as_vector(placement, axis, rank) for placement in placements)


def _as_vector(placement: Any, axis: int, rank: int) -> Any:
    dim = getattr(placement, "dim", None)  # replicas have no `dim`
    if dim is None or dim % rank != axis:
        return Replicate()
    factor = getattr(placement, "split_factor", None)
    return type(placement)(0) if factor is None else type(placement)(0, split_factor=factor)


@lru_cache(maxsize=256)  # a model has few different sizes, and each takes half a millisecond
def _find_runs(size: int, mesh: Any, placements: tuple[Any, ...], place: Shape) -> tuple[_Run, ...]:
    """Return the indices of an axis that this process, at `place` in the mesh, holds.

    torch distributes a vector of the indices, without communication. So the result is right for all
    placements that torch has; strided shards, which are several runs, need no formula here.
    """
    if all(placement.is_replicate() for placement in placements):
        return (_Run(0, 0, size),)
    whole = torch.arange(size, device="cpu")
    indices = distribute_tensor(whole, mesh, placements, src_data_rank=None)
    held = indices.to_local().cpu().numpy()
    if held.size == 0:
        return ()
    breaks = np.flatnonzero(np.diff(held) != 1) + 1
    starts = [0, *breaks.tolist()]
    stops = [*breaks.tolist(), held.size]
    return tuple(
        _Run(low, int(held[low]), high - low) for low, high in zip(starts, stops, strict=True)
    )
