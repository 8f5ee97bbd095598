"""Short form of tests/fuzz_python.py; `make fuzz` runs the long one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fuzz_python
from fuzz_targets import TARGETS
from initializers import Dirac, GlorotNormal, Orthogonal, Sparse, Zeros

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("target", TARGETS)
def test_random_requests_give_results_or_errors(target: str, tmp_path: Path) -> None:
    assert not fuzz_python.run(target, 1000, 2, 0, tmp_path)


def test_the_harness_detects_wrong_errors() -> None:
    assert fuzz_python.check(KeyError("x must be received"))
    assert fuzz_python.check(UnicodeDecodeError("utf-8", b"", 0, 1, "must"))
    assert fuzz_python.check(TypeError("iteration over a 0-d array"))
    assert not fuzz_python.check(ValueError("`x` must be 1, received: 2"))


def test_an_array_without_dimensions_is_no_shape() -> None:
    """Found by the long form: NumPy's error reached the user."""
    for shape in (np.array("x"), np.array(1.5), np.array([None])[0:1].reshape(())):
        with pytest.raises(TypeError, match="`shape` must be a tuple of integers, received"):
            Zeros()(shape)


def test_integers_too_long_to_print_are_refused() -> None:
    """Found by the long form: the initializers were created but had no `repr`."""
    for make in (
        lambda: Orthogonal(axis=10**5000),
        lambda: Dirac(10**5000),
        lambda: GlorotNormal(input_axes=[10**5000], output_axes=[0]),
    ):
        with pytest.raises(ValueError, match=r"must be .*received"):
            make()


def test_a_block_of_a_sparse_matrix_needs_whole_columns() -> None:
    """Found by the long form: NumPy's error came after `out` had been written."""
    out = np.full((3, 1), 7, np.float32)
    with pytest.raises(MemoryError, match="no memory for shape"):
        Sparse(0.5, seed=1)((2**46, 2), out=out, index=(slice(0, 3), slice(0, 1)))
    assert (out == 7).all()


def test_a_block_of_a_wide_sparse_matrix_draws_its_own_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = Sparse(0.5, seed=3)((6, 5000))
    monkeypatch.setattr("initializers._classes.sparse._WORDS", 1000)
    block = Sparse(0.5, seed=3)((6, 5000), index=(slice(1, 4), slice(77, 301)))
    np.testing.assert_array_equal(block, whole[1:4, 77:301])
    assert Sparse(0.5, seed=3)((2, 2**46), index=(slice(0, 2), slice(5, 8))).shape == (2, 3)
