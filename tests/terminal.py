"""Runs commands in a terminal; returns the lines that a person sees at the end."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from typing import NamedTuple

_CONTROL = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Screen(NamedTuple):
    """The result of a command.

    Attributes:
        status: Exit status.
        lines: Final lines of the terminal.
        written: All output to the terminal.
        piped: Standard output, if it was a pipe.
    """

    status: int
    lines: list[str]
    written: str
    piped: str


def run_in_terminal(
    *arguments: object, columns: int = 80, pipe: bool = False, variable: str = "IGNORED"
) -> Screen:
    """Run the command line in a terminal; with `pipe`, only its standard error is one.

    The environment variable `variable` is set.
    """
    main, side = pty.openpty()
    kept = {key: os.environ[key] for key in os.environ if key not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "initializers", *map(str, arguments)],
        stdout=subprocess.PIPE if pipe else side,
        stderr=side,
        env={**kept, "TERM": "xterm-256color", "COLUMNS": str(columns), variable: "1"},
    )
    os.close(side)
    written = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        written += part
    os.close(main)
    piped = b"" if process.stdout is None else process.stdout.read()
    if process.stdout is not None:
        process.stdout.close()
    text = written.decode()
    return Screen(process.wait(), render(text), text, piped.decode())


def render(text: str) -> list[str]:
    """Return the lines on a terminal after text with control sequences."""
    lines, row, column = [""], 0, 0
    for codes, letter, control, plain in _CONTROL.findall(text):
        if control == "\r":
            column = 0
        elif control == "\n":
            row, column = row + 1, 0
            lines += [""] * (row >= len(lines))
        elif letter == "A":
            row = max(row - int(codes or 1), 0)
        elif letter == "K":
            lines[row] = "" if codes == "2" else lines[row][:column]
        elif plain:
            line = f"{lines[row]:<{column}}"
            lines[row] = line[:column] + plain + line[column + len(plain) :]
            column += len(plain)
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
