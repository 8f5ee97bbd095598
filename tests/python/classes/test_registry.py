"""Initializers by name, to and from configurations, and registered by users."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest
from test_config import FULL

import initializers
from cases import RANDOM, same_bits
from initializers import (
    Constant,
    GlorotUniform,
    HeNormal,
    Identity,
    Initializer,
    RandomNormal,
    Recipe,
    SeedGenerator,
    VarianceScaling,
    deserialize,
    get,
    register,
    serialize,
)
from initializers._classes import registry as registry

# Names and keys of keras.initializers (3.15).
CLASSES = [
    *(
        "Initializer",
        "Constant",
        "Identity",
        "Ones",
        "Orthogonal",
        "STFT",
        "VarianceScaling",
        "Zeros",
    ),
    *("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform"),
    *("Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal"),
]
SNAKE = [
    *(
        "initializer",
        "constant",
        "identity",
        "ones",
        "orthogonal",
        "stft",
        "variance_scaling",
        "zeros",
    ),
    *("glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal"),
    *("lecun_uniform", "orthogonal", "random_normal", "random_uniform", "truncated_normal"),
]
ALIASES = {
    "IdentityInitializer": "Identity",
    "OrthogonalInitializer": "Orthogonal",
    "STFTInitializer": "STFT",
    "normal": "RandomNormal",
    "uniform": "RandomUniform",
    "one": "Ones",
    "zero": "Zeros",
}
# Classes beyond Keras.
MORE = {
    "ConvolutionOrthogonal1D": "convolution_orthogonal1d",
    "ConvolutionOrthogonal2D": "convolution_orthogonal2d",
    "ConvolutionOrthogonal3D": "convolution_orthogonal3d",
    "DeltaOrthogonal": "delta_orthogonal",
    "Dirac": "dirac",
    "Hippo": "hippo",
    "LogOfUniform": "log_of_uniform",
    "LstmBias": "lstm_bias",
    "RingRadius": "ring_radius",
    "Rotary": "rotary",
    "S4D": "s4d",
    "Sinusoidal": "sinusoidal",
    "Sparse": "sparse",
    "TimeStepBias": "time_step_bias",
}
KERAS = {"module": "keras.initializers", "registered_name": None}


pytestmark = pytest.mark.usefixtures("fresh_registry")


def test_the_registry_has_the_keys_of_keras() -> None:
    assert len({*CLASSES, *SNAKE, *ALIASES}) == 41
    assert registry.BUILT_IN.keys() == {*CLASSES, *SNAKE, *ALIASES, *MORE, *MORE.values()}
    for name in CLASSES:
        assert registry.BUILT_IN[name] is getattr(initializers, name)
    for alias, name in ALIASES.items():
        assert registry.BUILT_IN[alias] is getattr(initializers, name)


@pytest.mark.parametrize("name", [*CLASSES, *SNAKE, *ALIASES])
def test_get_makes_an_initializer_of_every_name(name: str) -> None:
    made = get(name)
    assert type(made) is registry.BUILT_IN[name]
    assert deserialize(name).get_config() == made.get_config()
    assert get(f"initializers>{type(made).__name__}").get_config() == made.get_config()
    assert get({"class_name": name, "config": {}}).get_config() == made.get_config()


def test_get_accepts_instances_classes_functions_and_configs() -> None:
    assert get(None) is None
    assert get(RANDOM[0]) is RANDOM[0]
    assert type(get(GlorotUniform)) is GlorotUniform
    assert get({"class_name": "HeNormal", "config": {"seed": 3}}) == HeNormal(seed=3)

    def function(shape: Any, dtype: Any = None) -> Any:
        return np.zeros(shape, dtype)

    assert get(function) is function
    partial = functools.partial(function, dtype="int8")
    assert get(partial) is partial


def test_get_makes_constants_of_arrays() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert same_bits(get(array)((2, 3)), array.astype(np.float32))
    assert same_bits(get(array[0])((2, 3), "int8"), np.array([[0, 1, 2]] * 2, np.int8))
    assert get(np.float32(0.5)) == Constant(0.5)
    again = deserialize(json.loads(json.dumps(serialize(get(array)))))
    assert again == get(array)
    with pytest.raises(ValueError, match=r"`value` must broadcast to the shape \(3, 2\)"):
        get(array)((3, 2))


@pytest.mark.parametrize("initializer", FULL, ids=repr)
def test_serialize_round_trip(initializer: Any) -> None:
    config = serialize(initializer)
    name = type(initializer).__name__
    assert config == {
        "module": "initializers",
        "class_name": name,
        "config": initializer.get_config(),
        "registered_name": f"initializers>{name}",
    }
    assert deserialize(json.loads(json.dumps(config))) == initializer
    assert get(config) == initializer


@pytest.mark.parametrize("initializer", FULL, ids=repr)
def test_configs_of_keras_are_deserialized(initializer: Any) -> None:
    name, config = type(initializer).__name__, initializer.get_config()
    keras_3 = {"class_name": name, "config": config, **KERAS}
    assert deserialize(keras_3) == initializer
    assert deserialize({**keras_3, "build_config": {}, "shared_object_id": 7}) == initializer
    assert deserialize({"class_name": name, "config": config}) == initializer  # Keras 2
    assert deserialize({**keras_3, "module": "tf_keras.initializers"}) == initializer


def test_old_names_and_spellings_are_deserialized() -> None:
    old = {"scale": 2.0, "mode": "fan_in", "distribution": "normal", "seed": 1}
    made = deserialize({"class_name": "VarianceScaling", "config": old})
    assert made == VarianceScaling(2.0, "fan_in", "truncated_normal", seed=1)
    assert deserialize({"class_name": "Zeros"}).get_config() == {}
    assert deserialize({"class_name": "Zeros", "config": None}).get_config() == {}
    assert deserialize({"class_name": "IdentityInitializer", "config": {"gain": 2}}) == Identity(2)


@pytest.mark.parametrize("module", ["keras.random", "initializers"])
def test_generators_in_configs_are_deserialized(module: str) -> None:
    seed = {
        "module": module,
        "class_name": "SeedGenerator",
        "config": {"seed": 5, "name": "seed_generator_1"},
        "registered_name": None,
    }
    made: Any = deserialize({"class_name": "HeNormal", "config": {"seed": seed}, **KERAS})
    assert isinstance(made.seed, SeedGenerator)
    assert (made.seed.seed, made.seed.name) == (5, "seed_generator_1")
    assert same_bits(made((3, 3)), HeNormal(seed=5)((3, 3)))
    config = json.loads(json.dumps(serialize(made)))
    assert config["config"]["seed"]["registered_name"] == "initializers>SeedGenerator"
    again = deserialize(config)
    assert same_bits(again((3, 3)), HeNormal(seed=5)((3, 3)))


@pytest.mark.parametrize("kind", ["__numpy__", "__tensor__"])
def test_arrays_in_configs_of_keras_are_deserialized(kind: str) -> None:
    array = {"class_name": kind, "config": {"value": [[0.5, 2.0]], "dtype": "bfloat16"}}
    made: Any = deserialize({"class_name": "Constant", "config": {"value": array}, **KERAS})
    assert made((2, 2), "float64").tolist() == [[0.5, 2.0]] * 2
    array["config"]["dtype"] = "float32"  # type: ignore[index]
    array["config"]["value"] = [1.0, 2.0]  # type: ignore[index]
    made = deserialize({"class_name": "STFT", "config": {"window": array}, **KERAS})
    assert made.window == (1.0, 2.0)
    array["config"] = {"value": [1j], "dtype": "complex64"}  # as Keras has it before JSON
    made = deserialize({"class_name": "Constant", "config": {"value": array}, **KERAS})
    assert made((1,), "complex64").tolist() == [1j]


@pytest.mark.parametrize(
    "value",
    [
        *(1j, [1j, 2.0], [2**63, 1], np.array([2**63, 1], np.uint64), np.array([[True]])),
        *(np.array(0.1, np.float32), np.array([0.1], np.float16)),
    ],
    ids=repr,
)
def test_constants_of_any_type_survive_json(value: Any) -> None:
    constant = Constant(value)
    assert deserialize(json.loads(json.dumps(serialize(constant)))) == constant


class Scaled(Initializer):
    def __init__(self, inner: Any, factor: Any = 1.0) -> None:
        self.inner = get(inner)
        self.factor = factor

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return self.inner(shape, dtype) * self.factor

    def get_config(self) -> dict[str, Any]:
        return {"inner": self.inner, "factor": self.factor}


def thirds(shape: Any, dtype: Any = None) -> Any:
    return Constant(1 / 3)(shape, dtype)


def test_unregistered_classes_need_custom_objects() -> None:
    config = serialize(Scaled(HeNormal(seed=1), np.float32(0.5)))
    assert config == {
        "module": __name__,
        "class_name": "Scaled",
        "config": {"inner": serialize(HeNormal(seed=1)), "factor": 0.5},
        "registered_name": "Scaled",
    }
    with pytest.raises(ValueError, match=r"'Scaled' is not registered.*custom_objects"):
        deserialize(config)
    made = deserialize(json.loads(json.dumps(config)), {"Scaled": Scaled})
    assert isinstance(made, Scaled)
    assert made.inner == HeNormal(seed=1)


def test_nested_values_in_configs_become_json() -> None:
    factor = {"a": (np.int8(3), np.array([0.5])), "b": SeedGenerator(1), "c": thirds}
    config = serialize(Scaled("zeros", factor))
    assert config is not None
    array = {"class_name": "__numpy__", "config": {"value": [0.5], "dtype": "float64"}}
    inner = config["config"]["factor"]
    assert inner["a"] == [3, array]
    assert inner["b"]["class_name"] == "SeedGenerator"
    assert inner["c"] == serialize(thirds)
    assert json.loads(json.dumps(config)) == config


def test_registered_classes_are_found() -> None:
    assert register("mine")(Scaled) is Scaled
    config = serialize(Scaled("zeros"))
    assert config is not None
    assert config["registered_name"] == "mine>Scaled"
    assert isinstance(get(config), Scaled)
    assert isinstance(get({**config, "class_name": "Anything"}), Scaled)
    named = register(name="Other")(type("Named", (Scaled,), {}))
    assert serialize(named("zeros"))["registered_name"] == "Custom>Other"  # type: ignore[index]
    assert type(get(serialize(named("zeros")))) is named


def test_registered_functions_are_found_by_name() -> None:
    config = serialize(thirds)
    assert config == {
        "module": "builtins",
        "class_name": "function",
        "config": "thirds",
        "registered_name": "function",
    }
    with pytest.raises(ValueError, match="'thirds' is not registered"):
        deserialize(config)
    assert deserialize(config, {"thirds": thirds}) is thirds
    register("mine")(thirds)
    config = serialize(thirds)
    assert config is not None
    assert config["config"] == "mine>thirds"
    assert get(config) is get("mine>thirds") is thirds
    assert deserialize({"class_name": "thirds", "config": {}}, {"thirds": thirds}) is thirds


def test_custom_objects_come_first_and_foreign_modules_are_refused() -> None:
    assert deserialize("he_normal", {"he_normal": thirds}) is thirds
    foreign = {"module": "mylib", "class_name": "HeNormal", "registered_name": "HeNormal"}
    with pytest.raises(ValueError, match="'HeNormal' is not registered"):
        deserialize({**foreign, "config": {}})
    with pytest.raises(ValueError, match="'HeNormal' is not registered"):
        deserialize({**foreign, "config": {}, "module": None})


def test_a_name_is_registered_only_once() -> None:
    register("mine")(Scaled)
    register("mine")(Scaled)
    with pytest.raises(ValueError, match="'mine>Scaled' must be registered only once, received"):
        register("mine", "Scaled")(thirds)
    config = {"class_name": "x", "registered_name": "mine>Scaled", "config": {"inner": "ones"}}
    made: Any = get(config)
    assert made.inner.get_config() == {}


def test_a_cell_of_a_notebook_runs_twice() -> None:
    cell = """
