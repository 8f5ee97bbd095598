"""Tables that commands write into pages, between the marks `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

from pathlib import Path

_DOCS = Path(__file__).parent.parent / "docs"


def read_table(page: str, name: str) -> list[str]:
    """Return the lines of a table in a page of the documentation."""
    return _split(page, name)[1].splitlines()


def write_table(page: str, name: str, lines: list[str]) -> None:
    """Replace the lines of a table in a page of the documentation."""
    before, _, after = _split(page, name)
    text = "".join(f"{line}\n" for line in lines)
    (_DOCS / page).write_text(f"{before}{text}{after}", encoding="utf-8", newline="\n")


def _split(page: str, name: str) -> tuple[str, str, str]:
    """Return the text up to the table with the first mark, the table, and the rest."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = (_DOCS / page).read_text(encoding="utf-8").split(begin)
    table, after = rest.split(end)
    return before + begin, table, end + after
