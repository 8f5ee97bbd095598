"""Convert the formulas of the documentation to MathML when the site is built.

Browsers show MathML by themselves, so the page loads no script, no font and no other site.
"""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

# Output of pymdownx.arithmatex for $…$ and $$…$$.
_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">(?:\\\(|\\\[)(?P<latex>.*?)(?:\\\)|\\\])</(?P=tag)>',
    re.DOTALL,
)


def on_page_content(content: str, **_: Any) -> str:
    """Replace the formulas of one page; MkDocs calls this hook."""
    return _FORMULA.sub(_render, content)


def _render(formula: re.Match[str]) -> str:
    display = "block" if formula["tag"] == "div" else "inline"
    return str(convert(html.unescape(formula["latex"]).strip(), display=display))
