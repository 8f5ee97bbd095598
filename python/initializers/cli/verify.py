"""`initializers verify`: compares every byte of a checkpoint with its recipe."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from .. import checkpoint
from .._arguments.sizes import size_text
from .._arguments.types import Convention
from ._command import make_command
from ._errors import DIFFERS, mistakes_of
from ._output import clean, make_console, progress_bar, write_json
from ._request import load_recipe, read_weights, request_options, with_options


@make_command(
    "verify",
    "compare every byte of a checkpoint with its recipe",
    "initializers verify llama/",
    "initializers verify gpt2.safetensors --recipe gpt2 --seed 1",
    "initializers verify model.safetensors.index.json --json",
    section="Check",
)
@click.argument("path", metavar="PATH", type=click.Path(exists=True, path_type=Path))
@request_options
def command(
    path: Path,
    model: str | None,
    specs: Path | None,
    recipe_name: str | None,
    numbers: dict[str, Any],
    seed: int | None,
    dtype: str | None,
    convention: Convention | None,
    partial: bool,
    as_json: bool,
) -> int:
    """Compare a checkpoint with its recipe, piece by piece.

    PATH is a safetensors file, an index, or a folder with one. The recipe is the one that
    `initializers create` wrote into the file, unless another is given. --model or --specs also find
    tensors that are missing or have another shape. Exit status 1 if anything differs.
    """
    if recipe_name is None and (numbers or (seed, dtype, convention) != (None, None, None)):
        raise click.UsageError(
            "--set, --seed, --dtype and --convention need a --recipe: that of the file has its own"
        )
    if model is not None and specs is not None:
        raise click.UsageError("give --model or --specs, not both")
    recipe = weights = None
    if recipe_name is not None:
        recipe = with_options(load_recipe(recipe_name, numbers), seed, dtype)
    started = time.perf_counter()
    with mistakes_of():
        if model is not None or specs is not None:
            weights = read_weights(model, specs, numbers)
        with progress_bar("comparing", wanted=not as_json) as advance:
            report = checkpoint.verify(
                path, recipe, weights, progress=advance, convention=convention, partial=partial
            )
    if as_json:
        write_json(_to_dict(report))
    else:
        console = make_console()
        *lines, last = str(report).split("\n")
        for line in lines:
            console.print(Text(clean(line), style="red"), soft_wrap=True)
        seconds = time.perf_counter() - started
        text = f"{clean(last)} ({size_text(report.bytes)} in {seconds:.1f} s)"
        console.print(Text(text, style="green" if report.ok else "bold red"), soft_wrap=True)
    return 0 if report.ok else DIFFERS


def _to_dict(report: checkpoint.Report) -> dict[str, Any]:
    def kind(pair: Any) -> dict[str, Any]:
        return {"shape": list(pair[0]), "dtype": pair[1]}

    return {
        "path": str(report.path),
        "identical": report.ok,
        "tensors": report.tensors,
        "bytes": report.bytes,
        "missing": list(report.missing),
        "extra": list(report.extra),
        "mismatched": {
            name: {"expected": kind(expected), "found": kind(found)}
            for name, (expected, found) in report.mismatched.items()
        },
        "differences": [
            {
                "name": each.name,
                "index": list(each.index),
                "expected": each.expected,
                "found": each.found,
            }
            for each in report.differences
        ],
    }
