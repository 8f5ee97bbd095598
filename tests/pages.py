"""Runs what the documentation shows."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent

# Pages that run whole in the environment of their framework.
OWN_PAGES = ("jax", "keras", "torch", "sharded")


def run_blocks(page: Path, *frameworks: str) -> None:
    """Run the Python blocks of a page, in order, as one program.

    On pages that are not a framework's own, those blocks that import one run where it is
    installed: `frameworks` are the ones that count, or none for the blocks that need none.
    """
    names: dict[str, object] = {"__name__": page.stem}
    for block in read_blocks(page):
        if page.stem not in OWN_PAGES and frameworks_of(block) != set(frameworks):
            continue
        exec(compile(block, str(page), "exec"), names)


def run_foreign_blocks(framework: str) -> None:
    """Run the blocks for one framework on the pages that are not its own."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        if page.stem not in OWN_PAGES and any(
            frameworks_of(block) == {framework} for block in read_blocks(page)
        ):
            run_page(page, framework)


def read_blocks(page: Path) -> list[str]:
    """Return the Python blocks of a page; those of tabs and lists are indented."""
    found = re.findall(r"^( *)```python\n(.*?)^\1```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]


def frameworks_of(block: str) -> set[str]:
    """Return the frameworks that a block imports."""
    pattern = r"^ *(?:from|import) (?:initializers\.)?(jax|keras|torch)\b"
    return set(re.findall(pattern, block, re.MULTILINE))


def run_page(page: Path, *frameworks: str) -> None:
    """Run a page in a process of its own, for what frameworks set up once."""
    code = "import sys, pages; pages.run_blocks(pages.Path(sys.argv[1]), *sys.argv[2:])"
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, "-c", code, str(page), *frameworks],
        check=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": path},
    )


def run_docstrings(package: str) -> int:
    """Run the examples in the docstrings of a package, and return their number."""
    attempted = 0
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        result = doctest.testmod(importlib.import_module(f"{package}.{module.name}"))
        assert result.failed == 0
        attempted += result.attempted
    return attempted


def run_example(name: str, *launcher: str) -> str:
    """Return what an example prints; any warning fails it."""
    command = launcher or (sys.executable, "-W", "error")
    result = subprocess.run(
        [*command, str(ROOT / "examples" / name)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
