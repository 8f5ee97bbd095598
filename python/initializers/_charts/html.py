"""Tables and text as HTML, for notebooks; everything is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_CELL = "padding:0.1em 0.7em;text-align:"


def preformatted(text: str) -> str:
    """Return text whose lines and spaces stay as they are."""
    return f"<pre style='line-height:1.2'>{escape(text)}</pre>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Return a table; a row of one cell is a heading over all columns.

    Args:
        head: The titles of the columns.
        rows: The cells.
        right: The columns whose cells end together, such as those of numbers.
    """

    def cell(tag: str, place: int, text: str) -> str:
        side = "right" if place in right else "left"
        return f"<{tag} style='{_CELL}{side}'>{escape(text)}</{tag}>"

    def row(cells: Sequence[str]) -> str:
        if len(cells) == 1:
            span = f"colspan='{len(head)}' style='{_CELL}left'"
            return f"<tr><th {span}>{escape(cells[0])}</th></tr>"
        return f"<tr>{''.join(cell('td', place, text) for place, text in enumerate(cells))}</tr>"

    titles = "".join(cell("th", place, text) for place, text in enumerate(head))
    body = "".join(map(row, rows))
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
