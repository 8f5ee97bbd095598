"""Models of public libraries that a published recipe of this package initializes.

Each follows the source that the recipe cites; where a library's default differs, as the recipe's
comment says, the settings here are the source's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from _zoo import TRANSFORMERS, Model, _build_timm, _build_transformer
from initializers import Recipe


class Published(NamedTuple):
    """A model and the recipe that has its laws."""

    model: Model
    recipe: Recipe


# Recipe, its numbers, and the type of transformers' configuration with settings.
_TRANSFORMERS: list[tuple[str, dict[str, int], str, dict[str, Any]]] = [
    ("clip", {"layers": 2, "text_layers": 2, "width": 32}, "clip", {}),
    ("convnext", {}, "convnext", TRANSFORMERS["convnext"]),
    (
        "deepseek-v3",
        {},
        "deepseek_v3",
        {"initializer_range": 0.006, "first_k_dense_replace": 1, "n_group": 2, "topk_group": 1},
    ),
    ("dinov2", {}, "dinov2", {}),
    ("gemma3", {}, "gemma3_text", {}),
    ("gpt2", {"layers": 2}, "gpt2", {}),
    ("llama", {}, "llama", {}),
    ("mamba2", {}, "mamba2", TRANSFORMERS["mamba2"]),
    ("mixtral", {}, "mixtral", {}),
    ("olmo2", {}, "olmo2", {}),
    ("qwen3", {}, "qwen3", {}),
    ("qwen3", {}, "qwen3_moe", {}),
    ("t5", {"width": 32, "head_width": 8}, "t5", {}),
    ("whisper", {}, "whisper", {}),
]

# Recipe → models of timm.
_TIMM = {
    "convnext": "test_convnext",
    "efficientnet": "test_efficientnet",
    "swin": "swin_tiny_patch4_window7_224",
}


def list_published() -> Iterator[Published]:
    """Yield every model with its recipe."""
    make: Any = Recipe.for_model
    for name, numbers, kind, settings in _TRANSFORMERS:
        build = partial(_build_transformer, kind, settings)
        yield Published(Model("transformers", kind, build), make(name, seed=1, **numbers))
    for name, kind in _TIMM.items():
        yield Published(Model("timm", kind, partial(_build_timm, kind)), make(name, seed=1))
