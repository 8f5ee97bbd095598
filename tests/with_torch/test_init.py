"""The functions of `torch.nn.init`: torch's meaning with our values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats  # type: ignore[import-untyped]

import initializers.torch as ours
from initializers import (
    Orthogonal,
    RandomNormal,
    RandomUniform,
    SeedGenerator,
    Sparse,
    TruncatedNormal,
)
from initializers.torch._tensor import as_array

ALPHA = 1e-6
DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float8_e4m3fn": torch.float8_e4m3fn,
    "float8_e5m2": torch.float8_e5m2,
}
SHAPES = [(64, 48), (24, 16, 3), (8, 4, 3, 5), (2, 3, 2, 3, 4)]
RANDOM: list[tuple[Any, dict[str, Any]]] = [
    (ours.uniform_, {"a": -0.3, "b": 0.7}),
    (ours.normal_, {"mean": 0.5, "std": 0.1}),
    (ours.trunc_normal_, {"mean": 0.1, "std": 0.5, "a": -0.4, "b": 0.9}),
    (ours.xavier_uniform_, {"gain": 1.3}),
    (ours.xavier_normal_, {"gain": 0.7}),
    (ours.kaiming_uniform_, {"a": math.sqrt(5)}),
    (ours.kaiming_normal_, {"mode": "fan_out", "nonlinearity": "relu"}),
]
STRUCTURED: list[tuple[Any, dict[str, Any]]] = [
    (ours.orthogonal_, {"gain": 1.3}),
    (ours.sparse_, {"sparsity": 0.3}),
]


def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Any:
    return torch.full(shape, 7.0).to(dtype)


def bits(tensor: Any) -> bytes:
    return np.ascontiguousarray(as_array(tensor.detach())).tobytes()


def theirs(function: Callable[..., Any]) -> Any:
    return getattr(torch.nn.init, function.__name__)


def capture(function: Any, tensor: Any, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> Any:
    """Return the method and the numbers with which torch's function draws."""
    calls: list[Any] = []

    def record(name: str) -> Any:
        def method(self: Any, first: float, second: float, generator: Any = None) -> Any:
            calls.append((name, float(first), float(second)))
            return self

        return method

    for name in ("uniform_", "normal_"):
        monkeypatch.setattr(torch.Tensor, name, record(name))
    function(tensor, **arguments)
    monkeypatch.undo()
    assert len(calls) == 1
    return calls[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("function", "arguments"), [case for case in RANDOM if case[0] is not ours.trunc_normal_]
)
def test_parameters_are_those_of_torch(
    function: Any, arguments: Any, shape: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, first, second = capture(theirs(function), empty(*shape), monkeypatch, **arguments)
    law = RandomUniform(first, second, 3) if kind == "uniform_" else RandomNormal(first, second, 3)
    for name, dtype in DTYPES.items():
        tensor = function(empty(*shape, dtype=dtype), seed=3, **arguments)
        assert bits(tensor) == law(shape, name).tobytes(), name


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "FAN_IN"])
@pytest.mark.parametrize(
    ("nonlinearity", "a"),
    [("linear", 0), ("conv2d", 0), ("sigmoid", 0), ("tanh", 0), ("relu", 3), ("selu", 0)]
    + [("leaky_relu", slope) for slope in (0, 0.01, 0.2, -0.7, math.sqrt(5), 1 / 3)],
)
def test_gains_are_those_of_torch(
    mode: str, nonlinearity: Any, a: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ours.calculate_gain(nonlinearity, a) == torch.nn.init.calculate_gain(nonlinearity, a)
    arguments: dict[str, Any] = {"a": a, "mode": mode, "nonlinearity": nonlinearity}
    for function in (ours.kaiming_normal_, ours.kaiming_uniform_):
        kind, *_, last = capture(theirs(function), empty(30, 7, 5), monkeypatch, **arguments)
        law = RandomUniform(-last, last, 1) if kind == "uniform_" else RandomNormal(0, last, 1)
        tensor = function(empty(30, 7, 5), seed=1, **arguments)
        assert bits(tensor) == law((30, 7, 5)).tobytes()


def test_gain_of_random_slopes() -> None:
    for slope in np.random.default_rng(1).normal(size=10_000).tolist():
        # torch squares by the platform's `pow`, whose last bit is not specified.
        expected = torch.nn.init.calculate_gain("leaky_relu", slope)
        assert ours.calculate_gain("leaky_relu", slope) == pytest.approx(expected, rel=5e-16)


@pytest.mark.parametrize(("function", "arguments"), RANDOM)
def test_moments_are_those_of_torch(function: Any, arguments: Any) -> None:
    here = as_array(function(empty(500, 400), seed=1, **arguments)).ravel()
    torch.manual_seed(1)
    there = theirs(function)(empty(500, 400), **arguments).numpy().ravel()
    assert stats.ks_2samp(here, there).pvalue > ALPHA
    spread = math.sqrt(2 / here.size) * there.std()
    assert abs(here.mean() - there.mean()) < 5 * spread
    assert abs(here.std() / there.std() - 1) < 5 / math.sqrt(here.size)


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [
        (0.0, 1.0, -2.0, 2.0),
        (0.0, 0.02, -2.0, 2.0),
        (0.1, 0.3, -0.3, 0.7),
        (5.0, 1.0, -1.0, 1.3),
        (0.0, 1.0, 3.1, math.inf),
        (0.0, 1.0, -math.inf, -0.7),
        (0.3, 1e-3, 0.3, 0.3001),
    ],
)
def test_trunc_normal_equals_the_initializer(
    name: str, mean: float, std: float, a: float, b: float
) -> None:
    tensor = ours.trunc_normal_(empty(300, 200, dtype=DTYPES[name]), mean, std, a, b, seed=4)
    bounds = (a - mean) / std, (b - mean) / std
    expected = TruncatedNormal(mean, std, 4, bounds)((300, 200), name).astype(np.float64)
    low, high = (
        torch.tensor(x, dtype=torch.float64).to(DTYPES[name]).double().item() for x in (a, b)
    )
    values = as_array(tensor).astype(np.float64)
    assert np.array_equal(values, np.clip(expected, low, high))
    assert low <= values.min() <= values.max() <= high
    if name == "float64":
        law = stats.truncnorm(*bounds, loc=mean, scale=std)
        assert stats.ks_1samp(values.ravel(), law.cdf).pvalue > ALPHA


