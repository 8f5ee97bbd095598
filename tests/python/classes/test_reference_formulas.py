"""Fans, seeds, roots of unity and tables: the core against the reference of the stream's page."""

import itertools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import initializers
import reference
from initializers import _core
from reference import DTYPES

SEEDS = [0, 1, -1, 42, 2**64 + 1, -(2**127), 2**127 - 1]


@pytest.mark.parametrize("n", [*range(1, 70), 100, 255, 256, 1000, 1023, 65537])
def test_roots_of_unity_equal_the_reference(n: int) -> None:
    for actual, expected in zip(_core.unit_roots(n), reference.unit_roots(n), strict=True):
        assert actual.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize("window", ["hann", "hamming", None])
def test_stft_kernels_equal_the_reference(dtype: str, side: Any, window: str | None) -> None:
    scaling: Any
    for scaling, periodic in itertools.product(["density", "spectrum", None], [False, True]):
        for shape in [(1, 1, 2), (3, 1, 2), (16, 1, 9), (25, 1, 40)]:
            kernel = initializers.STFT(side, window, scaling, periodic)(shape, dtype)
            expected = reference.stft(dtype, shape, side, window, scaling, periodic)
            assert kernel.tobytes() == expected.tobytes(), (scaling, periodic, shape)


SHAPES: list[tuple[int, ...]] = [(), (5,), (3, 4), (3, 3, 64, 128), (2, 0, 3), (7, 5, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_fans_equal_the_reference(shape: tuple[int, ...]) -> None:
    assert initializers.compute_fans(shape) == reference.fans(shape)
    if len(shape) > 2:
        axes = [0, 2], [1]
        assert initializers.compute_fans(shape, *axes) == reference.fans(shape, *axes)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"])
@pytest.mark.parametrize("law", ["uniform", "truncated_normal", "untruncated_normal"])
def test_variance_scaling_equals_the_reference(mode: Any, law: Any) -> None:
    for shape, scale in itertools.product(SHAPES, [1.0, 2.0, 0.1]):
        values = initializers.VarianceScaling(scale, mode, law, seed=-7)(shape, "float64")
        width = reference.scaled(scale, mode, law, *reference.fans(shape))
        where = ("float64", -7, 0, 0, math.prod(shape))
        if law == "uniform":
            expected = reference.uniform(*where, -width, width)
        elif law == "truncated_normal":
            expected = reference.truncated_normal(*where, 0.0, width, -2.0, 2.0)
        else:
            expected = reference.normal(*where, 0.0, width)
        assert values.tobytes() == expected.tobytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_fold_in_equals_the_reference(seed: int) -> None:
    paths: list[tuple[str | int, ...]] = [("",), ("kernel",), ("schicht/gewichte µ", 3), (-1,)]
    for path in [*paths, (0, -(2**127), 2**127 - 1), ("a" * 1000, "b")]:
        assert initializers.fold_in(seed, *path) == reference.fold_in(seed, *path)


def test_seed_generator_equals_the_reference() -> None:
    initializer = initializers.RandomNormal(seed=initializers.SeedGenerator(5))
    for stream in range(3):
        expected = reference.normal("float32", 5, stream, 0, 99, 0.0, 0.05)
        assert initializer((99,)).tobytes() == expected.tobytes()


def test_the_tables_of_the_page_equal_the_reference() -> None:
    """Decimals and bits agree; the reference has all of them, in order."""
    page = (Path(__file__).parents[3] / "docs" / "stream.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \w+ \| `([0-9a-f]+)` \| (\S+) \|$", page, re.MULTILINE)
    for bits, decimal in rows:
        single = len(bits) == 8
        read = reference.f32(bits) if single else reference.f64(bits)
        assert read[0] == (np.float32 if single else np.float64)(decimal)
    source = Path(reference.__file__).read_text(encoding="utf-8")
    tables = source.split("# fmt: off")[1]
    assert re.findall(r"\b[0-9a-f]{8,16}\b", tables) == [bits for bits, _ in rows]
