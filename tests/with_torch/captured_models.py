"""Captures real models and initializes each from its recipe in several processes, under FSDP2.

`python captured_models.py PROCESSES DIRECTORY NAMES…` writes each model's recipe and specs into the
directory, and `digests.json`: the digests of each process by model. `captured_models.py --write`
writes the recipes, specs and digests of all models into `tests/captured/`, where tests with JAX
read them.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard

from initializers import Recipe, digest
from initializers.recipe import Spec
from initializers.torch import capture, init_module_
from initializers.torch._tensor import as_array, is_distributed

DATA = Path(__file__).parent.parent / "captured"
SEED = 2024


_TRANSFORMER = {
    "hidden_size": 24,
    "intermediate_size": 42,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}
# Name → the class in transformers, and the numbers of its configuration.
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaForCausalLM", {**_TRANSFORMER, "vocab_size": 97, "num_key_value_heads": 2}),
    "bert": ("BertForMaskedLM", {**_TRANSFORMER, "vocab_size": 97, "max_position_embeddings": 19}),
    "vit": (
        "ViTForImageClassification",
        {**_TRANSFORMER, "image_size": 12, "patch_size": 4, "num_labels": 7},
    ),
    "convnext": (
        "ConvNextForImageClassification",
        {"hidden_sizes": [6, 10, 14, 18], "depths": [1, 1, 2, 1], "num_labels": 7},
    ),
    "mamba2": (
        "Mamba2ForCausalLM",
        {
            **{"vocab_size": 97, "hidden_size": 12, "num_hidden_layers": 3, "num_heads": 6},
            **{"head_dim": 4, "state_size": 8, "n_groups": 1},
        },
    ),
    "whisper": (
        "WhisperForConditionalGeneration",
        {
            **{"vocab_size": 97, "d_model": 24, "encoder_layers": 2, "decoder_layers": 2},
            **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 4),
            **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 42),
            **{"num_mel_bins": 9, "max_source_positions": 15, "max_target_positions": 11},
            **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), 1),
            "decoder_start_token_id": 1,
        },
    ),
}


def build(name: str) -> nn.Module:
    """Construct a model; transformers is imported by the processes that need it alone."""
    import transformers

    kind, numbers = MODELS[name]
    model = getattr(transformers, kind)
    return model(model.config_class(**numbers))


def capture_model(name: str) -> tuple[Recipe, Mapping[str, Spec]]:
    """Return a model's recipe, which has a rule for every parameter, and its specs."""
    recipe, report = capture(lambda: build(name), SEED)
    assert report.is_complete, str(report)
    return recipe, report.specs


def make_digest(weights: dict[str, Any]) -> str:
    """Return the digest of weights by their names, in whichever order a framework lists them."""
    return digest(weights, sort=True)


def write_model(directory: Path, name: str) -> str:
    """Write a model's recipe and specs, and return its digest."""
    recipe, specs = capture_model(name)
    recipe.save(directory / f"{name}.toml")
    tensors = {
        each: {"shape": [*spec.shape], "dtype": spec.dtype}
        | ({"padding": [*spec.padding]} if spec.padding else {})
        for each, spec in specs.items()
    }
    lines = ",\n".join(f"{json.dumps(each)}: {json.dumps(at)}" for each, at in tensors.items())
    text = f'{{"convention": "torch", "tensors": {{\n{lines}\n}}}}\n'
    (directory / f"{name}.json").write_text(text, encoding="utf-8")
    return make_digest(recipe.init(specs))


def run_rank(rank: int, size: int, directory: Path, names: list[str]) -> None:
    """Initialize models that were constructed on meta and sharded; write their digests."""
    store = dist.FileStore(str(directory / "store"), size)
    dist.init_process_group(
        "gloo", store=store, rank=rank, world_size=size, timeout=timedelta(seconds=120)
    )
    digests = {}
    for name in names:
        with torch.device("meta"):
            model = build(name)
        shard(model)
        # The kept recipe: arrays that torch computes, such as sines, may differ between processors.
        # `buffers` for those that no checkpoint holds, such as frequencies of rotary positions.
        init_module_(model, Recipe.load(DATA / f"{name}.toml"), buffers=partial(build, name))
        digests[name] = make_digest(gather(model))
    (directory / f"{rank}.json").write_text(json.dumps(digests), encoding="utf-8")
    dist.barrier()
    dist.destroy_process_group()


def shard(model: nn.Module) -> None:
    """Shard each layer on its own, and the rest."""
    for module in reversed([*model.modules()]):  # inner ones first
        if isinstance(module, nn.ModuleList):
            for layer in module:
                if any(each.numel() for each in layer.parameters()):
                    fully_shard(layer)
    fully_shard(model)


def gather(model: nn.Module) -> dict[str, np.ndarray[Any, Any]]:
    """Return the whole parameters by name."""
    gathered = {}
    for name, parameter in model.named_parameters():
        value = parameter.detach()
        assert is_distributed(value), name
        gathered[name] = as_array(value.full_tensor().contiguous())
    return gathered


def main() -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)
    if sys.argv[1:] == ["--write"]:
        DATA.mkdir(exist_ok=True)
        digests = {name: write_model(DATA, name) for name in MODELS}
        (DATA / "digests.json").write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")
        return
    size, directory, names = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    for name in names:
        write_model(directory, name)
    # Forked processes need not import transformers again.
    context = multiprocessing.get_context("fork")
    ranks = [
        context.Process(target=run_rank, args=(rank, size, directory, names))
        for rank in range(size)
    ]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(240)
    if any(process.exitcode for process in ranks):
        sys.exit(f"exit codes: {[process.exitcode for process in ranks]}")
    found = [json.loads((directory / f"{rank}.json").read_text()) for rank in range(size)]
    (directory / "digests.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
