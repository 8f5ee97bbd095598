"""Mutants apply to the code and name an existing test; `make mutants` runs them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tools"))
from mutants import PATCHES, Mutant, apply, read_mutant  # noqa: E402

sys.path.pop(0)

PATHS = sorted(PATCHES.glob("*.patch"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_mutant_applies_and_names_a_test(path: Path) -> None:
    mutant = read_mutant(path)
    apply(mutant, ROOT, "--check")
    for file, name in find_tests(mutant):
        assert re.search(rf"\b(def|fn) {name}\(", (ROOT / file).read_text()), f"{file}: {name}"


def find_tests(mutant: Mutant) -> list[tuple[str, str]]:
    """Return (file, test name) of the mutant's tests."""
    program, *words = mutant.command
    if program == "python":
        nodes = [word.partition("[")[0].split("::") for word in words if "::" in word]
        assert words[:2] == ["-m", "pytest"]
        assert nodes, "a test must be named"
        return [(node[0], node[-1]) for node in nodes]
    assert words[:2] == ["test", "--release"]
    name = words[-1].rpartition("::")[2]
    if "--test" in words:
        return [(f"tests/{words[words.index('--test') + 1]}.rs", name)]
    module = words[-1].partition("::tests::")[0].replace("::", "/")
    return [(f"src/{module}.rs", name)]
