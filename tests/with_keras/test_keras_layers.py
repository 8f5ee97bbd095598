"""Initializers inside layers: every way in which Keras uses one."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras_models import BACKEND, to_numpy

import initializers
from initializers.keras import (
    GlorotUniform,
    HeNormal,
    LecunNormal,
    Ones,
    RandomNormal,
    RandomUniform,
    SeedGenerator,
    VarianceScaling,
)
from initializers.keras._adapter import Adapter


def test_einsum_dense_passes_its_axes() -> None:
    kernel = VarianceScaling(2.0, "fan_in", "untruncated_normal", seed=1)
    layer = keras.layers.EinsumDense("abc,cde->abde", (None, 4, 5), kernel_initializer=kernel)
    layer.build((None, 3, 8))
    wanted = initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal", 1, [0], [1, 2])
    assert np.array_equal(to_numpy(layer.kernel), wanted((8, 4, 5)))
    assert layer.kernel_initializer is kernel


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention"])
def test_attention_has_the_fans_of_its_axes(kind: str) -> None:
    sizes = {"MultiHeadAttention": (2, 8), "GroupQueryAttention": (8, 2, 2)}[kind]
    layer = getattr(keras.layers, kind)(
        *sizes, kernel_initializer=GlorotUniform(seed=1), bias_initializer=RandomNormal(seed=2)
    )
    x = np.ones((1, 3, 16), "float32")
    layer(x, x)
    query, key = layer.variables[0], layer.variables[2]
    wanted = initializers.GlorotUniform(1, [0], [1, 2])(tuple(query.shape))
    assert np.array_equal(to_numpy(query), wanted)
    # As in Keras, a fixed seed makes all projections of one shape equal.
    assert np.array_equal(to_numpy(key), wanted)


def test_projections_of_unseeded_attention_differ() -> None:
    layer = keras.layers.MultiHeadAttention(2, 8, kernel_initializer=GlorotUniform())
    x = np.ones((1, 3, 16), "float32")
    layer(x, x)
    assert not np.array_equal(to_numpy(layer.variables[0]), to_numpy(layer.variables[2]))


def test_batch_normalization_with_renorm_trains() -> None:
    layer = keras.layers.BatchNormalization(
        renorm=True,
        moving_variance_initializer=Ones(),
        moving_mean_initializer=RandomNormal(seed=1),
    )
    layer.build((None, 4))
    assert (to_numpy(layer.moving_stddev) == 1).all()
    assert np.array_equal(to_numpy(layer.moving_mean), initializers.RandomNormal(seed=1)((4,)))


def test_bidirectional_and_time_distributed_keep_the_class() -> None:
    kernel, bias = HeNormal(seed=1), RandomUniform(seed=2)
    both = keras.layers.Bidirectional(
        keras.layers.LSTM(3, kernel_initializer=kernel, bias_initializer=bias)
    )
    both(np.ones((2, 4, 5), "float32"))
    for layer in (both.forward_layer, both.backward_layer):
        assert type(layer.cell.kernel_initializer) is HeNormal
        assert np.array_equal(to_numpy(layer.cell.kernel), initializers.HeNormal(seed=1)((5, 12)))
        part = initializers.RandomUniform(seed=2)
        wanted = np.concatenate([part((3,)), np.ones(3, "float32"), part((6,))])
        assert np.array_equal(to_numpy(layer.cell.bias), wanted)
    layer = keras.layers.TimeDistributed(keras.layers.Dense(3, kernel_initializer=kernel))
    again = type(layer).from_config(layer.get_config())
    assert type(again.layer.kernel_initializer) is HeNormal


@pytest.mark.filterwarnings("ignore:the NumPy class")
def test_numpy_classes_are_refused_in_layers() -> None:
    lstm = keras.layers.LSTM(3, kernel_initializer=initializers.HeNormal(seed=1))
    both = keras.layers.Bidirectional(lstm)
    assert type(both.forward_layer.cell.kernel_initializer) is keras.initializers.HeNormal


def test_clone_model_keeps_the_initializers() -> None:
    dense = keras.layers.Dense(3, kernel_initializer=HeNormal(seed=1), bias_initializer=Ones())
    model = keras.Sequential([keras.Input((4,)), dense])
    clone = keras.models.clone_model(model)
    assert type(clone.layers[0].kernel_initializer) is HeNormal
    for ours, theirs in zip(model.weights, clone.weights, strict=True):
        assert np.array_equal(to_numpy(ours), to_numpy(theirs))


def test_optimizers_create_slots_by_initializers() -> None:
    class Optimizer(keras.optimizers.SGD):
        def build(self, variables: Any) -> None:
            super().build(variables)
            (self.slots,) = self.add_optimizer_variables(
                variables, name=["slot"], initializer=RandomNormal(seed=3)
            )

    optimizer = Optimizer()
    optimizer.build([keras.Variable(np.ones((2, 3), "float32"))])
    assert np.array_equal(to_numpy(optimizer.slots[0]), initializers.RandomNormal(seed=3)((2, 3)))


@pytest.mark.filterwarnings(
    "ignore:Explicitly requested dtype float64"
)  # a warning about Keras's zeros
@pytest.mark.parametrize(
    "policy", ["float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"]
)
def test_float_policies_round_the_values(policy: str) -> None:
    layer = keras.layers.Dense(8, kernel_initializer=LecunNormal(seed=1), dtype=policy)
    layer.build((None, 16))
    dtype = keras.DTypePolicy(policy).variable_dtype
    wanted = initializers.LecunNormal(seed=1)((16, 8), dtype).astype(np.float64)
    values = to_numpy(keras.ops.cast(layer.kernel.value, "float32"))
    assert layer.kernel.dtype == dtype
    assert np.array_equal(values, wanted.astype(np.float32))


class Block(keras.layers.Layer):
    """Has no `build`: Keras runs `call` on symbols and creates the variables afterwards."""

    def __init__(self, initializer: Any, bias: Any = "zeros") -> None:
        super().__init__()
        self.first = keras.layers.Dense(8, kernel_initializer=initializer, bias_initializer=bias)
        self.second = keras.layers.Dense(8, kernel_initializer=initializer)

    def call(self, x: Any) -> Any:
        y = self.first(x) + keras.ops.sum(self.first.kernel * self.first.kernel)
        return self.second(y) + self.first.kernel[0]


@pytest.mark.parametrize("kind", ["int", "ours", "theirs"])
def test_deferred_variables_are_drawn_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    make = Adapter._make_tensor

    def count(self: Any, *arguments: Any) -> Any:
        made.append(arguments)
        return make(self, *arguments)

    seeds = {"int": 1, "ours": SeedGenerator(1), "theirs": keras.random.SeedGenerator(1)}
    monkeypatch.setattr(Adapter, "_make_tensor", count)
    block = Block(HeNormal(seed=seeds[kind]), bias=RandomNormal(seed=5))
    block(keras.Input((8,)))
    assert len(made) == 3
    reference = initializers.HeNormal(seed=1 if kind == "int" else SeedGenerator(1))
    for layer in (block.first, block.second):
        assert np.array_equal(to_numpy(layer.kernel), reference((8, 8)))


def test_layers_on_the_meta_device_get_no_values() -> None:
    if BACKEND != "torch":
        pytest.skip("of PyTorch")
    generator = SeedGenerator(1)
    with keras.device("meta"):
        tensor = HeNormal(seed=generator)((3, 4), "bfloat16")
    assert tensor.is_meta
    assert tuple(tensor.shape) == (3, 4)
    assert generator.counter == 0
