"""`install()`: names mean ours, everything else stays Keras's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import to_numpy

import initializers.keras
from initializers.keras import GlorotUniform, HeNormal, RandomUniform, Zeros, install, uninstall


@pytest.fixture(autouse=True)
def _uninstall() -> Iterator[None]:
    yield
    uninstall()


def kinds(layer: Any) -> list[type]:
    return [type(layer.kernel_initializer), type(layer.bias_initializer)]


def test_names_and_defaults_mean_ours() -> None:
    theirs = [keras.initializers.GlorotUniform, keras.initializers.Zeros]
    assert kinds(keras.layers.Dense(1)) == theirs
    with install():
        assert kinds(keras.layers.Dense(1)) == [GlorotUniform, Zeros]
        assert kinds(keras.layers.Conv2D(1, 3, kernel_initializer="he_normal")) == [HeNormal, Zeros]
        assert type(keras.layers.Embedding(2, 3).embeddings_initializer) is RandomUniform
        assert type(keras.initializers.get("HeNormal")) is HeNormal
        layer = keras.layers.Layer()
        weight = layer.add_weight(shape=(2, 3))
        assert to_numpy(weight).any()
    assert kinds(keras.layers.Dense(1)) == theirs


def test_every_name_of_keras_means_ours() -> None:
    from keras.src.initializers import ALL_OBJECTS_DICT

    install()
    for name, cls in ALL_OBJECTS_DICT.items():
        if cls is keras.Initializer:
            continue
        made = keras.initializers.get(name)
        assert isinstance(made, cls)
        assert type(made) is getattr(initializers.keras, cls.__name__)


def test_objects_classes_and_configurations_stay_those_of_keras() -> None:
    theirs = keras.initializers.HeNormal
    config = keras.initializers.serialize(theirs(seed=1))

    def function(shape: Any, dtype: Any = None) -> Any:
        return keras.ops.ones(shape, dtype)

    with install():
        get = keras.initializers.get
        assert type(get(theirs)) is theirs
        assert type(get(config)) is theirs
        assert get(function) is function
        assert get(None) is None
        assert (to_numpy(get(np.ones((2, 2)))((2, 2))) == 1).all()
        with pytest.raises(ValueError, match="Could not interpret"):
            get("he_abnormal")


def test_registered_names_are_unchanged() -> None:
    class Own(keras.Initializer):
        pass

    with install(), keras.saving.custom_object_scope({"he_normal": Own}):
        assert type(keras.initializers.get("he_normal")) is Own


def test_install_may_be_nested_and_repeated() -> None:
    before = keras.initializers.get
    with install():
        with install():
            pass
        assert type(keras.initializers.get("zeros")) is Zeros
    assert keras.initializers.get is before
    install()
    install()
    with install():
        pass
    assert type(keras.initializers.get("zeros")) is Zeros
    uninstall()
    uninstall()
    assert keras.initializers.get is before


def test_set_random_seed_decides_the_seeds() -> None:
    def build() -> Any:
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(4)])

    with install():
        keras.utils.set_random_seed(1)
        first, again = build(), build()
        keras.utils.set_random_seed(1)
        second = build()
    assert np.array_equal(to_numpy(first.weights[0]), to_numpy(second.weights[0]))
    assert not np.array_equal(to_numpy(first.weights[0]), to_numpy(again.weights[0]))


@keras.saving.register_keras_serializable("tests")
class Named(keras.layers.Layer):
    """Reads its initializer by name whenever it is created."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.kernel_initializer = keras.initializers.get("he_normal")


class KeepsName(keras.layers.Layer):
    """Its configuration holds the name that it received."""

    def __init__(self, kind: str = "he_normal", **keywords: Any) -> None:
        super().__init__(**keywords)
        self.kind, self.kernel_initializer = kind, keras.initializers.get(kind)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kind": self.kind}


keras.saving.register_keras_serializable("tests")(KeepsName)

WAYS: dict[str, Any] = {
    "h5": lambda model, path: save_and_load(model, path / "model.h5"),
    "keras": lambda model, path: save_and_load(model, path / "model.keras"),
    "json": lambda model, path: keras.models.model_from_json(model.to_json()),
    "from_config": lambda model, path: type(model).from_config(model.get_config()),
    "clone": lambda model, path: keras.models.clone_model(model),
}


def save_and_load(model: Any, path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
        keras.saving.save_model(model, path)
    return keras.saving.load_model(path, compile=False)


@pytest.mark.parametrize("way", WAYS)
def test_copies_of_models_follow_their_configuration(way: str, tmp_path: Path) -> None:
    layers = [keras.layers.Dense(4), Named(), KeepsName()]
    stock = keras.Sequential([keras.Input((3,)), *layers])
    with install():
        made = WAYS[way](stock, tmp_path)
    theirs = keras.initializers
    # Configurations stay unchanged; names mean ours.
    assert kinds(made.layers[0]) == [theirs.GlorotUniform, theirs.Zeros]
    assert [type(layer.kernel_initializer) for layer in made.layers[1:]] == [HeNormal, HeNormal]
    again = WAYS[way](made, tmp_path)
    kinds_again = [type(layer.kernel_initializer) for layer in again.layers]
    assert kinds_again == [theirs.GlorotUniform, theirs.HeNormal, theirs.HeNormal]
