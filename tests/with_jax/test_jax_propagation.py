"""`propagate` through the modules of Flax and Equinox."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx

from initializers import RandomNormal, Recipe, propagate
from initializers.jax import he_normal


@pytest.fixture(autouse=True)
def cheap_keys() -> Any:
    """Let JAX draw in another way than by threefry, which takes XLA seconds for each shape."""
    with jax.default_prng_impl("rbg"):
        yield


class Linen(linen.Module):  # type: ignore[misc]
    depth: int = 4

    @linen.compact  # type: ignore[untyped-decorator]
    def __call__(self, x: Any, train: bool = True) -> Any:
        for _ in range(self.depth):
            x = linen.relu(linen.Dense(256, kernel_init=he_normal())(x))
        return linen.Dense(10)(x)


class Convolutions(linen.Module):  # type: ignore[misc]
    @linen.compact  # type: ignore[untyped-decorator]
    def __call__(self, x: Any, train: bool = True) -> Any:
        x = linen.Conv(32, (3, 3), strides=2)(x)
        x = linen.tanh(linen.BatchNorm(use_running_average=not train)(x))
        x = x + linen.Conv(32, (3, 3))(x)
        x = linen.Dropout(0.3, deterministic=not train)(x)
        x = x.reshape(x.shape[0], 8, -1)
        return linen.RNN(linen.LSTMCell(8))(linen.MultiHeadDotProductAttention(4)(x))


class Nnx(nnx.Module):  # type: ignore[misc]
    def __init__(self, rngs: Any) -> None:
        self.first = nnx.Linear(64, 64, rngs=rngs)
        self.drop = nnx.Dropout(0.1, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs)
        self.layers = nnx.List([nnx.Linear(64, 64, rngs=rngs) for _ in range(2)])

    def __call__(self, x: Any) -> Any:
        x = self.norm(self.drop(nnx.tanh(self.first(x))))
        for layer in self.layers:
            x = x + nnx.gelu(layer(x))
        return x


def test_linen() -> None:
    result = propagate(Linen(), (128, 256), seed=1)
    assert [layer.name for layer in result] == [f"Dense_{i}" for i in range(5)]
    assert result.verdict.startswith("stable: over 4 layers")
    for layer in result[0], result[3]:
        assert layer.rms == pytest.approx(math.sqrt(2), rel=0.25)
        assert layer.theory == pytest.approx(math.sqrt(2), rel=0.05)
        assert layer.gradient == pytest.approx(layer.gradient_theory, rel=0.25)
        assert layer.activation == "relu"  # applied as a function
    bad = propagate(Linen(12), (128, 256), rules={"*bias": "zeros", "*": RandomNormal(0.0, 0.01)})
    assert bad.verdict.startswith("vanishing: ")


def test_against_jax() -> None:
    model = Linen(1)
    x = np.random.default_rng(0).standard_normal((8, 5)).astype("float32")
    variables = model.init(jax.random.key(3), x)
    result = propagate(model.bind(variables), x, loss=lambda y: (y**2).sum())
    first, second = variables["params"]["Dense_0"], variables["params"]["Dense_1"]

    def finish(before: Any, kernel: Any) -> Any:
        return ((jnp.maximum(before, 0) @ kernel + second["bias"]) ** 2).sum()

    before = x @ first["kernel"] + first["bias"]
    by_before, by_kernel = jax.grad(finish, (0, 1))(before, second["kernel"])

    def rms(array: Any) -> float:
        return math.sqrt(np.mean(np.square(np.asarray(array, float))))

    assert result["Dense_0"].rms == pytest.approx(rms(before), rel=1e-5)
    assert result["Dense_0"].gradient == pytest.approx(rms(by_before), rel=1e-4)
    assert result["Dense_1"].weight_gradient == pytest.approx(rms(by_kernel), rel=1e-4)


def test_all_kinds_of_linen() -> None:
    model = Convolutions()
    init = jax.jit(partial(model.init, train=False))  # one program, which is compiled sooner
    variables = init(jax.random.key(0), jnp.ones((1, 8, 8, 3)))
    before = jax.tree.map(np.array, variables)
    result = propagate(model.bind(variables), (32, 8, 8, 3), rules="orthogonal")
    names = [layer.name for layer in result]
    attention = "MultiHeadDotProductAttention_0"
    assert names == [
        *("Conv_0", "BatchNorm_0", "Conv_1", "Dropout_0"),
        *(f"{attention}/{part}" for part in ("query", "key", "value", "out")),
        "RNN_0",  # and not its cell, step by step
    ]
    for layer in result:
        if layer.theory is not None:
            assert layer.rms == pytest.approx(layer.theory, rel=0.2), layer.name
    assert [layer.name for layer in result if layer.theory is None] == ["RNN_0"]
    same = jax.tree.map(lambda a, b: bool((a == b).all()), before, variables)
    assert all(jax.tree.leaves(same))


def test_nnx() -> None:
    model = Nnx(nnx.Rngs(0))
    model.eval()
    states = jax.tree.map(np.array, nnx.to_pure_dict(nnx.state(model, nnx.Not(nnx.RngKey))))
    counts = [int(each[...]) for _, each in nnx.to_flat_state(nnx.state(model, nnx.RngCount))]
    call = nnx.Linear.__call__
    recipe = Recipe({"*bias": "zeros", "*kernel": "glorot_normal", "*": "ones"}, seed=2)
    result = propagate(model, rules=recipe)
    assert [layer.name for layer in result] == [
        *("first", "drop", "norm", "layers/0", "layers/1", "Nnx")
    ]
    for layer in result:
        assert layer.rms == pytest.approx(layer.theory, rel=0.2), layer.name
        assert layer.gradient == pytest.approx(layer.gradient_theory, rel=0.25), layer.name
    assert nnx.Linear.__call__ is call
    assert model.drop.deterministic  # still
    after = nnx.to_pure_dict(nnx.state(model, nnx.Not(nnx.RngKey)))
    same = jax.tree.map(lambda a, b: bool((a == b).all()), states, after)
    assert all(jax.tree.leaves(same))
    assert counts == [
        int(each[...]) for _, each in nnx.to_flat_state(nnx.state(model, nnx.RngCount))
    ]
    with pytest.raises(RuntimeError, match="as a user's may"):
        propagate(model, loss=_fail)
    assert nnx.Linear.__call__ is call


def _fail(output: Any) -> Any:
    raise RuntimeError("as a user's may")


def test_equinox() -> None:
    class Model(equinox.Module):  # type: ignore[misc]
        conv: Any
        attention: Any
        mlp: Any

        def __call__(self, x: Any) -> Any:
            x = jax.nn.relu(self.conv(x)).reshape(-1, 16)
            return self.mlp(self.attention(x, x, x).reshape(-1))

    keys = jax.random.split(jax.random.key(0), 3)
    model = Model(
        equinox.nn.Conv2d(3, 8, 3, padding=1, key=keys[0]),
        equinox.nn.MultiheadAttention(4, 16, key=keys[1]),
        equinox.nn.MLP(512, 10, 64, 3, key=keys[2]),
    )
    call = equinox.nn.Linear.__call__
    result = propagate(model, (32, 3, 8, 8), rules="he_normal")
    assert [layer.name for layer in result] == [
        *("conv", "attention", "mlp/layers/0", "mlp/layers/1", "mlp/layers/2", "mlp/layers/3")
    ]
    assert result["conv"].shape == (32, 8, 8, 8)
    # He's count is that of the inputs, in the layout (outputs, inputs) too; the border loses some.
    assert result["conv"].theory == pytest.approx(math.sqrt(2) * 22 / 24, rel=0.05)
    assert result["attention"].theory is None
    assert (result["attention"].weight_gradient or 0) > 0
    assert equinox.nn.Linear.__call__ is call
    single = propagate(equinox.nn.MLP(16, 4, 256, 2, key=keys[0]), rules="he_normal")
    assert single[0].shape == (256, 256)
    assert single[1].rms == pytest.approx(single[1].theory, rel=0.25)


def test_bfloat16() -> None:
    model = equinox.nn.MLP(64, 10, 64, 3, key=jax.random.key(0))
    low = jax.tree.map(
        lambda leaf: leaf.astype(jnp.bfloat16) if equinox.is_array(leaf) else leaf, model
    )
    for layer in propagate(low, rules="he_normal"):
        assert layer.rms == pytest.approx(layer.theory, rel=0.3)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="`inputs` must be given for Linen"):
        propagate(Linen())
    with pytest.raises(TypeError, match="`model` must be a model of Keras, torch, Flax or"):
        propagate(jax.jit(lambda x: x), jnp.ones(3))
    with pytest.raises(TypeError, match="`loss` must return a scalar array"):
        propagate(Linen(1), (8, 4), loss=lambda y: y)
    with pytest.raises(TypeError, match="`model` must return an array of floats"):
        propagate(nnx.Sequential(nnx.Linear(2, 2, rngs=nnx.Rngs(0)), lambda x: 3), (4, 2))
