"""The stream in C, written from docs/stream.md alone, makes the vectors for implementers."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import initializers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "stream.md"
VECTORS = ROOT / "tests" / "golden" / "vectors.json"
FAMILIES = ROOT / "tests" / "golden" / "families.csv"


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the program; a machine that links Rust crates has a C compiler."""
    program = tmp_path_factory.mktemp("c") / "check"
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffp-contract=off"]
    source = ROOT / "examples" / "c" / "check.c"
    subprocess.run(["cc", *flags, "-o", program, source, "-lm"], check=True)
    return program


def run(check: Path, page: Path, vectors: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([check, page, vectors], capture_output=True, text=True, check=False)


def test_every_vector_is_equal_in_c(check: Path) -> None:
    count = VECTORS.read_text(encoding="utf-8").count('"kind"')
    result = run(check, PAGE, VECTORS)
    assert result.stdout == f"{count} vectors equal, 0 not\n", result.stdout[:2000]
    assert result.returncode == 0


def test_a_wrong_vector_or_coefficient_is_detected(check: Path, tmp_path: Path) -> None:
    vectors, page = tmp_path / "vectors.json", tmp_path / "stream.md"
    text = VECTORS.read_text(encoding="utf-8")
    vectors.write_text(text.replace('"bits": "c91ccfd8', '"bits": "c91ccfd9', 1), encoding="utf-8")
    result = run(check, PAGE, vectors)
    assert result.returncode == 1
    assert result.stdout.endswith(" vectors equal, 1 not\n")

    table = PAGE.read_text(encoding="utf-8")
    page.write_text(table.replace("`3e4cd01a`", "`3e4cd01b`", 1), encoding="utf-8")
    assert run(check, page, VECTORS).returncode == 1


LAWS: dict[str, Any] = {
    "uniform": initializers.RandomUniform,
    "normal": initializers.RandomNormal,
    "truncated_normal": initializers.TruncatedNormal,
}


def make_case(draw: random.Random) -> dict[str, Any]:
    """Return a vector of random parameters whose bits the package makes."""
    kind, dtype = draw.choice(list(LAWS)), draw.choice(["float32", "float64"])
    center, width = draw.uniform(-2, 2), 10 ** draw.uniform(-6, 2)
    names = ("minval", "maxval") if kind == "uniform" else ("mean", "stddev")
    given = {names[0]: center, names[1]: center + width if kind == "uniform" else width}
    if kind == "truncated_normal":
        low = draw.choice([-2.0, -1.0, 0.0, draw.uniform(-9, 6)])
        high = draw.choice([2.0, float("inf"), low + 10 ** draw.uniform(-3, 1)])
        given |= {"lower": low, "upper": max(high, low + 0.5)}
    seed, start = draw.randrange(-(2**127), 2**127), draw.randrange(2**62)
    first, second, *bounds = given.values()
    extra = {"bounds": tuple(bounds)} if bounds else {}
    law = LAWS[kind](first, second, seed=seed, **extra)
    values = law((start + 40,), dtype, index=(slice(start, start + 40),))
    bits = values.view("u4" if dtype == "float32" else "u8")
    text = " ".join(f"{pattern:0{2 * values.itemsize}x}" for pattern in bits)
    place = {"seed": str(seed), "stream": "0", "start": str(start), "count": 40}
    parameters = {name: repr(float(value)) for name, value in given.items()}
    return {"kind": kind, "dtype": dtype, **place, **parameters, "bits": text}


def test_random_requests(check: Path, tmp_path: Path) -> None:
    """C draws the same values as the package, at random places, with random parameters."""
    draw = random.Random(24)
    cases = [make_case(draw) for _ in range(200)]
    vectors = tmp_path / "vectors.json"
    vectors.write_text("\n".join(map(json.dumps, cases)) + "\n", encoding="utf-8")
    result = run(check, PAGE, vectors)
    assert result.stdout == "200 vectors equal, 0 not\n", result.stdout[:2000]


def read_page() -> dict[int, list[list[str]]]:
    """Return the hexadecimal vectors at the end of each section of the page, by its number."""
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    for section in sections:
        number, _, text = section.partition(" ")
        if number.isdigit() and "\nVector: " in text:
            last = text.rpartition("\nVector: ")[2]
            assert "\n\n" not in last.strip(), f"section {number} does not end with its vector"
            codes = re.findall(r"`([0-9a-f\s]+)`", last)
            found[int(number)] = [code.split() for code in codes if len(code) > 1]
    return found


def test_the_page_has_the_vectors() -> None:
    """Each is the beginning of one in the files, in the section of that number.

    Sections 15 and 16 are in `test_state_space.py` and `test_tables.py`.
    """
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]
    with FAMILIES.open(encoding="utf-8", newline="") as file:
        known = {9: [[row["sha256"]] for row in csv.DictReader(file)]}
    for vector in vectors:
        bits, sha256 = vector.get("bits", "").split(), vector.get("sha256")
        if vector["kind"] == "roots":  # the page has one angle of them
            bits = bits[1 :: vector["count"]]
        known.setdefault(vector["section"], []).extend([bits, [sha256]])
    page = {number: codes for number, codes in read_page().items() if number < 12}
    assert sorted(page) == sorted(known) == list(range(1, 12))
    for number, codes in page.items():
        assert codes, f"section {number}"
        for code in codes:
            starts = [one[: len(code)] for one in known[number]]
            assert code in starts, f"section {number}: {' '.join(code)}"


def test_the_implementation_is_short() -> None:
    source = ROOT / "examples" / "c" / "stream.h"
    assert len(source.read_text(encoding="utf-8").splitlines()) <= 350
