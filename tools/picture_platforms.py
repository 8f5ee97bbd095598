"""Draws the table of platforms in `docs/reproducibility.md`.

    python tools/picture_platforms.py

A digest is blue if it is that of the first row, and else orange. Writes `platforms-light.svg` and
`platforms-dark.svg` in `docs/assets`; run it when `make crossarch` has written the table anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIGEST = re.compile(r"`([0-9a-f]{8})`")
_BLUE, _ORANGE = "#3b6fb6", "#e8710a"
_TEXT = {"light": "#1f2328", "dark": "#e6edf3"}


def read_table() -> list[list[str]]:
    """Return the rows of the table, the heading first."""
    text = (ROOT / "docs" / "reproducibility.md").read_text()
    table = text.split("<!-- crossarch -->")[1].split("<!-- /crossarch -->")[0]
    rows = [line.strip("|").split("|") for line in table.strip().splitlines()]
    return [[cell.strip() for cell in row] for row in rows if not set("".join(row)) <= set("-: ")]


def draw(text: str) -> Iterator[str]:
    """Yield the picture, with headings in a color."""
    heading, *rows = read_table()
    columns = [k for k, name in enumerate(heading) if any(DIGEST.search(row[k]) for row in rows)]
    left, cell, line = 290, 76, 24
    width, height = left + cell * len(columns), 22 + line * len(rows)
    yield (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' "
        f"height='{height}' font-family='system-ui,sans-serif' font-size='12' fill='{text}' "
        "role='img'><title>The digest of each sampler on each platform</title>"
    )
    for x, column in enumerate(columns):
        middle = left + cell * (x + 0.5)
        yield f"<text x='{middle}' y='14' text-anchor='middle'>{heading[column]}</text>"
    for y, row in enumerate(rows):
        top = 20 + line * y
        yield f"<text x='{left - 8}' y='{top + 16}' text-anchor='end'>{row[0]}</text>"
        for x, column in enumerate(columns):
            found = DIGEST.search(row[column])
            color = _BLUE if found and row[column] == rows[0][column] else _ORANGE
            yield (
                f"<rect x='{left + cell * x + 1}' y='{top + 1}' width='{cell - 2}' "
                f"height='{line - 2}' fill='{color}'/>"
                f"<text x='{left + cell * (x + 0.5)}' y='{top + 16}' text-anchor='middle' "
                f"font-size='11' fill='#fff'>{found[1] if found else row[column]}</text>"
            )
    yield "</svg>\n"


if __name__ == "__main__":
    for theme, color in _TEXT.items():
        path = ROOT / "docs" / "assets" / f"platforms-{theme}.svg"
        path.write_text("".join(draw(color)))
