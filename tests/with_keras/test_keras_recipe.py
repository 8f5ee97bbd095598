"""`init_model` with a recipe; the names and shapes of a model as specs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras_models import BACKEND, values

from initializers import Recipe, digest
from initializers.keras import Rule, init_model
from initializers.recipe import Spec, read_specs
from recipe_model import DIGEST, RECIPE, SHAPES


def build(dtype: Any = None) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            layers.Conv2D(5, 3, name="conv", dtype=dtype),
            layers.BatchNormalization(name="norm", dtype=dtype),
            layers.Flatten(),
            layers.Dense(6, name="dense", dtype=dtype),
            layers.Dropout(0.1),
            layers.Dense(4, name="head", dtype=dtype),
        ]
    )


@pytest.mark.parametrize("whole", [True, False])
def test_a_model_has_the_digest_of_all_frameworks(whole: bool) -> None:
    model = init_model(build() if whole else build, RECIPE)
    assert digest(values(model)) == DIGEST
    assert list(read_specs(model).items()) == [
        (name, Spec(shape, "float32", "keras")) for name, shape in SHAPES.items()
    ]
    assert digest(RECIPE.init(model)) == DIGEST
    assert digest(values(init_model(model, RECIPE, 7))) == digest(RECIPE.with_seed(7).init(SHAPES))


@pytest.mark.skipif(BACKEND == "numpy", reason="its layers compute in float32")
def test_low_precision_is_rounded_once() -> None:
    model = init_model(lambda: build("bfloat16"), RECIPE)
    made = RECIPE.init(model)
    assert {array.dtype.name for array in made.values()} >= {"bfloat16"}
    assert digest(values(model)) == digest(made)


def test_rules_may_be_a_mapping_or_a_function() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a")])
    before = values(model)["a/bias"]
    rules = {"a/kernel": Rule("he_normal", permute=(1, 0)), "*": None}
    init_model(model, lambda name, shape: rules.get(name), 3)
    expected = (
        Recipe({"*": "he_normal"}, seed=3, convention="keras")
        .init({"a/kernel": (2, 3)})["a/kernel"]
        .T
    )
    assert values(model)["a/kernel"].tobytes() == expected.tobytes()
    assert values(model)["a/bias"].tobytes() == before.tobytes()


def test_bad_input_is_refused() -> None:
    model = build()
    before = digest(values(model))
    cases: list[tuple[Any, Any, Any, str]] = [
        (model, {"*/kernel": "he_normal"}, 1, r"matches 7 weights.*: 'conv/bias'"),
        (model, Recipe({"*/kernel": "ones"}, seed=1), None, r"matches 7 weights.*: 'conv/bias'"),
        (model, {"*/gamma": "orthogonal", "*": "ones"}, 1, "variable 'norm/gamma' cannot be"),
        (model, {"*": "ones"}, None, "`seed` must be an integer"),
        (model, "ones", 1, "`rules` must be"),
        (3, {"*": "ones"}, 1, "`model` must be a Keras model"),
        (keras.layers.Dense(3), {"*": "ones"}, 1, "`model` must be built"),
    ]
    for each, recipe, seed, message in cases:
        with pytest.raises((TypeError, ValueError), match=message):
            init_model(each, recipe, seed)
    assert digest(values(model)) == before


def test_initializers_of_users_run_before_the_first_write() -> None:
    def wrong(shape: Any, dtype: Any = None) -> Any:
        return np.zeros((9, 9), dtype)

    def right(shape: Any, dtype: Any = None) -> Any:
        return np.full(shape, 5, dtype)

    model = build()
    before = digest(values(model))
    with pytest.raises(ValueError, match=r"variable 'head/bias' cannot be filled: .*\(4,\)"):
        init_model(model, {"head/bias": wrong, "*": "ones"}, 1)
    assert digest(values(model)) == before
    init_model(model, {"head/bias": right, "*": "ones"}, 1)
    assert values(model)["head/bias"].tolist() == [5] * 4


@pytest.mark.skipif(BACKEND != "jax", reason="Keras lays out variables on JAX only")
def test_sharded_variables_have_the_same_values() -> None:
    import jax

    devices = keras.distribution.list_devices()
    mesh = keras.distribution.DeviceMesh((len(devices),), ["model"], devices)
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*wide.kernel"] = (None, "model")
    try:
        keras.distribution.set_distribution(
            keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="model")
        )
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(16, name="wide")])
        kernel = init_model(model, Recipe({"*": "he_normal"}, seed=1)).layers[0].kernel.value
    finally:
        keras.distribution.set_distribution(None)
    assert isinstance(kernel, jax.Array)
    assert {shard.data.shape for shard in kernel.addressable_shards} == {(3, 16 // len(devices))}
    whole = Recipe({"*": "he_normal"}, seed=1, convention="keras").init({"wide/kernel": (3, 16)})[
        "wide/kernel"
    ]
    assert np.asarray(kernel).tobytes() == whole.tobytes()
