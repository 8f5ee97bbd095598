"""One rank of a distributed run: fills tensors and modules in every layout and writes a report.

`test_sharded.py` starts it as `ranks.py RANK SIZE DIRECTORY`; the ranks meet at a file there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, empty
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    parallelize_module,
)
from torch.distributed.tensor.placement_types import _StridedShard
from transformer import RULES, SEED, Tiny, digest_module

from initializers import HeNormal, Orthogonal, RandomNormal, Sparse
from initializers.torch import Rule, _launch, fill_, init_module_, kaiming_uniform_, normal_, patch

SHAPES = [(8, 12), (7, 5), (3, 4), (4, 3, 5), (13,), (1, 9), (6, 0)]


def meshes(size: int) -> dict[str, DeviceMesh]:
    found = {"1d": init_device_mesh("cpu", (size,), mesh_dim_names=("dp",))}
    if size == 4:
        found["2d"] = init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
    return found


def placements(mesh: DeviceMesh, rank: int) -> Iterator[tuple[Any, ...]]:
    """Yield all placements of a tensor of this rank on a mesh of one or two dimensions."""
    single = [Replicate(), *(Shard(axis) for axis in range(rank))]
    # Only with a strided shard does a process hold several runs of indices.
    strided = [_StridedShard(axis, split_factor=2) for axis in range(rank)]
    if mesh.ndim == 1:
        yield from ((one,) for one in single + strided)
        return
    yield from ((one, other) for one in single for other in single)
    yield from ((one, other) for one in strided for other in single)


def run_tensors(mesh: DeviceMesh) -> dict[str, bool]:
    """Compare each shard with torch's own cut of the whole tensor."""
    results = {}
    for shape in SHAPES:
        for places in placements(mesh, len(shape)):
            structured: list[Any] = [Orthogonal()] if len(shape) > 1 else []
            structured += [Sparse(0.4)] if len(shape) == 2 else []
            for initializer in (RandomNormal(), HeNormal(), *structured):
                tensor = empty(*shape, device_mesh=mesh, placements=[Replicate()] * mesh.ndim)
                local = cut(torch.zeros(shape), mesh, places)
                tensor = DTensor.from_local(
                    local.clone(),
                    mesh,
                    places,
                    run_check=False,
                    shape=shape,
                    stride=torch.empty(shape).stride(),
                )
                fill_(tensor, initializer, SEED)
                whole = fill_(torch.empty(shape), initializer, SEED)
                same = torch.equal(tensor.to_local(), cut(whole, mesh, places))
                results[f"{shape} {places} {initializer}"] = same
    return results


def cut(whole: torch.Tensor, mesh: DeviceMesh, places: tuple[Any, ...]) -> torch.Tensor:
    """Return this rank's shard, as torch cuts it from real values."""
    return torch.distributed.tensor.distribute_tensor(
        whole, mesh, places, src_data_rank=None
    ).to_local()


