"""Real models, captured: each is initialized from its recipe and compared with its own constructor.

Each architecture of transformers, timm and torchvision in `_zoo.py` is captured, and then

- "complete": every parameter has a rule;
- "as the library": of a model that is initialized from the recipe, every parameter has the bits of
  its namesake in a model that the library alone initialized, or passes three tests against it: of
  the distribution (Kolmogorov-Smirnov), of the mean and of the mean square (Welch). Seeds are
  fixed, and `ALPHA` is divided by the number of tests. Parameters without a rule are left out.

The published recipes are compared in the same way with the models of `_published_zoo.py`.

    python tools/capture_zoo.py               writes the table in docs/capture.md; minutes
    python tools/capture_zoo.py --short       some of the models; the page stays
    python tools/capture_zoo.py --only vit t5  these models, with their recipes
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from _page import write_table
from _published_zoo import list_published
from _zoo import SHORT, Model, list_models
from initializers.recipe._coverage import merge_names
from initializers.torch import CaptureReport, capture, init_module_
from initializers.typing import RulesLike
from torch_zoo import ALPHA, seed_generators, summarize

# The least share of models that must be complete; all of `--short` must be.
GOAL = 115 / 120
# Models by published recipes that `--short` leaves out: they are large.
LONG = ("swin_tiny_patch4_window7_224",)
_FEWEST = 8  # elements of a parameter that moments are tested of


@dataclass(eq=False, kw_only=True)
class Comparison:
    """A model that a recipe initialized, compared with one that the library initialized."""

    model: Model
    p_values: dict[str, float] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)


@dataclass(eq=False, kw_only=True)
class Result(Comparison):
    """Outcome for one captured model."""

    report: CaptureReport
    rules: int
    seconds: float


def examine(model: Model, show: bool) -> Result:
    """Capture a model, initialize it from its recipe, and compare it with the library's."""
    start = time.perf_counter()
    recipe, report = capture(model.build, seed=1)
    seconds = time.perf_counter() - start
    result = Result(model=model, report=report, rules=len(recipe.rules), seconds=seconds)
    if show:
        print(recipe.to_toml())
    # The module's own values, for parameters without a rule.
    compare_module(result, [*((name, None) for name in report.opaque), *recipe.rules])
    return result


def compare_module(result: Comparison, rules: RulesLike) -> None:
    """Construct a module, initialize it by rules, and compare it with its state before."""
    seed_generators()
    module = result.model.build()
    stock = {name: summarize(tensor) for name, tensor in module.named_parameters()}
    kept = {rule[0] for rule in rules if isinstance(rule, tuple)} if isinstance(rules, list) else ()
    init_module_(module, rules, seed=1)
    for name, tensor in module.named_parameters():
        if name not in kept:
            compare(result, name, summarize(tensor), stock[name])


def compare(result: Comparison, name: str, ours: tuple[str, Any], theirs: tuple[str, Any]) -> None:
    """Compare a parameter with its namesake."""
    if ours[0] == theirs[0]:
        return
    one, other = ours[1], theirs[1]
    if len(set(other.tolist())) == 1 and other.size > 1:
        result.differing.append(f"{name} is constant in the library")
        return
    result.p_values[name] = float(stats.ks_2samp(one, other).pvalue)
    if one.size < _FEWEST:
        return
    for moment, values, others in (("mean", one, other), ("square", one**2, other**2)):
        p = float(stats.ttest_ind(values, others, equal_var=False).pvalue)
        if np.isfinite(p):
            result.p_values[f"{name}, {moment}"] = p


def find_unlike(result: Comparison, tests: int) -> list[str]:
    """Return the parameters that are not as in the library."""
    failed = [f"{name}: p={p:.1e}" for name, p in result.p_values.items() if p < ALPHA / tests]
    return result.differing + failed


def list_opaque(result: Result) -> list[str]:
    """Return the parameters without a rule, those that differ in numbers only once."""
    groups: dict[tuple[str, str], list[str]] = {}
    for each in result.report.opaque.values():
        key = (re.sub(r"\d+", "0", each.name), each.reason)
        groups.setdefault(key, []).append(each.name)
    return [f"`{merge_names(names)}`: {reason}" for (_, reason), names in groups.items()]


def describe(results: list[Result], tests: int) -> str:
    """Return the table by library, and below it every parameter without a rule."""
    lines = [
        "| library | models | complete | parameters | with a rule | rules of a model, median | "
        "without memory | as the library |",
        "|---" * 8 + "|",
    ]
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.model.library, []).append(result)
    for group, rows in {**groups, "all": results}.items():
        known = sum(len(row.report.weights) for row in rows)
        cells = (
            len(rows),
            sum(row.report.is_complete for row in rows),
            f"{known + sum(len(row.report.opaque) for row in rows):,}",
            f"{known:,}",
            f"{np.median([row.rules for row in rows]):.0f}",
            sum(row.report.fallback is None for row in rows),
            sum(not find_unlike(row, tests) for row in rows),
        )
        lines.append(f"| {group} | {' | '.join(map(str, cells))} |")
    slowest = max(results, key=lambda row: row.seconds)
    lines += [
        "",
        f"{tests:,} tests; failed: p < {ALPHA:g} over their number. The longest capture: "
        f"{slowest.model.name}, {slowest.seconds:.0f} s. Without a rule:",
        "",
    ]
    for result in results:
        lines += [f"- {result.model.name}, {text}" for text in list_opaque(result)]
    return "\n".join(lines)


def main() -> int:
    """Run what was asked for; fail where a law is wrong or too few models are complete."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--short", action="store_true", help="some of the models")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these models")
    arguments = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")  # of the libraries
    chosen = arguments.only or (SHORT.split() if arguments.short else None)

    start = time.perf_counter()
    results = []
    for model in list_models():
        if chosen is None or model.name in chosen:
            result = examine(model, bool(arguments.only))
            results.append(result)
            print(f"{model.library:13}{model.name:34}{result.seconds:6.1f} s", flush=True)
    published = []
    left_out = LONG if arguments.short else ()
    for each in list_published():
        if (
            each.model.name in (arguments.only or [each.model.name])
            and each.model.name not in left_out
        ):
            comparison = Comparison(model=each.model)
            compare_module(comparison, each.recipe)
            published.append(comparison)
    print(f"{len(published)} models by published recipes")
    tests = max(1, sum(len(result.p_values) for result in [*results, *published]))
    table = describe(results, tests)
    print(f"{table}\n{time.perf_counter() - start:.0f} s")
    if chosen is None:
        write_table("capture.md", "capture-zoo", table.splitlines())
    wrong = [
        f"{each.model.name}: {unlike[:3]}"
        for each in [*results, *published]
        if (unlike := find_unlike(each, tests))
    ]
    complete = sum(result.report.is_complete for result in results)
    goal = GOAL if chosen is None else 1.0
    print(f"wrong: {wrong}" if wrong else "no law is wrong")
    return bool(wrong) or (not arguments.only and complete < goal * len(results))


if __name__ == "__main__":
    sys.exit(main())
