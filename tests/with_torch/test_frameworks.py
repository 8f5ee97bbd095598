"""One model written in NumPy, Keras, PyTorch and JAX: one seed, one digest."""

from __future__ import annotations

import os
from typing import Any

import jax
import numpy as np
import pytest
import torch

import initializers.jax
import initializers.torch
from initializers import HeNormal, Orthogonal, digest, fold_in
from initializers.torch import Rule
from initializers.torch._tensor import as_array

SEED = 7
LAWS = {"conv": HeNormal(), "hidden": Orthogonal(), "out": HeNormal()}
# Shapes in the layout of Keras and Flax.
SHAPES = {"conv/kernel": (3, 3, 1, 8), "hidden/kernel": (72, 32), "out/kernel": (32, 10)}
DTYPES = ("float32", "bfloat16")


def by_numpy(dtype: str) -> dict[str, Any]:
    return {
        name: LAWS[name.split("/")[0]].with_seed(fold_in(SEED, name))(shape, dtype)
        for name, shape in SHAPES.items()
    }


def by_torch(dtype: str) -> dict[str, Any]:
    layers = {"conv": torch.nn.Conv2d(1, 8, 3), "hidden": torch.nn.Linear(72, 32)}
    model = torch.nn.ModuleDict({**layers, "out": torch.nn.Linear(32, 10)})
    model.to(getattr(torch, dtype))
    orders = {4: (2, 3, 1, 0), 2: (1, 0)}

    def choose(name: str, shape: Any) -> Any:
        layer, _, kind = name.rpartition(".")
        if kind == "bias":
            return "zeros"
        return Rule(LAWS[layer], permute=orders[len(shape)], name=f"{layer}/kernel")

    initializers.torch.init_module_(model, choose, SEED)
    weights = {name: model[name.split("/")[0]].weight for name in SHAPES}
    return {
        name: as_array(weight.detach().permute(*orders[weight.dim()]).contiguous())
        for name, weight in weights.items()
    }


def by_jax(dtype: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, shape in SHAPES.items():
        tree[name.split("/")[0]] = {"kernel": jax.ShapeDtypeStruct(shape, dtype)}
    rules = {f"{layer}/*": law for layer, law in LAWS.items()}
    made = initializers.jax.init_tree(tree, rules, SEED)
    return {name: np.asarray(made[name.split("/")[0]]["kernel"]) for name in SHAPES}


def by_keras(dtype: str) -> dict[str, Any]:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    import initializers.keras

    def seeded(name: str) -> Any:
        law = LAWS[name.split("/")[0]]
        return getattr(initializers.keras, type(law).__name__)(seed=fold_in(SEED, name))

    model = keras.Sequential(
        [
            keras.Input((5, 5, 1)),
            keras.layers.Conv2D(
                8, 3, kernel_initializer=seeded("conv/kernel"), dtype=dtype, name="conv"
            ),
            keras.layers.Flatten(dtype=dtype),
            keras.layers.Dense(
                32, kernel_initializer=seeded("hidden/kernel"), dtype=dtype, name="hidden"
            ),
            keras.layers.Dense(
                10, kernel_initializer=seeded("out/kernel"), dtype=dtype, name="out"
            ),
        ]
    )
    kernels = {name: model.get_layer(name.split("/")[0]).kernel.value for name in SHAPES}
    return {name: as_array(kernel.detach().contiguous()) for name, kernel in kernels.items()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", [by_torch, by_jax, by_keras])
def test_every_framework_gives_the_same_digest(make: Any, dtype: str) -> None:
    assert digest(make(dtype)) == digest(by_numpy(dtype))
