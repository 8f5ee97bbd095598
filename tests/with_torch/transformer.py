"""A small Transformer with tied weights, and the digest of a module however it is sharded."""

from __future__ import annotations

import torch
from torch import nn

from initializers import digest
from initializers.torch import Rule
from initializers.torch._names import join, named_modules
from initializers.torch._tensor import as_array, is_distributed

SEED = 11
RULES = {
    "*norm*.weight": "ones",
    "*.bias": "zeros",
    "blocks.*.down.weight": Rule("glorot_uniform", permute=(1, 0)),
    "blocks.*.out.weight": Rule("orthogonal", convention="keras"),
    "blocks.*.up.weight": Rule("orthogonal", permute=(1, 0)),
    "*": Rule("he_normal", convention="keras"),
}


class Block(nn.Module):  # type: ignore[misc]  # Any where torch is not installed
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        x = x + self.out(nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True))
        return x + self.down(nn.functional.gelu(self.up(x)))


class Tiny(nn.Module):  # type: ignore[misc]
    """Sizes that two and four ranks do not divide evenly."""

    def __init__(self, vocabulary: int = 29, width: int = 10, layers: int = 4) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width, padding_idx=20)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def digest_module(module: nn.Module) -> str:
    """Return the digest of all parameters, gathered where they are sharded."""
    weights = {}
    for prefix, owner in named_modules(module):
        for name, parameter in owner._parameters.items():
            if parameter is not None:
                value = parameter.detach()
                value = value.full_tensor() if is_distributed(value) else value
                weights[join(prefix, owner, name)] = as_array(value.cpu().contiguous())
    return digest(weights)
