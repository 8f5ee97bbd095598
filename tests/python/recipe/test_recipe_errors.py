"""Messages about wrong recipes. `src/recipe/tests.rs` compares the crate's with the same file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from initializers import Recipe

PATH = Path(__file__).parents[2] / "golden" / "recipe_errors.json"
CASES: list[dict[str, Any]] = json.loads(PATH.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_message(case: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(case['message'])}\Z"):
        plan(case)


def plan(case: dict[str, Any]) -> None:
    read, text = (
        (Recipe.from_toml, case["toml"]) if "toml" in case else (Recipe.from_json, case["json"])
    )
    read(text).plan(case["shapes"])