def shard_fsdp(model: nn.Module, mesh: DeviceMesh) -> nn.Module:
    for block in model.blocks:
        fully_shard(block, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def shard_tp(model: nn.Module, mesh: DeviceMesh) -> nn.Module:
    for block in model.blocks:
        plan = {
            "qkv": ColwiseParallel(),
            "out": RowwiseParallel(),
            "up": ColwiseParallel(),
            "down": RowwiseParallel(),
        }
        parallelize_module(block, mesh, plan)
    return model


def layouts(size: int) -> dict[str, Any]:
    grid = meshes(size)
    found = {
        "plain": lambda model: model,
        "DDP": nn.parallel.DistributedDataParallel,
        "FSDP2": lambda model: shard_fsdp(model, grid["1d"]),
        "TP": lambda model: shard_tp(model, grid["1d"]),
    }
    if size == 4:
        found["HSDP"] = lambda model: shard_fsdp(model, grid["2d"])
        found["FSDP2+TP"] = lambda model: shard_fsdp(
            shard_tp(model, grid["2d"]["tp"]), grid["2d"]["dp"]
        )
    return found


def run_modules(size: int, but: tuple[str, ...] = ()) -> dict[str, str]:
    results = {}
    for name, shard in layouts(size).items():
        if name in but:
            continue
        for device in ("cpu",) if name == "DDP" else ("meta", "cpu"):
            with torch.device(device):
                model = shard(Tiny())
            init_module_(model, RULES, SEED)
            inner = model.module if name == "DDP" else model
            assert inner.embed.weight is inner.head.weight, name
            results[f"{name} {device}"] = digest_module(model)
    return results


def run_fsdp1() -> dict[str, Any]:
    """Wrap with FSDP1, which shows parameters with their shapes only in `summon_full_params`."""
    results = {}
    for whole in (True, False):

        def wrap(module: nn.Module, whole: bool = whole) -> nn.Module:
            return FullyShardedDataParallel(
                module, use_orig_params=whole, device_id=torch.device("cpu")
            )

        model = Tiny()
        model.blocks[1] = wrap(model.blocks[1])
        model = wrap(model)
        try:
            init_module_(model, RULES, SEED)
        except ValueError as error:
            results[f"{whole} error"] = str(error)
        with FullyShardedDataParallel.summon_full_params(model):
            init_module_(model, RULES, SEED)
        with FullyShardedDataParallel.summon_full_params(model):
            results[f"{whole} digest"] = digest_module(model)
    return results


def run_training() -> dict[str, Any]:
    """Train under FSDP2 from meta: FSDP must gather the filled values, also after a second fill."""
    with torch.device("meta"):
        model = Tiny()
    shard_fsdp(model, meshes(dist.get_world_size())["1d"])
    init_module_(model, RULES, SEED)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    tokens = torch.arange(40).reshape(4, 10) % 29
    losses = []
    for _ in range(3):
        loss = nn.functional.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    with torch.no_grad():
        model(tokens)  # afterwards the root's parameters stay gathered
    return {"losses": losses, "again": digest_module(init_module_(model, RULES, SEED))}


def run_patch(mesh: DeviceMesh) -> bool:
    tensor = empty(8, 6, device_mesh=mesh, placements=[Shard(0)] * mesh.ndim)
    with patch(SEED):
        nn.init.normal_(tensor)
        same = torch.equal(tensor.full_tensor(), normal_(torch.empty(8, 6), seed=SEED))
    # The fans are those of the global shape.
    kaiming_uniform_(tensor, mode="fan_out", seed=SEED)
    whole = kaiming_uniform_(torch.empty(8, 6), mode="fan_out", seed=SEED)
    return bool(same and torch.equal(tensor.full_tensor(), whole))


def run_errors(mesh: DeviceMesh) -> dict[str, str]:
    results = {}
    local = torch.full((4, 3), 7.0)
    partial = DTensor.from_local(local, mesh, [Partial()] * mesh.ndim, run_check=False)
    drawn = empty(8, 6, device_mesh=mesh, placements=[Shard(0)] * mesh.ndim)
    for name, tensor, seed in (("partial", partial, 1), ("unseeded", drawn, None)):
        try:
            normal_(tensor, seed=seed)
        except ValueError as error:
            results[name] = str(error)
    assert (local == 7.0).all()
    return results


def measure(mesh: DeviceMesh) -> dict[str, float]:
    """Return by how many MiB the peak exceeds the shard of a matrix.

    For orthogonal matrices the excess is the reflectors, half of the matrix; they are measured at
    64 MiB, others at 256.
    """
    results = {}
    for axis in (0, 1):
        square = empty(4096, 4096, device_mesh=mesh, placements=[Shard(axis)] * mesh.ndim)
        square.to_local().zero_()
        Path("/proc/self/clear_refs").write_text("5")
        before = peak()
        fill_(square, Orthogonal(), SEED)
        results[f"orthogonal Shard({axis})"] = peak() - before
        del square
    for axis in (0, 1):
        tensor = empty(8192, 8192, device_mesh=mesh, placements=[Shard(axis)] * mesh.ndim)
        tensor.to_local().zero_()
        fill_(empty(64, device_mesh=mesh, placements=[Shard(0)] * mesh.ndim), RandomNormal(), 1)
        Path("/proc/self/clear_refs").write_text("5")
        before = peak()
        fill_(tensor, HeNormal(), SEED)
        results[f"Shard({axis})"] = peak() - before
        del tensor
    with torch.device("meta"):
        layer = nn.Linear(8192, 8192, bias=False)
    fully_shard(layer, mesh=mesh)
    layer.to_empty(device="cpu").weight.to_local().detach().zero_()
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    init_module_(layer, {"*": Rule("he_normal", permute=(1, 0))}, SEED)
    results["transposed"] = peak() - before
    return results


def peak() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    rank, size, directory = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    store = dist.FileStore(str(directory / "store"), size)
    dist.init_process_group(
        "gloo", store=store, rank=rank, world_size=size, timeout=timedelta(seconds=120)
    )
    report = (run_kernels if os.environ.get("TRITON_INTERPRET") else run_all)(size)
    (directory / f"{rank}.json").write_text(json.dumps(report))
    dist.barrier()
    dist.destroy_process_group()


def run_kernels(size: int) -> dict[str, Any]:
    """Fill modules with the kernels for GPUs, in Triton's interpreter on the CPU."""
    _launch.DEVICES.add("cpu")
    modules = run_modules(size, but=("plain", "DDP", "FSDP2"))  # the interpreter is slow
    kernels = not _launch._broken and "initializers.torch._triton" in sys.modules
    return {"modules": modules, "kernels": kernels}


def run_all(size: int) -> dict[str, Any]:
    report: dict[str, Any] = {
        "modules": run_modules(size),
        "FSDP1": run_fsdp1(),
        "training": run_training(),
    }
    for name, mesh in meshes(size).items():
        report[name] = {
            "tensors": run_tensors(mesh),
            "patch": run_patch(mesh),
            "errors": run_errors(mesh),
            "memory": measure(mesh),
        }
    return report


if __name__ == "__main__":
    main()
