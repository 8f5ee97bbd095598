"""`capture`: the law of every weight that a constructor writes, and what is refused."""

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
from torch import nn
from torch.nn import init
from torch.nn.utils import parametrizations

from initializers import (
    Constant,
    Dirac,
    GlorotUniform,
    Identity,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    Recipe,
    Sparse,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
from initializers.torch import Rule, capture, init_module_
from initializers.torch._capture.patterns import describe


class One(nn.Module):  # type: ignore[misc]
    """A module with a parameter that a function makes, and one of ones."""

    def __init__(self, make: Callable[[], Any]) -> None:
        super().__init__()
        made = make()
        self.w = made if isinstance(made, nn.Parameter) else nn.Parameter(made)
        self.other = nn.Parameter(torch.ones(2))


def law_of(make: Callable[[], Any]) -> Any:
    """Return the initializer of what `make` makes, or why there is none."""
    recipe, report = capture(lambda: One(make), 1)
    assert report.is_complete == (recipe.find("w") is not None)
    if not report.is_complete:
        return report.opaque["w"].reason
    rule = recipe.choose("w", tuple(make().shape))
    return rule.initializer


def write(function: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[[], Any]:
    return lambda: function(torch.empty(8, 4), *arguments, **options)


def build_by_timm(std: float) -> Any:
    """Truncate as timm does: the inverse error function of a uniform draw."""
    tensor = torch.empty(8, 4)
    low, high = (0.5 * (1 + math.erf(bound / math.sqrt(2))) for bound in (-2.0, 2.0))
    tensor.uniform_(2 * low - 1, 2 * high - 1)
    return tensor.erfinv_().mul_(math.sqrt(2.0)).clamp_(min=-2.0, max=2.0).mul_(std)


def build_padded() -> Any:
    table = torch.empty(8, 4).normal_(std=0.02)
    table[3].fill_(0)
    return table


def build_halves() -> Any:
    table = torch.empty(8, 4)
    for half in table.chunk(2):
        half.normal_()
    return table


def build_part() -> Any:
    table = torch.empty(8, 4)
    table[2:].normal_()
    return table


def build_columns() -> Any:
    table = torch.zeros(6, 4)
    angles = torch.arange(6).unsqueeze(1) / torch.tensor([1.0, 100.0])
    table[:, 0::2], table[:, 1::2] = torch.sin(angles), torch.cos(angles)
    return table


CASES: dict[str, tuple[Callable[[], Any], Any]] = {
    "zeros": (lambda: torch.zeros(8, 4), Zeros()),
    "ones_like": (lambda: torch.ones_like(torch.empty(8, 4)), Ones()),
    "constant_": (write(init.constant_, 0.25), Constant(0.25)),
    "constant times": (lambda: 0.5 * torch.ones(8, 4), Constant(0.5)),
    "randn times": (lambda: torch.randn(8, 4) * 0.02, RandomNormal(0.0, 0.02)),
    "randn by sqrt": (lambda: torch.randn(8, 4) / math.sqrt(4), RandomNormal(0.0, 0.5)),
    "times a tensor": (lambda: torch.randn(8, 4) * torch.tensor(0.5), RandomNormal(0.0, 0.5)),
    "rand moved": (lambda: 2 * torch.rand(8, 4) - 1, RandomUniform(-1.0, 1.0)),
    "negated": (lambda: 1 - torch.rand(8, 4), RandomUniform(0.0, 1.0)),
    "alpha": (lambda: torch.rand(8, 4).sub_(torch.ones(()), alpha=2), RandomUniform(-2.0, -1.0)),
    "normal_": (lambda: torch.empty(8, 4).normal_(1.0, 0.5), RandomNormal(1.0, 0.5)),
    "uniform_": (lambda: torch.empty(8, 4).uniform_(-1, 2), RandomUniform(-1.0, 2.0)),
    "torch.normal": (lambda: torch.normal(0.0, 0.1, (8, 4)), RandomNormal(0.0, 0.1)),
    "init.normal_": (write(init.normal_, std=0.02), RandomNormal(0.0, 0.02)),
    "scaled after": (lambda: init.normal_(torch.empty(8, 4)).mul_(0.1), RandomNormal(0.0, 0.1)),
    "xavier_uniform_": (write(init.xavier_uniform_), GlorotUniform()),
    "xavier_normal_": (
        write(init.xavier_normal_, gain=2.0),
        VarianceScaling(4.0, "fan_avg", "untruncated_normal"),
    ),
    "kaiming_uniform_": (
        write(init.kaiming_uniform_, a=math.sqrt(5)),
        VarianceScaling(1 / 3, "fan_in", "uniform"),
    ),
    "kaiming_normal_": (
        write(init.kaiming_normal_, mode="fan_out", nonlinearity="relu"),
        VarianceScaling(2.0, "fan_out", "untruncated_normal"),
    ),
    "half of kaiming": (
        lambda: init.kaiming_normal_(torch.empty(8, 4)).div_(2),
        VarianceScaling(0.5, "fan_in", "untruncated_normal"),
    ),
    "trunc_normal_": (
        write(init.trunc_normal_, std=0.5, a=-1.0, b=0.5),
        TruncatedNormal(0.0, 0.5, bounds=(-2.0, 1.0)),
    ),
    "trunc_normal_ far": (write(init.trunc_normal_, std=0.02), RandomNormal(0.0, 0.02)),
    "truncated by timm": (lambda: build_by_timm(0.5), TruncatedNormal(0.0, 0.5)),
    "orthogonal_": (write(init.orthogonal_, gain=2.0), Orthogonal(2.0)),
    "orthogonal_ times": (lambda: init.orthogonal_(torch.empty(8, 4)) * 0.5, Orthogonal(0.5)),
    "eye_": (write(init.eye_), Identity()),
    "dirac_": (lambda: init.dirac_(torch.empty(8, 4, 3), 2), Dirac(2)),
    "sparse_": (write(init.sparse_, 0.5), Sparse(0.5)),
    "copy": (lambda: torch.empty(8, 4).copy_(torch.randn(8, 4)), RandomNormal(0.0, 1.0)),
    "view": (lambda: torch.randn(32).view(8, 4), RandomNormal(0.0, 1.0)),
    "transposed": (lambda: torch.randn(4, 8).t().contiguous(), RandomNormal(0.0, 1.0)),
    "part": (lambda: torch.randn(9, 4)[1:], RandomNormal(0.0, 1.0)),
    "halves": (lambda: torch.cat([torch.randn(4, 4), torch.randn(4, 4)]), RandomNormal(0.0, 1.0)),
    "stacked": (lambda: torch.stack([torch.rand(4)] * 8), RandomUniform(0.0, 1.0)),
    "filled by parts": (
        build_halves,
        RandomNormal(0.0, 1.0),
    ),
    "other dtype": (lambda: torch.randn(8, 4).to(torch.bfloat16), RandomNormal(0.0, 1.0)),
    "arange": (lambda: torch.arange(3.0).log1p(), Constant(np.log1p([0.0, 1.0, 2.0], dtype="f4"))),
    "outside": (lambda: torch.tensor([1.0, 2.0]), Constant(np.array([1, 2], "f4"))),
    "NumPy": (lambda: torch.from_numpy(np.array([1, 2], "f4")), Constant(np.array([1, 2], "f4"))),
    "eye": (lambda: torch.empty(8, 4).copy_(0.5 * torch.eye(8, 4)), Identity(0.5)),
    "sines": (build_columns, Constant(build_columns().numpy())),
    "in part": (build_part, "parts of several laws (empty, normal)"),
    "square, transposed": (
        lambda: torch.arange(4.0).view(2, 2).t().clone(),
        Constant(np.array([[0, 2], [1, 3]], "f4")),
    ),
    # What no initializer has.
    "two draws": (lambda: torch.randn(8) + torch.randn(8), "add of normal values"),
    "exponential": (lambda: torch.empty(8).exponential_(), "drawn by exponential_"),
    "bernoulli": (lambda: torch.empty(8).bernoulli_(0.5), "drawn by bernoulli_"),
    "repeated": (lambda: torch.randn(4).repeat(2), "repeat of normal values"),
    "expanded": (lambda: torch.randn(1, 4).expand(8, 4).clone(), "clone of normal values"),
    "sorted": (lambda: torch.randn(8).sort().values, "sort of normal values"),
    "by columns": (lambda: torch.randn(8) * torch.arange(8.0), "mul of normal values and values"),
    "square": (lambda: torch.randn(8) ** 2, "pow of normal values"),
    "never written": (lambda: torch.empty(8), "never written"),
    "row of zeros": (build_padded, "parts of several laws (normal, const)"),
    "part of a matrix": (
        lambda: init.orthogonal_(torch.empty(8, 8))[:4].clone(),
        "a part or a view of what orthogonal_ wrote",
    ),
    "complex": (lambda: torch.zeros(3, dtype=torch.complex64) + 1j, "a constant that is no real"),
}


@pytest.mark.parametrize("name", CASES)
def test_laws(name: str) -> None:
    make, expected = CASES[name]
    found = law_of(make)
    if isinstance(expected, str):
        assert isinstance(found, str)
        assert found.startswith(expected)
    else:
        assert Rule(found) == Rule(expected)


def test_rows_of_padding() -> None:
    recipe, _ = capture(lambda: nn.Embedding(8, 4, padding_idx=-1), 1)
    assert recipe == Recipe({"*": RandomNormal(0.0, 1.0)}, seed=1, convention="torch")


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
