"""`initializers recipe`: a published recipe, to read or to start from."""

from __future__ import annotations

import json
from typing import Any

import click

from ..recipe._published import list_recipes
from ._command import make_command
from ._output import clean, write_json
from ._request import load_recipe, numbers_option, seed_option, with_options


@make_command(
    "recipe",
    "print a published recipe as TOML, or list all",
    "initializers recipe",
    "initializers recipe gpt2 > gpt2.toml",
    "initializers recipe gpt2 --set layers=48 --seed 7",
    "initializers recipe gpt2.toml --json",
    section="Write",
)
@click.argument("name", required=False)
@numbers_option("A number from which the recipe is computed, such as layers=24; repeatable.")
@seed_option("The seed, instead of 0 or that of the file.")
@click.option("--dtype", help="The dtype of float weights, unless their rule has one.")
def command(
    name: str | None,
    numbers: dict[str, Any],
    seed: int | None,
    dtype: str | None,
    as_json: bool,
) -> None:
    """Print the published recipe of a model, with its source, as TOML.

    NAME is an architecture, a model or a recipe file (.toml or .json), which is checked. Without
    it, all names are listed.
    """
    if name is None:
        names = list_recipes()
        write_json({"recipes": names}) if as_json else click.echo("\n".join(names))
        return
    recipe = with_options(load_recipe(name, numbers), seed, dtype)
    if as_json:
        write_json(json.loads(recipe.to_json()))
        return
    # Comments are untrusted text. TOML itself escapes strings.
    click.echo("\n".join(map(clean, recipe.to_toml().rstrip("\n").split("\n"))))
