"""Check that every link inside the built site leads to an existing page and anchor.

MkDocs itself checks links of Markdown pages only, not those of notebooks and docstrings.
"""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path
from urllib.parse import unquote

SITE = Path(__file__).parent.parent / "site"


def find_broken(site: Path) -> list[str]:
    """Return the broken links, each with its page."""
    texts = {page: page.read_text() for page in site.rglob("*.html") if page.name != "404.html"}
    places = {page: set(re.findall(r'\b(?:id|name)="([^"]+)"', texts[page])) for page in texts}
    broken = []
    for page, text in texts.items():
        for link in map(html.unescape, re.findall(r'(?:href|src)="([^"]+)"', text)):
            if re.match(r"[a-z]+:", link):  # another site
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
    sys.exit("\n".join(["broken links:", *found]) if found else 0)
