"""How commands speak: tables and JSON on standard output, progress and errors on standard error.

Text from files is never trusted: `clean` escapes control characters, and no markup is read
anywhere.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

from rich.console import Console
from rich.text import Text

# Called with the number that is done and the number in all.
Advance: TypeAlias = Callable[[int, int], None]

# Width of a table where no terminal has one.
_PIPED_WIDTH = 140
# Controls, formats such as right-to-left marks, surrogates, and line separators.
_UNSAFE = ("Cc", "Cf", "Cs", "Zl", "Zp")
# How messages of the package end that suggest a name.
_SUGGESTION = re.compile(r" \((did you mean .+?\?)\)")


def make_console(*, stderr: bool = False) -> Console:
    """Return a console that reads no markup, without colors where output is no terminal."""
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


def print_line(console: Console, parts: Sequence[tuple[str, str]]) -> None:
    """Print a line of parts with styles, which is never wrapped."""
    line = Text.assemble(*parts)
    line.rstrip()
    console.print(line, soft_wrap=True)


def print_error(message: str) -> None:
    """Print an error: its first line is the cause, further lines and a suggestion are hints."""
    hints = _SUGGESTION.findall(message)
    cause, *others = _SUGGESTION.sub("", message).split("\n")
    console = make_console(stderr=True)
    console.print(Text.assemble(("error:", "bold red"), f" {clean(cause)}"), soft_wrap=True)
    for hint in [*hints, *others]:
        console.print(Text.assemble(("hint:", "bold cyan"), f"  {clean(hint)}"), soft_wrap=True)


def count_text(number: int, noun: str) -> str:
    """Return `"1 tensor"` or `"1,024 tensors"`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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
def progress_bar(
    task: str,
    *,
    wanted: bool = True,
    unit: Literal["bytes", "tensors"] = "bytes",
    output: Console | None = None,
) -> Iterator[Advance | None]:
    """Show a bar with the time left, and yield the function that advances it.

    Yields None, and shows nothing, where no terminal can show it.

    Args:
        task: A verb in the form `"reading"`.
        wanted: Whether to show one at all.
        unit: What is counted; for bytes the rate is shown too.
        output: The console that the command prints to while the bar is shown. The bar then stands
            below its lines. None: the command prints after the bar has gone.
    """
    console = make_console(stderr=True) if output is None else _find_console(output)
    if not wanted or console is None or not console.is_terminal:
        yield None
        return
    from rich import progress  # takes milliseconds: most commands show no bar

    columns: tuple[progress.ProgressColumn, ...] = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=None),
        progress.TaskProgressColumn(),
    )
    if unit == "bytes":
        columns += (progress.DownloadColumn(), progress.TransferSpeedColumn())
    else:
        columns += (progress.MofNCompleteColumn(), progress.TextColumn(unit, markup=False))
    columns += (progress.TimeRemainingColumn(),)
    with progress.Progress(*columns, console=console, transient=True) as shown:
        bar = shown.add_task(task, total=None)
        yield lambda done, total: shown.update(bar, completed=done, total=total)


def _find_console(output: Console) -> Console | None:
    """Return the console for a bar beside lines that are printed meanwhile.

    In a terminal it is that of the lines: only then rich moves the bar below them. What a pipe
    leads to may write to the same terminal, so there is no bar beside a pipe.
    """
    if output.is_terminal:
        return output
    try:
        is_file = stat.S_ISREG(os.fstat(output.file.fileno()).st_mode)
    except (OSError, ValueError):  # a stream without a descriptor
        return None
    return make_console(stderr=True) if is_file else None
