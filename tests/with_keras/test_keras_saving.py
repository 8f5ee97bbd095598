"""Saved models and weights: in a new process, with this package and without it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras_models import to_numpy

from initializers.keras import (
    Constant,
    HeNormal,
    Orthogonal,
    RandomNormal,
    SeedGenerator,
    Sparse,
    TruncatedNormal,
)


def make_model(initializer: Any) -> Any:
    dense = keras.layers.Dense(3, kernel_initializer=initializer, bias_initializer=Constant(0.5))
    return keras.Sequential([keras.Input((4,)), dense])


def save_all(folder: Path, initializers: dict[str, Any]) -> dict[str, float]:
    """Save a model with each of the initializers, and return the sums of their kernels."""
    sums = {}
    for name, initializer in initializers.items():
        model = make_model(initializer)
        model.save(folder / f"{name}.keras")
        sums[name] = float(to_numpy(model.layers[0].kernel).sum())
    return sums


def load_all(folder: Path, imports: str, pattern: str = "*.keras") -> dict[str, str]:
    """Return what a new process says of each saved model."""
    code = f"""
import pathlib, sys
{imports}
import keras
for path in pathlib.Path({str(folder)!r}).glob({pattern!r}):
    print(path.stem, end=" ")
    try:
        layer = keras.saving.load_model(path, compile=False).layers[0]
        kinds = [type(layer.kernel_initializer), type(layer.bias_initializer)]
        print(*(f"{{kind.__module__.split('.')[0]}}.{{kind.__name__}}" for kind in kinds), end=" ")
        print(float(keras.ops.convert_to_numpy(layer.kernel.value).sum()), end=" ")
        print("initializers" in sys.modules, layer.kernel_initializer.get_config().get("seed"))
        again = type(layer).from_config(layer.get_config())
        again.build((None, 4))  # draws from the seed
    except Exception as error:
        print(type(error).__name__, str(error).replace(chr(10), " "))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = {}
    for line in run.stdout.splitlines():
        name, _, rest = line.partition(" ")
        found[name] = rest
    return found


def test_with_the_package(tmp_path: Path) -> None:
    seeds = {"integer": 3, "none": None, "generator": SeedGenerator(3)}
    sums = save_all(tmp_path, {name: HeNormal(seed=seed) for name, seed in seeds.items()})
    assert load_all(tmp_path, "import initializers.keras") == {
        name: f"initializers.HeNormal initializers.Constant {total} True"
        for name, total in sums.items()
    }


def test_without_the_package_keras_has_the_namesake_or_an_error(tmp_path: Path) -> None:
    sums = save_all(
        tmp_path,
        {
            "plain": HeNormal(seed=3),
            "bounds": TruncatedNormal(bounds=(0, 2)),
            "axis": Orthogonal(axis=0),
            "generator": RandomNormal(seed=SeedGenerator(1)),
            "class": Sparse(0.5),
        },
    )
    loaded = load_all(tmp_path, "")
    assert loaded["plain"] == f"keras.HeNormal keras.Constant {sums['plain']} False"
    assert re.match("TypeError .*unexpected keyword argument 'bounds'", loaded["bounds"])
    assert re.match("TypeError .*unexpected keyword argument 'axis'", loaded["axis"])
    assert re.match("TypeError .*Could not locate class 'SeedGenerator'", loaded["generator"])
    assert re.match("TypeError .*Could not interpret initializer identifier", loaded["class"])


def test_weights_load_over_ours(tmp_path: Path) -> None:
    theirs, ours = make_model("he_normal"), make_model(HeNormal(seed=1))
    theirs.save_weights(tmp_path / "a.weights.h5")
    assert not np.array_equal(to_numpy(theirs.weights[0]), to_numpy(ours.weights[0]))
    ours.load_weights(tmp_path / "a.weights.h5")
    assert np.array_equal(to_numpy(theirs.weights[0]), to_numpy(ours.weights[0]))


def test_one_instance_in_two_layers(tmp_path: Path) -> None:
    shared = HeNormal(seed=1)
    layers = [keras.layers.Dense(4, kernel_initializer=shared) for _ in range(2)]
    keras.Sequential([keras.Input((4,)), *layers]).save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert [type(layer.kernel_initializer) for layer in model.layers] == [HeNormal] * 2
