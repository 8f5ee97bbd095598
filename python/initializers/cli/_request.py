"""The options of `plan`, `create` and `verify` that name a model and its recipe."""

from __future__ import annotations

import json
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


def _check_numbers(_context: Any, _parameter: Any, values: tuple[str, ...]) -> dict[str, Any]:
    numbers = {}
    for value in values:
        name, sign, text = value.partition("=")
        if not sign or not name.isidentifier():
            raise click.BadParameter(f"it must be NAME=NUMBER, received: {value!r}")
        try:
            numbers[name] = json.loads(text)
        except ValueError:
            numbers[name] = text  # a word, such as names=keras
    return numbers


def numbers_option(text: str) -> Decorator:
    """Return the option `--set`."""
    return click.option(
        "--set",
        "numbers",
        multiple=True,
        callback=_check_numbers,
        metavar="NAME=NUMBER",
        help=text,
    )


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
        help="The weights: JSON with names, shapes and dtypes, or a safetensors file or index. "
        "Needs a --recipe.",
    ),
    click.option(
        "--recipe",
        "recipe_name",
        metavar="FILE|NAME",
        help="A recipe, .toml or .json, or the name of a published one; by default the model's.",
    ),
    numbers_option(
        "A number of the published recipe, such as layers=24 of gpt2, and of the model's shapes."
    ),
    seed_option("The seed, instead of the recipe's."),
    click.option("--dtype", help="The dtype of float weights, unless their rule has one."),
    click.option(
        "--convention",
        type=click.Choice(CONVENTIONS),
        help="The order of a weight's axes, if recipe and file do not state it: torch for "
        "(outputs, inputs, *kernel), keras for (*kernel, inputs, outputs).",
    ),
    click.option(
        "--partial",
        is_flag=True,
        help="Accept rules that match no weight: the weights are a part of a model.",
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
    numbers: dict[str, Any],
    seed: int | None,
    dtype: str | None,
) -> tuple[Recipe, dict[str, Spec]]:
    """Return the recipe and the weights that the options name."""
    if (model is None) == (specs is None):
        raise click.UsageError("give either --model or --specs")
    if model is None and recipe_name is None:
        raise click.UsageError(
            "--specs gives names and shapes; a --recipe must say how each weight is initialized\n"
            "use a published one, such as --recipe llama, or begin your own: "
            "initializers recipe llama > mine.toml"
        )
    recipe = load_recipe(recipe_name or str(model), numbers)
    with mistakes_of():
        weights = read_weights(model, specs, numbers)
    return with_options(recipe, seed, dtype), weights


def read_weights(
    model: str | None, specs: Path | None, numbers: dict[str, Any] | None = None
) -> dict[str, Spec]:
    """Return the weights of a known model, of as many layers as `--set` says, or of a file."""
    if model is None:
        return read_specs(str(specs))
    # `model_specs` checks the name.
    return model_specs(cast(ModelName, model), layers=(numbers or {}).get("layers"))


def load_recipe(name: str, numbers: dict[str, Any] | None = None) -> Recipe:
    """Return the recipe in a file, or the published one of that name."""
    if name.endswith((".toml", ".json")):
        if numbers:
            raise Mistake(
                f"--set needs a published recipe; the numbers of {name} are in the file, "
                f"received: {', '.join(numbers)}"
            )
        try:
            with mistakes_of():
                return Recipe.load(name)
        except FileNotFoundError:
            raise Mistake(f"{name}: there is no such recipe") from None
    with mistakes_of():
        make: Any = Recipe.for_model  # names and numbers come from the command line
        made: Recipe = make(name, **(numbers or {}))
        return made


def with_options(recipe: Recipe, seed: int | None, dtype: str | None) -> Recipe:
    """Return a recipe with another seed, or another dtype for rules without a dtype."""
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
