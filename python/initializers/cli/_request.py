"""The options by which `plan`, `create` and `verify` are told of a model and its recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click

from .._arguments.conventions import CONVENTIONS
from .._arguments.seeds import check_seed_integer
from .._arguments.specs import Spec
from ..recipe import Recipe
from ..recipe._sources import ModelName, list_models, model_specs, read_specs
from ._command import Decorator
from ._errors import Mistake, mistakes_of


def check_seed(_context: Any, _parameter: Any, value: str | None) -> int | None:
    """Return a seed from the text of an option."""
    if value is None:
        return None
    try:
        return check_seed_integer(int(value))
    except ValueError:
        raise click.BadParameter(
            f"it must be an integer in [-2**127, 2**127), received: {value!r}"
        ) from None


def seed_option(text: str) -> Decorator:
    """Return the option `--seed`."""
    return click.option("--seed", callback=check_seed, metavar="INTEGER", help=text)


_OPTIONS = (
    click.option(
        "--model",
        type=click.Choice(list_models()),
        metavar="NAME",
        help=f"A known model: {', '.join(list_models())}.",
    ),
    click.option(
        "--specs",
        type=click.Path(exists=True, path_type=Path),
        metavar="FILE",
        help="The weights: JSON with names, shapes and dtypes, or a safetensors file or index.",
    ),
    click.option(
        "--recipe",
        "recipe_name",
        metavar="FILE|NAME",
        help="A recipe, .toml or .json, or the name of a published one; by default the model's.",
    ),
    seed_option("The seed, instead of the recipe's."),
    click.option("--dtype", help="The dtype of float weights, unless their rule has one."),
    click.option(
        "--convention",
        type=click.Choice(CONVENTIONS),
        help="How weights are laid out, if recipe and file do not tell: torch for (outputs, "
        "inputs, *kernel), keras for (*kernel, inputs, outputs).",
    ),
    click.option(
        "--partial", is_flag=True, help="The weights are a part of a model: rules may match none."
    ),
)


def request_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def resolve(
    model: str | None,
    specs: Path | None,
    recipe_name: str | None,
    seed: int | None,
    dtype: str | None,
) -> tuple[Recipe, dict[str, Spec]]:
    """Return the recipe and the weights that the options mean."""
    if (model is None) == (specs is None):
        raise click.UsageError("give either --model or --specs")
    if model is None and recipe_name is None:
        raise click.UsageError("--specs needs a --recipe")
    with mistakes_of():
        weights = read_weights(model, specs)
    recipe = load_recipe(recipe_name or str(model))
    return with_options(recipe, seed, dtype), weights


def read_weights(model: str | None, specs: Path | None) -> dict[str, Spec]:
    """Return the weights of a known model, or else those that a file tells of."""
    # `model_specs` checks the name.
    return read_specs(str(specs)) if model is None else model_specs(cast(ModelName, model))


def load_recipe(name: str, numbers: dict[str, Any] | None = None) -> Recipe:
    """Return the recipe in a file, or the published one of that name."""
    if name.endswith((".toml", ".json")):
        if numbers:
            raise Mistake("numbers are for published recipes: those of a file are in the file")
        try:
            with mistakes_of():
                return Recipe.load(name)
        except FileNotFoundError:
            raise Mistake(f"{name}: there is no such recipe") from None
    with mistakes_of():
        make: Any = Recipe.for_model  # whose names and numbers come from the command line
        made: Recipe = make(name, **(numbers or {}))
        return made


def with_options(recipe: Recipe, seed: int | None, dtype: str | None) -> Recipe:
    """Return a recipe with another seed, or another dtype for what has none of its own."""
    if seed is not None:
        recipe = recipe.with_seed(seed)
    if dtype is None:
        return recipe
    with mistakes_of():
        return Recipe(
            recipe.rules,
            seed=recipe.seed,
            dtype=dtype,
            convention=recipe.convention,
            comment=recipe.comment,
        )
