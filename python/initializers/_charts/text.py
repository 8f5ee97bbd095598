"""Numbers, shapes, sizes and rows of cells as text."""

from __future__ import annotations

import math
from collections.abc import Sequence

_EIGHTHS = " ▏▎▍▌▋▊▉"


def align(rows: Sequence[tuple[str, ...]], *, right: tuple[int, ...] = ()) -> list[str]:
    """Return a line for each row; the columns `right` are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:>{width}}" if place in right else f"{cell:<{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def draw_bar(eighths: int) -> str:
    """Return a bar with a length in eighths of a character."""
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def number(value: float | None, digits: int = 4) -> str:
    """Return a statistic as a table shows it."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.{digits}g}".replace("-", "−")


def flow(parts: list[str], width: int) -> list[str]:
    """Return lines of parts, breaking only between parts."""
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
