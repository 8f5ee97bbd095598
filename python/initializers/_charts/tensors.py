"""The statistics of many tensors, a line or three for each, with the likely initializers."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from .._arguments.shapes import Shape
from .._arguments.sizes import size_text
from .bars import bars, spark
from .recognition import Guess
from .statistics import Statistics
from .text import flow, number, shape_text

_SPARK = 12
HEADINGS = ("mean", "std", "min", "max", "kurtosis", "zeros")

# Parts of a line with their styles, which only terminals use: bold, cyan, green, dim or none.
Line: TypeAlias = list[tuple[str, str]]


@dataclass(frozen=True)
class Row:
    """The statistics of one tensor.

    Attributes:
        name: The name of the tensor.
        shape: Its shape.
        dtype: The name of its dtype.
        size: The number of bytes that were read.
        found: Its statistics; None for dtypes without any.
        guess: Its likely initializer.
    """

    name: str
    shape: Shape
    dtype: str
    size: int
    found: Statistics | None
    guess: Guess

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, as `--json` prints them."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype,
            **(self.found.to_dict() if self.found else {}),
            "looks_like": self.guess.name,
            "because": self.guess.because,
        }


def cells(found: Statistics) -> tuple[str, ...]:
    """Return the numbers under `HEADINGS`."""
    zeros = f"{100 * found.zeros:.3g} %" if found.count else "-"
    values = found.mean, found.std, found.min, found.max
    return (*map(number, values), number(found.excess_kurtosis, 3), zeros)


class Layout:
    """Writes rows under headings where they are wide enough, else three lines to a tensor.

    Args:
        tensors: Name, shape and dtype of every tensor, the names as they can be shown.
        width: The number of columns.
    """

    def __init__(self, tensors: Iterable[tuple[str, Shape, str]], width: int) -> None:
        self.width = width
        listed = list(tensors)
        columns = [("name", "shape", "dtype")]
        columns += [(name, shape_text(shape), dtype) for name, shape, dtype in listed]
        self.widths = tuple(max(map(len, column)) for column in zip(*columns, strict=True))
        # Ten columns hold the widest number, such as −1.234e−05.
        self.is_wide = sum(self.widths) + 4 + 12 * len(HEADINGS) + _SPARK + 2 <= width
        self.is_empty = not listed

    def head(self) -> Iterator[Line]:
        """Yield the headings, if there are any."""
        if self.is_wide and not self.is_empty:
            pairs = zip(("name", "shape", "dtype"), self.widths, strict=True)
            heads = [f"{head:<{width}}" for head, width in pairs]
            heads += [f"{head:>10}" for head in HEADINGS]
            yield [("  ".join(heads), "bold")]

    def show(self, row: Row, name: str, histogram: bool = False) -> Iterator[Line]:
        """Yield the lines of a tensor, under its name as it can be shown."""
        found = row.found
        counts = None if found is None else found.distribution
        line: Line = [
            (f"{name:<{self.widths[0]}}", "bold"),
            (f"  {shape_text(row.shape):<{self.widths[1]}}", ""),
            (f"  {row.dtype:<{self.widths[2]}}", ""),
        ]
        if found is not None and self.is_wide:
            line.append(("".join(f"  {cell:>10}" for cell in cells(found)), ""))
        line.append(("" if counts is None else f"  {spark(counts, _SPARK)}", "cyan"))
        yield line
        if found is not None and not self.is_wide:
            pairs = zip(HEADINGS, cells(found), strict=True)
            for text in flow([f"{title} {cell}" for title, cell in pairs], self.width - 2):
                yield [(f"  {text}", "")]
        yield from self._show_guess(row.guess)
        if histogram and counts is not None:
            for bar in bars(counts, min(self.width - 2, 78)):
                yield [(f"  {bar}", "cyan")]

    def _show_guess(self, guess: Guess) -> Iterator[Line]:
        text = str(guess)
        named = "" if guess.name == "none known" else "green"
        rest = len(guess.name)  # the characters of the name that are still to come
        for part in textwrap.wrap(text, self.width - 2, break_long_words=True):
            yield [("  " + part[:rest], named), (part[rest:], "dim")]
            rest = max(rest - len(part) - 1, 0)


def total(rows: Iterable[Row]) -> str:
    """Return `"4 tensors, 4,194,304 values, 16.8 MB"`."""
    listed = list(rows)
    count = sum(row.found.count for row in listed if row.found)
    size = size_text(sum(row.size for row in listed if row.found))
    tensors = f"{len(listed):,} tensor{'s' * (len(listed) != 1)}"
    return f"{tensors}, {count:,} value{'s' * (count != 1)}, {size}"
