"""The address of the project's repository, in one place; empty while there is none.

    python tools/address.py

writes it into `pyproject.toml` and `Cargo.toml`, from which packages take it, or removes it there
while it is empty. The site asks for it when it is built.
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


def on_config(config: Any) -> Any:
    """Let the site link to the repository; called by mkdocs."""
    if ADDRESS:
        config.repo_url = ADDRESS
    return config


if __name__ == "__main__":
    for name, write in (("pyproject.toml", write_pyproject), ("Cargo.toml", write_cargo)):
        path = ROOT / name
        path.write_text(write(path.read_text(), ADDRESS))
