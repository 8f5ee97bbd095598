"""A model's initialization in one small piece of data: which weight gets what, and one seed."""

from .._arguments.specs import Spec
from .._public import publish
from ._plan import Plan, Weight
from ._recipe import Recipe
from ._recipe_rule import RecipeRule
from ._sources import list_models, model_specs, read_specs

__all__ = [
    "Plan",
    "Recipe",
    "RecipeRule",
    "Spec",
    "Weight",
    "list_models",
    "model_specs",
    "read_specs",
]

Recipe.__module__ = "initializers"  # its public place, as for all names there
publish(__name__, globals())
