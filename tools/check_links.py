"""Checks that every link inside the built site leads to a page and a place on it.

MkDocs itself looks at links of Markdown pages only, not at those of notebooks and docstrings.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path
from urllib.parse import unquote

SITE = Path(__file__).parent.parent / "site"


def find_broken(site: Path) -> list[str]:
    """Return the links that lead nowhere, each after the page that it is on."""
    texts = {page: page.read_text() for page in site.rglob("*.html") if page.name != "404.html"}
    places = {page: set(re.findall(r'\b(?:id|name)="([^"]+)"', texts[page])) for page in texts}
    broken = []
    for page, text in texts.items():
        for link in map(html.unescape, re.findall(r'(?:href|src)="([^"]+)"', text)):
            if re.match(r"[a-z]+:", link):  # elsewhere
                continue
            path, _, place = link.partition("#")
            target = (page.parent / unquote(path.partition("?")[0])).resolve() if path else page
            target = target / "index.html" if target.is_dir() else target
            is_missing = target in places and place and unquote(place) not in places[target]
            if not target.exists() or (is_missing and not place.startswith("__")):
                broken.append(f"{page.relative_to(site)}: {link}")
    return broken


if __name__ == "__main__":
    found = find_broken(SITE.resolve())
    sys.exit("\n".join(["links that lead nowhere:", *found]) if found else 0)
