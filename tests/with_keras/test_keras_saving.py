"""Saved models and weights, loaded in a new process with this package and without it."""

from __future__ import annotations

import copy
import json
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import once, to_numpy

import initializers
from initializers import fold_in
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
    """Save a model with each initializer; return the sums of their kernels."""
    sums = {}
    for name, initializer in initializers.items():
        model = make_model(initializer)
        model.save(folder / f"{name}.keras")
        sums[name] = float(to_numpy(model.layers[0].kernel).sum())
    return sums


def load_all(folder: Path, imports: str) -> dict[str, str]:
    """Return a new process's report on each saved model."""
    code = f"""
import pathlib, sys
{imports}
import keras
for path in pathlib.Path({str(folder)!r}).glob("*.keras"):
    print(path.stem, end=" ")
    try:
        layer = keras.saving.load_model(path).layers[0]
        kinds = [type(layer.kernel_initializer), type(layer.bias_initializer)]
        print(*(f"{{kind.__module__.split('.')[0]}}.{{kind.__name__}}" for kind in kinds), end=" ")
        print(float(keras.ops.convert_to_numpy(layer.kernel.value).sum()), end=" ")
        print("initializers" in sys.modules)
    except Exception as error:
        print(type(error).__name__, str(error).replace(chr(10), " "))
"""
    return run_lines(code)


def run_lines(code: str) -> dict[str, str]:
    """Return the lines that a new process prints, by first word."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {line.partition(" ")[0]: line.partition(" ")[2] for line in run.stdout.splitlines()}


@once
def test_models_load_with_the_package(tmp_path: Path) -> None:
    seeds = {"integer": 3, "none": None, "generator": SeedGenerator(3)}
    sums = save_all(tmp_path, {name: HeNormal(seed=seed) for name, seed in seeds.items()})
    assert load_all(tmp_path, "import initializers.keras") == {
        name: f"initializers.HeNormal initializers.Constant {total} True"
        for name, total in sums.items()
    }


@once
def test_without_the_package_keras_loads_its_own_class_or_raises(tmp_path: Path) -> None:
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


def test_an_instance_shared_by_two_layers_is_saved(tmp_path: Path) -> None:
    shared = HeNormal(seed=1)
    layers = [keras.layers.Dense(4, kernel_initializer=shared) for _ in range(2)]
    keras.Sequential([keras.Input((4,)), *layers]).save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert [type(layer.kernel_initializer) for layer in model.layers] == [HeNormal] * 2


LONG = {
    "folded": fold_in(1, "kernel"),
    "negative": -1,
    "highest": 2**127 - 1,
    "lowest": -(2**127),
    "first_long": 2**32,
    "last_short": 2**32 - 1,
}


def load_long(folder: Path, imports: str) -> dict[str, str]:
    """Return a new process's report on models with long seeds."""
    return run_lines(f"""
import pathlib
{imports}
import keras
for path in pathlib.Path({str(folder)!r}).iterdir():
    model = keras.saving.load_model(path, compile=False)
    dense, both = model.layers
    seeds = [layer.kernel_initializer.seed for layer in (dense, both.forward_layer.cell)]
    kernel = keras.ops.convert_to_numpy(dense.kernel.value)
    again = keras.models.clone_model(model).layers[0]  # draws from the seed
    print(path.name, type(dense.kernel_initializer).__module__.split(".")[0], *seeds,
          kernel.tobytes().hex(), keras.ops.convert_to_numpy(again.kernel.value).tobytes().hex())
""")


@once
def test_long_seeds_are_saved_in_files(tmp_path: Path) -> None:
    wanted = {}
    for name in ("folded", "lowest", "last_short"):
        seed = LONG[name]
        dense = keras.layers.Dense(3, kernel_initializer=HeNormal(seed=seed))
        recurrent = keras.layers.SimpleRNN(2, kernel_initializer=HeNormal(seed=seed))
        layers = [keras.Input((2, 4)), dense, keras.layers.Bidirectional(recurrent)]
        model = keras.Sequential(layers)
        assert recurrent.cell.kernel_initializer.seed == seed
        for ending in ("keras", "h5"):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
                keras.saving.save_model(model, tmp_path / f"{name}.{ending}")
            wanted[f"{name}.{ending}"] = seed, to_numpy(dense.kernel).tobytes().hex()
    assert load_long(tmp_path, "import initializers.keras") == {
        name: f"initializers {seed} {seed} {values} {values}"
        for name, (seed, values) in wanted.items()
    }
    without = load_long(tmp_path, "")
    assert without.keys() == wanted.keys()
    for name, (seed, values) in wanted.items():
        short = seed % 2**32
        start = f"keras {short} {short} {values} "
        assert without[name].startswith(start)
        assert without[name] != start + values  # Keras draws other values


@pytest.mark.parametrize("seed", LONG.values())
def test_long_seeds_are_kept_in_configurations(seed: int) -> None:
    initializer = HeNormal(seed=seed)
    values = to_numpy(initializer((3, 4)))
    config = initializer.get_config()
    assert config["seed"] == seed % 2**32
    whole = keras.initializers.serialize(initializer)
    copies = [
        HeNormal.from_config(config),
        HeNormal.from_config(copy.deepcopy(config)),
        HeNormal.from_config(pickle.loads(pickle.dumps(config))),
        initializer.clone(),
        keras.initializers.deserialize(json.loads(json.dumps(whole))),
        initializers.get(json.loads(json.dumps(whole))),
        initializers.HeNormal.from_config(config),
    ]
    for made in copies:
        assert made.seed == seed
        assert np.array_equal(to_numpy(made((3, 4))), values)
    layer = keras.layers.MultiHeadAttention(2, 2, kernel_initializer=initializer)
    layer.build((None, 3, 4), (None, 3, 4))
    wanted = initializers.HeNormal(seed, [0], [1, 2])((4, 2, 2))
    assert np.array_equal(to_numpy(layer.query_dense.kernel), wanted)


@pytest.mark.parametrize("seed", [None, "1", 2**127, 1.5])
def test_a_wrong_long_seed_in_a_file_is_refused(seed: Any) -> None:
    whole = keras.initializers.serialize(HeNormal(seed=-1))
    whole["build_config"] = {"seed": seed}
    with pytest.raises((TypeError, ValueError), match="`seed` must be an integer in"):
        keras.initializers.deserialize(whole)
