"""Progress as one line on standard error, where no package for bars is loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeAlias

from .._arguments.checks import show
from .._arguments.sizes import part_text

# Called with the bytes that are done and those in all.
Progress: TypeAlias = Callable[[int, int], None]


def choose_progress(progress: object) -> Progress | None:
    """Return the progress function: the caller's, one that prints, or None.

    Raises:
        TypeError: If `progress` is neither a bool nor a function.
    """
    if progress is True:
        return _make_line()
    if progress is False or progress is None:
        return None
    if not callable(progress):
        raise TypeError(
            "`progress` must be a bool or a function of the bytes done and in all, "
            f"received: {show(progress)}"
        )
    return progress


def _make_line() -> Progress:
    """Return a function that prints each new percentage over the last, or the end if piped."""
    shown = -1

    def show_line(done: int, total: int) -> None:
        nonlocal shown
        share = 100 * done // total if total else 100
        if share == shown or (share < 100 and not sys.stderr.isatty()):
            return
        shown = share
        end = "\n" if share == 100 else ""
        print(f"\r{part_text(done, total)}, {share} % ", end=end, file=sys.stderr, flush=True)

    return show_line
