"""The table of named schemes: each row is code that runs, with the stated bound or deviation."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import initializers

PAGE = Path(__file__).parents[3] / "docs" / "how-do-i.md"
# (scheme, parameter) as they begin → a bound that values reach, or their standard deviation, for
# a kernel of 64 inputs and 96 outputs.
BOUNDS = {
    ("Mamba", "`dt_proj.weight`"): 1 / 8,
    ("S4", "`log_dt`"): -math.log(0.001),
    ("SIREN (", "first weight"): 1 / 2,
    ("SIREN", "other weights"): math.sqrt(6 / 64) / 30,
    ("LoRA", "A"): 1 / 8,
    ("T-Fixup (", "values"): math.sqrt(6 / 160) * 0.67 * 6**-0.25,
    ("T-Fixup, N", "the same"): math.sqrt(6 / 160) * 54**-0.25,
}
DEVIATIONS = {("Fixup (", "first"): math.sqrt(2 / 64) * 16**-0.5}


def read_rows() -> list[tuple[str, str, str]]:
    """Return the rows: scheme, parameter, initializers."""
    text = PAGE.read_text(encoding="utf-8").split("## … use Mamba")[1]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    return rows[1:]


def make(text: str) -> list[Any]:
    """Return the initializers of a cell."""
    calls = re.findall(r"`([^`]+)`", text)
    return [eval(call, dict(vars(initializers))) for call in calls]


def find(scheme: str, parameter: str) -> Any:
    """Return the first initializer of the one row that begins so."""
    (cell,) = [c for a, b, c in read_rows() if a.startswith(scheme) and b.startswith(parameter)]
    return make(cell)[0].with_seed(7)


@pytest.mark.parametrize("row", read_rows(), ids=lambda row: f"{row[0]}: {row[1]}"[:50])
def test_every_row_makes_values(row: tuple[str, str, str]) -> None:
    made = make(row[2])
    assert made
    for initializer in made:
        assert np.isfinite(initializer((64, 96))).all()


@pytest.mark.parametrize("place", BOUNDS, ids=" ".join)
def test_uniform_rows_have_the_stated_bound(place: tuple[str, str]) -> None:
    largest = np.abs(find(*place)((64, 96), "float64")).max()
    assert 0.999 * BOUNDS[place] < largest <= BOUNDS[place]


@pytest.mark.parametrize("place", DEVIATIONS, ids=" ".join)
def test_normal_rows_have_the_stated_deviation(place: tuple[str, str]) -> None:
    values = find(*place)((64, 9600), "float64")
    assert values.std() == pytest.approx(DEVIATIONS[place], rel=0.005)
