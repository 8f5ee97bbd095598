"""`capture`: the law of a parameter that a function makes, or why it has no initializer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from capture_models import law_of
from torch import nn
from torch.nn import init

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
from initializers.torch import Rule, capture


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
    "arange": (lambda: torch.arange(3.0).sqrt(), Constant(np.sqrt(np.arange(3, dtype="f4")))),
    "outside": (lambda: torch.tensor([1.0, 2.0]), Constant(np.array([1, 2], "f4"))),
    "NumPy": (lambda: torch.from_numpy(np.array([1, 2], "f4")), Constant(np.array([1, 2], "f4"))),
    "eye": (lambda: torch.empty(8, 4).copy_(0.5 * torch.eye(8, 4)), Identity(0.5)),
    "in part": (build_part, "parts of several laws (empty, normal)"),
    "square, transposed": (
        lambda: torch.arange(4.0).view(2, 2).t().clone(),
        Constant(np.array([[0, 2], [1, 3]], "f4")),
    ),
    # Laws that no initializer has.
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
