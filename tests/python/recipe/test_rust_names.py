"""Recipes name the same initializers in Python and in the Rust crate."""

from __future__ import annotations

import re
from pathlib import Path

from initializers import Initializer
from initializers._classes.registry import _ALIASES, CLASSES

SOURCE = Path(__file__).parents[3] / "src" / "recipe" / "initializers.rs"


def read_table(name: str) -> list[tuple[str, ...]]:
    """Return the strings in each line of a constant table of the Rust source."""
    pattern = rf"^const {name}: [^\n]* = \[\n(.*?)^\];"
    (table,) = re.findall(pattern, SOURCE.read_text(), re.MULTILINE | re.DOTALL)
    return [tuple(re.findall(r'"(\w+)"', line)) for line in table.splitlines()]


def test_classes_are_those_of_python() -> None:
    classes = [cls.__name__ for cls in CLASSES if cls is not Initializer]
    assert [names[0] for names in read_table("CLASSES")] == sorted(classes)


def test_other_names_are_those_of_python() -> None:
    assert read_table("ALIASES") == [(name, cls.__name__) for name, cls in _ALIASES.items()]
