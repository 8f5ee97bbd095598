"""Which framework an object belongs to, without importing one."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

# Base classes of models: module, class, adapter. A module that is not loaded has made no model.
# Keras comes first: with its torch backend, its layers are torch's too.
_MODELS = (
    ("keras", "Layer", "keras"),
    ("torch.nn", "Module", "torch"),
    ("flax.linen", "Module", "jax"),
    ("flax.nnx", "Module", "jax"),
    ("equinox", "Module", "jax"),
)


def find_adapter(model: object) -> str | None:
    """Return the adapter of a model: `"keras"`, `"torch"`, `"jax"`, or None if it is no model."""
    for module, name, adapter in _MODELS:
        loaded = sys.modules.get(module)
        if loaded is not None and isinstance(model, getattr(loaded, name)):
            return adapter
    return None


def load_adapter(adapter: str, module: str) -> Any:
    """Import and return a private module of an adapter.

    The one way from a lower layer to an adapter. The framework of its model is loaded already.
    """
    return import_module(f"initializers.{adapter}.{module}")
