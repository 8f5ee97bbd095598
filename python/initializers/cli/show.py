"""`initializers show`: one initializer's values beside theory."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from .. import Initializer, digest, get, serialize
from .._arguments.dtypes import look_up
from .._arguments.shapes import Array
from .._charts.bars import bars
from .._charts.laws import Law, distance
from .._charts.statistics import BLOCK, Statistics, measure
from .._charts.text import align, number, shape_text
from .._charts.theory import p_value, singular_value, theory
from .._classes.base import ArrayInitializer
from ._command import make_command
from ._errors import Mistake, mistakes_of
from ._output import make_console, write_json
from ._pictures import draw_histograms, draw_singular_values, make_title, plot_option
from ._request import seed_option

# A decomposition of more rows or columns takes minutes.
_LARGEST_SVD = 2048


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
    configuration as JSON. A statistic's error is given in standard errors: what chance does is
    rarely beyond 3. The distance is Kolmogorov's and Smirnov's between the values' distribution and
    the theoretical one, and p the chance of one as great.
    """
    made = parse_initializer(initializer)
    with mistakes_of():
        made = _seed(made, seed)
        kind = look_up(dtype)
        values = made(shape, kind.name)
    if not isinstance(values, np.ndarray) or kind.kind == "c":
        raise Mistake(f"{dtype} values have no statistics")
    found = measure(_cut(values), kind.name)
    law = theory(made, shape)
    gain = singular_value(made)
    report = _Report(made, values, found, law, gain)
    if as_json:
        write_json(report.to_dict())
    else:
        report.print(make_console())
    if picture is not None:
        report.draw(picture)


def _cut(values: Array) -> Any:
    flat = values.reshape(-1)
    return (flat[low : low + BLOCK] for low in range(0, flat.size, BLOCK))


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


class _Report:
    """The statistics of one tensor."""

    def __init__(
        self, made: Any, values: Array, found: Statistics, law: Law | None, gain: float | None
    ) -> None:
        self.made, self.values, self.found, self.law = made, values, found, law
        self.gain = gain
        self.singular = _decompose(values) if gain is not None else None
        self.distance = None
        if law is not None and law.cdf is not None and found.distribution is not None:
            self.distance = distance(law, found.distribution)

    def to_dict(self) -> dict[str, Any]:
        law, values = self.law, self.values
        singular = None
        if self.singular is not None and self.singular.size:
            singular = {
                "min": float(self.singular.min()),
                "max": float(self.singular.max()),
                "theory": self.gain,
            }
        names = ("mean", "std", "min", "max", "excess_kurtosis")
        return {
            "initializer": serialize(self.made),
            "shape": list(values.shape),
            "dtype": values.dtype.name,
            "digest": digest({"weight": values}),
            "statistics": self.found.to_dict(),
            "theory": None if law is None else {name: getattr(law, name) for name in names},
            "distance": self.distance,
            "p_value": None if self.distance is None else p_value(self.distance, values.size),
            "singular_values": singular,
        }

    def print(self, console: Console) -> None:
        values = self.values
        console.print(Text(repr(self.made), style="bold"))
        console.print(
            f"shape {shape_text(values.shape)}, {values.dtype.name}, "
            f"digest {digest({'weight': values})[:12]}"
        )
        console.print()
        head, *rows = self._table()
        console.print(Text(head, style="bold"))
        for row in rows:
            console.print(row)
        if self.distance is not None:
            p = p_value(self.distance, values.size)
            console.print(f"distance   {number(self.distance, 3)}, p = {number(p, 2)}")
        if self.singular is not None and self.singular.size:
            low, high = (float(end) for end in (self.singular.min(), self.singular.max()))
            console.print(
                f"singular   {number(low, 8)} to {number(high, 8)}, in theory all "
                f"{number(abs(self.gain or 0.0))}"
            )
        if self.found.distribution is not None and self.found.min < self.found.max:
            console.print()
            for line in bars(self.found.distribution, min(console.width, 78), law=self.law):
                console.print(Text(line, style="cyan"))

    def _table(self) -> list[str]:
        found, law = self.found, self.law
        n = max(found.finite, 1)
        independent = law is not None and law.cdf is not None
        errors: dict[str, float] = {}
        if law is not None and independent:
            errors["mean"] = law.std / math.sqrt(n)
            errors["std"] = law.std * math.sqrt((law.excess_kurtosis + 2) / (4 * n))
        expected = (
            {}
            if law is None
            else {
                "mean": number(law.mean),
                "std": number(law.std),
                "min": "" if math.isinf(law.min) else f"≥ {number(law.min)}",
                "max": "" if math.isinf(law.max) else f"≤ {number(law.max)}",
                "kurtosis": number(law.excess_kurtosis, 3),
            }
        )
        measured = [
            ("mean", number(found.mean)),
            ("std", number(found.std)),
            ("min", number(found.min)),
            ("max", number(found.max)),
            ("kurtosis", number(found.excess_kurtosis, 3)),
            ("zeros", f"{100 * found.zeros:.3g} %"),
        ]
        rows = [("", "measured", "theory", "error")]
        for name, value in measured:
            error = ""
            if errors.get(name):
                off = (getattr(found, name) - getattr(law, name)) / errors[name]
                error = f"{number(off, 2)} standard errors"
            rows.append((name, value, expected.get(name, ""), error))
        return align(rows, right=(1, 2))

    def draw(self, picture: Path) -> None:
        title = repr(self.made)
        details = f"{shape_text(self.values.shape)}, {self.values.dtype.name}"
        if self.gain is not None and self.singular is not None and self.singular.size:
            draw_singular_values(self.singular, self.gain, make_title(title, details), picture)
            return
        if self.found.distribution is None:
            raise Mistake("there is nothing to draw: the values are no finite floats")
        panel = make_title(title, details), self.found.distribution, self.law
        draw_histograms([panel], picture)


def _decompose(values: Array) -> NDArray[np.float64] | None:
    """Return the singular values of a matrix that is small enough, or None."""
    matrix = values.reshape(-1, values.shape[-1])
    if min(matrix.shape) > _LARGEST_SVD or max(matrix.shape) > 16 * _LARGEST_SVD:
        return None
    if not matrix.size:
        return None
    result: NDArray[np.float64] = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    return result
