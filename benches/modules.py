"""Time of `init_module_` against `torch.nn.init` on the same modules, in turn, in one run.

Two models with the initializers of their published code: GPT-2 small (normal), and a Llama of 1.24
billion parameters (the sizes of Llama 3.2; truncated normals, as TorchTitan trains it). All memory
is touched before the clock starts.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import initializers
from initializers import Ones, RandomNormal, TruncatedNormal, Zeros
from initializers.torch import init_module_

ROUNDS = 5


def gpt2() -> nn.Module:
    """Return GPT-2 small, 124 million parameters."""
    width = 768

    def block() -> nn.ModuleDict:
        return nn.ModuleDict(
            {
                "norm_1": nn.LayerNorm(width),
                "qkv": nn.Linear(width, 3 * width),
                "project_1": nn.Linear(width, width),
                "norm_2": nn.LayerNorm(width),
                "up": nn.Linear(width, 4 * width),
                "project_2": nn.Linear(4 * width, width),
            }
        )

    return nn.ModuleDict(
        {
            "tokens": nn.Embedding(50257, width),
            "positions": nn.Embedding(1024, width),
            "blocks": nn.ModuleList(block() for _ in range(12)),
            "norm": nn.LayerNorm(width),
        }
    )


def llama() -> nn.Module:
    """Return a Llama with the sizes of Llama 3.2's smallest, 1.24 billion parameters."""
    width, inner, heads = 2048, 8192, 512

    def block() -> nn.ModuleDict:
        layers: dict[str, nn.Module] = {
            name: nn.Linear(inputs, outputs, bias=False)
            for name, inputs, outputs in (
                ("query", width, width),
                ("key", width, heads),
                ("value", width, heads),
                ("project_1", width, width),
                ("gate", width, inner),
                ("up", width, inner),
                ("project_2", inner, width),
            )
        }
        return nn.ModuleDict({**layers, "norm_1": nn.RMSNorm(width), "norm_2": nn.RMSNorm(width)})

    return nn.ModuleDict(
        {
            "tokens": nn.Embedding(128256, width),
            "blocks": nn.ModuleList(block() for _ in range(16)),
            "norm": nn.RMSNorm(width),
        }
    )


def choose_gpt2(name: str) -> tuple[str, float]:
    """Return the law of a parameter of GPT-2 and its standard deviation."""
    if name.endswith("bias"):
        return "zeros", 0.0
    if "norm" in name:
        return "ones", 0.0
    return "normal", 0.02 / math.sqrt(24) if "project" in name else 0.02


def choose_llama(name: str) -> tuple[str, float]:
    """Return the law of a parameter of Llama and its standard deviation."""
    if "norm" in name:
        return "ones", 0.0
    if name.startswith("tokens"):
        return "normal", 1.0
    return "trunc_normal", 0.02 / math.sqrt(32) if "project" in name else 0.02


def fill_here(model: nn.Module, choose: Callable[[str], tuple[str, float]], only: str) -> None:
    """Fill the parameters of one law, or all."""

    def rule(name: str, shape: Any) -> Any:
        law, std = choose(name)
        if only not in ("all", law):
            return None
        if law == "trunc_normal":  # torch's bounds are absolute
            return TruncatedNormal(0.0, std, 0, (-2.0 / std, 2.0 / std))
        return {"zeros": Zeros(), "ones": Ones()}.get(law) or RandomNormal(0.0, std, 0)

    init_module_(model, rule, 1)


def fill_there(model: nn.Module, choose: Callable[[str], tuple[str, float]], only: str) -> None:
    """Do the same by `torch.nn.init`."""
    for name, parameter in model.named_parameters():
        law, std = choose(name)
        if only not in ("all", law):
            continue
        if law in ("zeros", "ones"):
            getattr(nn.init, f"{law}_")(parameter)
        elif law == "normal":
            nn.init.normal_(parameter, 0.0, std)
        else:
            nn.init.trunc_normal_(parameter, 0.0, std)


def seconds(call: Callable[[], None], rounds: int) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def compare(title: str, model: nn.Module, choose: Any, parts: list[str], rounds: int) -> None:
    """Print a row for each part of a model."""
    fill_here(model, choose, "all")
    for part in parts:
        count = sum(
            parameter.numel()
            for name, parameter in model.named_parameters()
            if part in ("all", choose(name)[0])
        )
        here = seconds(lambda part=part: fill_here(model, choose, part), ROUNDS)  # type: ignore[misc]
        there = seconds(lambda part=part: fill_there(model, choose, part), rounds)  # type: ignore[misc]
        print(
            f"{title:<12}{part:<14}{count / 1e6:>10.1f}{there:>12.3f}{here:>10.3f}"
            f"{there / here:>9.1f}×"
        )


def main() -> None:
    """Print all results; with the argument `small`, without Llama."""
    threads = initializers.get_num_threads(), torch.get_num_threads()
    print(f"torch {torch.__version__}; threads: {threads[0]} here, {threads[1]} in torch; float32")
    print(f"{'model':<12}{'part':<14}{'millions':>10}{'torch, s':>12}{'here, s':>10}{'ratio':>10}")
    with torch.device("meta"):
        models = gpt2(), llama()
    compare("GPT-2", models[0], choose_gpt2, ["all", "normal"], ROUNDS)
    if "small" not in sys.argv:
        compare("Llama 1.2B", models[1], choose_llama, ["normal", "trunc_normal", "all"], 1)


if __name__ == "__main__":
    main()
