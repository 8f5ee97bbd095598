"""The variables of a model that keeps the functions which made them, as a recipe and a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..._arguments.conventions import KERAS
from ..._arguments.shapes import Shape
from ..._arguments.specs import Spec
from .._recipe import Recipe
from .report import CaptureReport, OpaqueWeight
from .rules import Origin, make_recipe

# Functions for more elements are not run to see what they make.
LARGEST = 2**24


@dataclass(frozen=True, eq=False)
class Variable:
    """A variable with its initializer, or the reason why it has none."""

    name: str
    shape: Shape
    initializer: Any
    reason: str
    origin: Origin | None
    array: NDArray[Any] | None = None
    is_buffer: bool = False


@dataclass(frozen=True)
class Words:
    """Words for errors: the argument, what a model has, and where an initializer may come from."""

    argument: str
    noun: str
    source: str


def make_result(
    variables: Sequence[Variable],
    specs: Mapping[str, Spec],
    seed: int,
    strict: bool,
    label: str,
    origin: str,
    words: Words,
) -> tuple[Recipe, CaptureReport]:
    """Return the recipe and the report of a model.

    Args:
        variables: All variables.
        specs: Their shapes and dtypes, by name.
        seed: The recipe's seed.
        strict: Whether a variable without an initializer is an error.
        label: The model's name.
        origin: Words for the recipe's comment: from what it was captured, and by which function.
        words: Words for errors.

    Raises:
        ValueError: If no variable has an initializer; with `strict`, if one has none.
    """
    initializers = {
        each.name: each.initializer for each in variables if each.initializer is not None
    }
    missing = [each for each in variables if each.initializer is None]
    opaque = {
        each.name: OpaqueWeight(
            each.name, each.shape, each.reason, each.origin.place if each.origin else ""
        )
        for each in missing
        if not each.is_buffer
    }
    listed = "; ".join(map(str, opaque.values()))
    if not initializers:
        raise ValueError(
            f"`{words.argument}` must have a {words.noun} with {words.source}, received: {label} "
            f"with {listed or f'no {words.noun}s'}"
        )
    if strict and opaque:
        raise ValueError(
            f"with `strict` every {words.noun} must have {words.source}, received: {listed}"
        )
    comment = f"{label}, captured from {origin}."
    recipe = make_recipe(variables, initializers, seed, KERAS, comment, separator="/")
    report = CaptureReport(
        model=label,
        recipe=recipe,
        weights={
            each.name: place
            for each in variables
            if not each.is_buffer and (place := recipe.find(each.name)) is not None
        },
        specs={name: spec for name, spec in specs.items() if name in initializers},
        opaque=opaque,
        arrays={each.name: each.array for each in missing if each.array is not None},
        buffers=tuple(each.name for each in missing if each.is_buffer),
    )
    return recipe, report
