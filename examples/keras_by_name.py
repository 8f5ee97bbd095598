"""A Transformer from one seed, each weight by its own name: the same bits on every backend.

    KERAS_BACKEND=torch python examples/keras_by_name.py

The output is the same with jax, tensorflow and numpy. Then one layer is inserted: only unnamed
layers after it change.
"""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from numpy.typing import NDArray

import initializers
from initializers.keras import name_variables, seed_model

SEED = 2024


def build(extra: bool = False) -> Any:
    """Return a language model of two blocks, optionally with one more layer after the embedding."""
    layers = keras.layers
    tokens = keras.Input((32,), dtype="int32")
    x = layers.Embedding(256, 64, name="embedding")(tokens)
    if extra:
        x = layers.Dense(64)(x)
    for block in ("first", "second"):
        y = layers.LayerNormalization()(x)
        y = layers.MultiHeadAttention(4, 16, name=f"{block}_attention")(y, y, use_causal_mask=True)
        x = layers.Add()([x, y])
        y = layers.Dense(256, "gelu", kernel_initializer="he_normal")(
            layers.LayerNormalization()(x)
        )
        x = layers.Add()([x, layers.Dense(64, name=f"{block}_projection")(y)])
    return keras.Model(tokens, layers.Dense(256, name="logits")(x))


def values(model: Any) -> dict[str, NDArray[Any]]:
    """Return every weight by its name."""
    return {
        name: np.asarray(keras.ops.convert_to_numpy(variable.value))
        for name, variable in name_variables(model).items()
    }


def digests(model: Any) -> dict[str, str]:
    """Return a digest of every weight."""
    return {name: initializers.digest({name: value}) for name, value in values(model).items()}


def main() -> None:
    """Build both models and compare them."""
    model, unseeded = seed_model(build, SEED, report=True)
    before, weights = digests(model), values(model)
    print(f"{'name':<42}{'shape':>14}  digest")
    for name, value in weights.items():
        if value.ndim > 1:
            print(f"{name:<42}{' × '.join(map(str, value.shape)):>14}  {before[name][:12]}")
    print(f"{model.count_params():,} weights, {len(unseeded)} variables without a seed")
    print(f"digest of the model, seed {SEED}: {initializers.digest(weights)}")

    after = digests(seed_model(lambda: build(extra=True), SEED))
    changed = [name for name in before if after[name] != before[name]]
    print(f"one layer more: {', '.join(changed)} changed, {len(before) - len(changed)} did not")


if __name__ == "__main__":
    main()
