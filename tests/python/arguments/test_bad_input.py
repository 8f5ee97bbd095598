"""Wrong shapes, dtypes, blocks and `out` are errors that name the argument; nothing is written."""

from __future__ import annotations

import time
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from cases import FLOATS, NUMBERS, ORTHOGONAL, RANDOM, SPARSE
from initializers import (
    STFT,
    Constant,
    DeltaOrthogonal,
    HeNormal,
    Identity,
    LstmBias,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    SeedGenerator,
    Sparse,
    TimeStepBias,
    Zeros,
    digest,
)
from initializers._arguments.checks import hint

every_class = pytest.mark.parametrize(
    "initializer", [RandomNormal(seed=1), Zeros(), Ones(), Identity()], ids=repr
)


def check_call(text: str, error: type[Exception], *args: Any, **kwargs: Any) -> None:
    """Check that the call fails and that the initializer's generator has not moved."""
    generator = SeedGenerator(1)
    with pytest.raises(error, match=text):
        HeNormal(seed=generator)(*args, **kwargs)
    assert generator.counter == 0


@pytest.mark.parametrize(
    ("shape", "error", "text"),
    [
        ((2, -1), ValueError, r"dimension 1 of `shape` must be in \[0, 2\*\*63\), received: -1"),
        (-3, ValueError, "dimension 0 of `shape` .*, received: -3"),
        ((2**63,), ValueError, "dimension 0 of `shape` .*, received: 9223372036854775808"),
        ((0, 2**70), ValueError, r"dimension 1 of `shape` must be in \[0, 2\*\*63\), received"),
        ([2**63, 0], ValueError, "dimension 0 of `shape` .*, received: 9223372036854775808"),
        ((0, np.uint64(2**63)), ValueError, "dimension 1 of `shape` must be in"),
        ((2**600,), ValueError, "dimension 0 of `shape` .*, received: an integer of 601 bits"),
        ((2, None), TypeError, "dimension 1 of `shape` must be an integer, received: None"),
        ((2.0, 3), TypeError, r"dimension 0 of `shape` must be an integer, received: 2\.0"),
        ((True, 3), TypeError, "dimension 0 of `shape` must be an integer, received: True"),
        ((2, np.True_), TypeError, "dimension 1 of `shape` must be an integer, received"),
        (("2", 3), TypeError, "dimension 0 of `shape` must be an integer, received: '2'"),
        ([[2, 3]], TypeError, r"dimension 0 of `shape` must be an integer, received: \[2, 3\]"),
        (np.array([2.0]), TypeError, "dimension 0 of `shape` must be an integer, received: "),
        (None, TypeError, "`shape` must be a tuple of integers, received: None"),
        (2.0, TypeError, r"`shape` must be a tuple of integers, received: 2\.0"),
        (True, TypeError, "`shape` must be a tuple of integers, received: True"),
        ("", TypeError, "`shape` must be a tuple of integers, received: ''"),
        (b"ab", TypeError, "`shape` must be a tuple of integers, received: b'ab'"),
        ({3: 4}, TypeError, "`shape` must be a tuple of integers, received: {3: 4}"),
        ({3}, TypeError, "`shape` must be a tuple of integers, received: .3."),
        ((2**32, 2**31), ValueError, r"`shape` must have fewer than 2\*\*63 elements, received"),
        ((1,) * 65, ValueError, "`shape` must be one that NumPy supports, received: "),
        ((2**50, 2**12), MemoryError, r"no memory for shape \(1125899906842624, 4096\) of float32"),
        ((2**40,), MemoryError, "of float32: 4.4 TB are needed"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bad_shapes_are_refused(shape: Any, error: type[Exception], text: str) -> None:
    check_call(text, error, shape)
    if error is not MemoryError:
        with pytest.raises(error, match=text):
            Zeros()(shape)


def test_zeros_beyond_the_address_space_are_a_memory_error() -> None:
    with pytest.raises(MemoryError, match=r"of float32: 18\.4 EB are needed"):
        Zeros()((2**62,))


@every_class
def test_every_class_refuses_negative_dimensions(initializer: Any) -> None:
    with pytest.raises(ValueError, match=r"dimension 1 of `shape` .*, received: -1"):
        initializer((2, -1))


def test_a_tensor_beyond_memory_is_refused_before_it_is_allocated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("initializers._memory.limit.memory_limit", lambda: 2**30)
    check_call(
        "no memory for shape .* of float16: 1.07 GB are needed", MemoryError, 2**29 + 1, "f2"
    )
    assert HeNormal(seed=1)((2, 3)).shape == (2, 3)


WRONG = [
    (HeNormal(seed=1, input_axes=[0], output_axes=[2]), "float32", "`output_axes` must name axes"),
    (Orthogonal(seed=1, axis=2), "float32", "`axis` must be a dimension of the shape"),
    (RandomNormal(stddev=1e5, seed=1), "float16", "cannot fill float16"),
    (RandomUniform(0, 1e5, seed=1), "float16", "cannot fill float16"),
    (Orthogonal(1e5, seed=1), "float16", "cannot fill float16"),
    (DeltaOrthogonal(seed=1), "float32", "`shape` must have 3 to 5 dimensions"),
    (Sparse(0.5, seed=1), "int8", "`dtype` must be one of"),
    (Constant([1, 2, 3]), "float32", "`value` must broadcast"),
    (Constant(0.5), "int8", "`value` must be representable in int8"),
    (Identity(0.5), "int8", "`gain` must be representable in int8"),
    (TimeStepBias(dt_max=1e10, seed=1), "float16", "cannot fill float16: `dt_min`, `dt_max` and"),
    (LstmBias(1e5), "float16", r"cannot fill float16: `forget` must give values that are finite"),
    (LstmBias(), "int8", "`dtype` must be one of"),
    (STFT(), "float32", r"`shape` must be \(T, 1, K\)"),
]


@pytest.mark.parametrize(("initializer", "dtype", "text"), WRONG, ids=lambda x: repr(x)[:40])
@pytest.mark.parametrize("with_generator", [False, True])
def test_arguments_are_checked_before_memory_is_allocated(
    initializer: Any, dtype: str, text: str, with_generator: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("memory was asked for")

    generator = SeedGenerator(1)
    if with_generator:
        initializer = initializer.with_seed(generator)
    monkeypatch.setattr("initializers._classes.base.allocate", forbidden)
    with pytest.raises(ValueError, match=text):
        initializer((300, 400), dtype)
    assert generator.counter == 0


@pytest.mark.parametrize(
    ("dtype", "error", "text"),
    [
        ("flot32", ValueError, r"received: 'flot32' \(did you mean 'float32'\?\)"),
        ("Float32", ValueError, r"received: 'Float32' \(did you mean 'float32'\?\)"),
        (
            "string",
            ValueError,
            "`dtype` must be one of those listed, received: 'string'; known: bool, int8",
        ),
        ("float8_e4m3b11fnuz", ValueError, "received: 'float8_e4m3b11fnuz'"),
        (ml_dtypes.float8_e4m3b11fnuz, ValueError, "must be one of .*, received: .*b11fnuz"),
        (ml_dtypes.int4, ValueError, "`dtype` must be one of .*, received: .*int4"),
        (np.longdouble, ValueError, "`dtype` must be one of .*, received: <class 'numpy"),
        (np.clongdouble, ValueError, "`dtype` must be one of .*, received: <class 'numpy"),
        (np.generic, ValueError, "`dtype` must be one of .*, received: .*generic"),
        (object, ValueError, "`dtype` must be one of .*, received: <class 'object'>"),
        (str, ValueError, "`dtype` must be one of .*, received: <class 'str'>"),
        (np.datetime64, ValueError, "`dtype` must be one of .*, received: .*datetime64"),
        (np.floating, ValueError, "`dtype` must be one of .*, received: .*floating"),
        (np.dtype([("a", "f4")]), ValueError, "`dtype` must be one of .*, received: dtype"),
        (np.dtype(("f4", (2,))), ValueError, "`dtype` must be one of .*, received: dtype"),
        (">f4", ValueError, "`dtype` must have the machine's byte order, received: '>f4'"),
        (np.dtype(">f8"), ValueError, "`dtype` must have the machine's byte order, received"),
        (3, TypeError, "`dtype` must be a dtype, a type or a name, received: 3"),
        ([], TypeError, r"`dtype` must be a dtype, a type or a name, received: \[\]"),
        (np.zeros(3), TypeError, "`dtype` must be a dtype, .* received: an array of shape"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_dtypes_are_refused(dtype: Any, error: type[Exception], text: str) -> None:
    check_call(text, error, (2, 2), dtype)
    with pytest.raises(error, match=text):
        Zeros()((2, 2), dtype)


@pytest.mark.parametrize("dtype", [name for name in NUMBERS if name not in FLOATS] + [int, bool])
@pytest.mark.parametrize("initializer", [*RANDOM, *ORTHOGONAL, SPARSE], ids=repr)
def test_random_initializers_refuse_other_dtypes_than_floats(initializer: Any, dtype: Any) -> None:
    name = type(initializer).__name__
    with pytest.raises(
        ValueError, match=f"`dtype` must be one of float32, .* for {name}, received"
    ):
        initializer((2, 2), dtype)


@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        ((slice(0, 4), slice(None)), ValueError, "dimension 0, which has size 3: slice.0, 4, None"),
        ((slice(4, None), slice(None)), ValueError, "`index` must stay inside the shape, received"),
        ((slice(None), slice(-5, None)), ValueError, "dimension 1, which has size 4: slice.-5"),
        ((slice(None), slice(None, -5)), ValueError, "`index` must stay inside the shape"),
        ((slice(None), slice(0, 2**70)), ValueError, "`index` must stay inside the shape"),
        ((slice(None, None, 2), slice(None)), ValueError, "`index` must have step 1, received for"),
        ((slice(None, None, -1), slice(None)), ValueError, "`index` must have step 1, received"),
        ((slice(None, None, "1"), slice(None)), ValueError, "`index` must have step 1, received"),
        ((slice(0.0, None), slice(None)), TypeError, "`index` must have integer bounds, received"),
        ((slice(None, True), slice(None)), TypeError, "`index` must have integer bounds, received"),
        ((1, slice(None)), TypeError, "one per dimension .*, received for dimension 0: 1"),
        ((slice(None), ...), TypeError, "one per dimension .*, received for dimension 1: Ellipsis"),
        ((slice(None), None), TypeError, "one per dimension .*, received for dimension 1: None"),
        ((slice(None),), ValueError, "one slice for each of the 2 dimensions .*, received 1: "),
        ((slice(None),) * 3, ValueError, "one slice for each of the 2 dimensions .*, received 3: "),
        ((), ValueError, "one slice for each of the 2 dimensions .*, received 0"),
        (..., TypeError, "`index` must be a tuple of slices, .*, received: Ellipsis"),
        (slice(None), TypeError, "`index` must be a tuple of slices, .*, received: slice"),
        ([slice(None)] * 2, TypeError, "`index` must be a tuple of slices, .*, received: "),
        (1, TypeError, "`index` must be a tuple of slices, one per dimension, received: 1"),
    ],
    ids=str,
)
def test_bad_indices_are_refused(index: Any, error: type[Exception], text: str) -> None:
    check_call(text, error, (3, 4), index=index)
    with pytest.raises(error, match=text):
        Identity()((3, 4), index=index)


def read_only() -> Any:
    array = np.zeros((3, 4), np.float32)
    array.flags.writeable = False
    return array


def unaligned() -> Any:
    return np.zeros(3 * 4 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(3, 4)


@pytest.mark.parametrize(
    ("out", "dtype", "error", "text"),
    [
        (np.zeros((3, 5), "f4"), None, ValueError, r"the shape \(3, 4\), received: an array of sh"),
        (np.zeros((4, 3), "f4"), None, ValueError, r"`out` must have the shape \(3, 4\)"),
        (np.zeros(12, "f4"), None, ValueError, r"`out` must have the shape \(3, 4\)"),
        (
            *(np.zeros((3, 4), "i4"), None, ValueError),
            r"^`out` must have one of .*, float8_e5m2 for HeNormal, received: an array of .* int32",
        ),
        (np.zeros((3, 4), "f4"), "f8", ValueError, "`out` must have the dtype float64, received: "),
        (np.zeros((3, 4), "u2"), "bfloat16", ValueError, "`out` must have the dtype bfloat16, rec"),
        (np.zeros((3, 4), ">f4"), None, ValueError, "`out` has a dtype that cannot be filled: `d"),
        (np.zeros((3, 4), "O"), None, ValueError, "`out` has a dtype that cannot be filled: `d"),
        (np.zeros((3, 4), "f4", "F"), None, ValueError, "`out` must be C-contiguous, .* strides"),
        (np.zeros((3, 8), "f4")[:, ::2], None, ValueError, "`out` must be C-contiguous, .* strid"),
        (np.zeros((3, 4), "f4")[::-1], None, ValueError, "`out` must be C-contiguous, .* strides"),
        (
            as_strided(np.zeros(4, "f4"), (3, 4), (0, 4)),
            None,
            ValueError,
            "without gaps or overlap",
        ),
        (
            as_strided(np.zeros(6, "f4"), (3, 4), (4, 4)),
            None,
            ValueError,
            "without gaps or overlap",
        ),
        (read_only(), None, ValueError, "`out` must be writeable, received: .* is read-only"),
        (unaligned(), None, ValueError, "`out` must be aligned, received: an array of shape"),
        (np.ma.zeros((3, 4), "f4"), None, TypeError, "NumPy array or memmap, received: Masked"),
        ([[0.0] * 4] * 3, None, TypeError, r"NumPy array or memmap, received: list: \[\[0\.0"),
        (np.float32(0), None, TypeError, "NumPy array or memmap, received: float32"),
    ],
    ids=lambda value: str(value)[:12].replace("\n", " "),
)
def test_bad_out_is_refused(out: Any, dtype: Any, error: type[Exception], text: str) -> None:
    before = np.array(out)
    check_call(text, error, (3, 4), dtype, out=out)
    assert np.array_equal(out, before)


def test_out_must_have_the_shape_of_the_block() -> None:
    out = np.zeros((3, 4), np.float32)
    text = r"`out` must have the shape \(2, 4\), received: an array of shape \(3, 4\)"
    check_call(text, ValueError, (3, 4), index=np.s_[:2, :], out=out)
    assert not out.any()


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        (np.zeros(3), r"`weights` must map names to NumPy arrays, received: an array of shape"),
        ({1: np.zeros(3)}, "`weights` must map names to NumPy arrays, received: 1 for ndarray"),
        ({"a": [0.0]}, "`weights` must map names to NumPy arrays, received: 'a' for list"),
    ],
)
def test_digest_refuses_other_things_than_arrays(weights: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        digest(weights)


def test_digest_sorts_by_name_on_request() -> None:
    arrays = {name: RandomNormal(seed=i)((2, 3)) for i, name in enumerate(["b", "a", "é", "Z"])}
    backwards = dict(reversed(arrays.items()))
    assert digest(arrays) != digest(backwards)
    assert digest(arrays, sort=True) == digest(backwards, sort=True)
    assert digest(arrays, sort=True) == digest(
        {name: arrays[name] for name in ["Z", "a", "b", "é"]}
    )
    with pytest.raises(TypeError, match="`sort` must be a bool, received: 1"):
        digest(arrays, sort=1)  # type: ignore[arg-type]


def test_hints_for_long_names_are_fast() -> None:
    """Names come from untrusted files: two of 32,000 characters took more than a minute before."""
    long, other = "ab" * 16_000, "ba" * 16_000
    assert hint(long, [other]) == ""
    assert hint("he_norml", [other, "he_normal"]) == " (did you mean 'he_normal'?)"
    started = time.process_time()
    hint("ab" * 40, ["ba" * 40] * 10**6)
    assert time.process_time() - started < 10
    assert hint("a" * 100, ["a" * 99]) != ""
    assert hint("a" * 101, ["a" * 99]) == ""
