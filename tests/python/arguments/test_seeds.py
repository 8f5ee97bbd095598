"""Integer seeds, generators that count draws, and seeds derived from names."""

from __future__ import annotations

import copy
import hashlib
import pickle
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import ORTHOGONAL, PRESETS, RANDOM, SPARSE, same_bits
from initializers import HeNormal, RandomNormal, RandomUniform, SeedGenerator, fold_in

integers = st.integers(-(2**127), 2**127 - 1)


@pytest.mark.parametrize(
    ("seed", "same"),
    [
        (True, 1),
        (False, 0),
        (np.True_, 1),
        (np.int8(-7), -7),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.array(5), 5),
        (-(2**127), -(2**127)),
        (2**127 - 1, 2**127 - 1),
    ],
    ids=repr,
)
def test_integers_of_any_type_are_the_same_seed(seed: Any, same: int) -> None:
    initializer = HeNormal(seed=seed)
    assert initializer.seed == initializer._init_seed == same
    assert type(initializer.seed) is int
    assert same_bits(initializer((3, 4)), HeNormal(seed=same)((3, 4)))


def test_an_unset_seed_is_one_draw_from_random() -> None:
    for cls in (RandomNormal, RandomUniform, *PRESETS, SeedGenerator):
        random.seed(3)
        expected = [random.randint(1, 10**9) for _ in range(3)]
        random.seed(3)
        assert [cls().seed for _ in range(3)] == expected
    random.seed(3)
    HeNormal(seed=1)((2, 2))
    assert random.randint(1, 10**9) == expected[0]


@pytest.mark.parametrize("initializer", [*RANDOM, *ORTHOGONAL, SPARSE], ids=repr)
def test_other_seeds_give_other_values(initializer: Any) -> None:
    one, other = (initializer.with_seed(seed)((5, 5)) for seed in (1, 2))
    assert not np.array_equal(one, other)
    assert same_bits(initializer.with_seed(1)((5, 5)), one)


def test_a_generator_counts_its_draws() -> None:
    generator = SeedGenerator(7)
    assert [generator.next() for _ in range(3)] == [(7, 0), (7, 1), (7, 2)]
    assert generator.counter == 3


def test_a_generator_gives_new_values_in_a_fixed_sequence() -> None:
    first, second = (RandomNormal(seed=SeedGenerator(7)) for _ in range(2))
    draws = [first((4, 4)) for _ in range(3)]
    assert all(same_bits(draw, second((4, 4))) for draw in draws)
    assert len({draw.tobytes() for draw in draws}) == 3
    assert same_bits(draws[0], RandomNormal(seed=7)((4, 4)))


def test_a_generator_may_be_shared() -> None:
    generator = SeedGenerator(7)
    one, other = HeNormal(seed=generator), HeNormal(seed=generator)
    assert not same_bits(one((4, 4)), other((4, 4)))
    assert generator.counter == 2


def test_threads_share_a_generator_without_losing_a_draw() -> None:
    generator = SeedGenerator(7)
    initializer = RandomNormal(seed=generator)
    drawn: list[bytes] = []

    def draw() -> None:
        drawn.extend(initializer((8,)).tobytes() for _ in range(200))

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert generator.counter == 1600
    serial = RandomNormal(seed=SeedGenerator(7))
    assert sorted(drawn) == sorted(serial((8,)).tobytes() for _ in range(1600))


