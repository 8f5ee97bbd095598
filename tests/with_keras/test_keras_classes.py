"""Every class: its base in Keras, configuration, values, seeds and copies."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import BACKEND, to_numpy

import initializers
import initializers.keras
from initializers.keras import (
    STFT,
    Constant,
    ConvolutionOrthogonal1D,
    HeNormal,
    Identity,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    SeedGenerator,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
from initializers.keras._adapter import Adapter

CLASSES: dict[str, Any] = {
    name: thing
    for name, thing in vars(initializers.keras).items()
    if isinstance(thing, type) and issubclass(thing, Adapter) and thing.__name__ == name
}
THEIRS: dict[str, Any] = {
    name: thing
    for name, thing in vars(keras.initializers).items()
    if isinstance(thing, type)
    and issubclass(thing, keras.Initializer)
    and thing is not keras.Initializer
}
# Shapes for classes that do not accept every shape.
SHAPES = {
    "Constant": (2, 3),
    "STFT": (8, 1, 5),
    "Identity": (4, 3),
    "Dirac": (3, 4, 4),
    "DeltaOrthogonal": (3, 4, 6),
    "ConvolutionOrthogonal1D": (3, 4, 6),
    "ConvolutionOrthogonal2D": (3, 3, 4, 6),
    "ConvolutionOrthogonal3D": (3, 3, 3, 4, 6),
}
SHAPE = (6, 4)
FLOAT8 = ["float8_e4m3fn", "float8_e5m2"]
EXTRAS: dict[str, Any] = {
    "TruncatedNormal-bounds": TruncatedNormal(seed=2, bounds=(-1.0, 3.0)),
    "VarianceScaling-geo": VarianceScaling(2.0, "fan_geo_avg", "uniform", 3),
    "VarianceScaling-axes": VarianceScaling(input_axes=[0], output_axes=[1], seed=3),
    "Constant-array": Constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
    "Identity-gain": Identity(0.5),
    "STFT-window": STFT("imag", [1.0] * 8),
    "Orthogonal-axis": Orthogonal(2.0, axis=0, seed=1),
    "ConvolutionOrthogonal1D-seed": ConvolutionOrthogonal1D(seed=SeedGenerator(4)),
    "RandomNormal-seed": RandomNormal(seed=SeedGenerator(4)),
    "RandomUniform-seed": RandomUniform(seed=keras.random.SeedGenerator(5)),
}


def make(name: str) -> Any:
    cls = CLASSES[name]
    arguments = {"sparsity": 0.5, "seed": 7}
    given = arguments.keys() & inspect.signature(cls).parameters.keys()
    return cls(**{argument: arguments[argument] for argument in given})


INSTANCES: dict[str, Any] = {**{name: make(name) for name in CLASSES}, **EXTRAS}


def call(initializer: Any, dtype: Any = None) -> Any:
    return initializer(SHAPES.get(type(initializer).__name__, SHAPE), dtype=dtype)


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_every_name_of_keras_is_here(name: str) -> None:
    ours = getattr(initializers.keras, name)
    assert issubclass(ours, THEIRS[name])
    assert issubclass(ours, getattr(initializers, name))


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_arguments_of_keras_come_first(name: str) -> None:
    ours = inspect.signature(CLASSES[name]).parameters
    assert list(ours) == list(inspect.signature(getattr(initializers, name)).parameters)
    if name in THEIRS:
        theirs = inspect.signature(THEIRS[name]).parameters
        assert list(ours)[: len(theirs)] == list(theirs)
        for argument, parameter in theirs.items():
            assert ours[argument].default == parameter.default
    assert list(inspect.signature(make(name)).parameters) == ["shape", "dtype", "layout"]


@pytest.mark.parametrize("name", sorted(INSTANCES))
def test_configs_round_trip(name: str) -> None:
    initializer = INSTANCES[name]
    cls: Any = type(initializer)
    config = keras.initializers.serialize(initializer)
    assert config["registered_name"] == f"initializers>{cls.__name__}"
    assert config["module"] == "initializers.keras"
    again = keras.initializers.deserialize(config)
    assert type(again) is cls
    assert keras.initializers.serialize(again) == config
    assert np.array_equal(to_numpy(call(cls.from_config(initializer.get_config()))), values(name))
    assert np.array_equal(to_numpy(call(initializer.clone())), values(name))


@pytest.mark.parametrize("name", sorted(set(CLASSES) & set(THEIRS)))
def test_default_configs_are_exchanged_with_keras(name: str) -> None:
    ours, theirs = CLASSES[name](), THEIRS[name]()
    assert set(ours.get_config()) == set(theirs.get_config())
    assert type(THEIRS[name].from_config(ours.get_config())) is THEIRS[name]
    assert type(CLASSES[name].from_config(theirs.get_config())) is CLASSES[name]


def values(name: str) -> Any:
    """Return the values of the NumPy class with the same arguments, at the first call."""
    initializer = INSTANCES[name]
    cls: Any = getattr(initializers, type(initializer).__name__)
    config = initializer.get_config()
    return call(cls.from_config(config), "float32")


@pytest.mark.parametrize("name", sorted(INSTANCES))
def test_values_equal_those_of_the_numpy_class(name: str) -> None:
    tensor = call(INSTANCES[name].clone())
    assert keras.ops.is_tensor(tensor)
    assert keras.backend.standardize_dtype(tensor.dtype) == "float32"
    assert to_numpy(tensor).tobytes() == values(name).tobytes()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", *FLOAT8])
@pytest.mark.parametrize("name", sorted(CLASSES))
def test_values_of_every_float_dtype(name: str, dtype: str) -> None:
    if name in ("Zeros", "Ones") and (BACKEND, dtype) == ("jax", "float64"):
        pytest.skip("made by the backend, which warns that it has 32 bits only")
    tensor = call(make(name), dtype)
    stored = "float32" if (BACKEND, dtype) == ("jax", "float64") else dtype
    assert keras.backend.standardize_dtype(tensor.dtype) == stored
    wanted = call(getattr(initializers, name).from_config(make(name).get_config()), dtype)
    as_float = to_numpy(keras.ops.cast(tensor, "float32"))
    assert np.array_equal(as_float, wanted.astype(np.float32))


@pytest.mark.skipif(BACKEND == "numpy", reason="has no variables of float8")
@pytest.mark.parametrize("initializer", [Zeros(), Ones(), HeNormal(seed=1)])
@pytest.mark.parametrize("dtype", FLOAT8)
def test_float8_variables(initializer: Any, dtype: str) -> None:
    variable = keras.Variable(initializer, shape=SHAPE, dtype=dtype)
    assert keras.backend.standardize_dtype(variable.value.dtype) == dtype
    with keras.StatelessScope():  # Keras defers variables here and asks for zeros
        keras.Variable(initializer, shape=SHAPE, dtype=dtype)


@pytest.mark.parametrize("dtype", ["int32", "bool", "uint8"])
def test_other_dtypes_are_made_or_refused(dtype: str) -> None:
    for initializer, value in ((Zeros(), 0), (Ones(), 1), (Constant(1), 1)):
        tensor = initializer((2, 2), dtype)
        assert keras.backend.standardize_dtype(tensor.dtype) == dtype
        assert (to_numpy(tensor) == value).all()
    with pytest.raises(ValueError, match="`dtype` must be one of"):
        HeNormal()((2, 2), dtype)


@pytest.mark.parametrize("shape", [(), (0, 3), (5,), 4, [2, 3]])
def test_shapes_of_keras_are_accepted(shape: Any) -> None:
    wanted = initializers.RandomNormal(seed=1)(shape)
    assert to_numpy(RandomNormal(seed=1)(shape)).tobytes() == wanted.tobytes()
    assert tuple(Zeros()(shape).shape) == wanted.shape


def test_floatx_is_the_default() -> None:
    keras.config.set_floatx("float16")
    try:
        for initializer in (HeNormal(), Ones(), Constant(1)):
            assert keras.backend.standardize_dtype(initializer((2, 2)).dtype) == "float16"
    finally:
        keras.config.set_floatx("float32")


def test_identity_semantics_of_keras() -> None:
    assert HeNormal(seed=1) != HeNormal(seed=1)
    assert len({HeNormal(seed=1), HeNormal(seed=1)}) == 2
    assert repr(HeNormal(seed=1)) == "HeNormal(seed=1)"


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_attributes_can_be_set_as_in_keras(name: str) -> None:
    initializer = make(name)
    initializer.built = True
    initializer.note = 1
    del initializer.note
    changed = RandomNormal(stddev=1.0, seed=1)
    changed.stddev = 2.0
    wanted = initializers.RandomNormal(stddev=2.0, seed=1)((3, 3))
    assert np.array_equal(to_numpy(changed((3, 3))), wanted)


def test_seeds_of_keras_are_accepted() -> None:
    wanted = initializers.RandomNormal(seed=1)((3, 3))
    for seed in (1, True, np.int64(1), SeedGenerator(1), keras.random.SeedGenerator(1)):
        assert np.array_equal(to_numpy(RandomNormal(seed=seed)((3, 3))), wanted)
    assert RandomNormal(seed=2**100).seed == 2**100
    wrongs: list[Any] = [1.5, "1", object()]
    for wrong in wrongs:
        with pytest.raises(TypeError, match="`seed` must be an integer"):
            RandomNormal(seed=wrong)
    with pytest.raises(ValueError, match="`seed` must be a serialized SeedGenerator"):
        RandomNormal(seed={"class_name": "HeNormal", "config": {}, "module": "keras.initializers"})


def test_a_generator_of_keras_counts_the_streams_of_its_seed() -> None:
    generator: Any = keras.random.SeedGenerator(9)
    ours = SeedGenerator(9)
    initializer: Any = RandomNormal(seed=generator)
    assert initializer.seed is generator
    for _ in range(3):
        wanted = initializers.RandomNormal(seed=ours)((2, 2))
        assert np.array_equal(to_numpy(initializer((2, 2))), wanted)
    assert to_numpy(generator.state).tolist() == [9, 3]


def test_set_random_seed_decides_unset_seeds() -> None:
    keras.utils.set_random_seed(5)
    first = HeNormal().seed, keras.initializers.HeNormal().seed
    keras.utils.set_random_seed(5)
    assert (keras.initializers.HeNormal().seed, HeNormal().seed) == first


@pytest.mark.parametrize("seed", [None, 3, "ours", "theirs"])
def test_copies_continue_from_the_state_of_the_original(seed: Any) -> None:
    generators = {"ours": SeedGenerator(3), "theirs": keras.random.SeedGenerator(3)}
    initializer = RandomNormal(seed=generators.get(seed, seed))
    initializer((2, 2))
    copies = [copy.deepcopy(initializer), pickle.loads(pickle.dumps(initializer))]
    wanted = to_numpy(initializer((2, 2)))
    for again in copies:
        assert type(again) is RandomNormal
        assert np.array_equal(to_numpy(again((2, 2))), wanted)
    shallow = copy.copy(initializer)
    assert shallow.seed is initializer.seed


def test_subclasses_keep_their_own_call() -> None:
    class Half(HeNormal):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:  # type: ignore[override]
            return super().__call__(shape, dtype) / 2

    layer = keras.layers.Dense(4, kernel_initializer=Half(seed=1))
    layer.build((None, 8))
    assert np.array_equal(to_numpy(layer.kernel), initializers.HeNormal(seed=1)((8, 4)) / 2)


def test_errors_name_the_argument() -> None:
    call: Any = HeNormal()
    with pytest.raises(TypeError, match="`shape` must be"):
        call("12")
    with pytest.raises(ValueError, match="must have 2 dimensions"):
        Identity()((2, 3, 4))
    with pytest.raises(ValueError, match="must be a finite number > 0"):
        VarianceScaling(scale=0)
