"""`capture`: the initialization that a model's constructor does, as a recipe by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.nn import Module

from ..._arguments.checks import check_bool, show
from ..._arguments.seeds import check_seed_integer
from ...recipe import Recipe, read_specs
from ...recipe._capture.report import CaptureReport, OpaqueWeight
from ...recipe._capture.rules import make_recipe
from .build import Build, run
from .formulas import explain, find_initializers
from .laws import Law, Values
from .weights import Found, find_all


def capture(
    build: Callable[[], Module], seed: int, *, strict: bool = False
) -> tuple[Recipe, CaptureReport]:
    """Return the recipe of what a model's constructor does, and a report of what is in it.

    `build` is run once, without memory for its weights (`FakeTensorMode`); where the constructor
    reads values that it drew, it is run again on the CPU. Each call of `torch.nn.init` is noted
    with its arguments, and every other operation on weights is followed: `normal_`, `uniform_`,
    `torch.randn(...) * s`, slices, `cat`, copies, truncation by `erfinv`. Values that are computed
    without a generator, such as `arange` and tables of sines, are kept as numbers.

    The recipe has the law of each parameter by its name, in few rules, with comments that name the
    calls; it states the convention `"torch"`. Its values are this package's, from `seed` and the
    names: they do not depend on the order of construction, and are the same in every framework.
    Rules for persistent buffers with simple values are `optional`.

    A parameter whose law no initializer has gets no rule and stands in `report.opaque`, with the
    operation and the line of the model's source.

    Args:
        build: Constructs the module when it is called without arguments.
        seed: The recipe's seed, an integer in `[-2**127, 2**127)`.
        strict: Whether a parameter without a rule is an error.

    Returns:
        The recipe and a `CaptureReport`.

    Raises:
        TypeError: If `build` is not callable or returns no module, or another argument has a wrong
            type.
        ValueError: If `build` fails, draws from a generator of NumPy or Python, or returns
            parameters that are lazy, quantized, sharded, on the device meta or that existed
            before; if no parameter has a law that an initializer has; if `seed` is out of range;
            with `strict`, if a parameter has no rule.

    Examples:
        >>> import torch
        >>> recipe, report = capture(lambda: torch.nn.Linear(3, 2, bias=False), seed=1)
        >>> recipe.rules
        (Rule(VarianceScaling(scale=0.3333333333333333, distribution='uniform'), '*'),)
        >>> report.is_complete
        True
    """
    if not callable(build) or isinstance(build, Module):
        raise TypeError(
            "`build` must be a function without arguments that constructs the module, such as "
            f"lambda: Model(config), received: {show(build)}"
        )
    check_seed_integer(seed)
    check_bool("strict", strict)
    built = run(build)
    found = find_all(built)
    initializers = find_initializers(found)
    model = type(built.module).__name__
    if not initializers:
        reasons = "; ".join(str(_describe(each)) for each in found) or "no parameters"
        raise ValueError(
            "`build` must construct a weight with a law that an initializer has, received a "
            f"{model} with {reasons}"
        )
    recipe = make_recipe(
        found,
        initializers,
        seed,
        "torch",
        f"{model}, captured from its constructor by initializers.torch.capture.",
    )
    report = _make_report(model, built, found, initializers, recipe)
    if strict and report.opaque:
        listed = "; ".join(map(str, report.opaque.values()))
        raise ValueError(
            "with `strict` every parameter must have a law that an initializer has, received: "
            f"{listed}"
        )
    return recipe, report


def _make_report(
    model: str, built: Build, found: list[Found], initializers: dict[str, Any], recipe: Recipe
) -> CaptureReport:
    weights = [each for each in found if not each.is_buffer]
    missing = [each for each in weights if each.name not in initializers]
    return CaptureReport(
        model=model,
        recipe=recipe,
        weights={
            each.name: place for each in weights if (place := recipe.find(each.name)) is not None
        },
        specs={
            name: spec
            for name, spec in read_specs(built.module).items()
            if recipe.find(name) is not None
        },
        opaque={each.name: _describe(each) for each in missing},
        arrays={
            each.name: each.law.array.float().numpy()
            for each in missing
            if isinstance(each.law, Values) and not each.law.array.is_complex()
        },
        tied={each.name: each.tied for each in weights if each.tied},
        copies=_find_copies(weights),
        buffers=tuple(
            each.name for each in found if each.is_buffer and each.name not in initializers
        ),
        reads=tuple(dict.fromkeys(built.follower.reads)),
        fallback=built.reason,
    )


def _describe(weight: Found) -> OpaqueWeight:
    origin = weight.law.origin
    reason = explain(weight)
    assert reason is not None
    return OpaqueWeight(weight.name, weight.shape, reason, origin.place if origin else "")


def _find_copies(weights: list[Found]) -> dict[str, str]:
    first: dict[int, str] = {}
    copies = {}
    for each in weights:
        law: Law = each.law
        if law.draw is not None and first.setdefault(law.draw, each.name) != each.name:
            copies[each.name] = first[law.draw]
    return copies
