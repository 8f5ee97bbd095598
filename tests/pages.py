"""Runs the code that the documentation shows."""

from __future__ import annotations

import doctest
import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Digest of GPT-2 with seed 2019: in README.md, the example and the published recipe.
GPT2 = "c4031cb44022f27db52bfc32008f0a9f15714f87b290a3b3596695017e8f113c"
# The digest of examples/scanned_transformer.toml, which JAX's example prints and torch's test has.
SCANNED = "b30011dc50e02995df8a48c9d66637f68de2f059496261d193290c09f1dc95fa"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

# Pages that run as a whole in the environment of their framework.
OWN_PAGES = ("capture", "jax", "jax-inside-jit", "keras", "torch", "sharded")
# Frameworks of which a block of any other page may import one; scikit-learn runs beside JAX.
FRAMEWORKS = ("jax", "keras", "sklearn", "torch")


def run_blocks(page: Path, *frameworks: str) -> None:
    """Run a page's Python blocks in order, as one program.

    Pages of a framework run as a whole. On other pages a block that imports a framework runs where
    it is installed: `frameworks` selects these blocks; without it, the blocks that need none run.
    """
    names: dict[str, object] = {"__name__": page.stem}
    for block in read_blocks(page):
        if page.stem not in OWN_PAGES and frameworks_of(block) != set(frameworks):
            continue
        exec(compile(block, str(page), "exec"), names)


def run_foreign_blocks(framework: str) -> None:
    """Run the blocks for one framework on the pages of no framework, in one process."""
    pages = [
        page
        for page in PAGES
        if page.stem not in OWN_PAGES
        and any(frameworks_of(block) == {framework} for block in read_blocks(page))
    ]
    assert pages
    _run_pages(pages, framework)


def read_blocks(page: Path) -> list[str]:
    """Return a page's Python blocks, also those indented in tabs and lists."""
    found = re.findall(r"^( *)```python\n(.*?)^\1```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]


def read_fences(page: Path) -> list[str]:
    """Return the info strings of a page's code fences, such as `python`."""
    fences = re.findall(r"^[ >]*(?:```+|~~~+)(.*)$", page.read_text(), re.MULTILINE)
    return [kind.strip() for kind in fences[::2]]


def read_indented(page: Path) -> list[str]:
    """Return the blocks that are code by indentation alone, without lists and tabs."""
    text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"(?:^|\n)\n((?: {4}.*\n|\n(?= {4}))+)", text)
    return [textwrap.dedent(block) for block in blocks]


def frameworks_of(block: str) -> set[str]:
    """Return the frameworks that a block imports."""
    pattern = rf"^ *(?:from|import) (?:initializers\.)?({'|'.join(FRAMEWORKS)})\b"
    return set(re.findall(pattern, block, re.MULTILINE))


def run_page(page: Path) -> None:
    """Run a framework's page in a new process, because it changes global settings."""
    _run_pages([page])


def _run_pages(pages: list[Path], *frameworks: str) -> None:
    code = (
        "import json, sys, pages\n"
        "for page in json.loads(sys.argv[1]): pages.run_blocks(pages.Path(page), *sys.argv[2:])"
    )
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as folder:  # where pages save files
        subprocess.run(
            [sys.executable, "-c", code, json.dumps([*map(str, pages)]), *frameworks],
            check=True,
            timeout=240,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
        )


def run_docstrings(package: str) -> int:
    """Run the examples in the docstrings of a package; return their number."""
    attempted = 0
    path = importlib.import_module(package).__path__
    for name in (package, *(module.name for module in pkgutil.iter_modules(path, f"{package}."))):
        result = doctest.testmod(importlib.import_module(name))
        assert result.failed == 0
        attempted += result.attempted
    return attempted


def find_without_example(package: str) -> list[str]:
    """Return the public classes and functions without an example that prints something."""
    module = importlib.import_module(package)
    parser = doctest.DocTestParser()
    objects = {name: getattr(module, name) for name in module.__all__}
    return [
        name
        for name, item in objects.items()
        if callable(item)
        and item.__module__.startswith("initializers")  # not another library's, or of `typing`
        and not any(example.want for example in parser.get_examples(item.__doc__ or ""))
    ]


def run_example(name: str, *launcher: str) -> str:
    """Return the output of an example; any warning fails it."""
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
