"""Second calls on small tensors, whose plans are kept: same values and checks as the first."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import numpy as np
import pytest

from initializers import HeNormal, Ones, Orthogonal, RandomNormal, SeedGenerator, Zeros
from initializers._classes.ready import makers

SHAPE = (3, 5)
DTYPES = ("float32", "float64", "bfloat16", "float8_e5m2")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cls", [HeNormal, Ones, Orthogonal, RandomNormal, Zeros])
def test_every_call_returns_new_memory_with_the_same_bits(cls: Any, dtype: str) -> None:
    make: Any = cls if cls in (Ones, Zeros) else lambda: cls(seed=7)
    initializer = make()
    first = initializer(SHAPE, dtype)
    wanted = first.tobytes()
    initializer(SHAPE, dtype)
    assert SHAPE in {shape for shape, _ in makers[id(initializer)]}
    for _ in range(3):
        again = initializer(SHAPE, dtype)
        assert (again.shape, again.dtype) == (SHAPE, first.dtype)
        assert again.flags.c_contiguous
        assert again.tobytes() == wanted == make()(SHAPE, dtype).tobytes()
        again[...] = 2


@pytest.mark.parametrize(
    ("shape", "error"), [((3.0, 5), TypeError), ((True, 5), TypeError), ((3, -5), ValueError)]
)
def test_shapes_that_equal_a_known_one_are_checked(shape: Any, error: type[Exception]) -> None:
    initializer = RandomNormal(seed=1)
    for known in ((1, 5), (1, 5), SHAPE):
        initializer(known)
    with pytest.raises(error, match=r"dimension . of `shape`"):
        initializer(shape)


def test_other_seeds_have_other_values() -> None:
    initializer = RandomNormal(seed=1)
    first = initializer(SHAPE)
    initializer(SHAPE)
    other = initializer.with_seed(2)
    assert np.array_equal(other(SHAPE), RandomNormal(seed=2)(SHAPE))
    assert not np.array_equal(other(SHAPE), first)
    generator = RandomNormal(seed=SeedGenerator(1))
    assert not np.array_equal(generator(SHAPE), generator(SHAPE))


def test_calls_leave_no_trace_in_copies() -> None:
    initializer = HeNormal(seed=1)
    before = pickle.dumps(initializer)
    first = initializer(SHAPE)
    initializer(SHAPE)
    assert pickle.dumps(initializer) == before
    for other in (pickle.loads(before), copy.copy(initializer), copy.deepcopy(initializer)):
        assert np.array_equal(other(SHAPE), first)


def test_plans_end_with_their_initializer() -> None:
    gc.collect()
    before = len(makers)
    initializers = [RandomNormal(seed=seed) for seed in range(20)]
    for initializer in initializers:
        initializer(SHAPE)
        initializer(SHAPE)
    assert len(makers) == before + 20
    del initializer, initializers
    assert len(makers) == before


def test_few_plans_of_small_tensors_are_kept() -> None:
    initializer = RandomNormal(seed=1)
    for size in range(100):
        initializer((size,))
    initializer((10_000,))
    assert len(makers[id(initializer)]) <= 16
    assert all(shape < (10_000,) for shape, _ in makers[id(initializer)])


def test_a_subclass_of_others_may_change() -> None:
    class Mine(RandomNormal):
        pass

    initializer = Mine(stddev=1.0, seed=1)
    first = initializer(SHAPE)
    initializer.stddev = 2.0
    assert np.array_equal(initializer(SHAPE), 2 * first)
    assert id(initializer) not in makers
