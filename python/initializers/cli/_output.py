"""How commands speak: tables and JSON on standard output, progress and errors on standard error.

Text from files is never trusted: `clean` shows what a terminal would take for a command, and no
markup is read anywhere.
"""

from __future__ import annotations

import json
import math
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

# Called with the bytes that are done and those there are.
Advance: TypeAlias = Callable[[int, int], None]

# Where no terminal says how wide it is, a table has so many columns.
_PIPED_WIDTH = 140
# Controls, formats such as right-to-left marks, surrogates, and line separators.
_UNSAFE = ("Cc", "Cf", "Cs", "Zl", "Zp")


def make_console(*, stderr: bool = False) -> Console:
    """Return a console that reads no markup, without colours where nobody looks."""
    console = Console(markup=False, highlight=False, emoji=False, stderr=stderr, soft_wrap=False)
    if not console.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        console.width = _PIPED_WIDTH
    return console


def clean(text: str) -> str:
    """Return text from a file with everything escaped that a terminal might obey."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSAFE else char
        for char in text
    )


def align(rows: Sequence[tuple[str, ...]], *, right: tuple[int, ...] = ()) -> list[str]:
    """Return a line for each row; the cells of the columns `right` end together."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:>{width}}" if place in right else f"{cell:<{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def write_json(payload: Any) -> None:
    """Print one JSON document; inf and nan are null, a complex number is [real, imaginary]."""
    json.dump(_to_json(payload), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def _to_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, complex):
        return [_to_json(value.real), _to_json(value.imag)]
    if isinstance(value, dict):
        return {key: _to_json(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(part) for part in value]
    return value


def number(value: float | None, digits: int = 4) -> str:
    """Return a statistic as a table shows it."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.{digits}g}".replace("-", "−")


def flow(parts: list[str], width: int) -> list[str]:
    """Return lines of parts, none of which is broken."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f"  {part}"
        else:
            lines.append(part)
    return lines


def shape_text(shape: tuple[int, ...]) -> str:
    """Return `"3 × 4"` for (3, 4), and `"scalar"` for ()."""
    return " × ".join(map(str, shape)) or "scalar"


def size_text(count: float) -> str:
    """Return a number of bytes in decimal units, as disks are sold."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


@contextmanager
def progress_bar(task: str, *, wanted: bool = True) -> Iterator[Advance | None]:
    """Show a bar with the rate and the time left, and yield what advances it.

    Yields None, and shows nothing, where standard error is no terminal.
    """
    console = make_console(stderr=True)
    if not wanted or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(task, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)
