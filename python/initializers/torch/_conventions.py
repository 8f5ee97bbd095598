"""Which modules store a matrix as (inputs, outputs), unlike torch's own."""

from __future__ import annotations

from torch.nn import Module

from .._conventions import KERAS

# Class names, by the modules (or the packages) that define them; a class that inherits from one is
# one. By name, so that nothing is imported.
_INPUTS_FIRST = {
    ("transformers.pytorch_utils", "Conv1D"),
    ("transformers.modeling_utils", "Conv1D"),
}


def find_conventions(module: Module) -> dict[int, str]:
    """Return the convention of each parameter that is not (outputs, inputs, *kernel), by its id."""
    return {
        id(parameter): KERAS
        for owner in module.modules()
        if _stores_inputs_first(owner)
        for parameter in owner.parameters()
    }


def _stores_inputs_first(owner: Module) -> bool:
    kinds = type(owner).__mro__
    return any((kind.__module__, kind.__name__) in _INPUTS_FIRST for kind in kinds)
