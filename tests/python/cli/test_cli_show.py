"""`initializers show` and `initializers propagate`: values against theory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

import initializers
from commands import Command
from initializers._charts import laws
from initializers._charts.statistics import Distribution, measure
from initializers._charts.theory import p_value, theory
from initializers._classes.registry import CLASSES


@pytest.mark.parametrize(
    "bounds", [(-2, 2), (0, math.inf), (-1, 3), (2.5, math.inf), (-math.inf, -1), (-0.1, 0.2)]
)
def test_truncated_normal_laws_equal_scipy(bounds: tuple[float, float]) -> None:
    law = laws.truncated_normal(0.1, 0.5, *bounds)
    peer = stats.truncnorm(*bounds, 0.1, 0.5)
    mean, variance, kurtosis = peer.stats("mvk")
    assert law.mean == pytest.approx(mean, rel=1e-10)
    assert law.std == pytest.approx(variance**0.5, rel=1e-7)
    assert law.excess_kurtosis == pytest.approx(kurtosis, abs=1e-4)
    assert law.cdf is not None
    places = np.linspace(max(bounds[0], -6.0), min(bounds[1], 6.0), 31) * 0.5 + 0.1
    np.testing.assert_allclose(law.cdf(places), peer.cdf(places), atol=1e-12)


def test_other_laws_equal_scipy() -> None:
    for law, peer in (
        (laws.uniform(-0.3, 0.7), stats.uniform(-0.3, 1.0)),
        (laws.normal(0.2, 0.5), stats.norm(0.2, 0.5)),
    ):
        mean, variance, kurtosis = peer.stats("mvk")
        assert (law.mean, law.std) == pytest.approx((mean, variance**0.5))
        assert law.excess_kurtosis == pytest.approx(kurtosis)
        assert law.cdf is not None
        places = np.linspace(-1.5, 1.5, 31)
        np.testing.assert_allclose(law.cdf(places), peer.cdf(places), atol=1e-14)


def test_the_distance_equals_kolmogorov_smirnov() -> None:
    values = np.random.default_rng(1).standard_normal(50_000)
    found = measure([values], "float64").distribution
    assert found is not None
    exact = stats.kstest(values, "norm").statistic
    received = laws.distance(laws.normal(0.0, 1.0), found)
    assert 0.85 * exact < received <= exact
    shifted = laws.distance(laws.normal(0.1, 1.0), found)
    assert shifted == pytest.approx(stats.kstest(values, "norm", (0.1, 1.0)).statistic, rel=0.05)
    assert p_value(exact, values.size) == pytest.approx(stats.kstwobign.sf(exact * 50_000**0.5))
    assert p_value(0.0, 10) == 1.0


def test_splitting_bins_keeps_the_counts() -> None:
    counts = Distribution(np.array([0.0, 1.0, 3.0]), np.array([10, 40]))
    assert counts.split(np.array([0.0, 0.5, 2.0, 3.0])).tolist() == [5.0, 25.0, 20.0]
    assert counts.without_zeros(4).counts.tolist() == [6, 40]


RANDOM = [
    "he_normal",
    "glorot_uniform",
    "RandomNormal(mean=0.3, stddev=0.02)",
    "RandomUniform(minval=-1, maxval=3)",
    "TruncatedNormal(stddev=0.02, bounds=(-1, 3))",
    "VarianceScaling(scale=2.0, mode='fan_out', distribution='untruncated_normal')",
]


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("text", RANDOM)
def test_values_agree_with_theory(command: Command, text: str, dtype: str) -> None:
    arguments = ["show", text, "--dtype", dtype, "--seed", "3", "--json"]
    document = command(*arguments).document
    found, law, n = document["statistics"], document["theory"], 512 * 512
    assert document["shape"] == [512, 512]
    assert document["dtype"] == dtype
    rounding = {"bfloat16": 2.0**-9}.get(dtype, 0.0) * max(abs(law["mean"]), law["std"])
    assert abs(found["mean"] - law["mean"]) < 4 * law["std"] / n**0.5 + rounding
    spread = ((law["excess_kurtosis"] + 2) / (4 * n)) ** 0.5
    assert abs(found["std"] / law["std"] - 1) < 4 * spread + rounding
    assert abs(found["excess_kurtosis"] - law["excess_kurtosis"]) < 0.05
    assert document["p_value"] > 1e-3
    assert document["singular_values"] is None
    made = initializers.get(document["initializer"])
    assert made.seed == 3
    assert document["digest"] == initializers.digest({"weight": made((512, 512), dtype)})


@pytest.mark.parametrize("text", ["orthogonal", "Orthogonal(gain=2.0)"])
def test_orthogonal_matrices_agree_with_theory(command: Command, text: str, tmp_path: Path) -> None:
    picture = tmp_path / "singular.png"
    arguments = ["show", text, "--shape", "3x3x20x30"]
    document = command(*arguments, "--json").document
    gain = 2.0 if "gain" in text else 1.0
    singular = document["singular_values"]
    assert singular["theory"] == gain
    assert singular["min"] == pytest.approx(gain, abs=1e-5)
    assert singular["max"] == pytest.approx(gain, abs=1e-5)
    assert document["distance"] is None
    assert document["statistics"]["std"] == pytest.approx(document["theory"]["std"], rel=1e-3)
    output = command(*arguments, "--plot", picture).output
    assert "in theory all" in output
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("columns", [80, 140])
def test_the_report_fits_the_terminal(
    command: Command, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = command("show", "he_normal", "--shape", "784,256").output.split("\n")
    assert lines[0] == "HeNormal(seed=0)"
    assert all(len(line) <= columns for line in lines)
    (row,) = (line for line in lines if line.startswith("std "))
    assert row.split()[1:3] == ["0.05051", "0.05051"]
    assert "standard errors" in row
    assert sum("│" in line for line in lines) == 17


@pytest.mark.parametrize(
    ("text", "theory_std"),
    [("zeros", 0.0), ("ones", 0.0), ("Constant(value=0.3)", 0.0), ("identity", None)],
)
def test_constants_are_shown_without_a_histogram(
    command: Command, text: str, theory_std: float | None
) -> None:
    document = command("show", text, "--shape", "30,40", "--json").document
    law = document["theory"]
    assert (None if law is None else law["std"]) == theory_std
    assert "│" not in command("show", text, "--shape", "30,40").output


@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_integers_have_no_picture(command: Command, dtype: str, tmp_path: Path) -> None:
    document = command("show", "ones", "--dtype", dtype, "--json").document
    assert document["statistics"]["mean"] == 1.0
    error = command("show", "ones", "--dtype", dtype, "--plot", tmp_path / "a.png", status=2).errors
    assert "there is nothing to draw" in error


@pytest.mark.parametrize("shape", ["0,3", "", "()", "7", "[2, 3]", "2x3"])
def test_shapes_of_any_rank_are_shown(command: Command, shape: str) -> None:
    command("show", "he_normal", "--shape", shape)


@pytest.mark.slow
def test_pictures_are_written(command: Command, tmp_path: Path) -> None:
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        picture = tmp_path / f"a{suffix}"
        command("show", "he_normal", "--plot", picture)
        assert picture.read_bytes().startswith(start)


def test_configurations_are_shown(command: Command) -> None:
    config = '{"class_name": "HeUniform", "config": {"seed": 5}}'
    made = command("show", config, "--json").document["initializer"]
    assert made["config"]["seed"] == 5
    made = command("show", config, "--seed", "-7", "--json").document["initializer"]
    assert made["config"]["seed"] == -7


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["he_norml"], "did you mean 'he_normal'?"),
        (["RandomNormal(0.02)"], "a call must be of a name with named numbers"),
        (["RandomNormal(stddev=-1)"], "`stddev` must be a finite number >= 0, received: -1"),
        (["RandomNormal(std=1)"], "did you mean 'stddev'?"),
        (["__import__('os')._exit(9)"], "a call must be of a name with named numbers"),
        (["RandomNormal(stddev=__import__('os')._exit(9))"], "a call must be of a name"),
        (["(" * 5000], "a call must be of a name"),
        (["{"], "the configuration is no JSON"),
        (['{"class_name": 3}'], "must have a string under the key 'class_name'"),
        (["none"], "an initializer must be named by one of"),
        (["he_normal", "--shape", "3,x,4"], "it must be integers such as 784,256"),
        (["he_normal", "--shape", "3,-4"], "it must be integers such as 784,256"),
        (["he_normal", "--dtype", "float31"], "did you mean 'float32'?"),
        (["he_normal", "--dtype", "int8"], "for HeNormal, received: int8"),
        (["ones", "--dtype", "complex64"], "`dtype` must be one of real numbers"),
        (["he_normal", "--seed", "1.5"], "it must be an integer in [-2**127, 2**127)"),
        (["he_normal", "--seed", str(2**127)], "it must be an integer in [-2**127, 2**127)"),
        (["orthogonal", "--shape", "3"], "must have at least 2 dimensions for Orthogonal"),
        (["he_normal", "--plot", "a.gif"], "a picture must end in .png, .svg, .pdf"),
        (["he_normal", "--plot", "/nix/a.png"], "there is no directory '/nix'"),
        (["evil\x1b[31m"], "received: 'evil\\x1b[31m'"),
    ],
)
def test_wrong_arguments_are_refused(command: Command, arguments: list[str], error: str) -> None:
    received = command.fails("show", *arguments)
    assert error in received
    assert "\x1b" not in received


def test_theory_of_every_class_is_right_or_none() -> None:
    known = 0
    for cls in CLASSES:
        name = cls.__name__
        if name in ("Initializer", "STFT"):
            continue
        spatial = {"2D": (3, 3), "3D": (2, 2, 2)}.get(name[-2:], ())
        if name in ("DeltaOrthogonal", "ConvolutionOrthogonal1D", "Dirac"):
            spatial = (3,)
        shape = (*spatial, 12, 12)
        made: Any = initializers.Sparse(0.5) if name == "Sparse" else cls()
        law = theory(made, shape)
        values = made(shape)
        if law is not None:
            known += 1
            assert values.min() >= law.min - 1e-6
            assert values.max() <= law.max + 1e-6
            assert values.std() == pytest.approx(law.std, rel=0.35, abs=1e-9)
    assert known == 14


@pytest.mark.slow
def test_propagate_prints_the_verdict(command: Command, tmp_path: Path) -> None:
    picture = tmp_path / "scales.png"
    output = command("propagate", "he_normal", "--depth", "5", "--plot", picture).output
    assert "layers/4" in output
    assert "stable: over" in output
    assert picture.read_bytes().startswith(b"\x89PNG")
    document = command("propagate", "RandomNormal(stddev=0.001)", "--json").document
    assert document["verdict"].startswith("vanishing")
    assert len(document["layers"]) == 20
    arguments = ["--widths", "30,20,10", "--activation", "tanh", "--json"]
    document = command("propagate", "he_normal", *arguments).document
    assert [layer["shape"][1] for layer in document["layers"]] == [20, 10]


@pytest.mark.slow
def test_propagate_reads_a_recipe(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    initializers.Recipe({"layers/*": "glorot_uniform"}, seed=1, convention="keras").save(path)
    first = command("propagate", path, "--json").document
    assert first["verdict"].startswith("vanishing")
    assert command("propagate", path, "--seed", "1", "--json").document == first
    assert command("propagate", path, "--seed", "2", "--json").document != first


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["he_normal", "--activation", "rel"], "did you mean 'relu'?"),
        (["he_normal", "--depth", "0"], "`depth` must be a positive integer"),
        (["he_normal", "--widths", "3,x"], "it must be an integer or several"),
        (["nix.toml"], "nix.toml: there is no such recipe"),
        (["he_norml"], "did you mean 'he_normal'?"),
    ],
)
def test_propagate_refuses_wrong_arguments(
    command: Command, arguments: list[str], error: str
) -> None:
    assert error in command.fails("propagate", *arguments)
