"""The page on Keras and the examples run and are right."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from keras_models import BACKEND, once

from pages import ROOT, read_blocks, run_foreign_blocks

BY_NAME = "d225a27117644b9bc322e52d67695f52caf140691aabcf940db38365bd38d08c"


def test_python_blocks_of_the_page_run() -> None:
    names: dict[str, object] = {"__name__": "page"}
    for block in read_blocks(ROOT / "docs" / "keras.md"):
        if "import jax" not in block or BACKEND == "jax":
            exec(compile(block, "keras.md", "exec"), names)


@once
def test_blocks_of_other_pages_run() -> None:
    run_foreign_blocks("keras")


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, str(ROOT / "examples" / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=280).stdout


@once
def test_the_example_by_name_prints_its_digest() -> None:
    output = run("keras_by_name.py")
    assert f"digest of the model, seed 2024: {BY_NAME}" in output
    assert "132,992 weights, 0 variables without a seed" in output
    assert "one layer more: dense/kernel, dense/bias changed, 33 did not" in output


@once
def test_the_training_example_reaches_its_accuracy(tmp_path: Path) -> None:
    output = run("keras_training.py", "--seeds", "1", "--plot", str(tmp_path / "curves.png"))
    rows = re.findall(
        r"^(CNN|LSTM) +(here|Keras's) +mean ([\d.]+) \(wanted ([\d.]+)\)", output, re.M
    )
    means = {(name, kind): float(mean) for name, kind, mean, _ in rows}
    assert len(means) == 4
    for name, kind, mean, wanted in rows:
        assert float(mean) >= float(wanted), (name, kind)
    for name in ("CNN", "LSTM"):
        assert means[name, "here"] >= means[name, "Keras's"] - 0.01
    assert (tmp_path / "curves.png").stat().st_size > 10_000
