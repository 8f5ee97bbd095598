"""Real models, initialized: under `patch`, by name from built modules, and by name from meta.

Each architecture of transformers, timm and torchvision in `_zoo.py` is built by configuration:

- by the library alone and under `patch`: every parameter is compared with its namesake, either
  bit for bit or, if it is random, by the Kolmogorov-Smirnov test; seeds are fixed, and `ALPHA` is
  divided by the number of tests;
- "covered" under `patch`: no generator of torch, NumPy or Python has moved, and nothing warned;
- by `init_module_`, from the built model and from one whose parameters are on the device meta, and
  from one that is there with its buffers (`buffers=`): all digests of parameters and buffers,
  persistent or not, are equal.

So is each construction in `module_db`, torch's own list for the tests of its modules.

    python tools/torch_zoo.py               writes the table in docs/torch.md; minutes
    python tools/torch_zoo.py --short       some of the models; the page stays
    python tools/torch_zoo.py --only vit t5  these models, with the whole error of each
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
import textwrap
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import torch
from accelerate import init_empty_weights
from scipy import stats  # type: ignore[import-untyped]

from _page import write_table
from _zoo import SHORT, Model, list_constructions, list_models
from initializers import RandomNormal
from initializers.torch import init_module_, patch

ALPHA = 1e-6
SAMPLES = 20_000  # of a parameter, at most, for its test
# From meta, of all models: constructors that read values cannot run there. Elsewhere all must pass.
GOALS = {"meta": 0.93, "buffers": 0.93}
COLUMNS = {
    "patched": "built under `patch`",
    "covered": "fully covered",
    "statistics": "statistics of the library",
    "named": "`init_module_`, built",
    "meta": "from meta, equal digest",
    "buffers": "from meta with `buffers=`, equal digest",
}


class Unlike(Exception):
    """Signals an unexpected result."""


def expect(holds: bool, otherwise: str) -> None:
    """Raise Unlike if something does not hold."""
    if not holds:
        raise Unlike(otherwise)


@dataclass(eq=False)  # hashed by identity
class Result:
    """Outcome for one model: which columns hold, why others do not, and the p-values of tests."""

    model: Model
    parameters: int = 0
    passed: set[str] = field(default_factory=set)
    reasons: dict[str, str] = field(default_factory=dict)
    p_values: dict[str, float] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)

    @contextmanager
    def column(self, name: str) -> Iterator[None]:
        """Note that a column passed, or the first line of the exception that it ended with."""
        try:
            yield
        except Exception as error:
            line = (str(error).strip().splitlines() or [""])[0]
            kind = "" if isinstance(error, Unlike) else f"{type(error).__name__}: "
            self.reasons[name] = kind + textwrap.shorten(line, 150, placeholder=" …")
            if "--only" in sys.argv and kind:
                traceback.print_exc()
        else:
            self.passed.add(name)


def examine(model: Model) -> Result:
    """Build one model in every way."""
    result = Result(model)
    seed_generators()
    stock = {name: summarize(tensor) for name, tensor in model.build().named_parameters()}
    result.parameters = len(stock)

    with result.column("patched"):
        before = read_generators()
        with warnings.catch_warnings(record=True) as caught, patch(seed=1):
            warnings.simplefilter("always")
            patched = model.build()
    if "patched" in result.passed:
        with result.column("covered"):
            draws = [str(item.message) for item in caught if "inside patch" in str(item.message)]
            draws += [
                f"{name}'s generator moved"
                for name, state in read_generators().items()
                if state != before[name]
            ]
            expect(not draws, "; ".join(draws))
        compare(result, stock, patched)

    def initialize(module: Any, **arguments: Any) -> str:
        return digest(init_module_(module, choose, 1, **arguments))

    expected = ""
    with result.column("named"):
        expected = initialize(model.build())
    with result.column("meta"):
        # As the page says for transformers: parameters on meta, buffers with their values.
        with init_empty_weights(include_buffers=False):
            empty = model.build()
        expect(initialize(tie(empty)) == expected, "another digest")
    with result.column("buffers"):
        with torch.device("meta"):
            empty = model.build()
        expect(initialize(tie(empty), buffers=model.build) == expected, "another digest")
    return result


def choose(name: str, shape: tuple[int, ...]) -> Any:
    """Draw random values for every parameter, so that no mix-up of names is hidden."""
    return "he_normal" if len(shape) > 1 else RandomNormal(stddev=0.02)


def tie(module: Any) -> Any:
    """Tie what `from_config` on meta left untied."""
    getattr(module, "tie_weights", lambda: None)()
    return module


def summarize(tensor: torch.Tensor) -> tuple[str, Any]:
    """Return a digest of all bits, and a sample of the values."""
    flat = tensor.detach().reshape(-1)
    sample = flat[:: max(1, flat.numel() // SAMPLES)]
    return hash_bits(flat), sample.to(torch.float64).numpy().copy()


def compare(result: Result, stock: dict[str, tuple[str, Any]], patched: Any) -> None:
    """Test every parameter against the library's own of the same name."""
    here = {name: summarize(tensor) for name, tensor in patched.named_parameters()}
    if here.keys() != stock.keys():
        result.differing += sorted(here.keys() ^ stock.keys())
        return
    for name, (bits, values) in here.items():
        their_bits, theirs = stock[name]
        if bits == their_bits:
            continue
        if len(set(theirs.tolist())) == 1 and theirs.size > 1:
            result.differing.append(f"{name} is constant in the library")
            continue
        result.p_values[name] = float(stats.ks_2samp(values, theirs).pvalue)


