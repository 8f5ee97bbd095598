"""`propagate` through torch modules: its results, and that the module stays unchanged."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from initializers import HeNormal, RandomNormal, Recipe, propagate
from initializers.torch import init_module_


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Fix the seed of weights and biases that a recipe leaves alone."""
    torch.manual_seed(1)


def mlp(depth: int = 8, activation: Any = nn.ReLU, width: int = 128) -> nn.Sequential:
    layers = [part for _ in range(depth) for part in (nn.Linear(width, width), activation())]
    return nn.Sequential(*layers, nn.Linear(width, 10))


class Block(nn.Module):  # type: ignore[misc]
    """A residual block whose activations and sum are functions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Any) -> Any:
        hidden = torch.relu(self.norm1(self.first(x)))
        return torch.relu(x + self.norm2(self.second(hidden)))


def resnet() -> nn.Sequential:
    stem = [nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)]
    return nn.Sequential(*stem, *(Block(32) for _ in range(3)), *head)


class Decoder(nn.Module):  # type: ignore[misc]
    """A small Transformer of normalized residual blocks that returns a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(200, 64)
        self.norms = nn.ModuleList(nn.LayerNorm(64) for _ in range(5))
        self.attention = nn.ModuleList(
            nn.MultiheadAttention(64, 4, batch_first=True) for _ in range(2)
        )
        self.up = nn.ModuleList(nn.Linear(64, 256) for _ in range(2))
        self.down = nn.ModuleList(nn.Linear(256, 64) for _ in range(2))
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(64, 200, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Any) -> Any:
        x = self.embedding(tokens)
        for i in range(2):
            h = self.norms[2 * i](x)
            x = x + self.drop(self.attention[i](h, h, h)[0])
            h = nn.functional.gelu(self.up[i](self.norms[2 * i + 1](x)))
            x = x + self.drop(self.down[i](h))
        return {"logits": self.head(self.norms[4](x)), "hidden": x}


def test_he_and_relu_are_stable() -> None:
    result = propagate(mlp(width=256), rules="he_normal", seed=1)
    assert result.verdict.startswith("stable: over 8 layers")
    assert [layer.name for layer in result] == [str(i) for i in range(17)]
    for layer in result:
        assert layer.rms == pytest.approx(layer.theory, rel=0.2), layer.name
        assert layer.gradient == pytest.approx(layer.gradient_theory, rel=0.2), layer.name
    assert (result["0"].activation, result["1"].type) == ("relu", "ReLU")
    # torch stores (outputs, inputs); He's fan still counts the inputs.
    narrow = propagate(nn.Sequential(nn.Linear(512, 32), nn.Linear(32, 8)), rules="he_normal")
    assert narrow[0].theory == pytest.approx(math.sqrt(2), rel=0.05)


def test_bad_scales_are_reported() -> None:
    assert propagate(mlp(16)).verdict.startswith("vanishing: ")  # torch's default, 1/√(3·inputs)
    rules = {"*.bias": "zeros", "*": RandomNormal(stddev=1e-3)}
    small = propagate(mlp(16), rules=rules)
    assert small.verdict.startswith("vanishing: over 16 layers, activations shrink by ×")
    large = propagate(mlp(16, nn.Tanh), rules=RandomNormal(stddev=1.0))
    assert large.verdict.startswith("exploding: ")
    assert "saturated in '0'" in large.verdict


def test_results_equal_autograd() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    x = torch.randn(7, 6, generator=torch.Generator().manual_seed(0))
    result = propagate(model, x, loss=lambda y: y.square().sum())
    hidden = model[1](model[0](x))
    hidden.retain_grad()
    output = model[2](hidden)
    output.square().sum().backward()

    def rms(tensor: Any) -> float:
        return float(tensor.detach().double().square().mean().sqrt())

    assert [layer.shape for layer in result] == [(7, 5), (7, 5), (7, 3)]
    assert result["1"].rms == pytest.approx(rms(hidden), rel=1e-6)
    assert result["1"].gradient == pytest.approx(rms(hidden.grad), rel=1e-5)
    assert result["2"].gradient == pytest.approx(rms(2 * output), rel=1e-5)
    assert result["0"].weight_gradient == pytest.approx(rms(model[0].weight.grad), rel=1e-5)
    assert result["2"].mean == pytest.approx(float(output.detach().double().mean()), rel=1e-5)
    assert result["2"].gradient_theory is None  # unknown for this loss
    assert result.loss == "the given loss"


