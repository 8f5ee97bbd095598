"""Initializers of the package are immutable; subclasses of users are not."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import initializers
from cases import GIVEN, ORTHOGONAL, RANDOM, SPARSE, TABLES
from initializers import (
    STFT,
    Constant,
    ConvolutionOrthogonal2D,
    DeltaOrthogonal,
    Dirac,
    HeNormal,
    Identity,
    Initializer,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    VarianceScaling,
)

ALL = (
    *(*RANDOM, *ORTHOGONAL, SPARSE, *GIVEN, STFT(window=[1.0, 2.0]), Identity(2.0), Dirac(2)),
    *TABLES,
    *(DeltaOrthogonal(seed=1), ConvolutionOrthogonal2D(seed=1)),
    VarianceScaling(seed=1, input_axes=[0], output_axes=[1, 2]),
)


@pytest.mark.parametrize("initializer", ALL, ids=repr)
def test_attributes_are_frozen(initializer: Any) -> None:
    kept = {initializer}
    config = initializer.get_config()
    for name in (*vars(initializer), "value", "gaim"):
        with pytest.raises(AttributeError, match=rf"`{name}` of a .* create a new .*received: 7"):
            setattr(initializer, name, 7.0)
        with pytest.raises(AttributeError, match=rf"`{name}` of a .* create a new one"):
            delattr(initializer, name)
    for value in config.values():  # the configuration holds a copy
        if isinstance(value, list):
            value.append(3)
            assert initializer.get_config() != config
    assert initializer in kept
    assert hash(initializer) == hash(pickle.loads(pickle.dumps(initializer)))


@pytest.mark.parametrize("initializer", ALL, ids=repr)
def test_attributes_are_immutable_objects(initializer: Any) -> None:
    for name, value in vars(initializer).items():
        assert isinstance(value, (int, float, str, tuple, np.ndarray, type(None))), name


@pytest.mark.parametrize("initializer", ALL, ids=repr)
@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_are_equal_and_frozen(initializer: Any, duplicate: Any) -> None:
    twin = duplicate(initializer)
    assert twin == initializer
    with pytest.raises(AttributeError, match="create a new one"):
        twin.seed = 3


def test_with_seed_returns_a_new_initializer() -> None:
    first = HeNormal(seed=1)
    second = first.with_seed(2)
    assert (first.seed, second.seed) == (1, 2)
    with pytest.raises(AttributeError, match="`seed` of a HeNormal must not change"):
        second.seed = 3


def test_subclasses_of_users_are_mutable() -> None:
    class Wide(RandomNormal):
        def __init__(self, factor: float = 2.0, seed: int | None = None) -> None:
            super().__init__(stddev=0.1, seed=seed)
            self.factor = factor
            self.stddev *= factor

    class Own(Initializer):
        value: int

        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return self.value

    wide = Wide(seed=1)
    assert wide.stddev == 0.2
    wide.stddev = 0.5
    assert np.array_equal(wide((3, 3)), RandomNormal(stddev=0.5, seed=1)((3, 3)))
    del wide.factor
    own = Own()
    own.value = 3
    assert own(()) == 3


@pytest.mark.parametrize("value", [[1.0, 2.0], np.arange(3), [], [1j], True, np.float16(2)])
def test_the_value_of_a_constant_cannot_be_made_writeable(value: Any) -> None:
    constant = Constant(value)
    array: Any = constant._array
    before = hash(constant)
    while isinstance(array, np.ndarray):
        with pytest.raises(ValueError, match="cannot set WRITEABLE flag"):
            array.flags.writeable = True
        array = array.base
    assert hash(constant) == before
    assert array is None or isinstance(array, bytes)


def test_a_constant_keeps_its_own_copy() -> None:
    given = np.array([1.0, 2.0])
    constant = Constant(given)
    given[0] = 5.0
    assert constant.value.tolist() == [1.0, 2.0]
    low = Constant(initializers.RandomNormal(seed=1)((3, 2), "bfloat16"))
    assert low.value.dtype == "bfloat16"
    assert Constant(np.ones((0, 3))).value.shape == (0, 3)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Identity(0.0), Identity(-0.0)),
        (RandomNormal(0.0, 0.0, seed=1), RandomNormal(-0.0, 0.0, seed=1)),
        (RandomUniform(0.0, 0.0, seed=1), RandomUniform(-0.0, 0.0, seed=1)),
        (Orthogonal(0.0, seed=1), Orthogonal(-0.0, seed=1)),
        (STFT(window=[0.0, 1.0]), STFT(window=[-0.0, 1.0])),
        (Constant([0.0]), Constant([-0.0])),
    ],
    ids=repr,
)
def test_zeros_of_different_sign_are_different_arguments(one: Any, other: Any) -> None:
    assert one != other
    assert len({one, other}) == 2
    assert one == copy.copy(one)
    assert other == copy.copy(other)
    assert hash(other) == hash(copy.copy(other))


def test_identity_keeps_the_sign_of_a_zero_gain() -> None:
    assert not np.signbit(Identity(0.0)((2, 2))).any()
    assert np.signbit(Identity(-0.0)((2, 2))).tolist() == [[True, False], [False, True]]
