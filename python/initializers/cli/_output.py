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
from collections.abc import Callable, Iterator
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
    """Return a console that reads no markup, without colors where nobody looks."""
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
