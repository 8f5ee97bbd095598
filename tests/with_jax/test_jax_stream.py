"""The stream in operations of JAX against the core: equal bits, everywhere in every tensor."""

from __future__ import annotations

import math
import os
import warnings
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from initializers import Initializer, RandomNormal, RandomUniform, TruncatedNormal
from initializers._arguments.dtypes import look_up
from initializers._filling import Fill, plan_fill
from initializers.jax._stream import exact, wide
from initializers.jax._stream.block import (
    PIECE,
    Place,
    Target,
    locate,
    make_block,
    make_blocks,
    pack_arguments,
)

# `make jax-stream` sets it: every case with every law and dtype, and more values.
LONG = os.environ.get("JAX_STREAM") == "long"
NARROW = ("bfloat16", "float16", "float8_e4m3fn", "float8_e5m2")
LAWS: dict[str, Initializer] = {
    "uniform": RandomUniform(-0.05, 0.07),
    "normal": RandomNormal(0.3, 0.7),
    "two_sigma": TruncatedNormal(0.0, 1.0),
}
SEEDS = (0, 42, -1, 2**127 - 1, 5 - 2**127)
RAW = {1: np.uint8, 2: np.uint16, 4: np.uint32}


def plan(law: str, shape: Any, dtype: str, seed: int = 42) -> tuple[Fill, Target, Any]:
    """Return how the core fills a tensor, and what `make_blocks` needs for the same."""
    initializer = LAWS[law].with_seed(seed)  # type: ignore[attr-defined]
    fill = plan_fill(initializer, shape, look_up(dtype))
    found = fill.write.describe()  # type: ignore[attr-defined]
    assert found[0] == law
    words = [seed >> shift & 0xFFFFFFFF for shift in (0, 32, 64, 96)]
    target = Target(law, dtype, shape)
    return fill, target, pack_arguments(target, words, 0, found[1])


def count_differences(made: Any, fill: Fill, start: Any) -> int:
    """Return how many elements of a block differ in a bit from those of the core."""
    expected = np.empty(made.shape, made.dtype)
    fill(expected, start)
    raw = RAW[made.dtype.itemsize]
    return int(np.count_nonzero(np.asarray(made).view(raw) != expected.view(raw)))


@partial(jax.jit, static_argnums=(0, 1, 3))
def make(target: Target, extent: Any, number: wide.Wide, alignment: int, arguments: Any) -> Any:
    return make_blocks(target, extent, Place(number, alignment), arguments)


def check(law: str, shape: Any, dtype: str, start: Any, extent: Any, seed: int = 42) -> None:
    fill, target, arguments = plan(law, shape, dtype, seed)
    number = int(sum(s * math.prod(shape[axis + 1 :]) for axis, s in enumerate(start)))
    position = wide.Wide(*(np.uint32(half) for half in wide.widen(number)))
    made = make(target, extent, position, math.gcd(number, 64), arguments)
    assert count_differences(made, fill, start) == 0


@pytest.mark.parametrize("law", LAWS)
def test_values_in_float32(law: str) -> None:
    size = 2**28 if LONG else 2**24
    check(law, (size,), "float32", (0,), (size,))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", NARROW)
def test_values_in_narrow_dtypes(law: str, name: str) -> None:
    size = 2**24 if LONG else 2**22
    check(law, (size,), name, (0,), (size,))


@pytest.mark.parametrize("law", LAWS)
def test_seeds(law: str) -> None:
    _, target, _ = plan(law, (100,), "float32")
    place = locate((100,), (100,), [None])
    made = jax.jit(lambda arguments: make_block(target, (100,), place, arguments))
    for seed in SEEDS:
        fill, _, arguments = plan(law, (100,), "float32", seed)
        assert count_differences(made(arguments), fill, (0,)) == 0