def test_trunc_normal_clamps_what_rounding_moves_outside() -> None:
    for mean, std, a, b in ((0.13, 0.55, 1.19, 1.190001), (-0.54, 1.83, 6.62, 6.620001)):
        bounds = (a - mean) / std, (b - mean) / std
        raw = TruncatedNormal(mean, std, 1, bounds)((1000,), "float32")
        assert raw.min() < np.float32(a) or raw.max() > np.float32(b)
        tensor = ours.trunc_normal_(empty(1000), mean, std, a, b, seed=1)
        assert tensor.max() <= torch.tensor(b)
        assert tensor.min() >= torch.tensor(a)


@pytest.mark.parametrize("dtype", [*DTYPES.values(), torch.int32, torch.bool, torch.complex64])
def test_constants_equal_those_of_torch(dtype: torch.dtype) -> None:
    for function, value in ((ours.zeros_, 0.0), (ours.ones_, 1.0)):
        tensor = function(empty(5, 3, dtype=dtype))
        assert bits(tensor) == bits(torch.full((5, 3), value).to(dtype))
    assert bits(ours.constant_(empty(5, 3, dtype=dtype), 1)) == bits(torch.ones(5, 3).to(dtype))
    assert bits(ours.eye_(empty(5, 3, dtype=dtype))) == bits(torch.eye(5, 3).to(dtype))


@pytest.mark.parametrize(("function", "arguments"), RANDOM + STRUCTURED)
def test_seeds_and_generators_decide_the_values(function: Any, arguments: Any) -> None:
    def fill(**seeds: Any) -> bytes:
        return bits(function(empty(40, 30), **arguments, **seeds))

    assert fill(seed=1) == fill(seed=1) != fill(seed=2)
    counter = SeedGenerator(1)
    assert fill(seed=counter) == fill(seed=1)
    assert fill(seed=counter) != fill(seed=1)
    one, other = (torch.Generator().manual_seed(5) for _ in range(2))
    assert fill(generator=one) == fill(generator=other)
    assert fill(generator=one) != fill(seed=1)
    torch.manual_seed(3)
    first, second = fill(), fill()
    torch.manual_seed(3)
    assert (fill(), fill()) == (first, second)
    assert first != second
    with pytest.raises(ValueError, match="`seed` and `generator` must not both be given"):
        fill(seed=1, generator=one)
    with pytest.raises(TypeError, match=r"`generator` must be a torch\.Generator"):
        fill(generator=3)


