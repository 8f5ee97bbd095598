"""Label the cells of wide tables, which a phone shows as cards, and fold tables of errors."""

from __future__ import annotations

import html
import re
from itertools import cycle
from typing import Any

_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_HEAD = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_CELL = re.compile(r"<td\b")
_ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
# Table of an object's errors, as mkdocstrings writes it.
_RAISES = re.compile(
    r'<p><span class="doc-section-title">Raises:</span></p>\s*(<table.*?</table>)', re.DOTALL
)
_TAG = re.compile(r"<[^>]+>")
# Narrower tables fit on a phone.
_FEWEST = 3


def on_page_content(content: str, **_: Any) -> str:
    """Change the tables of one page; MkDocs calls this hook."""
    folded = _RAISES.sub(r'<details class="raises"><summary>Raises</summary>\1</details>', content)
    return _TABLE.sub(_label, folded)


def _label(table: re.Match[str]) -> str:
    text = table[0]
    heads = [html.escape(_TAG.sub("", head).strip(), quote=True) for head in _HEAD.findall(text)]
    if len(heads) < _FEWEST:
        return text

    def label_row(row: re.Match[str]) -> str:
        labels = cycle(heads)
        return _CELL.sub(lambda _: f'<td data-label="{next(labels)}"', row[0])

    return _ROW.sub(label_row, text.replace("<table>", '<table class="cards-on-phone">', 1))