def test_no_two_threads_get_the_same_draw() -> None:
    class Slow(int):
        """Counter that lets another thread run between reading and writing."""

        def __add__(self, other: int) -> Slow:
            time.sleep(0.001)
            return Slow(int(self) + other)

    generator = SeedGenerator(7)
    generator._counter = Slow(0)
    with ThreadPoolExecutor(4) as pool:
        draws = list(pool.map(lambda _: generator.next(), range(40)))
    assert sorted(draws) == [(7, stream) for stream in range(40)]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_keep_the_counter(duplicate: Any) -> None:
    generator = SeedGenerator(name="weights")
    generator.next()
    twin = duplicate(generator)
    assert (twin.seed, twin.name, twin.counter) == (generator.seed, "weights", 1)
    assert twin.next() == generator.next()
    assert twin.get_config() == generator.get_config() == {"seed": None, "name": "weights"}
    initializer = HeNormal(seed=generator)
    other = duplicate(initializer)
    assert same_bits(other((3, 3)), initializer((3, 3)))
    assert other.seed is not generator


def test_from_config_restarts_a_generator() -> None:
    generator = SeedGenerator(7, name="weights")
    generator.next()
    again = SeedGenerator.from_config(generator.get_config())
    assert (again.seed, again.name, again.counter) == (7, "weights", 0)


def test_generators_are_equal_by_identity() -> None:
    generator = SeedGenerator(7)
    assert generator == generator
    assert generator != SeedGenerator(7)
    assert HeNormal(seed=generator) == HeNormal(seed=generator)
    assert HeNormal(seed=generator) != HeNormal(seed=SeedGenerator(7))
    assert repr(SeedGenerator(7, "a")) == "SeedGenerator(seed=7, name='a')"
    assert repr(SeedGenerator()) == "SeedGenerator()"


def test_a_generator_refuses_draws_beyond_its_last_stream() -> None:
    generator = SeedGenerator(7)
    generator._counter = 2**64 - 1
    RandomNormal(seed=generator)((3,))
    with pytest.raises(OverflowError, match=r"must not be used for more than 2\*\*64 draws"):
        RandomNormal(seed=generator)((3,))
    assert generator.counter == 2**64


def test_streams_of_one_seed_differ_from_those_of_the_next() -> None:
    drawn = RandomNormal(seed=SeedGenerator(7))
    successive = {drawn((16,)).tobytes() for _ in range(50)}
    assert not successive & {RandomNormal(seed=seed)((16,)).tobytes() for seed in range(8, 60)}


def _fold_in(seed: int, *path: str | int) -> int:
    """Compute the definition of docs/stream.md, step by step."""
    data = b""
    for part in path:
        if isinstance(part, str):
            data += b"s" + len(part.encode()).to_bytes(8, "little") + part.encode()
        else:
            data += b"i" + (part % 2**128).to_bytes(16, "little")
    key = (seed % 2**128).to_bytes(16, "little")
    digest = hashlib.blake2b(data, digest_size=8, key=key, person=b"initializers v01").digest()
    return int.from_bytes(digest, "little")


@pytest.mark.slow
@given(seed=integers, path=st.lists(st.text() | integers, min_size=1))
def test_fold_in_is_the_documented_hash(seed: int, path: list[str | int]) -> None:
    assert fold_in(seed, *path) == _fold_in(seed, *path)


def test_a_bool_is_an_integer_in_seeds_and_paths() -> None:
    pairs: Any = ((True, False), (np.True_, np.False_))
    for one, zero in pairs:
        assert fold_in(one, one, zero) == fold_in(1, 1, 0)
        assert HeNormal(seed=one) == HeNormal(seed=1)


def test_fold_in_golden_values() -> None:
    assert fold_in(42, "encoder", 0, "kernel") == 5956133714258006256
    assert fold_in(0, "") == 5987584123785971220
    assert fold_in(-(2**127), 2**127 - 1, "é") == 12531833893841851660


def test_fold_in_distinguishes_paths() -> None:
    paths = [("ab",), ("a", "b"), ("", "ab"), ("b", "a"), (1,), ("1",), (-1,), (2**64 - 1,)]
    assert len({fold_in(5, *path) for path in paths}) == len(paths)
    assert fold_in(np.int64(5), np.str_("a"), np.uint8(3)) == fold_in(5, "a", 3)
    assert 0 <= fold_in(5, "a") < 2**64