# Whole groups and parts of one; rows of one element, of some, and longer than a piece; offsets
# that are equal in all rows, and others; the last piece shorter than the others.
BLOCKS = [
    ((), (), ()),
    ((1,), (0,), (1,)),
    ((7, 3), (0, 0), (7, 3)),
    ((7, 3), (2, 1), (4, 2)),
    ((5, 200, 6), (1, 7, 0), (3, 150, 6)),
    ((5, 64, 64), (1, 0, 32), (4, 64, 32)),
    ((300, 1000), (17, 3), (270, 901)),
    ((2, 3 * PIECE + 5), (0, 11), (2, 2 * PIECE + 77)),
    ((PIECE + 65,), (1,), (PIECE + 64,)),
    ((2**20, 4, 2), (2**19, 1, 1), (2**15 + 3, 2, 1)),
]


@pytest.mark.parametrize(("shape", "start", "extent"), BLOCKS, ids=map(str, BLOCKS))
def test_blocks(shape: Any, start: Any, extent: Any) -> None:
    cases = [("normal", "float32") if len(shape) == 2 else ("uniform", "bfloat16")]
    if LONG:
        cases = [(law, name) for law in LAWS for name in ("float32", *NARROW)]
    for law, name in cases:
        check(law, shape, name, start, extent)


# The number of a word passes 2^32, that of a ChaCha block too, and that of an element nearly 2^63.
BORDERS = [
    ((2**34,), (2**32 - 200,)),
    ((2**40,), (2**36 - 130,)),
    ((3, 2**37 + 1), (2, 2**36 + 2**33 - 99)),
    ((2**62 + 2**61,), (2**62 + 2**61 - 500,)),
]


# Numbers of elements do not depend on the law: the short form has each law at one border or two.
@pytest.mark.parametrize(
    ("law", "shape", "start"),
    [
        (law, *border)
        for i, law in enumerate(LAWS)
        for j, border in enumerate(BORDERS)
        if LONG or j % len(LAWS) == i
    ],
    ids=str,
)
def test_borders_of_32_bits(law: str, shape: Any, start: Any) -> None:
    check(law, shape, "float32", start, (*(1 for _ in shape[1:]), 400))


def test_places_in_a_grid_of_blocks() -> None:
    shape, extent = (6, 2**31, 8), (2, 2**28, 4)
    found = locate(shape, extent, [jnp.uint32(2), jnp.uint32(7), None])
    number = ((2 * 2) * 2**31 + 7 * 2**28) * 8
    assert (int(found.number.low), int(found.number.high)) == (number & 0xFFFFFFFF, number >> 32)
    assert found.alignment == 64
    assert locate((6, 5), (2, 5), [jnp.uint32(1), None]).alignment == 2


@pytest.mark.parametrize("number", [7, 2**16, 2**31 - 1, 0xFFFF_FFFF_FFFF, 2**64 - 1])
def test_arithmetic_of_64_bits_is_that_of_integers(number: int) -> None:
    words = np.random.default_rng(1).integers(0, 2**32, 1000, np.uint32)
    words[:4] = 0, 0xFFFF, 0x10000, 0xFFFFFFFF
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, where `number` wraps around
        product = wide.multiply(words, number)
        total = wide.add(product, wide.widen(number))
    for made, offset in ((product, 0), (total, number)):
        expected = [(int(word) * number + offset) % 2**64 for word in words]
        halves = zip(np.asarray(made.low), np.asarray(made.high), strict=True)
        assert [int(low) | int(high) << 32 for low, high in halves] == expected


@pytest.mark.parametrize("zero", [64230466, 110491987, 133126103])
def test_zeros_are_positive(zero: int) -> None:
    # Radii of 0 times a cosine, some of them −0, which the mean of 0 makes +0.
    shape, start, extent = (2**27,), zero & -64, (64,)
    fill = plan_fill(RandomNormal(0.0, 1.0, 42), shape, look_up("float32"))
    words = [42, 0, 0, 0]
    parameters = fill.write.describe()[1]  # type: ignore[attr-defined]
    target = Target("normal", "float32", shape)
    arguments = pack_arguments(target, words, 0, parameters)
    place = Place(wide.widen(start), 64)
    made = jax.jit(lambda: make_block(target, extent, place, arguments))()
    assert made[zero - start] == 0
    assert count_differences(made, fill, (start,)) == 0


