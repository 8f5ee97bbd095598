"""`propagate` in a plain stack of layers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import initializers
from initializers import HeNormal, RandomNormal, Recipe, propagate
from initializers.propagation import Layer, Propagation


@pytest.mark.slow
def test_he_keeps_the_scale_through_relu() -> None:
    result = propagate("he_normal", depth=20, widths=512, seed=1)
    assert result.verdict.startswith("stable: over 19 layers")
    for layer in result:
        # The width's fluctuations add up to √(depth · 5 / width) for the mean square at depth 20.
        assert layer.rms == pytest.approx(1, rel=0.3), layer.name
        assert layer.theory == pytest.approx(1, rel=0.02), layer.name
        assert layer.gradient == pytest.approx(1, rel=0.3), layer.name
        assert layer.gradient_theory == pytest.approx(1, rel=0.02), layer.name


@pytest.mark.slow
def test_theory_is_the_mean_over_seeds() -> None:
    results = [propagate("glorot_normal", depth=6, activation="relu", seed=i) for i in range(12)]
    for i in range(6):
        squares = [result[i].rms ** 2 for result in results]
        gradients = [(result[i].gradient or 0) ** 2 for result in results]
        assert np.mean(squares) == pytest.approx((results[0][i].theory or 0) ** 2, rel=0.1)
        expected = (results[0][i].gradient_theory or 0) ** 2
        assert np.mean(gradients) == pytest.approx(expected, rel=0.1)


def test_glorot_halves_the_variance_at_relu() -> None:
    """Glorot's initialization loses half of the variance in every layer (He et al., 2015)."""
    result = propagate("glorot_uniform", depth=30)
    assert result.verdict.startswith("vanishing: ")
    assert result.activation_change is not None
    # From layer 1 to layer 29; the output layer does not count.
    assert math.log2(result.activation_change) / 28 == pytest.approx(-0.5, abs=0.05)
    assert result[29].theory == pytest.approx(2**-15, rel=0.05)


def test_glorot_with_tanh_is_stable_and_theory_follows() -> None:
    result = propagate("glorot_normal", depth=20, activation="tanh")
    assert result.verdict.startswith("stable: ")
    for layer in result:
        assert layer.rms == pytest.approx(layer.theory, rel=0.15), layer.name


@pytest.mark.parametrize(
    ("stddev", "activation", "verdict"),
    [
        (0.01, "relu", "vanishing: over 19 layers, activations shrink by ×"),
        (0.3, "relu", "exploding: over 19 layers, activations grow by ×"),
        (1.0, "tanh", "exploding: over 19 layers, activations change by ×1 "),
        (0.01, "softplus", "vanishing: over 19 layers, activations change by ×1 "),
    ],
)
def test_bad_scales_are_reported(stddev: float, activation: Any, verdict: str) -> None:
    result = propagate(RandomNormal(stddev=stddev), activation=activation)
    assert result.verdict.startswith(verdict)


def test_saturated_and_dead_outputs_are_reported() -> None:
    flat = propagate(RandomNormal(stddev=1.0), activation="tanh", depth=4)
    assert (flat[0].saturated or 0) > 0.8
    assert "; over half of the outputs are saturated in 'layers/0', and of 3 more" in flat.verdict
    # |tanh| > √0.95 where a standard normal number exceeds 2.18.
    few = propagate("glorot_normal", activation="tanh", depth=4)[0].saturated
    assert few == pytest.approx(0.029, abs=0.01)
    dead = propagate("he_normal", inputs=np.ones((16, 256)), depth=3)
    assert 0.4 < dead[0].dead < 0.6  # one example, 16 times: half of the units are below 0
    assert propagate("he_normal", depth=3)[0].dead == 0


def test_an_overflow_names_the_layer() -> None:
    result = propagate(RandomNormal(stddev=1e30), depth=14)
    broken = next(layer for layer in result if layer.nonfinite)
    assert result.verdict.startswith("overflow: ")
    assert repr(broken.name) in result.verdict
    json.dumps(result.to_dict(), allow_nan=False)
    assert "!!!" in result.table(80)


