"""The theory of single layers against exact values, and recognition of activations by values."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest

from initializers.propagation import _activations as activations
from initializers.propagation._activations import FUNCTIONS, Activation, Moments
from initializers.propagation._measure import measure, rms_of
from initializers.propagation._taps import count_taps, same_padding
from initializers.propagation._theory import Call, Effect, follow


@pytest.mark.parametrize("square", [1e-8, 0.3, 1.0, 50.0, 1e6])
def test_piecewise_linear_functions_are_exact(square: float) -> None:
    x = Moments(0.0, square)
    relu = activations.apply(FUNCTIONS["relu"], x)
    assert relu.square == pytest.approx(square / 2, rel=1e-4)
    assert relu.mean == pytest.approx(math.sqrt(square / (2 * math.pi)), rel=1e-4)
    assert activations.apply_derivative(FUNCTIONS["relu"], x) == pytest.approx(0.5, rel=1e-4)
    leaky = Activation("leaky_relu", (1.0, 0.2))
    assert activations.apply(leaky, x).square == pytest.approx(square * 0.52, rel=1e-4)
    assert activations.apply_derivative(leaky, x) == pytest.approx(0.52, rel=1e-4)


MP: dict[str, Any] = {
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}


@pytest.mark.parametrize("name", sorted(MP))
@pytest.mark.parametrize(("mean", "spread"), [(0.0, 0.1), (0.0, 1.0), (0.5, 3.0), (0.0, 40.0)])
def test_smooth_functions_equal_quadrature(name: str, mean: float, spread: float) -> None:
    x = Moments(mean, mean**2 + spread**2)
    edges = [-9 * spread, -8, -1, 0, 1, 8, 9 * spread]

    def integrate(function: Any) -> float:
        def weigh(t: Any) -> Any:
            return function(t) * mpmath.npdf(t, mean, spread)

        return float(mpmath.quad(weigh, sorted(edges)))

    square = integrate(lambda t: MP[name](t) ** 2)
    slope = integrate(lambda t: mpmath.diff(MP[name], t) ** 2)
    assert activations.apply(FUNCTIONS[name], x).square == pytest.approx(square, rel=1e-3)
    found = activations.apply_derivative(FUNCTIONS[name], x)
    assert found == pytest.approx(slope, rel=1e-3)


def test_saturation_of_activations() -> None:
    y = np.array([0.0, 0.9, 0.98, -0.99])
    assert activations.saturated("tanh", y) == 0.5
    assert activations.saturated("sigmoid", np.array([0.5, 0.01, 0.999])) == pytest.approx(2 / 3)
    assert activations.saturated("relu", y) is None


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_activations_are_recognized(name: str) -> None:
    x = 3 * np.random.default_rng(1).standard_normal(1000)
    y = FUNCTIONS[name](x)
    found = activations.recognize(x, activations.tabulate(x), y, 1e-3)
    assert found is not None
    assert found.name == name
    noisy = y + 0.1 * np.random.default_rng(2).standard_normal(1000)
    assert activations.recognize(x, activations.tabulate(x), noisy, 1e-3) is None


def test_other_slopes_and_dropout_are_recognized() -> None:
    x = np.random.default_rng(1).standard_normal(1000)
    table = activations.tabulate(x)
    scaled = activations.recognize(x, table, -2.5 * x, 1e-3)
    assert scaled is not None
    assert (scaled.name, scaled.slopes) == ("scale", (-2.5, -2.5))
    leaky = activations.recognize(x, table, np.where(x > 0, x, 0.3 * x), 1e-3)
    assert leaky is not None
    assert leaky.slopes is not None
    assert leaky.slopes[1] == pytest.approx(0.3)
    mask = np.random.default_rng(2).random(1000) < 0.8
    assert activations.recognize_dropout(x, mask * x / 0.8, 1e-3) == pytest.approx(1.25)
    assert activations.recognize_dropout(x, np.maximum(x, 0), 1e-3) is None


def brute_taps(size: int, count: int, width: int, stride: int, pad: int, step: int) -> float:
    padded = np.zeros(size + 2 * pad + 2 * width * step)
    padded[pad : pad + size] = 1
    outputs = [padded[i * stride : i * stride + width * step : step].sum() for i in range(count)]
    return float(np.mean(outputs))


@pytest.mark.parametrize(
    "case", [(8, 8, 3, 1, 1, 1), (7, 4, 3, 2, 1, 1), (9, 9, 5, 1, 4, 2), (4, 2, 3, 1, 0, 1)]
)
def test_taps_of_convolutions_equal_brute_force(case: tuple[int, ...]) -> None:
    size, count, width, stride, pad, step = case
    one = count_taps([size], [count], [width], [stride], [pad], [step])
    assert one == pytest.approx(brute_taps(*case))
    two = count_taps([size] * 2, [count] * 2, [width] * 2, [stride] * 2, [pad] * 2, [step] * 2)
    assert two == pytest.approx(one**2)


def test_same_padding_of_convolutions() -> None:
    assert same_padding([5, 6], [3, 3], [3, 3], [2, 2], [1, 1]) == [1, 0]
    assert same_padding([8], [8], [3], [1], [2]) == [2]


def test_statistics_equal_numpy() -> None:
    array = np.array([[0.0, -3.0], [0.0, 4.0]], np.float32)
    value = measure(array)
    assert (value.mean, value.rms, value.dead, value.bad) == (0.25, 2.5, 0.5, 0.0)
    assert value.sample.tolist() == [0, -3, 0, 4]
    assert measure(array.astype(ml_dtypes.bfloat16)).precision == 2**-7
    large = np.random.default_rng(0).standard_normal(3 << 20)
    assert measure(large).rms == pytest.approx(math.sqrt(np.mean(large**2)), rel=1e-12)
    assert measure(large).sample.size <= 4096


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e170, 1e300])
def test_statistics_neither_overflow_nor_vanish(scale: float) -> None:
    assert rms_of(scale * np.array([3.0, 4.0, 0.0])) == pytest.approx(scale * 5 / math.sqrt(3))
    pieces = np.zeros(3 << 20)
    pieces[-1] = scale
    assert rms_of(pieces) == pytest.approx(scale / math.sqrt(3 << 20))


def test_statistics_of_values_that_are_not_finite() -> None:
    assert measure(np.array([1.0, math.inf])).bad == 0.5
    assert measure(np.array([1.0, math.inf])).rms == math.inf
    assert math.isnan(measure(np.array([1.0, math.nan])).rms)
    half = np.array([6e4, 6e4], np.float16)
    assert measure(half).rms == 6e4 - 6e4 % 32  # the nearest float16, not infinity


def gaussian(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def call(name: str, x: Any, y: Any, effect: Effect | None = None, **more: Any) -> Call:
    inputs = () if x is None else (measure(x),)
    return Call(name, "layer", inputs, measure(y), effect, **more)


def test_the_theory_of_a_chain() -> None:
    x, w = gaussian(0, 200, 50), gaussian(1, 50, 80) * 0.2
    y = x @ w
    relu = np.maximum(y, 0)
    v = gaussian(2, 80, 30) * 0.1
    calls = [
        call("first", x, y, Effect(50 * float(np.mean(w * w)))),
        call("second", relu, relu @ v, Effect(80 * float(np.mean(v * v)), offset=0.5)),
    ]
    (_, first), (_, second) = follow(calls, 1.0)
    q = 50 * float(np.mean(w * w)) * float(np.mean(x * x))
    assert first.moments.square == pytest.approx(q, rel=1e-12)
    assert first.follower is not None
    assert first.follower[0] == "relu"
    expected = 80 * float(np.mean(v * v)) * q / 2 + 0.5
    assert second.moments.square == pytest.approx(expected, rel=1e-4)
    assert second.gradient_square == 1.0
    # E[relu'²] · outputs · E[v²]: He et al. (2015), equation 13.
    assert first.gradient_square == pytest.approx(0.5 * 30 * float(np.mean(v * v)), rel=1e-4)


@pytest.mark.parametrize("kind", ["sum", "relu of it", "activation of one"])
def test_the_theory_of_residual_sums(kind: str) -> None:
    x, w, v = gaussian(0, 100, 64), gaussian(1, 64, 64), gaussian(2, 64, 64)
    a = x @ w
    b = a @ v
    added = {
        "sum": a + b,
        "relu of it": np.maximum(a + b, 0),
        "activation of one": a + np.tanh(b),
    }[kind]
    calls = [
        call("a", x, a, Effect(64.0)),
        call("b", a, b, Effect(64.0)),
        call("head", added, added @ v, Effect(64.0)),
    ]
    rows = follow(calls, 1.0)
    (_, first), (_, second), (_, head) = rows
    assert head.is_known
    one, two = first.moments.square, second.moments.square
    expected = {
        "sum": one + two,
        "relu of it": (one + two) / 2,
        "activation of one": one + activations.apply(np.tanh, Moments(0, two)).square,
    }[kind]
    assert head.moments.square == pytest.approx(64 * expected, rel=1e-4)
    slope = 0.5 if kind == "relu of it" else 1.0
    own = (
        slope
        if kind != "activation of one"
        else activations.apply_derivative(np.tanh, Moments(0, two))
    )
    assert second.gradient_square == pytest.approx(64 * own, rel=1e-3)
    assert first.gradient_square == pytest.approx(64 * slope + 64 * 64 * own, rel=1e-3)


def test_an_unknown_effect_has_no_gradient_theory() -> None:
    x, w = gaussian(0, 100, 64), gaussian(1, 64, 64)
    a = x @ w
    b = a @ w
    mixed = a * b  # a call without effect, which also reads `a`
    calls = [
        call("a", x, a, Effect(64.0)),
        call("b", a, b, Effect(64.0), gradient=3.0),
        call("head", mixed, mixed @ w, Effect(64.0), gradient=5.0),
    ]
    (_, first), (_, second), (_, head) = follow(calls, None)
    assert first.gradient_square is None
    assert second.gradient_square is None
    assert head.gradient_square is None
    assert head.moments.square == pytest.approx(64 * float(np.mean(mixed**2)), rel=1e-12)


def test_calls_that_pass_values_on_are_left_out() -> None:
    x, w = gaussian(0, 100, 64), gaussian(1, 64, 64)
    y = x @ w
    calls = [
        call("linear", x, y, Effect(64.0)),
        call("flatten", y, y.reshape(100, 8, 8)),
        call("whole", x, y, is_leaf=False, gradient=2.0),
    ]
    rows = follow(calls, None)
    assert [each.name for each, _ in rows] == ["linear"]


def test_normalization_restarts_the_theory() -> None:
    x, w = 100 * gaussian(0, 100, 64), gaussian(1, 64, 64)
    y = x @ w
    z = 2 * (y - y.mean(-1, keepdims=True)) / y.std(-1, keepdims=True) + 1
    calls = [
        call("linear", x, y, Effect(64.0)),
        call("norm", y, z, Effect(4.0, 1.0, normalizes=True), gradient=1.0),
    ]
    (_, linear), (_, norm) = follow(calls, 1.0)
    assert norm.moments.square == 5.0
    assert linear.gradient_square == pytest.approx(4.0 / linear.moments.square)
