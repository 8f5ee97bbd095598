"""Configurations, clones, copies, equality and `repr`."""

from __future__ import annotations

import copy
import json
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import initializers
from cases import INF, PRESETS, RANDOM, same_bits
from initializers import (
    S4D,
    STFT,
    Constant,
    ConvolutionOrthogonal1D,
    ConvolutionOrthogonal2D,
    ConvolutionOrthogonal3D,
    DeltaOrthogonal,
    Dirac,
    HeNormal,
    Hippo,
    Identity,
    Initializer,
    LogOfUniform,
    LstmBias,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    RingRadius,
    Rotary,
    SeedGenerator,
    Sinusoidal,
    Sparse,
    TimeStepBias,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)

# Keys of Keras's configurations, for the arguments that Keras has.
KEYS: dict[Any, set[str]] = {
    Initializer: set(),
    Zeros: set(),
    Ones: set(),
    Identity: set(),
    Constant: {"value"},
    Orthogonal: {"gain", "seed"},
    STFT: {"side", "window", "scaling", "periodic"},
    RandomNormal: {"mean", "stddev", "seed"},
    TruncatedNormal: {"mean", "stddev", "seed"},
    RandomUniform: {"minval", "maxval", "seed"},
    VarianceScaling: {"scale", "mode", "distribution", "seed", "input_axes", "output_axes"},
    **{preset: {"seed", "input_axes", "output_axes"} for preset in PRESETS},
}

# Initializers of kernels with three to five dimensions.
KERNELS = (
    DeltaOrthogonal(gain=0.5, seed=3),
    ConvolutionOrthogonal1D(gain=0.5, seed=3),
    ConvolutionOrthogonal2D(gain=0.5, seed=3),
    ConvolutionOrthogonal3D(gain=0.5, seed=3),
    Dirac(groups=2),
)

# Instances with every argument set, as `repr` shows them.
FULL = (
    Initializer(),
    Zeros(),
    Ones(),
    Constant(value=0.5),
    Constant(value=2**64 - 1),
    Constant(value=True),
    Constant(value=-0.0),
    Constant(value=INF),
    Identity(gain=0.5),
    STFT(side="imag", window=[1.0, 2.0], scaling="spectrum", periodic=True),
    STFT(window=None, scaling=None),
    RandomNormal(mean=1.0, stddev=0.02, seed=3),
    TruncatedNormal(mean=1.0, stddev=0.02, seed=-3),
    TruncatedNormal(bounds=(0.0, 2.5), seed=3),
    RandomUniform(minval=0.0, maxval=1.0, seed=2**100),
    VarianceScaling(
        scale=2.0,
        mode="fan_geo_avg",
        distribution="uniform",
        seed=3,
        input_axes=[0],
        output_axes=[-1],
    ),
    *(preset(seed=3, input_axes=[0, 1], output_axes=[2]) for preset in PRESETS),
    Orthogonal(gain=0.5, seed=3, axis=0),
    Sparse(sparsity=0.3, stddev=0.5, seed=3),
    TimeStepBias(dt_min=0.01, dt_max=0.2, dt_floor=0.05, seed=3),
    LogOfUniform(minval=0.5, maxval=6.28, seed=3),
    RingRadius(min_radius=0.9, max_radius=0.999, softplus=True, seed=3),
    LstmBias(forget=2.0, gates="ijfo"),
    *(S4D(part="real"), S4D(part="imaginary"), Hippo(part="B")),
    Sinusoidal(base=500.0, interleaved=False, endpoint=True),
    Rotary(part="cos", base=500.0, interleaved=True),
    *KERNELS,
)

every = pytest.mark.parametrize("initializer", FULL, ids=repr)


def shape_for(initializer: Any) -> tuple[int, ...]:
    if type(initializer) in map(type, KERNELS):
        return (2,) * getattr(initializer, "_dimensions", 1) + (3, 4)
    if isinstance(initializer, STFT):
        return (2, 1, 3)
    return (2, 4) if isinstance(initializer, (LstmBias, Rotary, Sinusoidal)) else (2, 3)


@pytest.mark.parametrize(("cls", "keys"), KEYS.items(), ids=lambda x: getattr(x, "__name__", "-"))
def test_default_configs_have_the_keys_of_keras(cls: Any, keys: set[str]) -> None:
    config = cls().get_config()
    assert config.keys() == keys
    assert config.get("seed") is None
    assert cls.from_config(config).get_config() == config


def test_default_configs_have_the_values_of_keras() -> None:
    assert Constant().get_config() == {"value": 0.0}
    assert RandomNormal().get_config() == {"mean": 0.0, "stddev": 0.05, "seed": None}
    assert RandomUniform().get_config() == {"minval": -0.05, "maxval": 0.05, "seed": None}
    assert STFT().get_config() == {
        "side": "real",
        "window": "hann",
        "scaling": "density",
        "periodic": False,
    }
    # Any case is accepted; the annotation has the lower one only.
    assert VarianceScaling(distribution="Normal").get_config() == {  # type: ignore[arg-type]
        "scale": 1.0,
        "mode": "fan_in",
        "distribution": "truncated_normal",
        "seed": None,
        "input_axes": None,
        "output_axes": None,
    }


def test_parameters_of_any_number_type_become_floats() -> None:
    for value in (2, True, np.float32(2), np.array(2), np.array(2.0, np.float16), Fraction(2)):
        normal = RandomNormal(value, value)  # type: ignore[arg-type]
        assert type(normal.mean) is type(normal.stddev) is float
        assert normal.mean == float(value)
    assert TruncatedNormal(bounds=np.array([-1, np.inf])).bounds == (-1.0, INF)  # type: ignore[arg-type]
    assert TruncatedNormal(bounds=[-1, 1]).bounds == (-1.0, 1.0)  # type: ignore[arg-type]


