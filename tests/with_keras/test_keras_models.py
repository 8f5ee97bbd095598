"""Whole models: one digest each on every backend, after `install` and after `seed_model`."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import BACKEND, MODELS, digest, lstm, to_numpy, transformer

from initializers.keras import GlorotUniform, install, seed_model

INSTALLED = {
    "transformer": "a3fe9b647545",
    "lstm": "4bacc8cbb84e",
    "recurrent": "423fad09b161",
    "resnet": "66a3cacdbae9",
    "convnext": "05c282bb96c3",
    "mobilenet": "eccefb127e30",
}
SEEDED = {
    "transformer": "90d2e1fa9474",
    "lstm": "a5b56d8951ec",
    "recurrent": "169031dc0d15",
    "resnet": "3efa699620ed",
    "convnext": "dd2d4cc73b04",
    "mobilenet": "bbc0ce32e776",
}


def build_installed(name: str) -> Any:
    keras.utils.set_random_seed(7)
    with install():
        return MODELS[name]()


@pytest.mark.parametrize("name", MODELS)
def test_installed_models_have_their_digest(name: str) -> None:
    assert digest(build_installed(name)) == INSTALLED[name]


@pytest.mark.parametrize("name", MODELS)
def test_models_seeded_by_name_have_their_digest(name: str) -> None:
    model, rest = seed_model(MODELS[name], 7, report=True)
    assert digest(model) == SEEDED[name]
    assert rest == []


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", [name for name in MODELS if name != "recurrent"])
def test_mixed_precision(name: str, policy: str) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        model = build_installed(name)
    finally:
        keras.config.set_dtype_policy("float32")
    assert digest(model) == INSTALLED[name]


def compile_jax(function: Any, jit: bool) -> Any:
    import jax

    return jax.jit(function)


def compile_tensorflow(function: Any, jit: bool) -> Any:
    import tensorflow as tf

    return tf.function(function, jit_compile=jit)


def compile_torch(function: Any, jit: bool) -> Any:
    import torch

    return torch.compile(function, backend="inductor" if jit else "eager")


COMPILERS = {"jax": compile_jax, "tensorflow": compile_tensorflow, "torch": compile_torch}


needs_compiler = pytest.mark.skipif(BACKEND not in COMPILERS, reason="does not compile")


@needs_compiler
@pytest.mark.filterwarnings("ignore")  # warnings of the compilers
@pytest.mark.parametrize("jit", [False, True])
def test_variables_made_in_a_compiled_function(jit: bool) -> None:
    if BACKEND == "torch" and jit:
        pytest.skip("takes half a minute: see test_keras_compiled.py for a smaller one")
    keras.utils.set_random_seed(7)
    with install():
        first, second = keras.layers.LSTM(16), keras.layers.Dense(3)
    COMPILERS[BACKEND](lambda x: second(first(x)), jit)(keras.ops.ones((2, 12, 8)))
    model = keras.Sequential([keras.Input((12, 8)), first, second])
    assert digest(model) == INSTALLED["lstm"]


@needs_compiler
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["transformer", "lstm"])
def test_compiled_call_of_a_model(name: str) -> None:
    model = build_installed(name)
    x = keras.ops.ones((2, *model.input_shape[1:]), model.inputs[0].dtype)
    wanted = to_numpy(keras.ops.stop_gradient(model(x)))
    found = to_numpy(keras.ops.stop_gradient(COMPILERS[BACKEND](lambda x: model(x), False)(x)))
    assert np.allclose(found, wanted, atol=1e-5)
    assert digest(model) == INSTALLED[name]


class Block(keras.layers.Layer):
    """A block of a Transformer.

    It needs a seed: attention creates new initializers where it is built, and Dynamo runs that code
    a second time, which would draw new seeds, for Keras's initializers as for ours.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attention = keras.layers.MultiHeadAttention(
            4, 8, kernel_initializer=GlorotUniform(seed=1), name="attention"
        )
        self.norm, self.dense = keras.layers.LayerNormalization(), keras.layers.Dense(32, "gelu")

    def call(self, x: Any) -> Any:
        return self.norm(x + self.attention(x, x)) + self.dense(x)


@needs_compiler
@pytest.mark.filterwarnings("ignore")
def test_block_built_in_a_compiled_function() -> None:
    digests = []
    for compiler in (COMPILERS[BACKEND], lambda function, jit: function):
        keras.utils.set_random_seed(7)
        with install():
            block = Block()
        compiler(lambda x, block=block: block(x), False)(keras.ops.ones((2, 6, 32)))
        digests.append(digest(block))
    assert digests[0] == digests[1]


@pytest.mark.skipif(BACKEND != "torch", reason="of PyTorch")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("names", [install, nullcontext])
def test_torch_compile_cannot_make_layers(names: Any) -> None:
    """The compiler looks for attributes of a module; with Keras's initializers it fails too."""
    with names(), pytest.raises(Exception, match="has no attribute '_buffers'"):
        compile_torch(lambda x: keras.layers.Dense(2)(x), False)(keras.ops.ones((2, 3)))


@needs_compiler
@pytest.mark.skipif(BACKEND == "torch", reason="its compiler cannot make layers")
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("name", ["transformer", "lstm"])
def test_model_made_in_a_compiled_function(name: str, jit: bool) -> None:
    built: list[Any] = []

    def build(x: Any) -> Any:
        if not built:
            built.append(build_installed(name))
        return x + 1

    COMPILERS[BACKEND](build, jit)(keras.ops.ones((2,)))
    assert digest(built[0]) == INSTALLED[name]


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
@pytest.mark.parametrize("name", MODELS)
def test_mirrored_strategy(name: str) -> None:
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        assert digest(build_installed(name)) == INSTALLED[name]
        assert digest(seed_model(MODELS[name], 7)) == SEEDED[name]


def test_other_layers_before_change_nothing() -> None:
    for build in (lstm, transformer):
        build()
    assert digest(seed_model(transformer, 7)) == SEEDED["transformer"]