def test_errors_draw_nothing_and_write_nothing() -> None:
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (ours.uniform_, {"a": 1, "b": 0}, "`b` must be a finite number >= `a` = 1.0"),
        (ours.normal_, {"std": -1}, "`std` must be a finite number >= 0"),
        (ours.normal_, {"mean": math.nan}, "`mean` must be a finite number"),
        (ours.trunc_normal_, {"std": 0}, "`std` must be a finite number > 0"),
        (ours.trunc_normal_, {"a": 2, "b": 2}, "`b` must be a number > `a` = 2.0"),
        (ours.trunc_normal_, {"a": 50, "b": 51}, "at most 37 standard deviations"),
        (ours.xavier_normal_, {"gain": -1}, "`gain` must be a finite number >= 0"),
        (ours.kaiming_normal_, {"mode": "fan_avg"}, "`mode` must be one of 'fan_in', 'fan_out'"),
        (ours.kaiming_normal_, {"nonlinearity": "gelu"}, "`nonlinearity` must be one of"),
    ]
    state = torch.get_rng_state()
    for function, arguments, message in cases:
        tensor = empty(4, 3)
        with pytest.raises(ValueError, match=message):
            function(tensor, **arguments)
        assert (tensor == 7).all()
    with pytest.raises(ValueError, match="2 or more dimensions"):
        ours.kaiming_normal_(empty(4))
    with pytest.raises(ValueError, match="must have 2 dimensions"):
        ours.eye_(empty(4))
    with pytest.raises(ValueError, match="RandomNormal needs one of the dtypes float32"):
        ours.normal_(empty(4, dtype=torch.int64), seed=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_empty_tensors_are_returned() -> None:
    for shape in ((0, 5), (5, 0), (0, 0)):
        for function, arguments in RANDOM + STRUCTURED:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                assert function(torch.empty(shape), seed=1, **arguments).shape == shape
    with pytest.warns(UserWarning, match="zero-element"):
        ours.kaiming_uniform_(torch.empty(0, 5))


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize(
    "shape", [(40, 40), (60, 20), (20, 60), (16, 5, 3), (5, 2, 2, 2), (8, 2, 4)]
)
def test_orthogonal_equals_the_initializer(name: str, shape: Any) -> None:
    tensor = ours.orthogonal_(empty(*shape, dtype=DTYPES[name]), 1.5, seed=2)
    axis = -1 if len(shape) == 2 else 0
    assert bits(tensor) == Orthogonal(1.5, 2, axis)(shape, name).tobytes()
    if name not in ("float32", "float64"):
        return
    matrix = as_array(tensor).reshape(shape[0], -1).astype(np.float64) / 1.5
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    assert np.abs(product - np.eye(len(product))).max() < {"float32": 2e-6, "float64": 1e-14}[name]


@pytest.mark.parametrize(
    ("shape", "groups"), [((6, 4, 3), 2), ((4, 6, 3, 5), 1), ((6, 2, 2, 3, 4), 3)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_dirac_equals_torch(shape: Any, groups: int, dtype: Any) -> None:
    tensor = ours.dirac_(empty(*shape, dtype=dtype), groups)
    assert torch.equal(tensor, torch.nn.init.dirac_(empty(*shape, dtype=dtype), groups))


def test_sparse_has_its_share_of_zeros() -> None:
    tensor = ours.sparse_(empty(50, 30), 0.31, 0.5, seed=3)
    assert bits(tensor) == Sparse(0.31, 0.5, 3)((50, 30)).tobytes()
    theirs = torch.nn.init.sparse_(empty(50, 30), 0.31, 0.5)
    assert torch.equal((tensor == 0).sum(0), (theirs == 0).sum(0))
    assert (tensor == 0).sum(0).unique().tolist() == [16]


def test_wrong_shapes_are_refused() -> None:
    cases: list[tuple[Any, str]] = [
        (lambda: ours.orthogonal_(empty(3)), "`tensor` must have 2 or more dimensions"),
        (lambda: ours.dirac_(empty(3, 3)), "`tensor` must have 3 or 4 or 5 dimensions"),
        (lambda: ours.dirac_(empty(3, 3, 3), 2), "a multiple of `groups` = 2 output channels"),
        (lambda: ours.sparse_(empty(3, 3, 3), 0.1), "`tensor` must have 2 dimensions"),
        (lambda: ours.sparse_(empty(3, 3), 1.1), r"`sparsity` must be a finite number in \[0, 1\]"),
    ]
    for call, message in cases:
        with pytest.raises(ValueError, match=message):
            call()
