"""Configurations are data: nothing in them is evaluated, imported or unpickled."""

from __future__ import annotations

import ast
import builtins
import json
from pathlib import Path
from typing import Any

import pytest

import initializers

pytestmark = pytest.mark.slow

PACKAGE = Path(initializers.__file__).parent

HOSTILE: list[Any] = [
    "__import__('os').system('true')",
    "os.system",
    "builtins>eval",
    {"class_name": "eval", "config": {"source": "1"}},
    {"class_name": "os.system", "config": {"command": "true"}},
    {
        "module": "os",
        "class_name": "system",
        "config": {"command": "true"},
        "registered_name": None,
    },
    {"module": "builtins", "class_name": "exec", "config": {}, "registered_name": "builtins>exec"},
    {"class_name": "__class__", "config": {}},
    {"class_name": "RandomNormal", "config": {"stddev": {"class_name": "eval", "config": {}}}},
    {"class_name": "RandomNormal", "config": {"__class__": "x"}},
    {"class_name": "Constant", "config": {"value": "__import__('os')"}},
    {"class_name": "Constant", "config": {"value": {"class_name": "pickle", "config": "gASV"}}},
]


@pytest.mark.parametrize("config", HOSTILE, ids=lambda config: json.dumps(config)[:60])
def test_hostile_configurations_are_refused(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("evaluated")

    for name in ("eval", "exec", "compile"):
        monkeypatch.setattr(builtins, name, forbidden)
    act = initializers.get if isinstance(config, str) else initializers.deserialize
    with pytest.raises((TypeError, ValueError)):
        act(config)


def test_no_module_calls_functions_that_execute_data() -> None:
    """The package never calls eval, exec, compile, pickle or marshal."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in ("eval", "exec", "compile", "__import__"):
                    found.append((path.name, node.func.id))
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                found += [(path.name, n) for n in names if n in ("pickle", "marshal", "shelve")]
    assert not found
