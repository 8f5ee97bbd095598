"""Memory shared by a tensor and the array that it was made from is reused, but not too early."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import BACKEND, to_numpy

import initializers
from initializers._memory import mmap_pool
from initializers.keras import HeNormal

SHAPE = (1200, 1024)  # large enough to be kept for the next array


@pytest.fixture(autouse=True, scope="module")
def _frameworks_frozen() -> Iterator[None]:
    """Let `gc.collect` skip the frameworks' objects, which take it half a second each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    gc.collect()
    mmap_pool._kept.clear()


@cache
def wanted(seed: int) -> Any:
    return initializers.HeNormal(seed=seed)(SHAPE)


def draw_others() -> None:
    """Overwrite all memory that counts as free."""
    for seed in range(5, 8):
        gc.collect()
        assert np.array_equal(to_numpy(HeNormal(seed=seed)(SHAPE)), wanted(seed))


def test_memory_of_a_dead_tensor_is_kept() -> None:
    tensor = HeNormal(seed=1)(SHAPE)
    if BACKEND != "numpy":  # this backend copies the array
        assert not any(mmap_pool._kept.values())
    del tensor
    for _ in range(2):  # JAX releases memory late
        keras.ops.convert_to_numpy(keras.ops.zeros(()))
        gc.collect()
    assert any(mmap_pool._kept.values()) == mmap_pool.CAN_KEEP


@pytest.mark.parametrize(
    "refer",
    [
        lambda tensor: tensor,
        lambda tensor: keras.ops.reshape(tensor, SHAPE),
        lambda tensor: keras.ops.transpose(keras.ops.transpose(tensor)),
        lambda tensor: keras.ops.convert_to_numpy(tensor),
        lambda tensor: np.asarray(tensor)[:],
        lambda tensor: np.from_dlpack(tensor),
        lambda tensor: keras.Variable(tensor),
        lambda tensor: keras.Variable(lambda shape, dtype=None: tensor, shape=SHAPE),
    ],
)
def test_views_of_a_tensor_keep_its_memory(refer: Any) -> None:
    try:
        made = refer(HeNormal(seed=1)(SHAPE))
    except AttributeError:
        pytest.skip("has no such view")
    draw_others()
    assert np.array_equal(to_numpy(made), wanted(1))


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX")
def test_donated_memory_is_not_reused_too_early() -> None:
    import jax

    step = jax.jit(lambda x: x * 2, donate_argnums=0)
    once = step(HeNormal(seed=1)(SHAPE))
    draw_others()
    twice = step(once)
    draw_others()
    assert np.array_equal(to_numpy(twice), wanted(1) * 4)


@pytest.mark.skipif(BACKEND == "numpy", reason="does not train")
def test_a_training_model_keeps_its_weights() -> None:
    layer = keras.layers.Dense(SHAPE[1], use_bias=False, kernel_initializer=HeNormal(seed=1))
    model = keras.Sequential([keras.Input((SHAPE[0],)), layer])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    for _ in range(2):
        model.fit(np.ones((2, SHAPE[0])), np.ones((2, SHAPE[1])), verbose=0)
        draw_others()
    assert np.array_equal(to_numpy(layer.kernel), wanted(1))
