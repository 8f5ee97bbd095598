"""Recipes: the initialization of a whole model as data, rules by weight name and one seed."""

from .._arguments.specs import Spec
from .._public import publish
from ._capture.report import CaptureReport, OpaqueWeight
from ._plan import Plan, Weight
from ._recipe import Recipe
from ._rule import Rule
from ._sources import list_models, model_specs, read_specs

__all__ = [
    "CaptureReport",
    "OpaqueWeight",
    "Plan",
    "Recipe",
    "Rule",
    "Spec",
    "Weight",
    "list_models",
    "model_specs",
    "read_specs",
]

Recipe.__module__ = Rule.__module__ = "initializers"  # their public place
publish(__name__, globals())
