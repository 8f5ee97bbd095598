"""Draws the table of platforms in `docs/reproducibility.md`: one color for one digest.

    python tools/picture_platforms.py

A column of one color is a sampler with the same bits on every processor. Writes
`docs/assets/platforms.svg`; run it when `make crossarch` has written the table anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

ROOT = Path(__file__).parent.parent
DIGEST = re.compile(r"`([0-9a-f]{8})`")


def read_table() -> list[list[str]]:
    """Return the rows of the table, the heading first."""
    text = (ROOT / "docs" / "reproducibility.md").read_text()
    table = text.split("<!-- crossarch -->")[1].split("<!-- /crossarch -->")[0]
    rows = [line.strip("|").split("|") for line in table.strip().splitlines()]
    return [[cell.strip() for cell in row] for row in rows if not set("".join(row)) <= set("-: ")]


def draw(path: Path) -> None:
    """Draw the table into a file."""
    heading, *rows = read_table()
    columns = [k for k, name in enumerate(heading) if any(DIGEST.search(row[k]) for row in rows)]
    plt.rcParams["svg.hashsalt"] = "initializers"  # the same file for the same table
    plt.rcParams["font.family"] = "sans-serif"
    figure, axis = plt.subplots(figsize=(8, 0.34 * len(rows) + 0.6), layout="constrained")
    for y, row in enumerate(rows):
        axis.text(-0.1, y + 0.5, row[0], ha="right", va="center", fontsize=9)
        for x, column in enumerate(columns):
            found = DIGEST.search(row[column])
            color = f"#{found[1][:6]}" if found else "white"
            box = Rectangle((x + 0.03, y + 0.08), 0.94, 0.84, facecolor=color, edgecolor="#999999")
            axis.add_patch(box)
            text = found[1] if found else row[column]
            dark = sum(int(color[k : k + 2], 16) for k in (1, 3, 5)) < 380 if found else False
            ink = "white" if dark else "black"
            axis.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=7, color=ink)
    for x, column in enumerate(columns):
        axis.text(x + 0.5, -0.1, heading[column], ha="center", va="bottom", fontsize=9)
    axis.set_xlim(-2.6, len(columns))
    axis.set_ylim(len(rows), -0.7)
    axis.axis("off")
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(ROOT / "docs" / "assets" / "platforms.svg")
