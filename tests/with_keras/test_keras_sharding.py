"""Variables sharded over devices, on the JAX backend with eight devices of the host."""

from __future__ import annotations

import gc
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import BACKEND, to_numpy, values

import initializers
import initializers.keras
from initializers.keras import (
    Constant,
    HeNormal,
    Identity,
    Ones,
    Orthogonal,
    RandomNormal,
    SeedGenerator,
    install,
    seed_model,
)

if BACKEND != "jax":
    pytest.skip("of JAX", allow_module_level=True)

import jax
from jax.sharding import NamedSharding, PartitionSpec

MESHES = {"1": (1, 1), "2": (1, 2), "8": (1, 8), "2x4": (2, 4)}

pytestmark = [
    pytest.mark.skipif(len(jax.devices()) < 8, reason="needs 8 devices: see `make keras`"),
    # Keras warns of arrays of a model, its optimizer or its metrics that are not on the mesh.
    pytest.mark.filterwarnings("ignore:Detected a mix of local"),
]


def make_mesh(name: str) -> Any:
    count = int(np.prod(MESHES[name]))
    devices = keras.distribution.list_devices()[:count]
    return keras.distribution.DeviceMesh(MESHES[name], ("batch", "model"), devices)


def model_parallel(mesh: Any) -> Any:
    layouts = keras.distribution.LayoutMap(mesh)
    layouts[".*kernel"] = ("batch", "model")
    layouts[".*bias"] = ("model",)
    return keras.distribution.ModelParallel(
        layout_map=layouts, batch_dim_name="batch", auto_shard_dataset=False
    )


