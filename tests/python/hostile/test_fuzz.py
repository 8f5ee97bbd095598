"""Short form of tests/fuzz_python.py; `make fuzz` runs the long one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import fuzz_python
import fuzz_surface
from fuzz_python import TARGETS
from initializers import (
    Dirac,
    GlorotNormal,
    Orthogonal,
    Recipe,
    Sparse,
    Zeros,
    checkpoint,
    propagate,
)
from initializers._classes.registry import CLASSES
from initializers.recipe import model_specs, read_specs

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("target", TARGETS)
def test_random_requests_give_results_or_errors(target: str, tmp_path: Path) -> None:
    cases = 300 if target in fuzz_surface.TARGETS else 1000
    assert not fuzz_python.run(target, cases, 2, 0, tmp_path)


def test_the_harness_detects_wrong_errors() -> None:
    assert fuzz_python.check(KeyError("x must be received"))
    assert fuzz_python.check(UnicodeDecodeError("utf-8", b"", 0, 1, "must"))
    assert fuzz_python.check(TypeError("iteration over a 0-d array"))
    assert not fuzz_python.check(ValueError("`x` must be 1, received: 2"))


def test_every_public_function_is_called() -> None:
    """New functions are called too; classes are those in `CLASSES` or results."""
    names = {name.rpartition(".")[2] for name in fuzz_surface.PUBLIC}
    assert {"fold_in", "digest", "propagate", "Rule", "Spec", "write", "verify"} <= names
    initializers = {cls.__name__ for cls in CLASSES}
    for module in fuzz_surface.MODULES:
        public = {name for name in module.__all__ if callable(getattr(module, name))}
        made = {name for name in public if getattr(module, name).__name__ in initializers}
        assert public - names - made <= fuzz_surface.LEFT_OUT


def test_every_public_item_of_the_crate_is_called() -> None:
    """Getters are called by `serde`, which writes all fields; plans and rules are results."""
    tests = Path(__file__).parents[2]
    text = "".join(path.read_text() for path in (tests / "fuzz").glob("*.rs"))
    listed = (tests / "public_api.txt").read_text()
    functions = set(re.findall(r"\bfn (\w+)", listed))
    getters = set(re.findall(r"\bfn (\w+)\(&?self\)", listed))
    items = set(re.findall(r"pub (?:struct|enum|trait) (\w+)", listed)) - {"Plan", "Rule"}
    assert {"fill_until", "fold_in_path"} <= functions - getters
    assert {"Digest", "Stream"} <= items
    called = {name for name in functions if re.search(rf"\b{name}(::<.*>)?\(|::{name}\b", text)}
    assert functions - called <= getters
    assert not {name for name in items if not re.search(rf"\b{name}\b", text)}


def test_paths_that_no_file_system_has() -> None:
    """Found by the long form: the errors were Python's, and named no argument."""
    for path in ("a\0b", "\ud800", "a\0b.toml"):
        for read in (checkpoint.read_recipe, checkpoint.verify, read_specs, Recipe.load):
            with pytest.raises(ValueError, match=r"must be a path without zero bytes.*received"):
                read(path)


def test_rules_and_layers_that_are_none() -> None:
    """Found by the long form: NumPy's error, and all memory filled with names."""
    with pytest.raises(TypeError, match="`rules` must be a mapping from patterns"):
        Recipe(np.array(3), seed=1)
    for array in (np.array("x"), np.float32(2)):  # which have a method `choose`
        with pytest.raises(TypeError, match=r"must be .*received"):
            propagate(array)
    with pytest.raises(ValueError, match="`layers` must be an integer <= 100,000"):
        model_specs("gpt2", layers=2**63)


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
