"""The examples run and print what the README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pages import GPT2

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("threads", ["1", "3"])
def test_the_gpt2_example_prints_the_digest_of_the_readme(threads: str) -> None:
    output = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "gpt2.py")],
        env={**os.environ, "INITIALIZERS_NUM_THREADS": threads},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    assert f"digest of the model, seed 2019: {GPT2}" in output
    assert "148 tensors, 124,439,808 weights" in output
    rows = [line for line in output.splitlines() if re.search(r" [0-9a-f]{12}$", line)]
    assert len(rows) == 6
    assert re.search(r"^first call: .* a second\nsecond call: .* a second$", output, re.M)
    assert all(len(line) <= 110 for line in output.splitlines()[:-1])


def test_the_readme_has_the_digest() -> None:
    assert GPT2[:12] in (ROOT / "README.md").read_text()


def test_the_propagation_example_prints_verdicts(tmp_path: Path) -> None:
    output = subprocess.run(
        [
            *(sys.executable, "-W", "error", str(ROOT / "examples" / "propagation.py")),
            *("--folder", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    ).stdout
    verdicts = re.findall(r"^  (\S+) +(\w+): ", output, re.MULTILINE)
    assert [word for _, word in verdicts] == ["stable", "vanishing"] * 2 + ["stable"] * 3 + [
        "vanishing"
    ]
    assert len(list(tmp_path.glob("propagation-*.svg"))) == 2