@register("notebook")
class Halves(Initializer):
    def __call__(self, shape, dtype=None):
        return Constant({})(shape, dtype)

    def get_config(self):
        return {{}}

@register("notebook")
def halves(shape, dtype=None):
    return Constant({})(shape, dtype)
"""
    names = {"register": register, "Initializer": Initializer, "Constant": Constant}
    notebook: dict[str, Any] = {"__name__": "__main__", **names}
    for value in (0.25, 0.5):
        exec(cell.format(value, value), notebook)
        made: Any = get(serialize(notebook["Halves"]()))
        assert type(made) is notebook["Halves"]
        assert made((1,)) == get("notebook>halves")((1,)) == value
    for other in ("other", "__main__"):
        text = cell.replace("class Halves", "class Thirds").replace(
            '"notebook")', '"notebook", "Halves")'
        )
        with pytest.raises(ValueError, match="'notebook>Halves' must be registered only once, rec"):
            exec(text.format(0.3, 0.3), {"__name__": other, **names})
    assert get("notebook>Halves")((1,)) == 0.5


def test_none_is_serialized_as_none() -> None:
    assert serialize(None) is None
    assert deserialize(None) is None


def test_a_subclass_of_a_built_in_is_not_the_built_in() -> None:
    class Mine(RandomNormal):
        pass

    config = serialize(Mine(seed=1))
    assert config is not None
    assert (config["module"], config["registered_name"]) == (__name__, "Mine")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kaiming_normal", VarianceScaling(2.0, "fan_in", "untruncated_normal")),
        ("kaiming_uniform", VarianceScaling(2.0, "fan_in", "uniform")),
        ("xavier_normal", VarianceScaling(1.0, "fan_avg", "untruncated_normal")),
        ("xavier_uniform", VarianceScaling(1.0, "fan_avg", "uniform")),
    ],
)
def test_names_of_torch_mean_its_defaults(name: str, expected: VarianceScaling) -> None:
    """The names mean the defaults of `torch.nn.init`, whose normal values are not truncated."""
    values = expected.with_seed(3)((7, 5))
    made: Any = get(name)
    assert same_bits(made.with_seed(3)((7, 5)), values)
    made = get({"class_name": name, "config": {"seed": 3}})
    assert same_bits(made((7, 5)), values)
    assert deserialize(serialize(made)) == made
    recipe = Recipe({"*": name}, seed=1, convention="keras")
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    with pytest.raises(ValueError, match=rf"did you mean '{name}'\?"):
        get(name.replace("_", ""))
    with pytest.raises(ValueError, match=r"must have no keys but .*received: 'sed'"):
        get({"class_name": name, "config": {"sed": 3}})
