"""`initializers inspect`: statistics of every tensor of a file, and its likely initializer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from .._arguments.sizes import size_text
from .._charts.bars import bars, spark
from .._charts.recognition import Guess, recognize
from .._charts.statistics import Statistics, measure
from .._charts.text import flow, number, shape_text
from ._command import make_command
from ._errors import Mistake
from ._output import Advance, clean, count_text, make_console, progress_bar, write_json
from ._pictures import draw_histograms, make_title, plot_option
from ._tensors import Tensor, open_tensors

# More panels than these make a picture that nobody reads.
_MOST_PANELS = 40
_SPARK = 12
_NUMBERS = ("mean", "std", "min", "max", "kurtosis", "zeros")


@dataclass(frozen=True)
class _Row:
    tensor: Tensor
    found: Statistics | None
    guess: Guess

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.tensor.name,
            "shape": list(self.tensor.shape),
            "dtype": self.tensor.dtype,
            **(self.found.to_dict() if self.found else {}),
            "looks_like": self.guess.name,
            "because": self.guess.because,
        }


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

    FILE is a safetensors file or index, a directory with one, an .npy or an .npz file. It is read
    block by block, so that its size does not matter. Below each tensor stands the initializer that
    it looks like, with the statistics that decide it; `none known` where there is none. Kurtosis is
    the excess one: 0 for normal values, -0.63 for those truncated to two standard deviations, -1.2
    for uniform ones.
    """
    tensors = _select(path, patterns)
    started = time.perf_counter()
    console = make_console()
    rows: list[_Row] = []
    with progress_bar("reading", wanted=not as_json, output=console) as advance:
        layout = None if as_json else _Layout(console, tensors)
        for row in _measure(tensors, advance):
            rows.append(row)
            if layout is not None:
                layout.show(row, histogram)
    if as_json:
        write_json({"path": str(path), "tensors": [row.to_dict() for row in rows]})
    else:
        _summarize(console, rows, time.perf_counter() - started)
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


def _measure(tensors: list[Tensor], advance: Advance | None) -> Iterator[_Row]:
    total = sum(tensor.size for tensor in tensors)
    done = 0
    for tensor in tensors:
        if tensor.problem is not None:
            yield _Row(tensor, None, Guess("none known", tensor.problem))
            continue

        def blocks(tensor: Tensor = tensor) -> Iterator[Any]:
            nonlocal done
            for block in tensor.blocks():
                yield block
                done += block.nbytes
                if advance is not None:
                    advance(done, total)

        found = measure(blocks(), tensor.dtype)
        yield _Row(tensor, found, recognize(found, tensor.shape, tensor.dtype, tensor.read))


def _cells(found: Statistics) -> tuple[str, ...]:
    zeros = f"{100 * found.zeros:.3g} %" if found.count else "-"
    values = found.mean, found.std, found.min, found.max
    return (*map(number, values), number(found.excess_kurtosis, 3), zeros)


class _Layout:
    """Rows under headings where they are wide enough, and else three lines to a tensor."""

    def __init__(self, console: Console, tensors: list[Tensor]) -> None:
        self.console = console
        names = [clean(tensor.name) for tensor in tensors]
        shapes = [shape_text(tensor.shape) for tensor in tensors]
        self.widths = (
            max(map(len, [*names, "name"])),
            max(map(len, [*shapes, "shape"])),
            max(len(tensor.dtype) for tensor in tensors) if tensors else 5,
        )
        # Ten columns hold the widest number, such as −1.234e−05.
        self.is_wide = sum(self.widths) + 4 + 12 * len(_NUMBERS) + _SPARK + 2 <= console.width
        if self.is_wide and tensors:
            pairs = zip(("name", "shape", "dtype"), self.widths, strict=True)
            heads = [f"{head:<{width}}" for head, width in pairs]
            heads += [f"{head:>10}" for head in _NUMBERS]
            console.print(Text("  ".join(heads), style="bold"), soft_wrap=True)

    def show(self, row: _Row, histogram: bool) -> None:
        tensor, found = row.tensor, row.found
        line = Text()
        line.append(f"{clean(tensor.name):<{self.widths[0]}}", style="bold")
        line.append(f"  {shape_text(tensor.shape):<{self.widths[1]}}")
        line.append(f"  {tensor.dtype:<{self.widths[2]}}")
        counts = None if found is None else found.distribution
        picture = "" if counts is None else spark(counts, _SPARK)
        below: list[str] = []
        if found is not None and self.is_wide:
            line.append("".join(f"  {cell:>10}" for cell in _cells(found)))
        elif found is not None:
            cells = zip(_NUMBERS, _cells(found), strict=True)
            below = flow([f"{name} {cell}" for name, cell in cells], self.console.width - 2)
        line.append(f"  {picture}", style="cyan")
        line.rstrip()
        self.console.print(line, soft_wrap=self.is_wide)
        for text in below:
            self.console.print("  " + text)
        guess = Text()
        guess.append(row.guess.name, style="" if row.guess.name == "none known" else "green")
        guess.append(f": {row.guess.because}" if row.guess.because else "", style="dim")
        for part in guess.wrap(self.console, self.console.width - 2):
            part.rstrip()
            self.console.print(Text("  ").append_text(part))
        if histogram and counts is not None:
            for bar in bars(counts, min(self.console.width - 2, 78)):
                self.console.print(Text("  " + bar, style="cyan"))


def _summarize(console: Console, rows: list[_Row], seconds: float) -> None:
    count = sum(row.found.count for row in rows if row.found)
    size = size_text(sum(row.tensor.size for row in rows if row.found))
    counts = f"{count_text(len(rows), 'tensor')}, {count_text(count, 'value')}"
    console.print(f"{counts}, {size} in {seconds:.1f} s")


def _draw(rows: list[_Row], picture: Path) -> None:
    panels = [
        (
            make_title(row.tensor.name, f"std {number(row.found.std)}, {row.guess.name}"),
            row.found.distribution,
            None,
        )
        for row in rows
        if row.found is not None and row.found.distribution is not None
    ]
    if not panels:
        raise Mistake("there is nothing to draw: no tensor has finite floats")
    draw_histograms(panels[:_MOST_PANELS], picture, max(len(panels) - _MOST_PANELS, 0))