def test_the_theory_of_a_residual_network() -> None:
    result = propagate(resnet(), (32, 3, 12, 12), rules="he_normal", seed=3)
    names = [layer.name for layer in result]
    assert names[:4] == ["0", "1", "2", "3.first"]
    assert "3" in names  # a block's output is the sum
    assert "7" not in names  # Flatten changes no value
    for layer in result:
        if layer.name != "8" and layer.theory is not None:
            assert layer.rms == pytest.approx(layer.theory, rel=0.25), layer.name
    known = [layer.name for layer in result if layer.theory is not None]
    assert set(names) - set(known) == {"6"}  # pooling is not covered
    # Pixels at the border see only a part of the kernel.
    assert result["0"].theory == pytest.approx(math.sqrt(2) * (34 / 36), rel=0.05)
    assert result["3.second"].gradient_theory is not None


def test_the_theory_of_a_transformer() -> None:
    result = propagate(Decoder(), rules=RandomNormal(stddev=0.02))
    names = [layer.name for layer in result]
    assert names.count("drop#1") == 1
    assert {"attention.0", "norms.4", "head", "drop#3"} <= set(names)
    assert result["embedding"].rms == pytest.approx(0.02, rel=0.05)
    assert result["up.0"].activation == "gelu"
    assert result["up.0"].theory == pytest.approx(
        math.sqrt(64 * 0.02**2 + 1 / (3 * 64)), rel=0.05
    )  # with torch's own bias, uniform in ±1/√64
    assert result["drop"].theory is not None
    assert result["attention.0"].theory is None
    assert result["attention.0"].weight_gradient is not None
    assert result["head"].gradient == pytest.approx(1, rel=0.05)
    for layer in result:
        if layer.theory is not None:
            assert layer.rms == pytest.approx(layer.theory, rel=0.15), layer.name


def test_inputs_are_accepted_in_all_forms() -> None:
    class Two(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 8), nn.Linear(6, 8)

        def forward(self, x: Any, y: Any, scale: float = 1.0) -> Any:
            return self.a(x), scale * self.b(y)

    x, y = np.ones((3, 4)), torch.ones(3, 6)
    one = propagate(Two(), (x, y))
    assert [layer.name for layer in one] == ["a", "b"]
    assert one[0].gradient == pytest.approx(1, rel=0.5)
    named = propagate(Two(), {"x": x, "y": y, "scale": 2.0})
    assert named["b"].gradient == pytest.approx(2 * (one["b"].gradient or 0), rel=1e-6)
    assert propagate(nn.Linear(3, 2), (5, 3))[0].shape == (5, 2)
    assert propagate(nn.Embedding(9, 4))[0].shape == (256, 32, 4)
    assert propagate(mlp(1), [[0.5] * 128])[0].shape == (1, 128)
    lstm = propagate(nn.LSTM(8, 16, batch_first=True), (4, 10, 8))
    assert lstm[0].shape == (4, 10, 16)
    assert lstm[0].weight_gradient is not None


def test_shared_and_parametrized_modules_are_listed() -> None:
    shared = nn.Linear(64, 64)
    result = propagate(nn.Sequential(shared, nn.Tanh(), shared))
    assert [layer.name for layer in result] == ["0", "1", "0#1"]
    parametrized = torch.nn.utils.parametrizations.orthogonal(nn.Linear(32, 32))
    assert propagate(parametrized)[0].rms > 0


