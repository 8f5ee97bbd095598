"""`initializers selftest`, and the digests that it compares with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cases import FLOATS
from commands import Command
from initializers import _core, get_num_threads
from initializers._classes.registry import CLASSES
from initializers.cli import selftest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def test_this_machine_makes_the_same_values(command: Command) -> None:
    threads = get_num_threads()
    document = command("selftest", "--json").document
    assert document["identical"] is True
    assert document["stream_version"] == 1
    assert document["cpu"]
    assert document["simd"] == _core.get_simd()
    levels = _core.available_simd()
    assert {run["simd"] for run in document["runs"]} == set(levels)
    assert {run["threads"] for run in document["runs"]} == {1, 3, threads}
    assert len(document["runs"]) == len(levels) * len({1, 3, threads})
    assert all(run["differing"] == [] for run in document["runs"])
    assert get_num_threads() == threads
    assert _core.get_simd() == document["simd"]


def test_the_report_names_the_stream_version(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftest, "draw", lambda case: case["sha256"])
    output = command("selftest").output
    assert "identical to stream version 1" in output
    assert output.startswith("processor  ")


def test_a_difference_is_reported(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    original = selftest.draw

    def draw(case: dict[str, Any]) -> str:
        is_wrong = case["class"] == "Sparse" and _core.get_simd() == _core.available_simd()[-1]
        return "0" * 64 if is_wrong else case["sha256"]

    monkeypatch.setattr(selftest, "draw", draw)
    result = command("selftest", status=1)
    assert "NOT stream version 1" in result.output
    assert "Sparse(sparsity=0.7, stddev=0.02, seed=10) of float16 (300, 40)" in result.output
    document = command("selftest", "--json", status=1).document
    assert document["identical"] is False
    (case,) = {json.dumps(case) for run in document["runs"] for case in run["differing"]}
    assert json.loads(case)["class"] == "Sparse"
    assert original(json.loads(case)) != "0" * 64


def test_an_interrupt_restores_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _core.get_simd(), get_num_threads()

    def draw(case: dict[str, Any]) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(selftest, "draw", draw)
    from initializers import cli

    assert cli.run(["selftest"]) == 130
    assert (_core.get_simd(), get_num_threads()) == before


def test_digests_are_those_of_the_golden_files() -> None:
    make = [sys.executable, "-W", "error", str(ROOT / "tools" / "make_selftest.py"), "--check"]
    subprocess.run(make, check=True, timeout=120)


def test_digests_cover_every_class_and_float_type() -> None:
    cases = json.loads(selftest.PATH.read_text())["cases"]
    left_out = {"Initializer", "STFT"}  # STFT needs scipy, which is an extra
    assert {case["class"] for case in cases} == {cls.__name__ for cls in CLASSES} - left_out
    assert {case["dtype"] for case in cases} >= {*FLOATS}
    assert selftest.PATH.stat().st_size < 40_000
