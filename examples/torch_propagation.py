"""PyTorch: signals in a deep Transformer, with and without scaled residual branches.

A decoder of 24 blocks; each adds two branches to the residual stream. With one standard deviation
for all layers each branch adds as much, so the stream grows with depth. GPT-2 divides the last
layer of each branch by √(2 · blocks). Prints the scale of the stream and draws the picture of the
documentation:

    python examples/torch_propagation.py [--plot docs/assets/propagation-gpt.svg]
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from torch import nn

from initializers import RandomNormal, propagate

BLOCKS, WIDTH, STD = 24, 128, 0.08  # GPT-2's 0.02 is for a width of 768 and more


class Block(nn.Module):  # type: ignore[misc]
    """Attention and a feed-forward branch, each after a normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the stream after this block, of the shape (batch, length, width)."""
        q, k, v = (
            part.unflatten(-1, (4, -1)).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).chunk(3, -1)
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(mixed.transpose(1, 2).flatten(-2))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


def build() -> nn.Module:
    """Return the decoder, from tokens to logits."""
    blocks = (Block() for _ in range(BLOCKS))
    return nn.Sequential(
        nn.Embedding(1000, WIDTH), *blocks, nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 1000)
    )


def main() -> None:
    """Measure both variants, print the verdicts, draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", help="the file of a picture")
    path = parser.parse_args().plot
    tokens = torch.randint(1000, (8, 32), generator=torch.Generator().manual_seed(0))
    # 25 is the normalization before the logits.
    rules: dict[str, Any] = {"*.bias": "zeros", "*norm*": "ones", "25.weight": "ones"}
    last = RandomNormal(stddev=STD / (2 * BLOCKS) ** 0.5)
    recipes = {
        "the same everywhere": {**rules, "*": RandomNormal(stddev=STD)},
        "last layers / √(2 · blocks)": {
            **rules,
            "*.proj.weight": last,
            "*.down.weight": last,
            "*": RandomNormal(stddev=STD),
        },
    }
    figure: Any = None
    for label, recipe in recipes.items():
        stream = propagate(build(), tokens, rules=recipe).select("Block")
        print(f"{label}: {stream[0].rms:.2f} after one block, {stream[-1].rms:.2f} after {BLOCKS}")
        if path:
            figure = stream.plot(axes=None if figure is None else figure.axes, label=label)
    if path:
        figure.suptitle("The residual stream of 24 blocks: measured (dots) and by theory (lines)")
        figure.savefig(path)


if __name__ == "__main__":
    main()
