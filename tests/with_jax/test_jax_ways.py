"""Under `jit`, the compiled program or the host makes the values: which one, for every class."""

from __future__ import annotations

from typing import Any

import jax
import pytest

import initializers
from initializers import Initializer
from initializers._classes.registry import CLASSES
from initializers.jax import Rule, init_tree

MATRIX, KERNEL = (12, 8), (3, 3, 4, 8)
# Class → its arguments and a shape, where the program makes the values.
PROGRAM: dict[str, tuple[dict[str, Any], Any]] = {
    "Constant": ({"value": 0.5}, MATRIX),
    "GlorotNormal": ({}, MATRIX),
    "GlorotUniform": ({}, MATRIX),
    "HeNormal": ({}, MATRIX),
    "HeUniform": ({}, MATRIX),
    "LecunNormal": ({}, MATRIX),
    "LecunUniform": ({}, MATRIX),
    "Ones": ({}, MATRIX),
    "RandomNormal": ({"mean": 0.5, "stddev": 0.1}, MATRIX),
    "RandomUniform": ({}, MATRIX),
    "TruncatedNormal": ({}, MATRIX),
    "VarianceScaling": ({"distribution": "untruncated_normal"}, MATRIX),
    "Zeros": ({}, MATRIX),
}
# The same, where the host makes them.
HOST: dict[str, tuple[dict[str, Any], Any]] = {
    "ConvolutionOrthogonal1D": ({}, (3, 4, 8)),
    "ConvolutionOrthogonal2D": ({}, KERNEL),
    "ConvolutionOrthogonal3D": ({}, (3, 3, 3, 4, 8)),
    "DeltaOrthogonal": ({}, KERNEL),
    "Dirac": ({}, KERNEL),
    "Hippo": ({}, MATRIX),
    "Identity": ({}, MATRIX),
    "LogOfUniform": ({}, MATRIX),
    "LstmBias": ({}, MATRIX),
    "Orthogonal": ({}, MATRIX),
    "RingRadius": ({}, MATRIX),
    "Rotary": ({}, MATRIX),
    "S4D": ({}, MATRIX),
    "STFT": ({}, (16, 1, 9)),
    "Sinusoidal": ({}, MATRIX),
    "Sparse": ({"sparsity": 0.5}, MATRIX),
    "TimeStepBias": ({}, MATRIX),
}
# Arguments and dtypes of classes of `PROGRAM` whose values the host makes.
ALONE: dict[str, tuple[Any, str]] = {
    "float64": (initializers.HeNormal(), "float64"),
    "bounds": (initializers.TruncatedNormal(bounds=(-1.0, 3.0)), "float32"),
    "one bound": (initializers.TruncatedNormal(bounds=(0.0, float("inf"))), "bfloat16"),
    "subnormal": (initializers.RandomNormal(stddev=1e-25), "float32"),
}


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INITIALIZERS_JAX", "native")


def calls_back(initializer: Any, shape: Any, dtype: str) -> bool:
    """Return whether a program that makes an array has a callback; it is not compiled."""
    tree = {"w": jax.ShapeDtypeStruct(shape, dtype)}
    program = jax.jit(lambda: init_tree(tree, {"w": Rule(initializer)}, 1)).lower()
    return "callback" in program.as_text()


def make(name: str) -> tuple[Any, Any]:
    arguments, shape = (PROGRAM | HOST)[name]
    return getattr(initializers, name)(**arguments), shape


def test_every_class_is_tried() -> None:
    names = {each.__name__ for each in CLASSES if each is not Initializer}
    assert names == PROGRAM.keys() | HOST.keys()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float8_e4m3fn"])
@pytest.mark.parametrize("name", PROGRAM)
def test_compiled_programs_make_these_values(name: str, dtype: str) -> None:
    assert not calls_back(*make(name), dtype)


@pytest.mark.parametrize("name", HOST)
def test_the_host_makes_these_values(name: str) -> None:
    assert calls_back(*make(name), "float32")


@pytest.mark.parametrize("name", ALONE)
def test_the_host_makes_float64_other_bounds_and_subnormal_values(name: str) -> None:
    initializer, dtype = ALONE[name]
    with jax.enable_x64(True):
        assert calls_back(initializer, MATRIX, dtype)
        assert not calls_back(initializers.Zeros(), MATRIX, "float64")
