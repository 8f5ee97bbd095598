"""The pages, docstrings and examples for JAX run and say what is true."""

from __future__ import annotations

import re

import pytest

import initializers.jax
from pages import (
    ROOT,
    SCANNED,
    find_without_example,
    run_docstrings,
    run_example,
    run_foreign_blocks,
    run_page,
)


@pytest.mark.parametrize("name", ["jax.md", "jax-inside-jit.md"])
def test_page(name: str) -> None:
    run_page(ROOT / "docs" / name)


@pytest.mark.parametrize("framework", ["jax", "sklearn"])
def test_blocks_of_other_pages(framework: str) -> None:
    run_foreign_blocks(framework)


def test_docstrings() -> None:
    assert run_docstrings("initializers.jax") >= 2
    assert find_without_example("initializers.jax") == []


def test_every_name_is_on_the_page_or_has_a_docstring() -> None:
    page = (ROOT / "docs" / "jax.md").read_text()
    for name in initializers.jax.__all__:
        assert re.search(rf"\b{name}\b", page) or getattr(initializers.jax, name).__doc__, name


@pytest.mark.parametrize("name", ["linen", "nnx", "equinox"])
def test_examples_train(name: str) -> None:
    output = run_example(f"jax_{name}.py")
    assert all(float(percent) > 88 for percent in re.findall(r"([0-9.]+)%", output))
    if name == "linen":
        assert "70aee996513a928d" in output


def test_weights_of_the_scanned_transformer_have_their_digest() -> None:
    assert SCANNED in run_example("jax_scanned_transformer.py")
