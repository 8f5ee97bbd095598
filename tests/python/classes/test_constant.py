"""Zeros, Ones, Constant and Identity: exact values, broadcasting, dtypes, bad values."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from cases import NUMBERS, numpy_dtype, same_bits
from initializers import Constant, Identity, Ones, SeedGenerator, Zeros

IMAGINARY = np.array([1 + 2j, -3j])


@pytest.mark.parametrize("dtype", NUMBERS)
def test_large_constants_on_several_threads(dtype: str) -> None:
    size = 3_000_001
    assert same_bits(Ones()((size,), dtype), np.ones(size, numpy_dtype(dtype)))
    out = np.ones(size, numpy_dtype(dtype))
    assert not Zeros()((size,), out=out).any()


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (0.5, "float32", 0.5),
        (3.0, "int8", 3),
        (np.float16(3), "uint64", 3),
        (True, "float64", 1.0),
        (0.0, "bool", False),
        (1, "bool", True),
        (2 + 0j, "int32", 2),
        (2 + 0j, "float16", 2.0),
        (1 - 2j, "complex64", 1 - 2j),
        (2.5, "complex128", 2.5 + 0j),
        (np.array(7, ">i4"), "int16", 7),
        (ml_dtypes.bfloat16(1.5), "float32", 1.5),
        (2**63, "uint64", 2**63),
        (10**20, "float64", 1e20),
    ],
)
def test_a_number_fills_the_tensor(value: Any, dtype: str, expected: Any) -> None:
    result = Constant(value)((2, 2), dtype)
    assert same_bits(result, np.full((2, 2), expected, dtype))


def test_the_value_is_a_python_number_or_a_copy() -> None:
    for value in (3, 0.5, True, 1j, 2**64 - 1):
        assert type(Constant(value).value) is type(value)
        assert Constant(value).value == value
    assert type(Constant(np.float32(0.1)).value) is float
    assert type(Constant(np.array(2, np.uint8)).value) is int
    array = np.array([1.0, 2.0])
    constant = Constant(array)
    array[0] = 9
    assert constant.value.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        constant.value[0] = 9
    result = constant((2,), "float64")
    result[0] = 9
    assert constant((2,), "float64").tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [[1, 2, 3], [[1], [2]], [[1, 2, 3]], 4, [4], [[4]]])
def test_an_array_broadcasts_to_the_shape(value: Any) -> None:
    for shape in ((2, 3), (4, 2, 3)):
        expected = np.broadcast_to(np.array(value, np.float32), shape)
        assert same_bits(Constant(value)(shape), expected.copy())
    out = np.empty((2, 3), ml_dtypes.bfloat16)
    assert Constant(value)((2, 3), out=out) is out
    assert (out.astype(int) == np.broadcast_to(value, (2, 3))).all()


@pytest.mark.parametrize(
    ("value", "shape"),
    [([1, 2], (3,)), ([1, 2], (1,)), ([1, 2], ()), ([[1, 2]], (2,)), ([[1]], (1,)), ([], (1,))],
)
def test_an_array_must_broadcast_to_the_shape(value: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"`value` must broadcast to the shape .* an array of"):
        Constant(value)(shape)


def test_complex_values_need_a_complex_dtype() -> None:
    assert Constant(IMAGINARY)((2,), "complex64").tolist() == IMAGINARY.tolist()
    assert Constant(IMAGINARY * 0)((2,), "float32").tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match=r"`value` must be representable in float32.*\(1\+2j\)"):
        Constant(IMAGINARY)((2,), "float32")
    with pytest.raises(ValueError, match="`value` must be representable in complex64"):
        Constant(1e300j)((2,), "complex64")


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (0.5, "int32"),
        (float("nan"), "int32"),
        (float("inf"), "uint8"),
        (-1, "uint8"),
        (256, "uint8"),
        (2.0**63, "int64"),
        (-1.0, "uint64"),
        (2, "bool"),
        (float("nan"), "bool"),
        (1j, "float32"),
        (1j, "int8"),
        (1e39, "float32"),
        (70000, "float16"),
        ([1, 2, 300], "int8"),
        ([0.0, 1.0, 1.5], "bool"),
        (np.array([1, -2]), "uint16"),
        (np.array([1e300, 1.0]), "float32"),
    ],
)
def test_values_not_representable_in_the_dtype_are_refused(value: Any, dtype: str) -> None:
    shape = np.shape(value)
    out = np.zeros(shape, dtype)
    with pytest.raises(ValueError, match=f"`value` must be representable in {dtype}, received: "):
        Constant(value)(shape, out=out)
    assert not out.any()


@pytest.mark.parametrize(
    "value",
    [
        *("1", b"1", None, {"a": 1}, [[1], [1, 2]], ["a"], [None], ...),
        *(np.datetime64(1, "s"), np.array(["a"]), np.longdouble(1), SeedGenerator(1)),
    ],
    ids=repr,
)
def test_values_other_than_numbers_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="`value` must be a number or an array of numbers, receiv"):
        Constant(value)


@pytest.mark.parametrize("value", [10**400, [2**64 + 1, 0], -(2**63) - 1])
def test_integers_beyond_64_bits_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="`value` must have integers of 64 bits, or floats, rec"):
        Constant(value)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (0, 3), (3, 0), (1, 1)])
def test_identity_equals_numpy_eye(shape: tuple[int, int], dtype: str) -> None:
    expected = np.eye(*shape).astype(numpy_dtype(dtype))
    assert same_bits(Identity()(shape, dtype), expected)
    out = np.ones(shape, numpy_dtype(dtype))
    Identity()(shape, out=out)
    assert same_bits(out, expected)


def test_identity_is_scaled_by_its_gain() -> None:
    assert Identity(2.0)((2, 2), "int8").tolist() == [[2, 0], [0, 2]]
    assert Identity(np.sqrt(2.0))((2, 2)).dtype == np.float32
    assert same_bits(Identity(-0.5)((2, 3)), np.eye(2, 3, dtype=np.float32) * -0.5 + 0)
    assert Identity(0)((2, 2), "bool").tolist() == [[False] * 2] * 2
    out = np.ones((2, 2), np.int32)
    with pytest.raises(ValueError, match=r"`gain` must be representable in int32, received: 0\.5"):
        Identity(0.5)((2, 2), out=out)
    assert out.all()


@pytest.mark.parametrize("shape", [(), (3,), (3, 3, 3)])
def test_identity_needs_two_dimensions(shape: tuple[int, ...]) -> None:
    out = np.ones(shape, np.float32)
    with pytest.raises(ValueError, match=r"`shape` must have 2 dimensions for Identity, received"):
        Identity()(shape, out=out)
    assert out.all()
