"""`initializers capture`: the initialization that a model's constructor does, as a recipe."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import click

from .._arguments.checks import hint
from .._arguments.specs import Spec
from .._frameworks import find_adapter, require
from ..recipe import CaptureReport, Recipe
from ._command import make_command
from ._errors import Failure, Mistake, mistakes_of
from ._output import clean, write_json
from ._request import numbers_option, seed_option

# Captures what a function constructs, from a seed, strictly or not.
_Way: TypeAlias = Callable[[Callable[[], Any], int, bool], tuple[Recipe, CaptureReport]]


@make_command(
    "capture",
    "print a PyTorch or Keras model's own initialization as a recipe",
    "initializers capture torchvision.models:resnet18 > resnet18.toml",
    "initializers capture mypackage.model:Model --set layers=24 --seed 7 --strict",
    "initializers capture mypackage.model:build --specs model.json > model.toml",
    section="Write",
)
@click.argument("constructor", metavar="MODULE:FUNCTION")
@numbers_option("An argument of the function, such as layers=24; repeatable.")
@seed_option("The recipe's seed, by default 0.")
@click.option("--strict", is_flag=True, help="Fail if a parameter has no rule.")
@click.option(
    "--specs",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write names, shapes and dtypes of the weights too, for --specs of other commands.",
)
def command(
    constructor: str,
    numbers: dict[str, Any],
    seed: int | None,
    strict: bool,
    specs: Path | None,
    as_json: bool,
) -> None:
    """Run a model's constructor, and print what it does as TOML.

    MODULE:FUNCTION is a class or a function that returns a torch.nn.Module, such as
    torchvision.models:resnet18, or a Keras model that is built. Weights of PyTorch take no memory.
    The module is imported, also from the current folder: name only code that you trust. The report
    is written to standard error.
    """
    build = partial(_find(constructor), **numbers)
    with mistakes_of():
        recipe, report = _capture(constructor, build, seed or 0, strict)
    click.echo("\n".join(map(clean, str(report).split("\n"))), err=True)
    if specs is not None:
        tensors = {name: _describe(spec) for name, spec in report.specs.items()}
        text = json.dumps({"convention": recipe.convention, "tensors": tensors}, indent=1)
        specs.write_text(text + "\n", encoding="utf-8", newline="\n")
    if as_json:
        write_json(json.loads(recipe.to_json()))
        return
    click.echo("\n".join(map(clean, recipe.to_toml().rstrip("\n").split("\n"))))


def _capture(
    constructor: str, build: Callable[[], Any], seed: int, strict: bool
) -> tuple[Recipe, CaptureReport]:
    """Capture the model that a function returns, by its framework.

    It is of no framework that the function's module has not imported. Where both are, the function
    is called for PyTorch first, since weights take no memory then; but Keras models on PyTorch are
    torch modules too.
    """
    made: list[Any] = []

    def construct() -> Any:
        made.append(build())
        return made[-1]

    if "keras" not in sys.modules:
        return _capture_torch(construct, seed, strict)
    import keras

    is_torch_first = "torch" in sys.modules and keras.backend.backend() != "torch"
    ways: list[_Way] = [partial(_capture_keras, constructor), _capture_torch]
    if is_torch_first:
        ways.reverse()
    try:
        return ways[0](construct, seed, strict)
    except (
        TypeError,
        ValueError,
    ):  # Keras also draws from Python's generator, which torch's refuses
        if not made or (find_adapter(made[0]) == "keras") != is_torch_first:
            raise
    return ways[1](construct, seed, strict)


def _capture_torch(
    construct: Callable[[], Any], seed: int, strict: bool
) -> tuple[Recipe, CaptureReport]:
    try:
        require("torch")
    except ImportError as error:
        raise Failure(str(error)) from None
    from ..torch import capture

    return capture(construct, seed, strict=strict)


def _capture_keras(
    constructor: str, construct: Callable[[], Any], seed: int, strict: bool
) -> tuple[Recipe, CaptureReport]:
    from ..keras import capture

    def call() -> Any:
        try:
            return construct()
        except Exception as error:
            raise Mistake(
                f"{constructor}: it must construct a model, but raised "
                f"{type(error).__name__}: {error}"
            ) from error

    return capture(call, seed, strict=strict)


def _find(constructor: str) -> Callable[..., Any]:
    """Return the function of a module."""
    place, _, name = constructor.partition(":")
    if not all(part.isidentifier() for part in (*place.split("."), *name.split("."))):
        raise click.BadParameter(
            f"it must be MODULE:FUNCTION, such as torchvision.models:resnet18, received: "
            f"{constructor!r}"
        )
    sys.path.insert(0, os.getcwd())
    found: Any = None
    try:
        found = import_module(place)
        for part in name.split("."):
            found = getattr(found, part)
    except ImportError as error:
        raise Mistake(f"{constructor}: {error}") from error
    except (Exception, SystemExit) as error:  # whatever the module's own code raises
        if isinstance(error, AttributeError) and found is not None and not hasattr(found, part):
            near = hint(part, dir(found))
            raise Mistake(f"{constructor}: {error}{near}") from error
        *_, (frame, line) = traceback.walk_tb(error.__traceback__)
        at = "" if isinstance(error, SyntaxError) else f" (at {frame.f_code.co_filename}:{line})"
        raise Mistake(
            f"{constructor}: it must be importable, but raised {type(error).__name__}: {error}{at}"
        ) from error
    if not callable(found):
        raise Mistake(f"{constructor}: it must be a function or a class, received: {found!r}")
    return found  # type: ignore[no-any-return]


def _describe(spec: Spec) -> dict[str, Any]:
    told = {"shape": [*spec.shape], "dtype": spec.dtype}
    return {**told, "padding": [*spec.padding]} if spec.padding else told
