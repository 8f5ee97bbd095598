"""Modules that store a matrix as (inputs, outputs), unlike torch's own."""

from __future__ import annotations

from torch.nn import Module

from .._arguments.conventions import KERAS, TORCH

# Module or package → names of its classes; subclasses count too. Names, so that nothing is
# imported.
_INPUTS_FIRST = {
    ("transformers.pytorch_utils", "Conv1D"),
    ("transformers.modeling_utils", "Conv1D"),
}


def convention_of(owner: Module) -> str:
    """Return the convention of a module's own weights."""
    kinds = type(owner).__mro__
    is_inverse = any((kind.__module__, kind.__name__) in _INPUTS_FIRST for kind in kinds)
    return KERAS if is_inverse else TORCH
