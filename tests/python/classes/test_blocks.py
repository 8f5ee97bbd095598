"""A block equals the slice of the whole tensor, bit for bit, for every initializer and index."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import FLOATS, GIVEN, NUMBERS, ORTHOGONAL, RANDOM, SPARSE, TABLES, numpy_dtype, same_bits
from initializers import (
    STFT,
    Constant,
    ConvolutionOrthogonal1D,
    ConvolutionOrthogonal2D,
    DeltaOrthogonal,
    Dirac,
    HeNormal,
    Identity,
    Orthogonal,
    SeedGenerator,
)

sizes = st.integers(0, 9)
shapes = st.lists(sizes, max_size=4).map(tuple)
examples = settings(max_examples=25, deadline=None)


@st.composite
def bounds(draw: st.DrawFn, size: int) -> slice:
    """Draw a slice within the dimension, in one of NumPy's spellings."""
    start = draw(st.none() | st.integers(-size, size))
    stop = draw(st.none() | st.integers(-size, size))
    return slice(start, stop, draw(st.sampled_from([None, 1])))


def check(data: st.DataObject, initializer: Any, shape: tuple[int, ...], dtype: str) -> None:
    index = tuple(data.draw(bounds(size)) for size in shape)
    whole = initializer(shape, dtype)
    assert whole.dtype == numpy_dtype(dtype)
    assert whole.shape == shape
    expected = np.array(whole[index])
    block = initializer(shape, dtype, index=index)
    assert same_bits(block, expected)
    assert block.flags.carray
    out = np.full(expected.shape, 77).astype(whole.dtype)
    assert initializer(shape, index=index, out=out) is out
    assert same_bits(out, expected)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("initializer", RANDOM, ids=repr)
@examples
@given(data=st.data(), shape=shapes)
def test_blocks_of_random_tensors(
    initializer: Any, dtype: str, data: st.DataObject, shape: tuple[int, ...]
) -> None:
    check(data, initializer, shape, dtype)


@pytest.mark.parametrize("dtype", NUMBERS)
@examples
@given(data=st.data(), shape=shapes, initializer=st.sampled_from(GIVEN))
def test_blocks_of_constants(
    initializer: Any, dtype: str, data: st.DataObject, shape: tuple[int, ...]
) -> None:
    rank = initializer._array.ndim if isinstance(initializer, Constant) else 0
    check(data, initializer, (2,) * (rank - len(shape)) + shape, dtype)


@pytest.mark.parametrize("dtype", NUMBERS)
@examples
@given(data=st.data(), shape=shapes)
def test_blocks_of_a_constant_array(
    dtype: str, data: st.DataObject, shape: tuple[int, ...]
) -> None:
    # An array that broadcasts: some of the trailing dimensions, some of them of size 1.
    own = tuple(
        data.draw(st.sampled_from([1, size])) for size in shape[data.draw(st.integers(0, 4)) :]
    )
    values = np.arange(np.prod(own, dtype=int)).reshape(own) % 2
    initializer = Constant(values)
    check(data, initializer, shape, dtype)
    broadcast = np.broadcast_to(values, shape).astype(numpy_dtype(dtype))
    assert same_bits(initializer(shape, dtype), broadcast)


@pytest.mark.parametrize("dtype", NUMBERS)
@examples
@given(data=st.data(), rows=sizes, columns=sizes)
def test_blocks_of_an_identity(dtype: str, data: st.DataObject, rows: int, columns: int) -> None:
    check(data, Identity(), (rows, columns), dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("initializer", [*ORTHOGONAL, Orthogonal(seed=22, axis=1)], ids=repr)
@examples
@given(data=st.data(), shape=st.lists(st.integers(0, 9), min_size=2, max_size=4))
def test_blocks_of_orthogonal_matrices(
    initializer: Any, dtype: str, data: st.DataObject, shape: list[int]
) -> None:
    check(data, initializer, tuple(shape), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("shape", [(150, 70), (70, 150), (3, 40, 90), (2, 4, 150), (5000, 3)])
@examples
@given(data=st.data())
def test_blocks_of_orthogonal_matrices_of_several_panels(
    shape: tuple[int, ...], dtype: str, data: st.DataObject
) -> None:
    check(data, Orthogonal(seed=23), shape, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@examples
@given(data=st.data(), rows=sizes, columns=sizes)
def test_blocks_of_sparse_matrices(
    dtype: str, data: st.DataObject, rows: int, columns: int
) -> None:
    check(data, SPARSE, (rows, columns), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize(
    ("initializer", "shape"),
    [
        (DeltaOrthogonal(seed=1), (3, 4, 3, 5)),
        (ConvolutionOrthogonal1D(seed=1), (3, 3, 5)),
        (ConvolutionOrthogonal2D(seed=1), (2, 2, 3, 3)),
        (Dirac(2), (3, 4, 3, 6)),
    ],
    ids=str,
)
@examples
@given(data=st.data())
def test_blocks_of_convolution_kernels(
    initializer: Any, shape: tuple[int, ...], dtype: str, data: st.DataObject
) -> None:
    check(data, initializer, shape, dtype)


@pytest.mark.parametrize("initializer", TABLES, ids=repr)
@examples
@given(data=st.data(), dtype=st.sampled_from(FLOATS), rows=st.integers(1, 9))
def test_blocks_of_tables(initializer: Any, dtype: str, data: st.DataObject, rows: int) -> None:
    check(data, initializer, (3, rows, 8), dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("side", ["real", "imag"])
@examples
@given(data=st.data(), length=st.integers(3, 9), bins=st.integers(2, 9))
def test_blocks_of_stft_kernels(
    side: Any, dtype: str, data: st.DataObject, length: int, bins: int
) -> None:
    check(data, STFT(side), (length, 1, bins), dtype)


def test_blocks_of_an_stft_kernel_of_several_chunks() -> None:
    initializer = STFT()
    whole = initializer((300, 1, 400), "float64")  # more than is computed at a time
    index = np.s_[7:299, :, 3:398]
    assert same_bits(initializer((300, 1, 400), "float64", index=index), whole[index].copy())


def test_blocks_of_a_tensor_that_fits_no_memory() -> None:
    shape = (2**31, 2**31)
    far = (slice(2**31 - 3, None), slice(-4, 2**31))
    block = HeNormal(seed=5)(shape, "bfloat16", index=far)
    assert block.shape == (3, 4)
    smaller = HeNormal(seed=5)(shape, "bfloat16", index=(slice(-2, None), slice(-1, None)))
    assert same_bits(block[1:, 3:].copy(), smaller)
    diagonal = Identity()(shape, "int8", index=far)
    assert diagonal.tolist() == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    column = np.arange(3).reshape(1, 3, 1)
    values = Constant(column)((2**30, 3, 2**30), "int64", index=np.s_[5:6, 1:, -1:])
    assert values.tolist() == [[[1], [2]]]


def test_blocks_of_a_generator_are_of_successive_tensors() -> None:
    drawn, again = (HeNormal(seed=SeedGenerator(4)) for _ in range(2))
    index = np.s_[1:3, :2]
    wholes = [drawn((5, 4)) for _ in range(3)]
    blocks = [again((5, 4), index=index) for _ in range(3)]
    for whole, block in zip(wholes, blocks, strict=True):
        assert same_bits(block, whole[index].copy())
    assert not same_bits(blocks[0], blocks[1])
