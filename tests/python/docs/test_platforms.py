"""The table of platforms in docs/reproducibility.md, which `make crossarch` writes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "tools"))
import crossarch
from _page import read_table
from _targets import TARGETS

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in read_table(crossarch.PAGE, "crossarch")[2:]
]


def test_every_row_has_the_same_digests_and_says_how_and_when_it_ran() -> None:
    digests = [f"`{digest}`" for digest in crossarch.read_expected().values()]
    assert len(digests) == 7
    for platform, how, on, *found, _ in ROWS:
        assert found == digests, platform
        assert re.match("(real|emulated)", how), platform
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", on), platform


def test_every_target_has_a_row() -> None:
    names = [re.split(r" \(|,", platform)[0] for platform, *_ in ROWS]
    assert set(names) == {"x86-64", "bare wasm32", *TARGETS}


def test_a_new_row_replaces_that_of_its_platform() -> None:
    old = ["| a, SSE | 1 |", "| a, AVX | 1 |", "| b | 1 |"]
    assert crossarch.replace_rows(old, ["| b | 2 |"], "b") == [*old[:2], "| b | 2 |"]
    # This machine may lack the vectors of a row.
    new = crossarch.replace_rows(old, ["| a, SSE | 2 |"], "a")
    assert new == ["| a, SSE | 2 |", "| a, AVX | 1 |", "| b | 1 |"]
    assert crossarch.replace_rows(old, ["| c | 2 |"], "c") == [*old, "| c | 2 |"]