@pytest.mark.parametrize("fails", [False, True])
def test_the_module_stays_as_it_is(fails: bool) -> None:
    model = resnet()
    model[3].eval()
    model[0].weight.grad = torch.full_like(model[0].weight, 7)
    model[0].weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    x = torch.randn(4, 3, 8, 8)
    given = x.clone()
    generator = torch.random.get_rng_state()

    def loss(output: Any) -> Any:
        if fails:
            raise RuntimeError("as a user's may")
        return output.sum()

    if fails:
        with pytest.raises(RuntimeError, match="as a user's may"):
            propagate(model, x, loss=loss, rules="he_normal")
    else:
        propagate(model, x, loss=loss, rules="he_normal")
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert (model[0].weight.grad == 7).all()
    assert not model[0].weight.requires_grad
    assert all(p.grad is None for p in [*model.parameters()][1:])
    assert torch.equal(x, given)
    assert not x.requires_grad
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_recipes_and_seeds_decide_the_values() -> None:
    recipe = Recipe({"*.bias": "zeros", "*": "he_normal"}, seed=4, convention="torch")
    first = propagate(mlp(), rules=recipe)
    assert first == propagate(mlp(), rules=recipe)
    assert first != propagate(mlp(), rules=recipe, seed=1)  # another batch
    made = init_module_(mlp(), recipe)
    assert propagate(made) == first
    with torch.device("meta"):
        abstract = mlp()
    assert propagate(abstract, rules=recipe) == first
    assert abstract[0].weight.is_meta


def test_overflow_in_low_precision_is_reported() -> None:
    half = propagate(mlp(4).to(torch.bfloat16), rules="he_normal")
    full = propagate(mlp(4), rules="he_normal")
    for one, other in zip(half, full, strict=True):
        assert one.rms == pytest.approx(other.rms, rel=0.1)
        assert one.theory == pytest.approx(other.theory, rel=0.01)
    broken = propagate(mlp(4).half(), rules=RandomNormal(stddev=30.0))
    first = next(layer for layer in broken if layer.nonfinite)
    assert broken.verdict.startswith(
        f"overflow: {first.nonfinite:.0%} of the outputs of {first.name!r}"
    )


def test_training_and_evaluation_modes() -> None:
    model = nn.Sequential(nn.Linear(64, 64), nn.Dropout(0.5), nn.Linear(64, 64))
    assert [layer.name for layer in propagate(model, training=False)] == ["0", "2"]
    training = propagate(model)
    assert training["1"].theory == pytest.approx(math.sqrt(2) * training["0"].rms, rel=0.05)
    norm = nn.Sequential(nn.BatchNorm1d(8, affine=False))
    assert propagate(norm, 5 * torch.randn(64, 8))[0].rms == pytest.approx(1, rel=0.01)


def test_compiled_modules_run_as_they_are() -> None:
    model = mlp(2)
    names = [layer.name for layer in propagate(torch.compile(model), rules="he_normal")]
    assert names == [layer.name for layer in propagate(model, rules="he_normal")]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`inputs` must be given for Sequential.*such as"):
        propagate(nn.Sequential(nn.Conv2d(3, 8, 3)))
    with pytest.raises(ValueError, match="`inputs` as a shape must be of positive sizes"):
        propagate(mlp(1), (0, 128))
    with pytest.raises(TypeError, match="`loss` must return a scalar tensor"):
        propagate(mlp(1), loss=lambda y: y)
    with pytest.raises(ValueError, match="no rule of `rules` matches"):
        propagate(mlp(1), rules={"*.weight": HeNormal()})
    with torch.device("meta"):
        abstract = mlp(1)
    with pytest.raises(ValueError, match=r"or be given `rules`, received: 0.weight on meta"):
        propagate(abstract)

    class Nothing(nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return "text"

    with pytest.raises(TypeError, match="`model` must return a tensor"):
        propagate(Nothing(), torch.ones(2, 3))


def test_a_model_without_memory_is_refused_before_it_is_copied() -> None:
    with FakeTensorMode():
        model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    for rules in (None, Recipe({"*": "ones"}, seed=1)):
        with pytest.raises(ValueError, match=r"outside of FakeTensorMode, received: 0\.weight, an"):
            propagate(model, torch.ones(2, 4), rules=rules)
    assert model[0].weight.fake_mode is model[1].bias.fake_mode


def test_generators_are_restored_around_the_models_call_only() -> None:
    class Drawing(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            draw()
            return self.layer(x)

    def draw() -> tuple[Any, ...]:
        return random.random(), np.random.rand(), torch.rand(1).item()

    def seed() -> None:
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)

    drawn: list[tuple[Any, ...]] = []

    def loss(output: torch.Tensor) -> torch.Tensor:
        drawn.append(draw())  # as another thread may during the call
        return output.sum()

    model = Drawing()
    seed()
    expected = [draw(), draw()]
    seed()
    propagate(model, (8, 4), loss=loss, rules="he_normal")
    assert [*drawn, draw()] == expected
