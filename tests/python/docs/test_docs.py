"""Every Python block of the README and the pages runs, and every docstring example is right."""

from __future__ import annotations

import ast
import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import initializers
from pages import (
    FRAMEWORKS,
    OWN_PAGES,
    PAGES,
    ROOT,
    find_without_example,
    frameworks_of,
    read_blocks,
    read_fences,
    read_indented,
    run_blocks,
)

# Pages of a framework run in its environment.
RUNNABLE = [page for page in PAGES if page.stem not in OWN_PAGES]
MODULES = {
    module.name
    for module in pkgutil.walk_packages(initializers.__path__, "initializers.", onerror=print)
    if not {*FRAMEWORKS} & {*module.name.split(".")}
} | {"initializers"}
# Module → page that documents its names.
REFERENCES = {
    "__init__": "reference",
    "checkpoint/__init__": "checkpoints",
    "jax/__init__": "jax",
    "keras/__init__": "keras",
    "propagation/__init__": "propagation",
    "recipe/__init__": "recipes",
    "torch/__init__": "torch",
}


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where pages save files
    run_blocks(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_some_test_runs_every_block(page: Path) -> None:
    fences = read_fences(page)
    # test_cli_docs runs `console` blocks; `rust` blocks repeat examples that the crate compiles.
    assert set(fences) <= {"python", "console", "text", "toml", "c", "rust"}
    blocks = read_blocks(page)
    assert fences.count("python") == len(blocks)
    if page.stem not in OWN_PAGES:
        for block in blocks:
            assert len(frameworks_of(block)) <= 1, f"no environment runs all of\n{block}"
    for block in read_indented(page):
        assert not is_python(block), f"shown, but not run: fence it as python\n{block}"
        assert not re.search(r"^initializers ", block, re.MULTILINE), block


def is_python(text: str) -> bool:
    try:
        return bool(ast.parse(text).body)
    except SyntaxError:  # a calculation, a command, a table
        return False


def test_every_framework_has_tests_that_run_its_blocks() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").glob("with_*/test_*_docs.py"))
    for name in FRAMEWORKS:
        assert f'"{name}"' in tests, name
    for name in OWN_PAGES:
        assert f'"{name}.md"' in tests, name


def test_recipes_on_their_page_equal_the_published_ones(
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
def test_docstring_examples_are_right(name: str) -> None:
    module = importlib.import_module(name)
    public = {key: getattr(initializers, key) for key in initializers.__all__}
    result = doctest.testmod(module, extraglobs=public, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


@pytest.mark.parametrize("module", sorted(REFERENCES))
def test_every_public_name_is_in_the_reference(module: str) -> None:
    page = (ROOT / "docs" / f"{REFERENCES[module]}.md").read_text()
    shown = set(re.findall(r"^::: initializers\.(?:\w+\.)*(\w+)$", page, re.MULTILINE))
    for members in re.findall(r"^ +members:((?:\n +- \w+)+)", page, re.MULTILINE):
        shown |= set(re.findall(r"\w+", members))
    if module == "__init__":  # `Recipe` and `propagate` have their own pages
        everything = "".join(other.read_text() for other in PAGES)
        shown |= set(re.findall(r"^::: initializers\.(\w+)$", everything, re.MULTILINE))
    # The text, not a member list, documents other names of the same objects.
    text = page[page.index("## Other names" if module == "__init__" else "## Reference") :]
    shown |= set(re.findall(r"`(?:\w+\.)*(\w+)`", text))
    assert set(read_names(module)) - shown == set()


def test_every_public_name_has_a_docstring() -> None:
    for name in initializers.__all__:
        item = getattr(initializers, name)
        assert item.__doc__ or not callable(item), name


@pytest.mark.parametrize(
    "package",
    [
        "initializers",
        "initializers.checkpoint",
        "initializers.propagation",
        "initializers.recipe",
    ],
)
def test_every_public_name_has_an_example(package: str) -> None:
    assert find_without_example(package) == []


def read_names(module: str) -> list[str]:
    """Return the public names of a module, whether its framework is installed or not."""
    source = (ROOT / "python" / "initializers" / f"{module}.py").read_text()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    raise AssertionError(f"{module} has no __all__")