def test_streams_of_generators() -> None:
    place = locate((200,), (200,), [None])
    target = Target("normal", "float32", (200,))
    made = jax.jit(lambda arguments: make_block(target, (200,), place, arguments))
    for stream in (1, 2**32 + 7, 2**64 - 1):
        fill, _, _ = plan("normal", (200,), "float32")
        fill.write.stream = stream  # type: ignore[attr-defined]
        found = fill.write.describe()  # type: ignore[attr-defined]
        arguments = pack_arguments(target, [42, 0, 0, 0], stream, found[1])
        assert count_differences(made(arguments), fill, (0,)) == 0


@pytest.mark.parametrize("shape", [(5, 3), (300, 400)], ids=str)
def test_batches(shape: Any) -> None:
    fills, _, arguments = zip(
        *(plan("normal", shape, "float32", seed) for seed in range(6)), strict=True
    )
    target = Target("normal", "float32", shape)
    place = locate(shape, shape, [None, None])
    batch = np.stack(arguments).reshape(2, 3, -1)
    made = jax.jit(lambda batch: make_blocks(target, shape, place, batch))(batch)
    assert made.shape == (2, 3, *shape)
    for fill, one in zip(fills, made.reshape(6, *shape), strict=True):
        assert count_differences(one, fill, (0, 0)) == 0


@pytest.mark.parametrize("off", range(-4, 5) if LONG else [-4, 1])
def test_quotients_and_roots_by_remainder(off: int) -> None:
    def spoil(operation: Any) -> Any:
        return lambda *x: exact.to_float(exact.to_bits(operation(*x)) + np.uint32(off % 2**32))

    generator = np.random.Generator(np.random.PCG64(7))
    count = 2**24 if LONG else 2**18
    # Exponents of 2^−29 to 2^30; many fractions at the ends, where a last place changes its size.
    bits = generator.integers(98 << 23, 157 << 23, (2, count), np.uint32)
    bits[:, ::16] &= np.uint32(0xFF80000F)
    bits[:, 1::16] |= np.uint32(0x007FFFF0)
    a, b = bits.view(np.float32)
    divide = partial(exact.divide_by_remainder, approximate=spoil(jax.lax.div))
    assert np.array_equal(jax.jit(divide)(a, b), a / b)
    root = partial(exact.root_by_remainder, approximate=spoil(jax.lax.sqrt))
    assert np.array_equal(jax.jit(root)(a), np.sqrt(a))
    assert np.array_equal(jax.jit(exact.root_by_remainder)(np.array([0, -0.0], np.float32)), [0, 0])


def test_rounding_is_that_of_the_core() -> None:
    # One in 2^12 or 2^5 of the float32 numbers that are normal or 0; the neighbors of every tie.
    step = 2**5 - 1 if LONG else 2**12 - 1
    bits = np.arange(0, 2**32, step, dtype=np.uint64).astype(np.uint32)
    ties = (np.arange(2**17, dtype=np.uint32) << np.uint32(15))[:, None]
    near = (ties + np.array([-1, 0, 1], np.int32).view(np.uint32)).ravel()
    x = np.concatenate([bits, near]).view(np.float32)
    x = x[(np.abs(x) >= np.finfo(np.float32).tiny) | (x == 0)]
    for name in NARROW:
        dtype = jnp.dtype(name)
        bound = float(jnp.finfo(dtype).max)
        inside = x[np.abs(x) <= bound]
        made = jax.jit(lambda x, name=name: exact.round_to(x, name))(inside)
        raw = RAW[dtype.itemsize]
        assert np.array_equal(np.asarray(made).view(raw), inside.astype(dtype).view(raw))
