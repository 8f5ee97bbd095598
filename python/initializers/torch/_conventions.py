"""Modules that store a matrix as (inputs, outputs), unlike torch's own."""

from __future__ import annotations

from functools import lru_cache

from .._arguments.conventions import KERAS, TORCH

# Module or package → names of its classes; subclasses count too. Names, so that nothing is
# imported.
_INPUTS_FIRST = {
    ("transformers.pytorch_utils", "Conv1D"),
    ("transformers.modeling_utils", "Conv1D"),
}


@lru_cache(maxsize=256)
def convention_of(kind: type) -> str:
    """Return the convention of the own weights of modules of a type."""
    is_inverse = any((base.__module__, base.__name__) in _INPUTS_FIRST for base in kind.__mro__)
    return KERAS if is_inverse else TORCH
