"""Real models: a captured recipe gives one digest, sharded from meta and as a checkpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from captured_models import DATA, MODELS, make_digest
from safetensors.numpy import load_file

from commands import Command
from initializers import Recipe
from initializers.recipe import read_specs

DIGESTS = json.loads((DATA / "digests.json").read_text(encoding="utf-8"))
PROCESSES = 4


@pytest.mark.parametrize(
    "names",
    [["convnext", "whisper"], pytest.param([*MODELS], marks=pytest.mark.long)],
    ids=["short", "all"],
)
def test_modules_sharded_from_meta_have_the_digest(names: list[str], tmp_path: Path) -> None:
    script = Path(__file__).with_name("captured_models.py")
    result = subprocess.run(
        [sys.executable, script, str(PROCESSES), tmp_path, *names],
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    for name in names:
        again, kept = (Recipe.load(folder / f"{name}.toml") for folder in (tmp_path, DATA))
        assert again.rules == kept.rules
        assert read_specs(tmp_path / f"{name}.json") == read_specs(DATA / f"{name}.json")
    found = json.loads((tmp_path / "digests.json").read_text())
    assert found == [{name: DIGESTS[name] for name in names}] * PROCESSES


@pytest.mark.parametrize("name", MODELS)
def test_checkpoints_have_the_digest(name: str, command: Command, tmp_path: Path) -> None:
    options = ["--specs", DATA / f"{name}.json", "--recipe", DATA / f"{name}.toml"]
    command("create", *options, "--out", tmp_path / "checkpoint")
    weights: dict[str, Any] = {}
    for file in sorted((tmp_path / "checkpoint").glob("*.safetensors")):
        weights |= load_file(file)
    assert make_digest(weights) == DIGESTS[name]
