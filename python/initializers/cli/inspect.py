"""`initializers inspect`: statistics of every tensor of a file, and its likely initializer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from .._charts.recognition import Guess, recognize
from .._charts.statistics import Statistics, measure
from .._charts.tensors import Layout, Row, total
from .._charts.text import number
from ._command import make_command
from ._errors import Mistake
from ._output import Advance, clean, make_console, print_line, progress_bar, write_json
from ._pictures import draw_histograms, make_title, plot_option
from ._tensors import Tensor, open_tensors

# More panels than these make a picture that nobody reads.
_MOST_PANELS = 40


@make_command(
    "inspect",
    "show statistics of every tensor of a file, and its likely initializer",
    "initializers inspect model.safetensors",
    "initializers inspect checkpoint/ --tensor '*.mlp.*'",
    "initializers inspect weights.npz --histogram",
    "initializers inspect model.safetensors.index.json --plot model.png",
    "initializers inspect kernel.npy --json | jq '.tensors[].std'",
    section="Look",
)
@click.argument("path", metavar="FILE", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--tensor",
    "patterns",
    multiple=True,
    metavar="PATTERN",
    help="Only tensors whose names match, such as '*.weight'; may be repeated.",
)
@click.option("--histogram", is_flag=True, help="Show a histogram of every tensor.")
@plot_option("the histograms")
def command(
    path: Path, patterns: tuple[str, ...], histogram: bool, picture: Path | None, as_json: bool
) -> None:
    """Show what the tensors of FILE are like: mean, std, extremes, kurtosis, zeros.

    FILE is a safetensors file or index, a folder with one, an .npy or an .npz file. It is read
    block by block, so that its size does not matter. The likely initializer stands below each
    tensor, with its evidence, or `none known`. Kurtosis is excess kurtosis: 0 for normal values,
    -0.63 for normal values truncated at two standard deviations, -1.2 for uniform values.
    """
    tensors = _select(path, patterns)
    started = time.perf_counter()
    console = make_console()
    names = [clean(tensor.name) for tensor in tensors]
    kinds = [each.shape for each in tensors], [each.dtype for each in tensors]
    layout = Layout(zip(names, *kinds, strict=True), console.width)
    rows: list[Row] = []
    with progress_bar("reading", wanted=not as_json, output=console) as advance:
        lines = [] if as_json else list(layout.head())
        for row in _measure(tensors, advance):
            if not as_json:
                lines += layout.show(row, names[len(rows)], histogram)
            rows.append(row)
            for line in lines:
                print_line(console, line)
            lines = []
    if as_json:
        write_json({"path": str(path), "tensors": [row.to_dict() for row in rows]})
    else:
        console.print(f"{total(rows)} in {time.perf_counter() - started:.1f} s")
    if picture is not None:
        _draw(rows, picture)


def _select(path: Path, patterns: tuple[str, ...]) -> list[Tensor]:
    tensors = open_tensors(path)
    if not patterns:
        return tensors
    chosen = [
        tensor
        for tensor in tensors
        if any(fnmatchcase(tensor.name, pattern) for pattern in patterns)
    ]
    if not chosen:
        raise Mistake(f"{path}: no tensor has a name that matches {' or '.join(patterns)}")
    return chosen


def _measure(tensors: list[Tensor], advance: Advance | None) -> Iterator[Row]:
    size = sum(tensor.size for tensor in tensors)
    done = 0
    for tensor in tensors:
        if tensor.problem is not None:
            yield _make_row(tensor, None, Guess("none known", tensor.problem))
            continue

        def blocks(tensor: Tensor = tensor) -> Iterator[Any]:
            nonlocal done
            for block in tensor.blocks():
                yield block
                done += block.nbytes
                if advance is not None:
                    advance(done, size)

        found = measure(blocks(), tensor.dtype)
        yield _make_row(tensor, found, recognize(found, tensor.shape, tensor.dtype, tensor.read))


def _make_row(tensor: Tensor, found: Statistics | None, guess: Guess) -> Row:
    return Row(tensor.name, tensor.shape, tensor.dtype, tensor.size, found, guess)


def _draw(rows: list[Row], picture: Path) -> None:
    panels = [
        (
            make_title(row.name, f"std {number(row.found.std)}, {row.guess.name}"),
            row.found.distribution,
            None,
        )
        for row in rows
        if row.found is not None and row.found.distribution is not None
    ]
    if not panels:
        raise Mistake("there is nothing to draw: no tensor has finite floats")
    draw_histograms(panels[:_MOST_PANELS], picture, max(len(panels) - _MOST_PANELS, 0))
