"""Keras's own tests of initializers pass with `initializers.keras` instead of its module."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import keras.src.initializers
import pytest
from keras_models import BACKEND

import initializers.keras

FILES = ["constant_initializers", "random_initializers"]
if BACKEND == "jax":  # tests of layouts need JAX
    FILES.append("initializer")


def skip_if_backend(name: str, reason: str) -> Any:
    """Replace the one name that the files import from `conftest` of Keras's repository."""
    return pytest.mark.skipif(name == BACKEND, reason=reason)


def load(name: str) -> type:
    """Return a test class from Keras's package."""
    stand_in: Any = ModuleType("conftest")
    stand_in.skip_if_backend = skip_if_backend
    before = sys.modules.get("conftest")
    sys.modules["conftest"] = stand_in
    try:
        module: Any = importlib.import_module(f"keras.src.initializers.{name}_test")
    finally:
        del sys.modules["conftest"]
        if before is not None:
            sys.modules["conftest"] = before
    assert module.initializers is keras.src.initializers
    module.initializers = initializers.keras
    if name == "initializer":  # it tests the protocol with its own class, which makes ones
        module.InitializerWithLayout = initializers.keras.Ones
    (cases,) = (
        thing
        for key, thing in vars(module).items()
        if key.endswith("Test") and thing.__module__ == module.__name__
    )
    # The class gets this module's name, so that pytest collects it here.
    return type(cases.__name__, (cases,), {"__module__": __name__})


CASES = [load(name) for name in FILES]
globals().update({cls.__name__: cls for cls in CASES})


def test_at_least_20_tests_of_keras_are_loaded() -> None:
    count = sum(key.startswith("test_") for cls in CASES for key in dir(cls))
    assert count >= 20
