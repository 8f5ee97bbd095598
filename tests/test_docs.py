"""Every Python block of the README and the pages runs, and every docstring example is right."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import initializers
from pages import OWN_PAGES, ROOT, run_blocks

FRAMEWORKS = ("jax", "keras", "torch")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What needs a framework is tried in its environment.
RUNNABLE = [page for page in PAGES if page.stem not in OWN_PAGES]
MODULES = {module.name for module in pkgutil.iter_modules(initializers.__path__)} - {*FRAMEWORKS}


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_python_blocks(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # what a page saves
    run_blocks(page)


def test_recipes_on_their_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "recipes.md"
    run_blocks(page)
    text, output = page.read_text(), capsys.readouterr().out
    assert f"```toml\n{(tmp_path / 'gpt2.toml').read_text()}```" in text
    blocks = re.findall(r"^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    assert blocks[0] in output
    comments = " ".join(re.findall(r"^# (.*)$", text[text.index("print(error)") :], re.MULTILINE))
    assert output.splitlines()[0] in comments


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", sorted(MODULES))
def test_docstrings(name: str) -> None:
    module = importlib.import_module(f"initializers.{name}")
    public = {key: getattr(initializers, key) for key in initializers.__all__}
    result = doctest.testmod(module, extraglobs=public, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_every_public_name_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference.md").read_text()
    for name in initializers.__all__:
        item = getattr(initializers, name)
        if getattr(item, "__name__", name) == name and callable(item):
            assert re.search(rf"\b{name}\b", reference), name
            assert item.__doc__, name
