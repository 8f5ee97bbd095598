"""Finds the framework of an object without importing one."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ._arguments.installation import how_to_install

# Base classes of models: module, class, adapter. If a module is not loaded, no model of it exists.
# Keras comes first: with its torch backend, Keras layers are torch modules too.
_MODELS = (
    ("keras", "Layer", "keras"),
    ("torch.nn", "Module", "torch"),
    ("flax.linen", "Module", "jax"),
    ("flax.nnx", "Module", "jax"),
    ("equinox", "Module", "jax"),
)


# The lowest version of each framework, as `pyproject.toml` has it.
LOWEST = {"jax": (0, 10), "keras": (3, 15), "torch": (2, 12)}


def require(framework: str) -> None:
    """Check, before an adapter imports its framework, that it can.

    Raises:
        ImportError: If the framework is missing or too old; the message says what to install.
    """
    wanted = ".".join(map(str, LOWEST[framework]))
    needs = f"initializers.{framework} needs {framework} {wanted} or newer"
    install = how_to_install(framework)
    if sys.modules.get(framework) is None and find_spec(framework) is None:
        raise ModuleNotFoundError(f"{needs}, which is not installed: {install}", name=framework)
    from importlib import metadata  # takes milliseconds, and only adapters need it

    try:
        version = metadata.version(framework)
    except metadata.PackageNotFoundError:  # built from source, or vendored
        return
    found = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if found and found < LOWEST[framework]:
        raise ImportError(f"{needs}, found: {version}; {install}", name=framework)


def find_adapter(model: object) -> str | None:
    """Return the adapter of a model: `"keras"`, `"torch"` or `"jax"`; None for other objects."""
    for module, name, adapter in _MODELS:
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(model, getattr(loaded, name)):
            return adapter
    return None


def load_adapter(adapter: str, module: str) -> Any:
    """Import and return a private module of an adapter.

    This is the only way from a lower layer to an adapter. The framework is loaded already: the
    caller holds a model of it.
    """
    return import_module(f"initializers.{adapter}.{module}")
