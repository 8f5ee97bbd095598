"""`initializers show`: one initializer's values beside theory."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import click

from .. import Initializer, get
from .._charts.preview import Preview
from .._classes.base import ArrayInitializer
from ._command import make_command
from ._errors import Mistake, mistakes_of
from ._output import make_console, print_line, write_json
from ._pictures import draw_histograms, draw_singular_values, make_title, plot_option
from ._request import seed_option


def _check_shape(_context: Any, _parameter: Any, value: str) -> tuple[int, ...]:
    text = value.strip("()[] ").replace("x", ",")
    parts = [part.strip() for part in text.rstrip(",").split(",")] if text else []
    if not all(part.isdecimal() and part.isascii() for part in parts):
        raise click.BadParameter(f"it must be integers such as 784,256, received: {value!r}")
    return tuple(map(int, parts))


@make_command(
    "show",
    "draw one initializer's values and compare them with theory",
    "initializers show he_normal --shape 784,256",
    "initializers show 'RandomNormal(stddev=0.02)' --dtype bfloat16 --seed 7",
    "initializers show orthogonal --shape 512,512 --plot singular.png",
    'initializers show \'{"class_name": "HeUniform", "config": {"seed": 1}}\' --json',
    section="Look",
)
@click.argument("initializer")
@click.option(
    "--shape",
    callback=_check_shape,
    default="512,512",
    show_default=True,
    metavar="SIZES",
    help="The shape of the tensor.",
)
@click.option("--dtype", default="float32", show_default=True, help="The dtype, such as bfloat16.")
@seed_option("The seed; by default that of the initializer, or else 0.")
@plot_option("its histogram, or of singular values")
def command(
    initializer: str,
    shape: tuple[int, ...],
    dtype: str,
    seed: int | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Draw one tensor of INITIALIZER and compare its statistics with theory.

    INITIALIZER is a name such as he_normal, a call such as 'RandomNormal(stddev=0.02)', or a
    configuration as JSON. Errors are given in standard errors: chance rarely exceeds 3. The
    distance is the Kolmogorov-Smirnov distance between the values and theory, and p the chance of a
    distance as great.
    """
    made = parse_initializer(initializer)
    with mistakes_of():
        report = _seed(made, seed).preview(shape, dtype)
    if as_json:
        write_json(report.to_dict())
    else:
        console = make_console()
        for line in report.lines(console.width):
            print_line(console, line)
    if picture is not None:
        _draw(report, picture)


def _draw(report: Preview, picture: Path) -> None:
    title, details = report.title
    if report.gain is not None and report.singular is not None and report.singular.size:
        draw_singular_values(report.singular, report.gain, make_title(title, details), picture)
        return
    counts, law = report.panel
    if counts is None:
        raise Mistake("there is nothing to draw: the values are no finite floats")
    draw_histograms([(make_title(title, details), counts, law)], picture)


def parse_initializer(text: str) -> Initializer:
    """Return the initializer of a name, a configuration or a call; nothing is evaluated."""
    with mistakes_of():
        stripped = text.strip()
        if stripped.startswith("{"):
            made = get(_load(stripped))
        elif "(" in stripped:
            made = get(_parse_call(stripped))
        else:
            made = get(stripped)
    if not isinstance(made, ArrayInitializer):
        raise Mistake(f"{text!r} must name an initializer that gives arrays")
    return made


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the configuration is no JSON: {error}") from None


def _parse_call(text: str) -> dict[str, Any]:
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ValueError
        config = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError(
            f"a call must be of a name with named numbers, such as RandomNormal(stddev=0.02), "
            f"received: {text!r}"
        ) from None
    return {"class_name": call.func.id, "config": config}


def _seed(made: Initializer, seed: int | None) -> Any:
    if not hasattr(made, "seed"):
        return made
    if seed is None and made.get_config()["seed"] is not None:
        return made
    return made.with_seed(0 if seed is None else seed)  # type: ignore[attr-defined]
