"""Draw a histogram beside the reference of a class: `<!-- histogram HeNormal -->` in a page."""

from __future__ import annotations

import re
from typing import Any

import initializers
from initializers._charts.bars import draw_svg

_MARK = re.compile(r"^<!-- histogram (\w+) -->$", re.MULTILINE)
_SHAPE = (256, 256)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marks of one page; MkDocs calls this hook."""
    return _MARK.sub(_draw, markdown)


def _draw(mark: re.Match[str]) -> str:
    name = mark[1]
    cls = getattr(initializers, name)
    made = cls(0.5, seed=1) if name == "Sparse" else cls(seed=1)
    counts, law = made.preview(_SHAPE).panel
    caption = f"{made!r}, shape {_SHAPE}; the line is theory"
    figure = f"{draw_svg(counts, law)}<figcaption>{caption}</figcaption>"
    return f'<figure class="histogram">{figure}</figure>'
