"""`initializers propagate`: the scales of activations and gradients under an initializer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from .._arguments.types import Activation
from ..propagation import propagate
from ._command import make_command
from ._errors import Mistake, mistakes_of
from ._output import clean, make_console, write_json
from ._pictures import plot_option
from ._request import load_recipe, seed_option, with_options
from .show import parse_initializer


def _check_widths(_context: object, _parameter: object, value: str) -> int | list[int]:
    parts = value.split(",")
    if not all(part.strip().isdecimal() and part.isascii() for part in parts):
        raise click.BadParameter(
            f"it must be an integer or several, such as 784,512,10, received: {value!r}"
        )
    return int(value) if len(parts) == 1 else [int(part) for part in parts]


@make_command(
    "propagate",
    "measure how activations and gradients change from layer to layer",
    "initializers propagate he_normal --depth 50",
    "initializers propagate glorot_uniform --activation relu --plot scales.png",
    "initializers propagate 'RandomNormal(stddev=0.02)' --widths 784,512,512,10",
    "initializers propagate mine.toml --activation gelu --json",
    section="Look",
)
@click.argument("initializer")
@click.option(
    "--activation", default="relu", show_default=True, help="What follows each layer, such as tanh."
)
@click.option("--depth", type=int, default=20, show_default=True, help="The number of layers.")
@click.option(
    "--widths",
    callback=_check_widths,
    default="256",
    show_default=True,
    metavar="SIZES",
    help="The units of every layer; or of the input and each layer, which gives the depth too.",
)
@seed_option("The seed of inputs and weights; by default 0, or that of the recipe.")
@plot_option("the scales over depth")
def command(
    initializer: str,
    activation: Activation,
    depth: int,
    widths: int | list[int],
    seed: int | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Send a batch through a stack of dense layers and its gradient back.

    INITIALIZER is a name, a call or a configuration, as `initializers show` takes it, or the file
    of a recipe (.toml or .json), whose rules must take the names layers/0, layers/1 and so on. The
    measured scales stand beside what theory expects. Models of Keras, PyTorch and JAX are measured
    from Python, by `initializers.propagate`.
    """
    if initializer.endswith((".toml", ".json")):
        recipe = with_options(load_recipe(initializer), seed, None)
        model: Any = recipe
        seed = recipe.seed
    else:
        model = parse_initializer(initializer)
    with mistakes_of():
        result = propagate(model, seed=seed or 0, widths=widths, depth=depth, activation=activation)
    if as_json:
        write_json(result.to_dict())
    else:
        console = make_console()
        for line in result.table(max(console.width, 72)).split("\n"):
            console.print(Text(clean(line)), soft_wrap=True)
    if picture is not None:
        try:
            result.plot(picture)
        except ValueError as error:
            raise Mistake(str(error)) from error