def judge(results: Iterable[Result]) -> int:
    """Decide if each model's statistics are the library's; return the number of tests."""
    count = sum(len(result.p_values) for result in results)
    for result in results:
        if "patched" not in result.passed:
            continue
        unlike = [f"{name}: p={p:.1e}" for name, p in result.p_values.items() if p < ALPHA / count]
        with result.column("statistics"):
            expect(not result.differing + unlike, ", ".join((result.differing + unlike)[:3]))
    return count


def digest(module: Any) -> str:
    """Return a digest of all parameters and buffers, by name."""
    total = hashlib.sha256()
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        total.update(hash_bits(tensor.detach()).encode())
    return total.hexdigest()


def hash_bits(tensor: torch.Tensor) -> str:
    """Return a digest of the values, in row-major order."""
    flat = tensor.contiguous().reshape(-1)
    return hashlib.sha256(flat.view(torch.uint8).numpy() if flat.numel() else b"").hexdigest()


def seed_generators() -> None:
    """Fix every generator that a library may draw from."""
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)


def read_generators() -> dict[str, bytes]:
    """Return the states of the generators of torch, NumPy and Python."""
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "NumPy": repr(np.random.get_state()).encode(),
        "Python": repr(random.getstate()).encode(),
    }


def describe(groups: dict[str, list[Result]], tests: int) -> str:
    """Return the table, a row for each group, and below it what did not pass and why."""
    lines = [
        "| library | models | parameters | " + " | ".join(COLUMNS.values()) + " |",
        "|---" * (len(COLUMNS) + 3) + "|",
    ]
    for group, rows in groups.items():
        passed = [str(sum(column in row.passed for row in rows)) for column in COLUMNS]
        cells = [group, str(len(rows)), f"{sum(row.parameters for row in rows):,}"]
        lines.append(f"| {' | '.join(cells + passed)} |")
    results = list(dict.fromkeys(chain.from_iterable(groups.values())))
    lines += ["", f"{tests:,} tests of parameters; failed: p < {ALPHA:g} over their number.", ""]
    for column, title in COLUMNS.items():
        names_by_reason: dict[str, list[str]] = {}
        for result in results:
            if column in result.reasons:
                names_by_reason.setdefault(result.reasons[column], []).append(result.model.name)
        lines += [
            f"- Not {title}: {', '.join(dict.fromkeys(names))} ({reason})"
            for reason, names in names_by_reason.items()
        ]
    return "\n".join(lines)


def examine_all(models: Iterable[Model]) -> list[Result]:
    """Examine models one after the other, and tell of each."""
    results = []
    for model in models:
        start = time.perf_counter()
        result = examine(model)
        results.append(result)
        failed = [f"    {COLUMNS[name]}: {reason}" for name, reason in result.reasons.items()]
        took = time.perf_counter() - start
        line = f"{model.library:13}{model.name:34}{result.parameters:5} parameters, {took:.1f} s"
        if model.library != "torch" or failed:  # of those there are many
            print("\n".join([line, *failed]), flush=True)
    return results


def main() -> int:
    """Run the requested models; fail if a column has too few."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--short", action="store_true", help="some of the models")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these models")
    arguments = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")  # warnings of the libraries; warnings of `patch` are caught
    chosen = arguments.only or (SHORT.split() if arguments.short else None)

    start = time.perf_counter()
    models = [model for model in list_models() if chosen is None or model.name in chosen]
    results = examine_all(models)
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.model.library, []).append(result)
    libraries = list(groups)
    groups["all three" if chosen is None else "together"] = results
    if chosen is None:
        groups["torch, `module_db`"] = examine_all(list_constructions())
    tests = judge(list(dict.fromkeys(chain.from_iterable(groups.values()))))
    table = describe(groups, tests)
    print(f"{table}\n{time.perf_counter() - start:.0f} s")
    if chosen is None:
        write_table("torch.md", "torch-zoo", table.splitlines())
    few = [
        f"{group}, {title}"
        for group, rows in groups.items()
        if group not in libraries
        for column, title in COLUMNS.items()
        if sum(column in row.passed for row in rows)
        < (GOALS.get(column, 1) if chosen is None else 1) * len(rows)
    ]
    print(f"too few: {few}" if few else "as it should be")
    return bool(few)


if __name__ == "__main__":
    sys.exit(main())