def test_results_equal_plain_numpy() -> None:
    """The results of a small stack, its gradients by finite differences."""
    inputs = np.random.default_rng(0).standard_normal((5, 3))
    recipe = Recipe({"*": "glorot_normal"}, seed=3, convention="keras")
    result = propagate(recipe, inputs, widths=[3, 4, 2], activation="tanh")
    shapes = {"layers/0/kernel": (3, 4), "layers/1/kernel": (4, 2)}
    first, second = (each.astype(float) for each in recipe.init(shapes).values())
    hidden = np.tanh(inputs @ first)
    output = np.tanh(hidden @ second)
    assert result["layers/0"].rms == pytest.approx(math.sqrt(np.mean(hidden**2)), rel=1e-12)
    assert result[1].std == pytest.approx(output.std(), rel=1e-9)
    assert result[1].ratio == pytest.approx(result[1].rms / result[0].rms, rel=1e-12)
    assert result[1].shape == (5, 2)

    from initializers.propagation._inputs import make_normal

    weights = make_normal((5, 2), 0, "loss")
    assert result[1].gradient == pytest.approx(math.sqrt(np.mean(weights**2)), rel=1e-12)

    def loss(hidden: Any, second: Any) -> float:
        return float((np.tanh(hidden @ second) * weights).sum())

    step = 1e-6
    by_hidden, by_second = np.zeros((5, 4)), np.zeros((4, 2))
    for at in np.ndindex(5, 4):
        shift = np.zeros((5, 4))
        shift[at] = step
        by_hidden[at] = (loss(hidden + shift, second) - loss(hidden - shift, second)) / (2 * step)
    for at in np.ndindex(4, 2):
        shift = np.zeros((4, 2))
        shift[at] = step
        by_second[at] = (loss(hidden, second + shift) - loss(hidden, second - shift)) / (2 * step)
    assert result[0].gradient == pytest.approx(math.sqrt(np.mean(by_hidden**2)), rel=1e-6)
    assert result[1].weight_gradient == pytest.approx(math.sqrt(np.mean(by_second**2)), rel=1e-6)


def test_recipes_of_all_forms_and_layouts_give_the_same_result() -> None:
    plain = propagate("he_normal", widths=[64, 32, 16], seed=5)
    same = [
        propagate(HeNormal(), widths=[64, 32, 16], seed=5),
        propagate(HeNormal(seed=9), widths=[64, 32, 16], seed=5),
        propagate({"*": "he_normal"}, widths=[64, 32, 16], seed=5),
        propagate(initializers.serialize(HeNormal()), widths=[64, 32, 16], seed=5),
    ]
    assert all(each == plain for each in same)
    recipe = Recipe({"*.bias": "zeros", "*.weight": "he_normal"}, seed=5, convention="torch")
    by_torch = propagate(recipe, widths=[64, 32, 16])
    # He's fan counts the layer's inputs in every layout.
    assert by_torch[0].theory == pytest.approx(1, rel=0.05)


def test_layers_are_selected_by_name_and_pattern() -> None:
    result = propagate("he_normal", depth=4)
    assert [layer.name for layer in result.select("*/[13]")] == ["layers/1", "layers/3"]
    assert len(result.select("dense")) == len(result) == 4
    assert result["layers/2"] is result[2]
    with pytest.raises(KeyError, match="did you mean 'layers/1'"):
        result["layer/1"]
    with pytest.raises(ValueError, match=r"`pattern` must fit .* received: 'dens'.*'dense'"):
        result.select("dens")


@pytest.mark.parametrize("width", [72, 80, 100, 140, 200])
@pytest.mark.parametrize("ascii", [False, True])
def test_the_table_fits_the_width(width: int, ascii: bool) -> None:
    result = propagate("he_normal", depth=3)
    long = Layer(**{**vars(result[0]), "name": "encoder/" * 12, "type": "VeryLong" * 8})
    table = Propagation((*result.layers, long), result.loss).table(width, ascii=ascii)
    assert all(len(line) <= width for line in table.splitlines())
    assert table.isascii() or not ascii or "×" in table
    assert not any(block in table for block in "█▏─") or not ascii


