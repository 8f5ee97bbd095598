"""`initializers.keras` replaces `keras.initializers`: names, errors, refused wrong use."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import BACKEND, to_numpy

import initializers
import initializers.keras as ours
from initializers.keras._adapter import Adapter

CLASSES: dict[str, Any] = {
    name: thing
    for name in ours.__all__
    if isinstance(thing := getattr(ours, name), type) and issubclass(thing, Adapter)
}


def test_every_public_name_of_keras_exists() -> None:
    names = {name for name in dir(keras.initializers) if not name.startswith("_")}
    assert names - set(dir(ours)) == set()
    assert {"Initializer", "get", "serialize", "deserialize"} <= set(ours.__all__)
    assert ours.Initializer is keras.Initializer


def test_names_mean_ours_and_everything_else_is_keras() -> None:
    theirs = keras.initializers.HeNormal(seed=1)
    assert type(ours.get("he_normal")) is ours.HeNormal
    assert type(ours.deserialize("HeNormal")) is ours.HeNormal
    assert type(ours.get("dirac")) is ours.Dirac
    assert ours.get(theirs) is theirs
    assert ours.get(None) is None
    assert type(ours.get(keras.initializers.HeNormal)) is keras.initializers.HeNormal
    for initializer in (theirs, ours.HeNormal(seed=1), ours.HeNormal(seed=2**70)):
        config = ours.serialize(initializer)
        assert config == keras.initializers.serialize(initializer)
        for again in (ours.get(config), ours.deserialize(config)):
            assert type(again) is type(initializer)
            assert again.seed == initializer.seed
    with pytest.raises(ValueError, match="Could not interpret"):
        ours.get("he_abnormal")


def test_registered_names_come_first() -> None:
    class Own(ours.Initializer):
        pass

    with keras.saving.custom_object_scope({"he_normal": Own}):
        assert type(ours.get("he_normal")) is Own
    assert (
        ours.deserialize("he_normal", {"he_normal": Own}) is Own
    )  # returns the class, as Keras does


@pytest.mark.parametrize("name", CLASSES)
def test_docstrings_are_complete_and_have_an_example_of_keras(name: str) -> None:
    cls = CLASSES[name]
    text, base = inspect.getdoc(cls), inspect.getdoc(getattr(initializers, name))
    assert text is not None
    assert base is not None
    assert text.startswith(base.partition("\nExamples:")[0].rstrip())
    assert "keras.layers." in text or name == "STFT"
    (test,) = doctest.DocTestFinder(recurse=False).find(cls, name, globs=dict(vars(ours)))
    assert len(test.examples) >= 2
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("module", [initializers, ours])
def test_errors_about_arguments_name_the_class(module: Any) -> None:
    def wrong(call: Any, **keywords: Any) -> str:
        with pytest.raises(TypeError) as info:
            call(**keywords)
        return str(info.value)

    for name in ("HeNormal", "Orthogonal", "RandomNormal", "Sparse", "ConvolutionOrthogonal2D"):
        text = wrong(getattr(module, name), sed=1)
        assert text == f"{name}() has no argument 'sed' (did you mean 'seed'?)"
    assert wrong(module.Sparse) == "Sparse(): missing a required argument: 'sparsity'"
    initializer = module.HeNormal()
    assert wrong(initializer) == "HeNormal.__call__(): missing a required argument: 'shape'"
    text = wrong(initializer, shape=(2, 2), dtyp="float32")
    assert text == "HeNormal.__call__() has no argument 'dtyp' (did you mean 'dtype'?)"
    assert "`shape` must be" in wrong(initializer, shape="ab")  # errors inside a call are unchanged


@pytest.mark.parametrize("module", [initializers, ours])
def test_errors_contain_the_words_of_keras(module: Any) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"scale": -1.0}, r"^Argument `scale` must be positive float: `scale` must be a finite"),
        ({"mode": "no"}, r"^Invalid `mode` argument: `mode` must be one of .*received: 'no'"),
        ({"distribution": "no"}, r"^Invalid `distribution` argument: `distribution` must be one"),
    ]
    for arguments, words in cases:
        with pytest.raises(ValueError, match=words):
            module.VarianceScaling(**arguments)


def test_keras_warns_where_it_calls_a_numpy_class() -> None:
    words = "use initializers.keras.HeNormal instead"
    with pytest.warns(UserWarning, match=words):
        keras.layers.Dense(3, kernel_initializer=initializers.HeNormal(seed=1)).build((None, 4))
    with pytest.warns(UserWarning, match=words):
        keras.Variable(initializers.HeNormal(seed=1), shape=(2, 3), dtype="float32")

    class Own(keras.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return initializers.HeNormal(seed=1)(
                shape, dtype
            )  # inside a user's class no warning is due

    layer = keras.layers.Dense(3, kernel_initializer=Own())
    layer.build((None, 4))
    assert np.array_equal(to_numpy(layer.kernel), initializers.HeNormal(seed=1)((4, 3)))


@pytest.mark.parametrize("name", ["HeNormal", "Zeros", "Constant"])
def test_wrong_layouts_are_refused(name: str) -> None:
    initializer = getattr(ours, name)()
    layouts = ["model", 3, ("model", None)]
    if BACKEND != "jax":
        mesh = keras.distribution.DeviceMesh((1,), ("model",), ["cpu:0"])
        layouts.append(keras.distribution.TensorLayout(("model", None), mesh))
    for layout in layouts:
        with pytest.raises(TypeError, match="`layout` must be"):
            initializer((2, 2), layout=layout)


@pytest.mark.skipif(BACKEND != "numpy", reason="without JAX, and soonest started")
def test_jax_is_not_imported() -> None:
    """This package does not import it; Keras may, on every backend."""
    code = """
import builtins
original, importers = builtins.__import__, set()

def note(name, globals=None, *rest, **keywords):
    if name.partition(".")[0] == "jax":
        importers.add(str((globals or {}).get("__name__")).partition(".")[0])
    return original(name, globals, *rest, **keywords)

builtins.__import__ = note
import keras
from initializers.keras import HeNormal, Zeros, seed_model
for initializer in (HeNormal(), Zeros()):
    initializer((2, 2))
    try:
        initializer((2, 2), layout="model")
    except TypeError:
        pass
seed_model(lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]), 1)
print("initializers" in importers)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]
