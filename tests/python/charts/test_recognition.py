"""Statistics of tensors, and recognition of the initializer that made them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

import initializers
from cases import FLOATS, PRESETS
from initializers._arguments.dtypes import look_up
from initializers._charts.recognition import recognize
from initializers._charts.statistics import BLOCK, Statistics, measure

SHAPE = (784, 256)


def look(values: NDArray[Any]) -> Statistics:
    flat = values.reshape(-1)
    return measure((flat[at : at + BLOCK] for at in range(0, flat.size, BLOCK)), flat.dtype.name)


def guess(values: NDArray[Any]) -> str:
    return recognize(look(values), values.shape, values.dtype.name, lambda: values).name


@pytest.mark.parametrize("dtype", FLOATS)
def test_statistics(dtype: str) -> None:
    values = initializers.RandomNormal(0.3, 1.0, seed=1)((1001, 1003), dtype)
    exact = values.astype(np.float64).reshape(-1)
    found = look(values)
    assert found.count == exact.size
    assert found.mean == pytest.approx(exact.mean(), rel=1e-12)
    assert found.std == pytest.approx(exact.std(), rel=1e-12)
    assert found.excess_kurtosis == pytest.approx(stats.kurtosis(exact), abs=1e-10)
    assert (found.min, found.max) == (exact.min(), exact.max())
    assert found.zeros == np.mean(exact == 0)
    assert (found.nan, found.infinite) == (0, 0)
    assert found.distribution is not None
    assert found.distribution.counts.sum() == exact.size
    edges = found.distribution.edges
    assert (np.diff(edges) > 0).all()
    # At the edges of bins the count below is exact.
    below = found.distribution.cumulate()
    for place in range(1, edges.size - 1, 97):
        assert below[place] in (np.sum(exact < edges[place]), np.sum(exact <= edges[place]))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.usefixtures("settings_restored")
def test_statistics_do_not_depend_on_threads(threads: int) -> None:
    values = initializers.RandomNormal(seed=1)((3 * BLOCK + 5,))
    initializers.set_num_threads(threads)
    expected = look(values)
    initializers.set_num_threads(2)
    assert look(values).to_dict() == expected.to_dict()


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", "bool"])
def test_statistics_of_integers(dtype: str) -> None:
    values = np.arange(100).astype(dtype)
    found = look(values)
    exact = values.astype(np.float64)
    assert found.mean == pytest.approx(exact.mean())
    assert found.std == pytest.approx(exact.std())
    assert (found.min, found.max) == (exact.min(), exact.max())
    assert found.zeros == np.mean(exact == 0)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e5m2"])
def test_statistics_leave_out_what_is_not_finite(dtype: str) -> None:
    rare = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 2.0]
    found = look(np.array(rare).astype(look_up(dtype).numpy))
    assert (found.count, found.finite, found.nan, found.infinite) == (7, 4, 1, 2)
    assert (found.min, found.max, found.mean) == (0.0, 2.0, 0.75)
    assert found.zeros == pytest.approx(2 / 7)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "values", [[np.nan] * 3, [0.0] * 3, [1.5] * 3, []], ids=["NaN", "zeros", "constant", "empty"]
)
def test_statistics_of_few_or_equal_values(dtype: str, values: list[float]) -> None:
    found = look(np.array(values, np.float64).astype(look_up(dtype).numpy))
    assert found.count == len(values)
    if found.finite:
        assert (found.mean, found.std) == (values[0], 0.0)
    assert np.isnan(found.excess_kurtosis)


def test_statistics_of_extreme_numbers_are_finite() -> None:
    for values in ([1e300, -1e300, 1e-300], [3e38, -3e38, 1e-45], [np.float64(1e308)] * 2 + [-1.0]):
        array = np.array(values)
        assert guess(array) == "none known"
        assert look(array).max == array.max()


NAMES = [cls.__name__ for cls in PRESETS]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [*NAMES, "Orthogonal"])
def test_presets_are_recognized(name: str, dtype: str) -> None:
    values = getattr(initializers, name)(seed=1)(SHAPE, dtype)
    expected = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]
    layouts = [values, np.ascontiguousarray(values.T)]  # Keras's, PyTorch's
    for array in layouts:
        nearest, *others = guess(array).split(" or ")
        assert nearest == expected
        assert not others or dtype.startswith("float8")  # which leaves scales of 1 % apart


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("initializer", "shape", "expected"),
    [
        (initializers.RandomNormal(stddev=0.02, seed=1), SHAPE, "random_normal(stddev=0.02)"),
        (
            initializers.RandomNormal(0.5, 0.02, seed=1),
            SHAPE,
            "random_normal(0.5, stddev=0.02)",
        ),
        (
            initializers.TruncatedNormal(stddev=0.02, seed=1),
            SHAPE,
            "truncated_normal(stddev=0.02)",
        ),
        (initializers.RandomUniform(seed=1), SHAPE, "random_uniform(−0.05, 0.05)"),
        (
            initializers.VarianceScaling(2, "fan_in", "untruncated_normal", seed=1),
            SHAPE,
            "he_normal, untruncated",
        ),
        (
            initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=1),
            SHAPE,
            "variance_scaling(1/3, fan_in, uniform)",
        ),
        (
            initializers.VarianceScaling(2, "fan_out", "untruncated_normal", seed=1),
            (3, 3, 64, 96),
            "variance_scaling(2, fan_out, untruncated_normal)",
        ),
        (initializers.HeNormal(seed=1), (3, 3, 64, 128), "he_normal"),
        (initializers.Orthogonal(2.5, seed=1), (100, 300), "orthogonal(gain=2.5)"),
        (initializers.Orthogonal(seed=1), (3, 3, 40, 60), "orthogonal"),
        (initializers.DeltaOrthogonal(seed=1), (3, 3, 8, 16), "delta_orthogonal"),
        (initializers.Dirac(), (3, 3, 8, 16), "dirac"),
        (initializers.Identity(), (30, 40), "identity"),
        (initializers.Identity(0.5), (30, 40), "identity(0.5)"),
        (initializers.Zeros(), (30,), "zeros"),
        (initializers.Ones(), (30,), "ones"),
        (initializers.Constant(0.25), (), "constant(0.25)"),
        (initializers.HeNormal(seed=1), (20,), "none known"),
        (initializers.ConvolutionOrthogonal2D(seed=1), (3, 3, 16, 32), "none known"),
    ],
    ids=str,
)
def test_other_initializers_are_recognized(
    initializer: Any, shape: tuple[int, ...], expected: str, dtype: str
) -> None:
    assert guess(initializer(shape, dtype)) == expected


def test_a_sparse_matrix_is_recognized() -> None:
    values = initializers.Sparse(0.7, 0.01, seed=1)((500, 200))
    assert guess(values) == "sparse(0.7, stddev=0.01)"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("law", ["t", "laplace", "skewed", "logistic"])
def test_foreign_distributions_are_not_recognized(law: str, dtype: str) -> None:
    generator = np.random.default_rng(1)
    values = {
        "t": lambda: generator.standard_t(5, SHAPE),
        "laplace": lambda: generator.laplace(size=SHAPE),
        "skewed": lambda: generator.gamma(3.0, size=SHAPE),
        "logistic": lambda: generator.logistic(size=SHAPE),
    }[law]()
    assert guess(values.astype(dtype)) == "none known"


def test_an_orthogonal_matrix_with_one_changed_value_is_not_recognized() -> None:
    values = initializers.Orthogonal(seed=1)((100, 64))
    values[50, 3] += 0.01
    assert "orthogonal" not in guess(values)


def test_few_values_leave_several_candidates() -> None:
    values = initializers.HeNormal(seed=1)((10, 10))
    assert guess(values) == "he_normal or he_normal, untruncated"


@pytest.mark.slow
def test_no_preset_is_mistaken_for_another() -> None:
    """With few values, over 50 seeds: the right name is always among the candidates."""
    for seed in range(50):
        for name in NAMES:
            values = getattr(initializers, name)(seed=seed)((24, 16))
            expected = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]
            names = guess(values)
            assert expected in names or names.endswith("or others"), (seed, name, names)
