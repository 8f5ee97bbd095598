"""`capture`: recipes and reports of whole models, and what is refused."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pytest
import torch
from capture_models import One
from torch import nn
from torch.nn import init
from torch.nn.utils import parametrizations

from initializers import (
    Constant,
    Ones,
    RandomNormal,
    RandomUniform,
    Recipe,
    VarianceScaling,
    Zeros,
)
from initializers.recipe._capture.patterns import describe
from initializers.torch import Rule, capture, init_module_


class Network(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8, padding_idx=0)
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])
        self.norm = nn.BatchNorm1d(8)
        self.rate = nn.Parameter(torch.empty(8).exponential_())
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.embed.weight
        self.teacher = copy.deepcopy(self.layers[0])


def test_recipe_and_report() -> None:
    recipe, report = capture(Network, 7)
    assert recipe.seed == 7
    assert recipe.convention == "torch"
    uniform = RandomUniform(-1 / math.sqrt(8), 1 / math.sqrt(8))
    for name, initializer in {
        "embed.weight": RandomNormal(0.0, 1.0),
        "layers.1.weight": VarianceScaling(1 / 3, "fan_in", "uniform"),
        "layers.2.bias": uniform,
        "teacher.bias": uniform,
        "norm.weight": Ones(),
        "norm.running_mean": Zeros(),
        "norm.num_batches_tracked": Zeros(),
    }.items():
        assert Rule(recipe.choose(name, (8, 8)).initializer) == Rule(initializer)
    assert recipe.find("rate") is None
    (opaque,) = report.opaque.values()
    assert (opaque.name, opaque.shape, opaque.reason) == ("rate", (8,), "drawn by exponential_")
    line = Network.__init__.__code__.co_firstlineno + 5
    assert opaque.place == f"{__name__}:{line}"
    assert report.tied == {"embed.weight": ("head.weight",)}
    assert report.copies == {
        "teacher.weight": "layers.0.weight",
        "teacher.bias": "layers.0.bias",
    }
    assert report.fallback is None
    assert not report.is_complete
    assert "rate (8): drawn by exponential_" in str(report)
    comments = "\n".join(rule.comment or "" for rule in recipe.rules)
    assert "kaiming_uniform_(a=2.23607) in Linear.reset_parameters" in comments
    assert "ones_() in _NormBase.reset_parameters" in comments
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_the_recipe_is_for_the_module() -> None:
    recipe, report = capture(Network, 7)
    assert [*report.opaque] == ["rate"], str(report)
    with pytest.raises(ValueError, match="no rule of the recipe matches the weight 'rate'"):
        init_module_(Network(), recipe)
    whole = Recipe([("rate", "ones"), *recipe.rules], seed=7, convention="torch")
    module = init_module_(Network(), whole)
    assert module.embed.weight[0].tolist() == [0.0] * 8
    assert module.head.weight is module.embed.weight
    assert len(whole.plan(Network()).weights) == len(module.state_dict()) - 1
    assert recipe.plan(report.specs).weights.keys() == report.specs.keys()
    assert {*report.specs} == {*module.state_dict()} - {"head.weight", "rate"}


def test_a_copy_has_the_mode_of_its_tensor() -> None:
    """A copied mode would free storages that are in use."""
    tensors: list[Any] = []

    def build() -> nn.Module:
        model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        model[0].bias.purpose = ["shift"]
        model.append(copy.deepcopy(model))
        tensors.extend([*model.parameters(), *model.buffers()])
        return model

    _, report = capture(build, 1)
    assert report.is_complete
    assert report.fallback is None
    assert {each.fake_mode for each in tensors} == {tensors[0].fake_mode}
    assert sorted(report.copies) == ["2.0.bias", "2.0.weight"]
    ours, theirs = (each.purpose for each in tensors if hasattr(each, "purpose"))
    assert ours == theirs
    assert ours is not theirs


@pytest.mark.parametrize(
    "groups",
    [
        # The pattern of `a.*.1` matches the names of another group too, whose rules come first.
        {"a.0.0.1": 1, "a.0.0.0": 2, "a.0.1": 2, "a.1.0.1": 1, "a.1.0.0": 2, "a.1.1": 2},
        # It matches names that no rule may match.
        {"a.0.0.1": None, "a.0.1": 2, "a.1.0.1": None, "a.1.1": 2, "b": 1},
    ],
)
def test_rules_match_names_of_their_group_only(groups: dict[str, int | None]) -> None:
    sizes = {name: 9 if group == 1 else 1 for name, group in groups.items()}
    found = describe(groups, sizes)
    for name, group in groups.items():
        assert next((own for glob, own in found if fnmatchcase(name, glob)), None) == group


def test_few_rules_and_depth() -> None:
    def build() -> nn.Module:
        layers = [nn.TransformerEncoderLayer(16, 2, 64) for _ in range(4)]
        model = nn.Sequential(*layers)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                init.zeros_(parameter)
            elif parameter.dim() > 1:
                is_last = name.endswith(("out_proj.weight", "linear2.weight"))
                init.normal_(parameter, std=0.02 / math.sqrt(8) if is_last else 0.02)
        return model

    recipe, report = capture(build, 1)
    assert report.is_complete
    assert len(recipe.rules) == 5
    assert "stddev = 0.02 / sqrt(2 * layers), layers = 4" in recipe.to_toml()


def test_fans_that_only_numbers_tell() -> None:
    def build() -> nn.Module:
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3), nn.Conv2d(16, 4, 1))
        for layer in model:
            fan_out = layer.kernel_size[0] ** 2 * layer.out_channels
            layer.weight.data.normal_(0, math.sqrt(2.0 / fan_out))
            layer.bias.data.zero_()
        return model

    recipe, _ = capture(build, 1)
    found = recipe.choose("0.weight", (8, 3, 3, 3)).initializer
    assert Rule(found) == Rule(VarianceScaling(2.0, "fan_out", "untruncated_normal"))
    assert [rule.pattern for rule in recipe.rules] == ["*.bias", "*"]


def test_parametrized_weights() -> None:
    def build() -> nn.Module:
        return nn.Sequential(
            parametrizations.weight_norm(nn.Linear(4, 3)),
            parametrizations.spectral_norm(nn.Linear(3, 3)),
        )

    recipe, report = capture(build, 1)
    assert report.is_complete
    found = recipe.choose("0.weight", (3, 4)).initializer
    assert Rule(found) == Rule(VarianceScaling(1 / 3, "fan_in", "uniform"))
    init_module_(build(), recipe)


def test_values_that_the_constructor_reads() -> None:
    """Known values are computed, so nothing needs memory; drawn ones need the CPU."""

    def build_known() -> nn.Module:
        rates = [rate.item() for rate in torch.linspace(0, 1, 3)]
        return One(lambda: torch.full((2,), rates[1] + sum(torch.arange(3).tolist())))

    recipe, report = capture(build_known, 1)
    assert report.fallback is None
    assert Rule(recipe.choose("w", (3,)).initializer) == Rule(Constant(3.5))

    def build_drawn() -> nn.Module:
        model = One(lambda: torch.randn(3) * (1.0 if torch.rand(()).item() < 2 else 0.0))
        model.scale = nn.Parameter(torch.tensor(2.0))
        return model

    before = torch.get_rng_state()
    recipe, report = capture(build_drawn, 1)
    assert torch.equal(before, torch.get_rng_state())
    assert Rule(recipe.choose("w", (3,)).initializer) == Rule(RandomNormal(0.0, 1.0))
    assert Rule(recipe.choose("scale", ()).initializer) == Rule(Constant(2.0))
    assert report.fallback is not None
    assert report.fallback.startswith("DataDependentOutputException at test_capture:")
    assert report.reads == (f"{__name__}:{build_drawn.__code__.co_firstlineno + 1}",)


def test_known_values_that_are_many() -> None:
    recipe, report = capture(lambda: One(lambda: torch.arange(10_000.0)), 1)
    assert recipe.find("w") is None
    assert report.opaque["w"].reason.startswith("10,000 known values")
    assert report.arrays["w"].tolist() == [*range(10_000)]


class OnTwoDevices(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(3, device="meta"))


PREBUILT = nn.Linear(2, 2)
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no module": (lambda: 3, TypeError, "must return one torch.nn.Module, received: 3"),
    "two": (lambda: (nn.Linear(2, 2), nn.Linear(2, 2)), TypeError, "each in a call of its own"),
    "nothing": (lambda: nn.ReLU(), ValueError, "received a ReLU with no parameters"),
    "nothing known": (
        lambda: nn.ParameterList([torch.empty(3).exponential_()]),
        ValueError,
        r"a ParameterList with 0 \(3\): drawn by exponential_, test_capture:",
    ),
    "fails": (
        lambda: nn.Linear(2, 2).missing,
        ValueError,
        r"raised AttributeError: 'Linear' object .*\(at ",
    ),
    "NumPy's": (
        lambda: One(lambda: torch.from_numpy(np.random.rand(3))),
        ValueError,
        r"drew from NumPy's \(at test_capture:",
    ),
    "Python's": (
        lambda: One(lambda: torch.full((3,), random.random())),
        ValueError,
        r"drew from Python's \(at test_capture:",
    ),
    "meta": (OnTwoDevices, ValueError, "'w', which is on the device meta"),
    "lazy": (lambda: nn.LazyLinear(2), ValueError, "'weight', which has no shape before"),
    "before": (lambda: PREBUILT, ValueError, "whose parameters existed before"),
    "sparse": (
        lambda: One(lambda: nn.Parameter(torch.eye(3).to_sparse())),
        ValueError,
        "'w', which has the layout torch.sparse_coo",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    build, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        capture(build, 1)


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match="`build` must be a function without arguments"):
        capture(nn.Linear(2, 2), 1)
    with pytest.raises(TypeError, match="`seed` must be an integer"):
        capture(Network, "1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`strict` must be"):
        capture(Network, 1, strict=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"`strict`.*rate \(8\): drawn by exponential_"):
        capture(Network, 1, strict=True)


def test_nothing_stays_behind() -> None:
    code = init.normal_.__code__
    with pytest.raises(ValueError, match="ZeroDivisionError"):
        capture(lambda: 1 / 0, 1)
    assert init.normal_.__code__ is code
    assert not torch.utils._python_dispatch._get_current_dispatch_mode_stack()
    assert type(torch.empty(2)) is torch.Tensor
