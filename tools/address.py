"""The address of the project's repository, in one place; empty while there is none.

    python tools/address.py

writes it into `pyproject.toml` and `Cargo.toml`, from which packages take it, and before the
README's links, which a package index shows; it removes it there while it is empty. The site asks
for it when it is built.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ADDRESS = ""

ROOT = Path(__file__).parents[1]


def write_pyproject(text: str, address: str) -> str:
    """Return `pyproject.toml` with the table `[project.urls]` of an address, or without one."""
    text = re.sub(r"\[project\.urls\]\n(?:[^\[\n].*\n)*\n", "", text)
    if not address:
        return text
    urls = (
        f'[project.urls]\nChangelog = "{address}/blob/main/CHANGELOG.md"\nSource = "{address}"\n\n'
    )
    return text.replace("[project.scripts]\n", f"{urls}[project.scripts]\n", 1)


def write_cargo(text: str, address: str) -> str:
    """Return `Cargo.toml` with the key `repository` of an address, or without it."""
    text = re.sub(r'^repository = ".*"\n', "", text, flags=re.MULTILINE)
    if not address:
        return text
    return re.sub(r"^(license = .*\n)", rf'\1repository = "{address}"\n', text, count=1, flags=re.M)


def write_readme(text: str, address: str) -> str:
    """Return the README with links and pictures of an address, or relative ones."""
    text = re.sub(r'(\]\(|"(?=\S+/raw/))https?://[^\s)"]+/(?:blob|raw)/main/', r"\1", text)
    if not address:
        return text
    text = re.sub(r"\]\((?!https?:|#)", f"]({address}/blob/main/", text)
    return re.sub(r'\b(src|srcset)="(?!https?:)', rf'\1="{address}/raw/main/', text)


def on_config(config: Any) -> Any:
    """Let the site link to the repository; called by mkdocs."""
    if ADDRESS:
        config.repo_url = ADDRESS
    return config


if __name__ == "__main__":
    for name, write in (
        ("pyproject.toml", write_pyproject),
        ("Cargo.toml", write_cargo),
        ("README.md", write_readme),
    ):
        path = ROOT / name
        path.write_text(write(path.read_text(), ADDRESS))