def test_the_table_without_gradients_fits_narrow_terminals(monkeypatch: Any) -> None:
    result = propagate("he_normal", depth=3)
    forward = Propagation(result.layers, None)
    assert "gradients" not in forward.table(80)
    assert "gradients" not in forward.verdict
    monkeypatch.setenv("COLUMNS", "20")
    assert max(map(len, str(result).splitlines())) <= 72
    monkeypatch.setenv("COLUMNS", "500")
    assert max(map(len, str(result).splitlines())) <= 140


def test_the_plot_is_written(tmp_path: Path) -> None:
    result = propagate("he_normal", depth=3)
    figure = result.plot(tmp_path / "scales.png")
    assert (tmp_path / "scales.png").stat().st_size > 5000
    assert [axis.get_title() for axis in figure.axes] == ["activations", "gradients"]
    line = figure.axes[0].lines[0]
    assert list(line.get_ydata()) == [layer.rms for layer in result]
    again = propagate("glorot_normal", depth=3).plot(axes=figure.axes, label="Glorot")
    assert again is figure
    assert [text.get_text() for text in figure.axes[1].texts] == ["Glorot"]
    nothing = propagate("zeros", depth=3).plot()
    assert nothing.axes[0].get_yscale() == "log"


def test_the_dict_is_json() -> None:
    result = propagate("he_normal", depth=2)
    data = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert data["verdict"] == result.verdict
    assert data["layers"][1]["rms"] == result[1].rms
    assert data["layers"][1]["shape"] == [256, 256]


def test_zeros_are_vanishing() -> None:
    result = propagate("zeros", depth=3)
    assert result.verdict == (
        "vanishing: over 2 layers, activations are 0 at the last layer and gradients are 0 at the "
        "first layer"
    )
    assert "nan" not in str(result)


def test_a_recipe_alone_leaves_random_generators_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import random

    def forbidden(*_: object) -> None:
        raise AssertionError("another thread would draw its numbers again")

    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    for module, name in ((random, "setstate"), (np.random, "set_state"), (random, "randint")):
        monkeypatch.setattr(module, name, forbidden)
    propagate("he_normal", depth=2)
    propagate({"class_name": "HeNormal", "config": {"seed": None}}, depth=2)
    propagate({"layers/0/*": "he_normal", "*": "glorot_uniform"}, depth=2)
    monkeypatch.undo()
    assert before == (random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((3,), {}, TypeError, r"`model` must be a model of Keras, torch, Flax or Equinox, or"),
        ((lambda x: x,), {}, TypeError, r"`model` must be a model of Keras"),
        (("he_normal",), {"rules": "zeros"}, TypeError, r"\(without `rules`\)"),
        (("he_norml",), {}, ValueError, r"did you mean 'he_normal'"),
        (({"*.weight": "ones"},), {}, ValueError, r"matches the weight 'layers/0/kernel'"),
        (("ones",), {"seed": 0.5}, TypeError, r"`seed` must be an integer"),
        (("ones",), {"loss": 3}, TypeError, r"`loss` must be a function"),
        (("ones",), {"loss": np.sum}, ValueError, r"`loss` must be None for a recipe alone"),
        (("ones",), {"widths": 0}, ValueError, r"`widths` must be a positive integer"),
        (("ones",), {"widths": 2.5}, TypeError, r"`widths` must be a positive integer"),
        (("ones",), {"widths": [3]}, ValueError, r"`widths` must have at least 2"),
        (("ones",), {"widths": [3, "4"]}, TypeError, r"`widths` must be a positive integer"),
        (("ones",), {"depth": 0}, ValueError, r"`depth` must be a positive integer"),
        (("ones",), {"depth": None}, TypeError, r"`depth` must be a positive integer"),
        (("ones",), {"activation": "rleu"}, ValueError, r"`activation` .*did you mean 'relu'"),
        (("ones", np.ones((2, 3))), {}, ValueError, r"`inputs` must have the shape \(batch, 256\)"),
    ],
)
def test_bad_input_is_refused(arguments: Any, keywords: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        propagate(*arguments, **keywords)


def test_bad_widths_of_a_table_are_refused() -> None:
    result = propagate("he_normal", depth=2)
    with pytest.raises(ValueError, match="`width` must be an integer >= 72"):
        result.table(20)
    with pytest.raises(TypeError, match="`width` must be an integer >= 72"):
        result.table(80.5)  # type: ignore[arg-type]
