"""The package against the golden files, bit for bit: values never change."""

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_reference import core_range

import initializers
from reference import DTYPES

GOLDEN = Path(__file__).parents[2] / "golden"
PARAMETERS = {
    "uniform": ["minval", "maxval"],
    "normal": ["mean", "stddev"],
    "truncated_normal": ["mean", "stddev", "lower", "upper"],
}


def read_rows(name: str) -> list[dict[str, str]]:
    with (GOLDEN / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def draw(sampler: str, row: dict[str, str], names: list[str]) -> NDArray[Any]:
    integers = (int(row[name]) for name in ("seed", "stream", "start", "count"))
    parameters = (float(row[name]) for name in names if row[name])
    return core_range(sampler, row["dtype"], *integers, *parameters)


@pytest.mark.parametrize("sampler", PARAMETERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_equal_the_golden_bits(dtype: str, sampler: str) -> None:
    rows = [row for row in read_rows(sampler) if row["dtype"] == dtype]
    assert len(rows) >= 42
    for row in rows:
        values = draw(sampler, row, PARAMETERS[sampler])
        digits = 2 * values.itemsize
        assert " ".join(f"{value:0{digits}x}" for value in values) == row["bits"], row


@pytest.mark.parametrize(
    "row", read_rows("digests"), ids=lambda row: f"{row['sampler']}-{row['dtype']}"
)
def test_digests_equal_the_golden_digests(row: dict[str, str]) -> None:
    values = draw(row["sampler"], row, ["a", "b", "lower", "upper"])
    little = values.astype(values.dtype.newbyteorder("<"))
    assert hashlib.sha256(little.tobytes()).hexdigest() == row["sha256"]


@pytest.mark.parametrize("name", ["orthogonal", "orthogonal_large"])
def test_orthogonal_matrices_equal_the_golden_digests(name: str) -> None:
    for row in read_rows(name):
        generator = initializers.SeedGenerator(int(row["seed"]))
        generator._counter = int(row["stream"])
        shape = (int(row["rows"]), int(row["columns"]))
        values = initializers.Orthogonal(float(row["gain"]), seed=generator)(shape, row["dtype"])
        patterns = values.view(DTYPES[row["dtype"]].pattern)
        little = patterns.astype(patterns.dtype.newbyteorder("<"))
        assert hashlib.sha256(little.tobytes()).hexdigest() == row["sha256"], row


def read_argument(text: str) -> float | bool | str:
    """Return an argument of laws.csv: a truth value, a number or a name."""
    if text in ("True", "False"):
        return text == "True"
    try:
        return float(text)
    except ValueError:
        return text


def test_laws_equal_the_golden_digests() -> None:
    rows = read_rows("laws")
    assert {row["dtype"] for row in rows} == {*DTYPES}
    for row in rows:
        made: Any = initializers.get(row["initializer"])
        initializer = type(made)(*map(read_argument, row["arguments"].split()))
        if hasattr(initializer, "seed"):
            generator = initializers.SeedGenerator(int(row["seed"]))
            generator._counter = int(row["stream"])
            initializer = initializer.with_seed(generator)
        shape = tuple(map(int, row["shape"].split()))
        values = initializer(shape, row["dtype"])
        patterns = values.view(DTYPES[row["dtype"]].pattern)
        little = patterns.astype(patterns.dtype.newbyteorder("<"))
        assert hashlib.sha256(little.tobytes()).hexdigest() == row["sha256"], row


def test_words_equal_the_golden_words() -> None:
    """The high 53 bits of each pair of words, read as a float64 uniform value of [0, 2^53)."""
    for row in read_rows("words"):
        words = [int(word, 16) for word in row["words"].split()]
        first = int(row["index"])
        odd = first % 2
        pairs = zip(words[odd : 16 - odd : 2], words[odd + 1 :: 2], strict=True)
        expected = [(low + (high << 32)) >> 11 for low, high in pairs]
        start = (first + odd) // 2
        count = min(len(expected), 2**63 - 1 - start)  # no tensor has the very last words
        bits = core_range(
            "uniform", "float64", int(row["seed"]), int(row["stream"]), start, count, 0.0, 2.0**53
        )
        assert bits.view(np.float64).tolist() == expected[:count], row


@pytest.mark.slow
def test_golden_files_are_those_of_the_reference() -> None:
    make = [sys.executable, str(GOLDEN / "make.py"), "--check"]
    subprocess.run(make, check=True, capture_output=True)


def test_golden_recipes_are_those_of_the_package() -> None:
    """The golden recipes of the Rust tests, and their digests (but GPT-2's), are the package's."""
    make = [sys.executable, str(GOLDEN / "make_recipes.py"), "--check"]
    subprocess.run(make, check=True, capture_output=True)


def test_the_vectors_of_the_page_are_made() -> None:
    """The package makes the page's vectors for implementers too."""
    vectors = json.loads((GOLDEN / "vectors.json").read_text(encoding="utf-8"))["vectors"]
    checked = set()
    for vector in vectors:
        kind = vector["kind"]
        if kind in PARAMETERS:
            place = (int(vector[name]) for name in ("seed", "stream", "start", "count"))
            given = (float(vector[name]) for name in PARAMETERS[kind])
            made = write_bits(core_range(kind, vector["dtype"], *place, *given))
        elif kind == "fold_in":
            path = [
                part if isinstance(part, str) else int(part["integer"]) for part in vector["path"]
            ]
            made = f"{initializers.fold_in(int(vector['seed']), *path):016x}"
        elif kind == "digest":
            patterns = [int(pattern, 16) for pattern in vector["bits"].split()]
            values = np.array(patterns, np.uint32).view(np.float32).reshape(vector["shape"])
            assert initializers.digest({vector["name"]: values}) == vector["sha256"]
            continue
        elif kind == "orthogonal" and "bits" in vector:
            generator = initializers.SeedGenerator(int(vector["seed"]))
            generator._counter = int(vector["stream"])
            orthogonal = initializers.Orthogonal(float(vector["gain"]), seed=generator)
            values = orthogonal((vector["rows"], vector["columns"]), vector["dtype"])
            made = write_bits(values.view(DTYPES[vector["dtype"]].pattern).ravel())
        else:
            continue
        checked.add(kind)
        assert made == vector["bits"], vector
    assert checked == {*PARAMETERS, "fold_in", "orthogonal"}


def write_bits(patterns: NDArray[Any]) -> str:
    return " ".join(f"{pattern:0{2 * patterns.itemsize}x}" for pattern in patterns)
