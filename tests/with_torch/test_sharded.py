"""Real processes: shards in every layout hold the weights that one process makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformer import RULES, SEED, Tiny, digest_module

from initializers.torch import init_module_
from workers import run_once

RANKS = Path(__file__).with_name("ranks.py")
# Digest of the whole model: changes with every value, name and rule.
DIGEST = "232d7702429ca936f1199f43258f46c69e1171321a5b63419a5ecba541c06413"


def run_ranks(size: int, directory: Path, environment: dict[str, str] | None = None) -> list[Any]:
    """Run `ranks.py` in `size` processes; return their reports."""
    ranks = [
        subprocess.Popen(
            [sys.executable, str(RANKS), str(rank), str(size), str(directory)],
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(size)
    ]
    try:
        outputs = [rank.communicate(timeout=240)[0] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    for rank, output in zip(ranks, outputs, strict=True):
        assert rank.returncode == 0, output
    return [json.loads((directory / f"{rank}.json").read_text()) for rank in range(size)]


@pytest.fixture(scope="module", params=[1, pytest.param(2, marks=pytest.mark.long), 4])
def reports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    size = request.param
    return run_once(
        tmp_path_factory, f"ranks-{size}", lambda: run_ranks(size, tmp_path_factory.mktemp("ranks"))
    )


def test_one_process_gives_the_digest() -> None:
    assert digest_module(init_module_(Tiny(), RULES, SEED)) == DIGEST


def test_modules_in_every_layout_give_the_digest(reports: Any) -> None:
    for report in reports:
        assert len(report["modules"]) == (11 if len(reports) == 4 else 7)
        assert set(report["modules"].values()) == {DIGEST}


def test_fsdp1_needs_whole_parameters(reports: Any) -> None:
    for report in reports:
        results = report["FSDP1"]
        assert {results["True digest"], results["False digest"]} == {DIGEST}
        if len(reports) > 1:
            for kind in ("True", "False"):
                assert "must show whole parameters" in results[f"{kind} error"]


def test_shards_equal_torchs_cut_of_the_tensor(reports: Any) -> None:
    for report in reports:
        for mesh in report.keys() & {"1d", "2d"}:
            results = report[mesh]["tensors"]
            assert [case for case, same in results.items() if not same] == []
            assert len(results) == {"1d": 127, "2d": 396}[mesh]
            assert report[mesh]["patch"]


def test_training_starts_from_the_filled_shards(reports: Any) -> None:
    for report in reports:
        training = report["training"]
        assert training["again"] == DIGEST
        assert training["losses"] == pytest.approx([3.256112, 3.702326, 3.576937], abs=1e-4)


def test_memory_is_that_of_the_shard(reports: Any) -> None:
    for report in reports:
        for mesh in report.keys() & {"1d", "2d"}:
            for placement, extra in report[mesh]["memory"].items():
                assert extra < 32 + (33 if "orthogonal" in placement else 0), placement


def test_unsuitable_dtensors_are_refused(reports: Any) -> None:
    for report in reports:
        for mesh in report.keys() & {"1d", "2d"}:
            errors = report[mesh]["errors"]
            assert "`tensor` must be without a Partial(sum) placement" in errors["partial"]
            assert "`seed` or `generator` must be given for a DTensor" in errors["unseeded"]
