"""Pictures, by matplotlib: loaded only where one is asked for."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from .._arguments.installation import how_to_install
from .._charts.bars import linear_edges, split
from .._charts.laws import Law
from .._charts.statistics import Distribution
from ._command import Decorator
from ._errors import Failure
from ._output import clean

_KINDS = (".png", ".svg", ".pdf")
_BLUE, _ORANGE = "#4477aa", "#cc6633"


def check_picture(_context: Any, _parameter: Any, path: Path | None) -> Path | None:
    """Refuse, before anything is computed, a picture that could not be written."""
    if path is None:
        return None
    if path.suffix.lower() not in _KINDS:
        raise click.BadParameter(f"a picture must end in {', '.join(_KINDS)}, received: {path}")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no directory {str(path.parent)!r}")
    _make_figure(1, 1)
    return path


def plot_option(what: str) -> Decorator:
    """Return the option `--plot`."""
    return click.option(
        "--plot",
        "picture",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=check_picture,
        metavar="FILE",
        help=f"Write a picture of {what} (.png, .svg or .pdf).",
    )


def draw_histograms(
    panels: Sequence[tuple[str, Distribution, Law | None]], path: Path, left_out: int = 0
) -> None:
    """Draw a histogram for each panel, with the density of a law where there is one."""
    columns = min(4, math.ceil(math.sqrt(len(panels))))
    rows = math.ceil(len(panels) / columns)
    figure = _make_figure(6.4 if columns == 1 else 3.4 * columns, 4.2 if rows == 1 else 2.4 * rows)
    small = len(panels) > 1
    for place, (title, counts, law) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, place + 1)
        edges = linear_edges(counts, 41 if small else 81)
        total = float(counts.counts.sum())
        widths = np.diff(edges)
        axes.bar(
            edges[:-1], split(counts, edges) / total / widths, widths, align="edge", color=_BLUE
        )
        if law is not None and law.cdf is not None:
            fine = np.linspace(edges[0], edges[-1], 401)
            density = np.diff(law.cdf(fine)) / np.diff(fine)
            axes.plot((fine[1:] + fine[:-1]) / 2, density, color=_ORANGE, label=law.name)
            axes.legend(frameon=False)
        axes.set_title(title, fontsize=7 if small else 10, parse_math=False)
        axes.tick_params(labelsize=6 if small else 8)
        axes.set_yticks([]) if small else axes.set_ylabel("density")
        axes.spines[["top", "right"]].set_visible(False)
    if left_out:
        figure.supxlabel(f"{left_out} more tensors are not shown", fontsize=8)
    _save(figure, path)


def draw_singular_values(values: NDArray[np.float64], gain: float, title: str, path: Path) -> None:
    """Draw singular values in falling order, and how far each is from the gain."""
    figure = _make_figure(6.4, 4.8)
    upper, lower = figure.subplots(2, 1, sharex=True)
    ranks = np.arange(1, values.size + 1)
    upper.plot(ranks, values, ".", color=_BLUE, label="singular values")
    upper.axhline(gain, color=_ORANGE, linewidth=1, label=f"gain {gain:g}")
    upper.set_ylim(min(0.0, 1.2 * gain), max(0.0, 1.2 * gain) or 1.0)
    upper.legend(frameon=False, loc="lower left")
    upper.set_title(title, fontsize=10, parse_math=False)
    lower.plot(ranks, values - abs(gain), ".", color=_BLUE)
    lower.axhline(0, color=_ORANGE, linewidth=1)
    lower.set_ylabel("less the gain")
    lower.set_xlabel("rank")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def make_title(name: str, *details: str) -> str:
    """Return a title that no font lacks a letter of."""
    text = clean(name).encode("ascii", "backslashreplace").decode()
    lines = [text[at : at + 48] for at in range(0, len(text), 48)][:3] or [""]
    return "\n".join([*lines, *details])


def _make_figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        raise Failure(f"pictures need the package 'matplotlib': {how_to_install('plot')}") from None
    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a layout that is tight is still a picture
        figure.savefig(path, dpi=150)
