"""`initializers recipe`: a recipe to read, or to start one's own from."""

from __future__ import annotations

import json
from typing import Any

import click

from ..recipe._published import list_recipes
from ._command import make_command
from ._output import clean, write_json
from ._request import load_recipe, seed_option, with_options


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


@make_command(
    "recipe",
    "print a model's published recipe as TOML, or the names of all",
    "initializers recipe",
    "initializers recipe gpt2 > gpt2.toml",
    "initializers recipe gpt2 --set layers=48 --seed 7",
    "initializers recipe gpt2.toml --json",
)
@click.argument("name", required=False)
@click.option(
    "--set",
    "numbers",
    multiple=True,
    callback=_check_numbers,
    metavar="NAME=NUMBER",
    help="A number that the recipe is computed from, such as layers=24; may be repeated.",
)
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

    NAME is that of an architecture or a model; without it, all names are printed. It may be a
    recipe of your own, .toml or .json, to be checked and printed.
    """
    if name is None:
        names = list_recipes()
        write_json({"recipes": names}) if as_json else click.echo("\n".join(names))
        return
    recipe = with_options(load_recipe(name, numbers), seed, dtype)
    if as_json:
        write_json(json.loads(recipe.to_json()))
        return
    # Comments of somebody's file, line by line: TOML itself escapes what is in strings.
    click.echo("\n".join(map(clean, recipe.to_toml().rstrip("\n").split("\n"))))