def test_keys_beyond_keras_appear_only_when_set() -> None:
    assert Identity(2).get_config() == {"gain": 2.0}
    assert TruncatedNormal(bounds=(-2, 2)).get_config().keys() == KEYS[TruncatedNormal]
    assert TruncatedNormal(bounds=(-INF, 2)).get_config()["bounds"] == [-INF, 2.0]


@every
def test_configs_round_trip(initializer: Any) -> None:
    config = json.loads(json.dumps(initializer.get_config()))
    again = type(initializer).from_config(config)
    assert again == initializer
    assert again.get_config() == initializer.get_config()
    assert initializer.clone() == initializer
    assert initializer.clone() is not initializer


@every
def test_repr_is_the_constructor_call(initializer: Any) -> None:
    assert eval(repr(initializer), vars(initializers), {"inf": INF}) == initializer


def test_repr_shows_arguments_that_differ_from_the_default() -> None:
    assert repr(HeNormal(seed=1)) == "HeNormal(seed=1)"
    assert repr(HeNormal()) == "HeNormal()"
    assert repr(RandomNormal(stddev=np.float32(0.5), seed=np.int8(3))) == (
        "RandomNormal(stddev=0.5, seed=3)"
    )
    assert repr(HeNormal(seed=SeedGenerator(3))) == "HeNormal(seed=SeedGenerator(seed=3))"
    assert repr(Constant(np.array([1.0, 2.0]))) == "Constant(value=array([1., 2.]))"


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy]
    + [
        lambda x, protocol=protocol: pickle.loads(pickle.dumps(x, protocol))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    ],
)
@pytest.mark.parametrize(
    "initializer", [*FULL, *(cls() for cls in PRESETS), Constant([1, 2, 3])], ids=repr
)
def test_copies_are_equal_and_keep_a_drawn_seed(initializer: Any, duplicate: Any) -> None:
    twin = duplicate(initializer)
    assert type(twin) is type(initializer)
    assert twin == initializer
    assert hash(twin) == hash(initializer)
    assert twin.get_config() == initializer.get_config()
    if isinstance(initializer, HeNormal):
        assert twin.seed == initializer.seed
        assert same_bits(twin((2, 3, 4)), initializer((2, 3, 4)))


def test_pickles_are_small_and_name_the_public_class() -> None:
    pickled = pickle.dumps(HeNormal(seed=1))
    assert len(pickled) < 250
    assert b"initializers" in pickled
    assert b"_variance" not in pickled


def test_clones_draw_an_unset_seed_anew() -> None:
    for cls in (RandomNormal, RandomUniform, TruncatedNormal, *PRESETS):
        unset = cls()
        assert unset.clone().seed != unset.seed  # equal once in 10**9
        assert unset.clone() != unset
        assert cls(seed=4).clone().seed == 4


def test_a_clone_restarts_its_generator() -> None:
    initializer = HeNormal(seed=SeedGenerator(7, name="weights"))
    first = initializer((3, 3))
    again = initializer.clone()
    assert again.seed is not initializer.seed
    assert isinstance(again.seed, SeedGenerator)
    assert again.seed.name == "weights"
    assert same_bits(again((3, 3)), first)


def test_equality_needs_class_config_and_drawn_seed() -> None:
    for left in RANDOM:
        for right in RANDOM:
            assert (left == right) == (left is right)
    assert len(set(RANDOM)) == len(RANDOM)
    assert HeNormal(seed=1) == HeNormal(seed=True)
    assert HeNormal(seed=1) != HeNormal(seed=2)
    assert HeNormal(seed=1) != VarianceScaling(2.0, seed=1)
    assert HeNormal() != HeNormal()
    assert HeNormal(seed=1) != "he_normal"


def test_drawn_and_given_seeds_that_agree_are_equal() -> None:
    drawn = HeNormal()
    assert drawn == HeNormal(seed=drawn.seed)
    assert hash(drawn) == hash(HeNormal(seed=drawn.seed))


def test_constants_are_equal_by_content() -> None:
    values: list[Any] = [1, 1.0, True, 0.0, -0.0, [1], [1.0], [[1]], np.array([1], np.float32)]
    constants = [Constant(value) for value in values]
    for i, left in enumerate(constants):
        assert [left == right for right in constants] == [i == j for j in range(len(values))]
    assert Constant([1, 2]) == Constant(np.array([1, 2]))
    assert Constant(float("nan")) == Constant(float("nan"))
    assert hash(Constant([1, 2])) == hash(Constant((1, 2)))


class Inherited(HeNormal):
    """Subclass whose configuration is its parent's."""


class Configured(Initializer):
    def __init__(self, mean: float, *, options: Any = None) -> None:
        self.mean = mean
        self.options = options

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return Constant(self.mean)(shape, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "options": self.options}


def test_subclasses_without_a_config_of_their_own_keep_identity() -> None:
    one, other = Inherited(seed=1), Inherited(seed=1)
    assert one != other
    assert one == one
    assert len({one, other}) == 2
    assert repr(one).startswith("<")
    assert same_bits(one.clone()((3, 3)), HeNormal(seed=1)((3, 3)))


def test_subclasses_with_a_config_are_compared_by_it() -> None:
    one = Configured(0.5, options={"list": [1, {"a": np.arange(2)}]})
    other = Configured(0.5, options={"list": (1, {"a": np.arange(2)})})
    assert one == other
    assert hash(one) == hash(other)
    assert one != Configured(0.5)
    assert repr(Configured(0.5)) == "Configured(mean=0.5)"
    assert one.clone() == one
    assert same_bits(one((2,)), Constant(0.5)((2,)))
