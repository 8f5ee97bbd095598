"""Building a model inside a compiled function gives the same values as building it outside."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import BACKEND, to_numpy

import initializers
from initializers.keras import HeNormal, Ones, SeedGenerator, install

X = np.ones((2, 16), "float32")


def make_layer(seed: Any) -> Any:
    seeds = {"ours": SeedGenerator, "theirs": keras.random.SeedGenerator}
    initializer = HeNormal(seed=seeds[seed](1) if seed in seeds else seed)
    return keras.layers.Dense(8, kernel_initializer=initializer, bias_initializer=Ones())


def run_jax(function: Callable[..., Any], jit: bool) -> None:
    import jax

    jax.jit(function)(X)


def run_tensorflow(function: Callable[..., Any], jit: bool) -> None:
    import tensorflow as tf

    tf.function(function, jit_compile=jit)(tf.constant(X))


def run_torch(function: Callable[..., Any], jit: bool) -> None:
    import torch

    torch.compile(function, backend="inductor" if jit else "eager")(torch.from_numpy(X))


RUNNERS = {"jax": run_jax, "tensorflow": run_tensorflow, "torch": run_torch}


@pytest.mark.filterwarnings("ignore")  # warnings of the compilers
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("seed", [1, "ours", "theirs"])
@pytest.mark.parametrize("jit", [False, True])
def test_building_in_a_compiled_function(jit: bool, seed: Any, policy: str) -> None:
    if BACKEND not in RUNNERS:
        pytest.skip("does not compile")
    if BACKEND == "torch" and (jit or policy != "float32") and (seed, policy) != (1, "float32"):
        pytest.skip("the same with a compiler that takes long")
    layer = make_layer(seed)
    layer.dtype_policy = policy
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        RUNNERS[BACKEND](layer, jit)
    assert np.array_equal(to_numpy(layer.kernel), initializers.HeNormal(seed=1)((16, 8)))
    assert (to_numpy(layer.bias) == 1).all()


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX")
@pytest.mark.parametrize("seed", [1, "ours", "theirs"])
def test_programs_of_layers_built_in_jit_have_no_callback(seed: Any) -> None:
    """Keras makes variables while a function is traced, outside of the program."""
    import jax

    layer = make_layer(seed)
    program = jax.jit(layer).lower(X).as_text()
    assert layer.built
    assert "callback" not in program
    assert "callback" not in jax.jit(lambda x: HeNormal(seed=1)((16, 16)) + x[0]).lower(X).as_text()


@pytest.mark.filterwarnings("ignore")
def test_a_whole_model_is_built_in_a_compiled_step() -> None:
    if BACKEND not in RUNNERS:
        pytest.skip("does not train")
    model = keras.Sequential([make_layer("theirs"), make_layer(1)])
    model.compile("sgd", "mse", jit_compile=True)
    model.fit(X * 0, np.ones((2, 8), "float32"), verbose=0)
    # All inputs are 0, so no gradient reaches the kernels.
    kernel = to_numpy(model.layers[0].kernel)
    assert np.array_equal(kernel, initializers.HeNormal(seed=1)((16, 8)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", [1, "ours", "theirs"])
def test_mirrored_strategy(seed: Any) -> None:
    if BACKEND != "tensorflow":
        pytest.skip("of TensorFlow")
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        layer = make_layer(seed)
        layer.build((None, 16))
    wanted = initializers.HeNormal(seed=1)((16, 8))
    assert len(layer.kernel.value.values) == 2
    for part in layer.kernel.value.values:
        assert np.array_equal(part.numpy(), wanted)


def call_twice_with_keras_generator(x: Any) -> Any:
    """Create a generator inside, and two layers with it."""
    seed = keras.random.SeedGenerator(1)
    layers = [keras.layers.Dense(16, kernel_initializer=HeNormal(seed=seed)) for _ in range(2)]
    made.append([layer.kernel for layer in layers if layer(x) is not None])
    return x


made: list[Any] = []


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX")
def test_generator_of_keras_made_in_a_compiled_function() -> None:
    with install():
        run_jax(call_twice_with_keras_generator, jit=True)
    wanted = initializers.HeNormal(seed=SeedGenerator(1))
    for kernel in made[-1]:
        assert np.array_equal(to_numpy(kernel), wanted((16, 16)))


@pytest.mark.parametrize("jit", [False, True])
def test_generator_without_a_state(jit: bool) -> None:
    generator: Any = keras.random.SeedGenerator(1)

    def traced(x: Any) -> Any:  # as if dropout had drawn from it
        generator.state.assign(keras.ops.cast(x[0, :2], generator.state.dtype))
        return HeNormal(seed=generator)((2, 2))

    def lifted(x: Any) -> Any:
        return HeNormal(seed=keras.random.SeedGenerator(1))((2, 2))

    functions = {"jax": traced, "tensorflow": lifted}
    if BACKEND not in functions:
        pytest.skip("has states without values nowhere")
    with pytest.raises(ValueError, match="`seed` must be a generator whose state is known"):
        RUNNERS[BACKEND](functions[BACKEND], jit)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
def test_called_in_a_function_that_autograph_reads() -> None:
    import tensorflow as tf

    values = tf.function(lambda: HeNormal(seed=1)((16, 8)))()
    assert np.array_equal(values.numpy(), initializers.HeNormal(seed=1)((16, 8)))
