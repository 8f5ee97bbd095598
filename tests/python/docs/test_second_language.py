"""The stream in C, written from docs/stream.md alone, makes the vectors for implementers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "stream.md"
VECTORS = ROOT / "tests" / "golden" / "vectors.json"


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the program; whoever can link a Rust crate has a C compiler."""
    program = tmp_path_factory.mktemp("c") / "check"
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-ffp-contract=off"]
    source = ROOT / "examples" / "c" / "check.c"
    subprocess.run(["cc", *flags, "-o", program, source, "-lm"], check=True)
    return program


def run(check: Path, page: Path, vectors: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([check, page, vectors], capture_output=True, text=True, check=False)


def test_every_vector(check: Path) -> None:
    count = VECTORS.read_text(encoding="utf-8").count('"kind"')
    result = run(check, PAGE, VECTORS)
    assert result.stdout == f"{count} vectors equal, 0 not\n", result.stdout[:2000]
    assert result.returncode == 0


def test_a_wrong_vector_or_coefficient_is_found(check: Path, tmp_path: Path) -> None:
    vectors, page = tmp_path / "vectors.json", tmp_path / "stream.md"
    text = VECTORS.read_text(encoding="utf-8")
    vectors.write_text(text.replace('"bits": "c91ccfd8', '"bits": "c91ccfd9', 1), encoding="utf-8")
    result = run(check, PAGE, vectors)
    assert result.returncode == 1
    assert result.stdout.endswith(" vectors equal, 1 not\n")

    table = PAGE.read_text(encoding="utf-8")
    page.write_text(table.replace("`3e4cd01a`", "`3e4cd01b`", 1), encoding="utf-8")
    assert run(check, page, VECTORS).returncode == 1


def test_the_implementation_is_short() -> None:
    source = ROOT / "examples" / "c" / "stream.h"
    assert len(source.read_text(encoding="utf-8").splitlines()) <= 350
