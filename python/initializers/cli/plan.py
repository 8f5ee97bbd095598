"""`initializers plan`: which rule of a recipe applies to which weight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from .. import serialize
from .._arguments.types import Convention
from ..recipe import Recipe
from ..recipe._plan import Plan, group_weights
from ._command import make_command
from ._errors import mistakes_of
from ._output import clean, make_console, write_json
from ._request import request_options, resolve


@make_command(
    "plan",
    "show which rule of a recipe applies to which weight",
    "initializers plan --model gpt2",
    "initializers plan --model llama-3.2-1b --recipe megatron.toml",
    "initializers plan --specs model.safetensors --recipe mine.toml --json",
    section="Write",
)
@request_options
def command(
    model: str | None,
    specs: Path | None,
    recipe_name: str | None,
    numbers: dict[str, Any],
    seed: int | None,
    dtype: str | None,
    convention: Convention | None,
    partial: bool,
    as_json: bool,
) -> None:
    """Show which rule applies to which weight; weights whose names differ in numbers share a row.

    Fails if no rule matches a weight, or a rule that is not optional matches none.
    """
    recipe, weights = resolve(model, specs, recipe_name, numbers, seed, dtype)
    with mistakes_of():
        plan = recipe.plan(weights, convention, partial)
    if as_json:
        write_json(_to_dict(recipe, plan))
    else:
        _print(make_console(), plan)


def _to_dict(recipe: Recipe, plan: Plan) -> dict[str, Any]:
    return {
        "recipe": json.loads(recipe.to_json()),
        "rules": [{**rule.to_dict(), "weights": list(names)} for rule, names in plan.rules],
        "weights": [
            {
                "name": weight.name,
                "shape": list(weight.shape),
                "dtype": weight.dtype,
                "initializer": serialize(weight.initializer),
                "permute": None if weight.permute is None else list(weight.permute),
                "stack": weight.stack,
            }
            for weight in plan.weights.values()
        ],
        "elements": plan.size,
        "bytes": plan.nbytes,
    }


def _print(console: Console, plan: Plan) -> None:
    lines = [clean(line) for line in str(plan).split("\n")]
    if max(map(len, lines)) <= console.width:
        for line in lines:
            console.print(Text(line, style="bold" if line[:1].isdigit() and ". " in line else ""))
        return
    # Too wide for a table: each name on a line of its own.
    headings = (line for line in lines if line[:1].isdigit())
    for (_, names), heading in zip(plan.rules, headings, strict=False):
        console.print(Text(heading, style="bold"))
        for name, shape, dtype, number, elements in group_weights(
            plan.weights[name] for name in names
        ):
            console.print(Text(f"   {clean(name)}"))
            count = f"{number} weights, " if number != "1" else ""
            console.print(Text(f"     {shape}  {dtype}  {count}{elements} elements"))
    console.print(Text(lines[-1]))
