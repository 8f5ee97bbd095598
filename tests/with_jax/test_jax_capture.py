"""`capture` of Flax modules: laws, names, what is opaque, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx
from jax.nn import initializers as theirs
from scipy import stats  # type: ignore[import-untyped]

from initializers import Constant, LecunNormal, Orthogonal, RandomNormal, Recipe, VarianceScaling
from initializers.jax import Rule, capture, he_normal, init_tree

INPUTS = jax.ShapeDtypeStruct((2, 8, 8, 3), "float32")


def draw(key: Any, shape: Any, dtype: Any = "float32") -> Any:
    return jax.random.gumbel(key, shape, dtype)


def count(key: Any, shape: Any, dtype: Any = "float32") -> Any:
    return jnp.arange(shape[0], dtype=dtype)


def split(inputs: int) -> VarianceScaling:
    """Return what `DenseGeneral` does with a kernel of three axes."""
    return VarianceScaling(input_axes=range(inputs), output_axes=range(inputs, 3))


class Network(nn.Module):  # type: ignore[misc]
    @nn.compact  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        x = nn.Conv(8, (3, 3), kernel_init=he_normal())(x)
        x = nn.BatchNorm(use_running_average=False)(x)
        x = x.reshape(x.shape[0], -1, 8)
        x = nn.MultiHeadDotProductAttention(2)(x)
        x = nn.Dense(6, kernel_init=nn.with_partitioning(theirs.orthogonal(2.0), (None, "x")))(x)
        self.param("drawn", draw, (5,))
        self.param("table", count, (4,), jnp.float32)
        return nn.Dense(3, name="head", bias_init=theirs.normal(0.1))(x)


def test_recipe_and_report() -> None:
    recipe, report = capture(Network(), INPUTS, seed=7)
    assert recipe.seed == 7
    assert recipe.convention == "keras"
    for name, initializer in {
        "params/Conv_0/kernel": "he_normal",
        "params/Dense_0/kernel": Orthogonal(2.0),
        "params/MultiHeadDotProductAttention_0/query/kernel": split(1),
        "params/MultiHeadDotProductAttention_0/out/kernel": split(2),
        "params/head/kernel": LecunNormal(),
        "params/head/bias": RandomNormal(0.0, 0.1),
        "params/table": Constant(np.arange(4, dtype="float32")),
        "params/BatchNorm_0/scale": "ones",
        "batch_stats/BatchNorm_0/var": "ones",
        "batch_stats/BatchNorm_0/mean": "zeros",
    }.items():
        place = recipe.find(name)
        assert place is not None, name
        assert Rule(recipe.rules[place].initializer) == Rule(initializer), name
    assert [*report.opaque] == ["params/drawn"]
    opaque = report.opaque["params/drawn"]
    assert opaque.reason == "drawn by draw, which is no function of jax.nn.initializers"
    lines = Path(__file__).read_text().split("\n")
    (line,) = (place for place, text in enumerate(lines, 1) if 'self.param("drawn"' in text[:40])
    assert opaque.place == f"{__name__}:{line}"
    assert "variance_scaling in Dense.__call__" in recipe.to_toml()
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    shapes = jax.eval_shape(Network().init, jax.random.key(0), INPUTS)
    with pytest.raises(ValueError, match="no rule of the recipe matches the weight 'params/drawn'"):
        init_tree(shapes, recipe)
    with pytest.raises(ValueError, match=r"`strict`.*params/drawn \(5\): drawn by draw"):
        capture(Network(), INPUTS, seed=7, strict=True)


def test_values_have_the_laws_of_the_functions() -> None:
    recipe, _ = capture(Network(), INPUTS, seed=5)
    stock = Network().init(jax.random.key(6), jnp.zeros(INPUTS.shape))
    ours = init_tree(stock, [("params/drawn", None), *recipe.rules], 5)
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(stock), strict=True)
    compared = [(np.ravel(one), np.ravel(other)) for one, other in pairs]
    for one, other in compared:
        if not np.array_equal(one, other):
            assert stats.ks_2samp(one, other).pvalue > 1e-6 / len(compared)
    assert sum(not np.array_equal(*pair) for pair in compared) == 8


def test_stacked_parameters() -> None:
    class Block(nn.Module):  # type: ignore[misc]
        @nn.compact  # type: ignore[untyped-decorator]
        def __call__(self, x: Any, _: Any) -> Any:
            return nn.Dense(8)(x), None

    class Deep(nn.Module):  # type: ignore[misc]
        @nn.compact  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            scan = nn.scan(Block, {"params": 0}, split_rngs={"params": True}, length=3)
            return scan(name="blocks")(x, None)[0]

    recipe, report = capture(Deep(), jax.ShapeDtypeStruct((1, 8), "float32"), seed=1)
    assert [*report.opaque] == ["params/blocks/Dense_0/kernel"]
    assert "needs a Rule with `stack`" in str(report)
    assert recipe.find("params/blocks/Dense_0/bias") is not None


def test_fans_of_other_axes() -> None:
    embed = nn.Embed(50, 8)
    recipe, _ = capture(embed, jax.ShapeDtypeStruct((1,), "int32"), seed=1)
    (rule,) = recipe.rules
    assert isinstance(rule.initializer, VarianceScaling)
    found = recipe.weight("params/embedding", (50, 8)).make()
    assert found.std() == pytest.approx(8**-0.5, rel=0.1)


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match=r"must be a module of flax\.linen, received: 3"):
        capture(3, INPUTS, seed=1)
    with pytest.raises(TypeError, match=r"flax\.nnx keeps arrays only"):
        capture(nnx.Linear(2, 2, rngs=nnx.Rngs(0)), INPUTS, seed=1)
    with pytest.raises(ValueError, match="received: Dropout with no parameters"):
        capture(nn.Dropout(0.5, deterministic=True), INPUTS, seed=1)
    with pytest.raises(TypeError, match="`seed` must be an integer"):
        capture(Network(), INPUTS, seed="1")  # type: ignore[arg-type]
