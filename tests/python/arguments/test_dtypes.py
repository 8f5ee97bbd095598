"""Every way to name a dtype, and how numbers are rounded to one."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import FLOATS, INTEGERS, LOW_PRECISION, NUMBERS, numpy_dtype, same_bits
from initializers import Constant, Ones, RandomNormal
from initializers._arguments import dtypes
from initializers._arguments.dtypes import look_up
from initializers._memory.exact_cast import cast


def test_threads_that_first_use_a_dtype_share_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise `out=` with the other object would be refused for the life of the process."""
    at_once = threading.Barrier(2)

    class Slow(dtypes.DType):
        __slots__ = ()

        def __init__(self, name: str) -> None:
            super().__init__(name)
            at_once.wait(10)

    for table in ("_by_name", "_seen"):
        monkeypatch.setattr(dtypes, table, {})
    monkeypatch.setattr(dtypes, "DType", Slow)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(look_up, ["float16", np.dtype("float16")])
    assert one is other is look_up("f2")


PYTHON = {float: "float32", int: "int32", bool: "bool", complex: "complex64"}


@pytest.mark.parametrize("name", NUMBERS)
def test_names_types_and_dtypes_mean_the_same(name: str) -> None:
    dtype = numpy_dtype(name)
    for spelling in (name, np.str_(name), dtype, dtype.type):
        ones = Ones()((2,), spelling)
        assert ones.dtype == dtype
        assert (ones == np.ones(2, dtype)).all()


@pytest.mark.parametrize(("kind", "name"), PYTHON.items(), ids=str)
def test_python_types_mean_the_dtypes_of_keras(kind: type, name: str) -> None:
    assert Ones()((2,), kind).dtype == name
    assert Ones()((2,), kind.__name__).dtype == name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("f4", "float32"),
        ("<f2" if sys.byteorder == "little" else ">f2", "float16"),
        ("u2", "uint16"),
        ("i8", "int64"),
        ("c16", "complex128"),
        ("b1", "bool"),
        ("half", "float16"),
        ("single", "float32"),
        ("double", "float64"),
    ],
)
def test_type_codes_of_numpy_are_accepted(code: str, name: str) -> None:
    assert Ones()((2,), code).dtype == name


def test_equal_dtypes_of_another_origin_are_accepted() -> None:
    assert Ones()((2,), np.longlong).dtype == np.int64
    assert Ones()((2,), np.dtype("f4", metadata={"unit": "m"})).dtype == np.float32
    assert RandomNormal()((2,), np.dtype(np.float32).newbyteorder("=")).dtype == np.float32


def _values_of(name: str) -> Any:
    """All non-negative finite values of a small float type, ascending, as float64."""
    bits = 16 if name in ("float16", "bfloat16") else 8
    raw = np.arange(2 ** (bits - 1)).astype(f"uint{bits}")
    with np.errstate(invalid="ignore"):  # signaling NaN
        values = raw.view(numpy_dtype(name)).astype(np.float64)
    return values[np.isfinite(values)]


