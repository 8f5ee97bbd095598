"""PyTorch: a Transformer under FSDP2 on several processes, with the weights of one process.

Each process makes only its own shards, from a model without memory. The weights equal those of a
single process, for any number of processes:

    torchrun --standalone --nproc-per-node 2 examples/torch_sharded.py

Started without torchrun, as one process, it prints the same digest.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import initializers
from initializers.torch import init_module_

SEED = 2024
RULES = {
    "*norm*.weight": "ones",
    "*bias": "zeros",
    "*": initializers.TruncatedNormal(stddev=0.02),
}


def main() -> None:
    """Shard a model and initialize it; print the digest of the whole."""
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
    else:
        with tempfile.TemporaryDirectory() as folder:
            store = dist.FileStore(f"{folder}/store", 1)  # pyright: ignore[reportPrivateImportUsage]
            dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    with torch.device("meta"):
        layer = nn.TransformerEncoderLayer(64, nhead=4, dim_feedforward=256, batch_first=True)
        model = nn.TransformerEncoder(layer, num_layers=2)
    for layer in model.layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)

    init_module_(model, RULES, SEED)

    shards: list[Any] = list(model.parameters())  # DTensors
    here = sum(shard.to_local().numel() for shard in shards)
    weights = {name: value.full_tensor().numpy() for name, value in model.state_dict().items()}
    total = sum(value.size for value in weights.values())
    if dist.get_rank() == 0:
        print(f"{dist.get_world_size()} processes; the first holds {here:,} of {total:,} weights")
        print(f"digest of the model, seed {SEED}: {initializers.digest(weights)[:16]}")
    # DTensor keeps the group and gloo's threads to the end: every process must release its tensors
    # first.
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
