"""Fixtures for the tests of the Python layer."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from initializers import _core
from initializers._classes import registry

# Tests of a framework run in its own environment: `make torch`, `make jax`, `make keras`.
collect_ignore = [f"with_{name}" for name in ("jax", "keras", "torch") if find_spec(name) is None]

# Background jobs of a shell, and their children, ignore Ctrl-C; tests of interruption need it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Rerun tests that measure time, up to three times."""
    for item in items:
        if item.get_closest_marker("clock"):
            item.add_marker(pytest.mark.flaky(reruns=3))


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    """Remove what the test registered, afterwards."""
    objects, keys = dict(registry._objects), dict(registry._keys)
    yield
    registry._objects.clear()
    registry._objects.update(objects)
    registry._keys.clear()
    registry._keys.update(keys)


@pytest.fixture
def settings_restored() -> Iterator[None]:
    """Restore the number of threads and the instruction set after the test."""
    threads = _core.get_num_threads()
    yield
    _core.set_num_threads(threads)
    _core.set_simd(None)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write and verify small models in many pieces."""
    from checkpoints import SMALL_PIECES  # safetensors is not in every environment

    for module, name, size in SMALL_PIECES:
        monkeypatch.setattr(module, name, size)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call the command line without a terminal, with tables of 100 columns."""
    from commands import Command  # click is not in the environments of the frameworks

    monkeypatch.setenv("COLUMNS", "100")
    return Command(capsys)


if os.environ.get("KERAS_BACKEND") == "numpy":

    @pytest.fixture(autouse=True)
    def uninitialized_inputs() -> Iterator[None]:
        """Ignore NumPy's warnings about computations with uninitialized memory.

        To infer shapes, Keras's NumPy backend calls a layer on `numpy.empty` arrays. NumPy warns if
        their bytes happen to be NaN or large. (`MALLOC_PERTURB_=128` makes it happen.)
        """
        with np.errstate(all="ignore"):
            yield