class Block(keras.layers.Layer):
    """Has no `build`: the variables of its layers are deferred."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(16, kernel_initializer=HeNormal(seed=SeedGenerator(4)))

    def call(self, x: Any) -> Any:
        return self.dense(x) * keras.ops.mean(self.dense.kernel)


def build() -> Any:
    return keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, kernel_initializer=HeNormal(seed=1)),
            keras.layers.Dense(
                16, kernel_initializer=Identity(2.0), bias_initializer=RandomNormal(seed=2)
            ),
            Block(),
            keras.layers.Dense(
                24,
                kernel_initializer=RandomNormal(seed=keras.random.SeedGenerator(3)),
                bias_initializer=Ones(),
            ),
        ]
    )


def build_installed() -> Any:
    keras.utils.set_random_seed(1)
    with install():
        return build()


def build_by_name() -> Any:
    return seed_model(build, 5)


def build_theirs_by_name() -> Any:
    layers = [keras.layers.Dense(16), keras.layers.Dense(8, kernel_initializer="he_normal")]
    return seed_model(keras.Sequential([keras.Input((8,)), *layers]), 5)


BUILDERS = [build, build_installed, build_by_name, build_theirs_by_name]


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("mesh", MESHES)
def test_model_parallel_variables_have_the_same_values(
    mesh: str, builder: Callable[[], Any]
) -> None:
    wanted = values(builder())
    with model_parallel(make_mesh(mesh)).scope():
        model = builder()
    found = values(model)
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert np.array_equal(found[name], wanted[name]), name
    for variable in model.weights:
        spec = ("batch", "model") if variable.ndim == 2 else ("model",)
        sharding = NamedSharding(variable._layout.backend_layout.mesh, PartitionSpec(*spec))
        assert variable.value.sharding.is_equivalent_to(sharding, variable.ndim)


@pytest.mark.parametrize("builder", BUILDERS)
def test_data_parallel_variables_have_the_same_values(builder: Callable[[], Any]) -> None:
    wanted = values(builder())
    with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
        model = builder()
    for name, value in values(model).items():
        assert np.array_equal(value, wanted[name])
    assert all(variable.value.sharding.is_fully_replicated for variable in model.weights)
    assert len(model.weights[0].value.sharding.device_set) == 8


def test_training_keeps_the_layouts_of_slots() -> None:
    with model_parallel(make_mesh("2x4")).scope(), install():
        model = build()
        model.compile("adam", "mse")
        model.fit(np.ones((8, 8)), np.ones((8, 24)), batch_size=8, epochs=2, verbose=0)
        kernel = model.layers[0].kernel.value
        slots = [slot.value for slot in model.optimizer.variables if slot.shape == (8, 16)]
    assert np.isfinite(to_numpy(kernel)).all()
    assert len(slots) == 2
    assert all(slot.sharding.is_equivalent_to(kernel.sharding, 2) for slot in slots)


@pytest.mark.parametrize(
    "initializer", [Constant(2.0), Ones(), HeNormal(seed=1), Identity(), Orthogonal(seed=1)]
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_layouts_of_users_are_accepted(initializer: Any, dtype: str) -> None:
    sharding = NamedSharding(jax.make_mesh((2, 4), ("a", "b")), PartitionSpec("b", None))
    tensor = initializer((8, 6), dtype, sharding)
    assert tensor.sharding == sharding
    assert tensor.dtype == dtype
    assert np.array_equal(to_numpy(tensor), to_numpy(initializer((8, 6), dtype)))


@pytest.mark.parametrize("initializer", [Constant(2.0), Ones(), HeNormal(seed=1)])
def test_layouts_of_keras_are_accepted(initializer: Any) -> None:
    layout = keras.distribution.TensorLayout(("model", None), make_mesh("2x4"))
    tensor = initializer((8, 6), layout=layout)
    assert tensor.sharding == layout.backend_layout
    assert np.array_equal(to_numpy(tensor), to_numpy(initializer((8, 6))))
    with pytest.raises(ValueError, match="`layout` must have a device mesh"):
        initializer((8, 6), layout=keras.distribution.TensorLayout(("model", None)))
    abstract = NamedSharding(jax.make_mesh((8,), ("a",)).abstract_mesh, PartitionSpec("a"))
    with pytest.raises(ValueError, match="`layout` must be over a mesh with devices"):
        initializer((8, 6), layout=abstract)


SPECS = {
    "rows": ((8,), ("m", None), 8),
    "columns": ((8,), (None, "m"), 8),
    "both": ((2, 4), ("m", "n"), 8),
    "replicated rows": ((2, 4), ("m", None), 2),
}


@pytest.mark.parametrize("name", SPECS)
def test_each_block_is_drawn_once_in_its_own_memory(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, spec, distinct = SPECS[name]
    mesh = jax.make_mesh(sizes, ("m", "n")[: len(sizes)])
    sharding = NamedSharding(mesh, PartitionSpec(*spec))
    shape = (2048, 1024)
    shard = np.prod(sharding.shard_shape(shape)) * 4
    blocks: list[int] = []
    plan = initializers.RandomNormal._plan

    def watch(self: Any, *arguments: Any) -> Any:
        write = plan(self, *arguments)

        def write_and_note(out: Any, start: Any) -> None:
            blocks.append(out.nbytes)
            write(out, start)

        return write_and_note

    monkeypatch.setattr(RandomNormal, "_plan", watch)
    initializer = RandomNormal(seed=1)
    initializer((8, 8), layout=sharding)  # imports
    blocks.clear()
    tracemalloc.start()
    tensor = initializer(shape, layout=sharding)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert blocks == [shard] * distinct
    assert peak <= 3 * shard
    assert np.array_equal(to_numpy(tensor), initializers.RandomNormal(seed=1)(shape))


def read_status(key: str) -> int:
    """Return a size of this process in bytes, from Linux's status file."""
    (line,) = re.findall(rf"^{key}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    return int(line) * 1024


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="of Linux")
@pytest.mark.parametrize("spec", [("m", None), (None, "m")])
def test_memory_of_sharded_orthogonal_matrices(spec: Any) -> None:
    sharding = NamedSharding(jax.make_mesh((8,), ("m",)), PartitionSpec(*spec))
    rows, columns = 4096, 2048
    initializer = Orthogonal(seed=1)
    initializer((64, 64), layout=sharding)  # imports
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = read_status("VmRSS")
    tensor = initializer((rows, columns), layout=sharding)
    peak = read_status("VmHWM") - before
    reflectors = 4 * (rows * columns - columns * (columns - 1) // 2)
    assert peak <= reflectors + tensor.nbytes + (32 << 20)
    assert np.array_equal(to_numpy(tensor), initializers.Orthogonal(seed=1)((rows, columns)))
