"""The extension module called as only a bug in the Python layer would call it: errors only."""

from __future__ import annotations

import os

import numpy as np
import pytest

from initializers import _core
from interpreter import run_code


def test_no_bit_of_a_floating_point_mode_crashes() -> None:
    # On x86, a reserved bit in the register is a fault that ends the process.
    code = (
        "from initializers import _core\n"
        "before = _core.replace_float_mode(2**64 - 1)\n"
        "_core.replace_float_mode(before)\n"
        "assert _core.replace_float_mode(before) == before\n"
    )
    result = run_code(code)
    assert result.returncode == 0, result.stderr


def test_products_without_terms_are_refused() -> None:
    for a, b in (((2, 0), (0, 3)), ((0, 2), (2, 3)), ((2, 3), (3, 0)), ((2, 3), (2, 3))):
        with pytest.raises(ValueError, match="neither may be empty, received"):
            _core.multiply(np.zeros(a), np.zeros(b))


def test_sizes_beyond_memory_are_a_memory_error() -> None:
    one = np.ones((1, 1), np.float32)
    with pytest.raises(MemoryError):
        _core.multiply(np.broadcast_to(one, (2**31, 1)), np.broadcast_to(one, (1, 2**31)))
    with pytest.raises(MemoryError):
        _core.multiply(np.broadcast_to(one, (2**31, 2**25)), np.broadcast_to(one, (2**25, 1)))
    with pytest.raises(MemoryError):
        _core.unit_roots(1 << 50)
    with pytest.raises(ValueError, match="`n` must be an integer <= 2\\^53"):
        _core.unit_roots(1 << 60)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unaligned_arrays_are_refused(dtype: str) -> None:
    size = np.dtype(dtype).itemsize
    unaligned = np.zeros(16 * size + 1, np.uint8)[1:].view(dtype).reshape(4, 4)
    assert not unaligned.flags.aligned
    aligned = np.eye(4, dtype=dtype)
    for name, arguments in (
        ("matrix", (unaligned, aligned)),
        ("out", (aligned, unaligned)),
    ):
        with pytest.raises(ValueError, match=f"`{name}` must be aligned"):
            _core.orthogonalize(*arguments)
    for name, arguments in (("a", (unaligned, aligned)), ("b", (aligned, unaligned))):
        with pytest.raises(ValueError, match=f"`{name}` must be aligned"):
            _core.multiply(*arguments)


def test_a_wrong_array_is_reported_with_its_dtype() -> None:
    with pytest.raises(TypeError, match="must be an array of float16, received: float32"):
        _core.fill_normal(np.zeros(3, np.float32), "float16", 1, 0, None, 0.0, 1.0)


def test_the_range_of_a_uniform_law_is_bounded() -> None:
    with pytest.raises(ValueError, match=r"`maxval` - `minval` must .* up to 6e38"):
        _core.describe_uniform("float32", -3e38, 3e38)


def test_descriptions_of_laws_do_not_depend_on_the_float_mode() -> None:
    if _core.replace_float_mode(None) == 0:
        pytest.skip("the mode of this processor is not set")
    upward = 0x5F80 if os.uname().machine == "x86_64" else 1 << 22
    arguments = ("float32", 0.1, 0.3, -0.7, 1.3)
    expected = _core.describe_truncated_normal(*arguments)
    before = _core.replace_float_mode(upward)
    try:
        hostile = _core.describe_truncated_normal(*arguments)
        single = _core.describe_normal("float32", 0.1, 0.3)
    finally:
        _core.replace_float_mode(before)
    assert hostile == expected
    assert single == _core.describe_normal("float32", 0.1, 0.3)


def test_the_environment_is_read_once() -> None:
    code = (
        "import os, initializers\n"
        "os.environ['INITIALIZERS_NUM_THREADS'] = '3'\n"
        "print(initializers.get_num_threads())\n"
        "os.environ['INITIALIZERS_NUM_THREADS'] = '2'\n"
        "print(initializers.get_num_threads(), flush=True)\n"
        "if hasattr(os, 'fork'):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        os._exit(initializers.get_num_threads())\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    result = run_code(code, warnings="ignore")
    # A forked child is a process of its own, and reads the variable again.
    assert result.stdout.split() == ["3", "3", "2"], result.stderr


def test_products_at_every_width_equal_exact_integers() -> None:
    """One sum leaves only the low half of a square; one is subnormal, just below a tie."""
    small = np.float32(2.0**-75)
    cases = [
        ([1 + 2.0**-23, 1.0], [1 + 2.0**-23, -(1 + 2.0**-22)], 2.0**-46),
        (
            [small * (1 + 2.0**-23), 1.0],
            [small * (1 - 2.0**-23), 0x400001 * 2.0**-149],
            0x400001 * 2.0**-149,
        ),
    ]
    try:
        for width in _core.available_simd():
            _core.set_simd(width)
            for a, b, expected in cases:
                # Ascending order: the first product is rounded, so the term comes first.
                left = np.array([a[::-1]], np.float32)
                right = np.array([b[::-1]], np.float32).T
                assert _core.multiply(left, right)[0, 0] == np.float32(expected), width
    finally:
        _core.set_simd(None)