def _nearest(x: Fraction, values: Any) -> float:
    """Return the value nearest to x >= 0; a tie goes to the even encoding."""
    above = int(np.searchsorted(values, float(x)))
    around = range(max(above - 2, 0), min(above + 3, len(values)))
    return float(values[min(around, key=lambda i: (abs(Fraction(values[i]) - x), i % 2))])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["float16", *LOW_PRECISION])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_floats_are_rounded_once(name: str, data: st.DataObject) -> None:
    values = _values_of(name)
    i = data.draw(st.integers(0, len(values) - 2))
    # Rounding twice goes wrong near the midpoint between two neighbors.
    x = (values[i] + values[i + 1]) / 2
    for _ in range(abs(steps := data.draw(st.integers(-2, 2)))):
        x = np.nextafter(x, np.inf if steps > 0 else 0.0)
    for sign in (1, -1):
        result = Constant(sign * x)((), name).astype(np.float64)
        assert result == sign * _nearest(Fraction(float(x)), values)
        assert bool(np.signbit(result)) == (sign < 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_integers_are_rounded_once(name: str, data: st.DataObject) -> None:
    precision = {"float32": 24, "float16": 11, "bfloat16": 8}[name]
    largest = 2**16 - 2**5 if name == "float16" else 2**64 - 1
    # The midpoint of two floats, and the integers next to it.
    odd = 2 * data.draw(st.integers(2 ** (precision - 1), 2**precision - 1)) + 1
    shift = data.draw(st.integers(0, largest.bit_length() - precision - 1))
    integer = min((odd << shift) + data.draw(st.integers(-1, 1)), largest)
    result = int(Constant(integer)((), name).astype(np.float64))
    unit = 1 << max(integer.bit_length() - precision, 0)
    down = integer // unit * unit
    distance = 2 * (integer - down)
    up = distance > unit or (distance == unit and down // unit % 2)
    assert result == down + unit * int(up)
    if integer < 2**63:
        negative = Constant(np.array([-integer]))((1,), name)
        assert int(negative.astype(np.float64)[0]) == -result


def test_extreme_integers_are_rounded_once() -> None:
    extremes = np.array([-(2**63), -(2**63) + 1, 2**63 - 1])
    assert Constant(extremes)((3,), "float32").tolist() == [-(2.0**63)] * 2 + [2.0**63]
    assert Constant(2**64 - 1)((1,), "bfloat16").astype(float).tolist() == [2.0**64]
    assert Constant(2**53 + 1)((1,), "float64").tolist() == [2.0**53]
    assert Constant(2**60 + 2**36 + 1)((1,), "float32").tolist() == [2.0**60 + 2.0**37]


@pytest.mark.parametrize("source", NUMBERS)
@pytest.mark.parametrize("target", NUMBERS)
def test_small_values_pass_through_every_pair(source: str, target: str) -> None:
    values = np.array([0, 1, 1, 0]).astype(numpy_dtype(source))
    expected = np.array([0, 1, 1, 0]).astype(numpy_dtype(target))
    assert same_bits(cast(values, look_up(target), "value"), expected)


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_are_exact_to_their_limits(name: str) -> None:
    limits = np.iinfo(name)
    for value in (limits.min, limits.max, limits.max - 1):
        assert Constant(value)((2,), name).tolist() == [int(value)] * 2
    assert Constant([limits.min, limits.max])((2,), name).tolist() == [limits.min, limits.max]
    for value in (int(limits.min) - 1, int(limits.max) + 1):
        text = f"`value` must (be representable in {name}|have integers of 64 bits, or floats), "
        with pytest.raises(ValueError, match=f"{text}received: -?[0-9]"):
            Constant(value)((2,), name)


@pytest.mark.parametrize("name", FLOATS)
def test_infinity_and_nan_only_in_dtypes_that_have_them(name: str) -> None:
    assert np.isnan(Constant(float("nan"))((1,), name).astype(float)).all()
    for infinity in (np.inf, -np.inf):
        if name == "float8_e4m3fn":
            with pytest.raises(
                ValueError, match=r"representable in float8_e4m3fn, received: -?inf"
            ):
                Constant(infinity)((1,), name)
        else:
            assert Constant(infinity)((1,), name).astype(float).tolist() == [infinity]


@pytest.mark.parametrize(
    ("name", "last", "beyond"),
    [
        ("float16", 65519.99, 65520.0),
        ("float8_e4m3fn", 464.0, 464.01),
        ("float8_e5m2", 61439.9, 61440.0),
        ("float32", 3.4028235677973366e38 - 1e30, 3.4028235677973366e38),
        ("bfloat16", 3.3961775292304e38, 3.39617752923046e38),
    ],
)
def test_overflow_is_an_error_and_not_infinity(name: str, last: float, beyond: float) -> None:
    for sign in (1, -1):
        values = Constant([sign * last])((1,), name).astype(np.float64)
        assert np.isfinite(values).all()
        with pytest.raises(ValueError, match=f"`value` must be representable in {name}, received"):
            Constant(sign * beyond)((1,), name)


def test_dtype_objects_are_shared() -> None:
    assert look_up("bfloat16") is look_up(ml_dtypes.bfloat16)
    assert look_up(None) is look_up(np.float32)
    assert repr(look_up("f8")) == "float64"
