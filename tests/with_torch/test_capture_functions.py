"""`capture`: functions of a uniform draw, and tables, as initializers for sequence models."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from capture_models import law_of

from initializers import (
    S4D,
    Constant,
    LogOfUniform,
    LstmBias,
    RingRadius,
    Sinusoidal,
    TimeStepBias,
)
from initializers.torch import Rule

SHAPE = (8, 4)
NO_INITIALIZER = "a function of a draw that no initializer has"


def draw_steps(low: float, high: float, floor: float) -> torch.Tensor:
    """Draw as Mamba does."""
    draw = torch.rand(SHAPE) * (math.log(high) - math.log(low)) + math.log(low)
    step = torch.exp(draw).clamp(min=floor)
    return step + torch.log(-torch.expm1(-step))


def draw_ring(low: float, high: float, softplus: bool) -> torch.Tensor:
    """Draw as Griffin does, or the LRU."""
    rate = torch.empty(SHAPE).uniform_(low**2, high**2).log_().mul_(-0.5)
    return rate.exp_().sub_(1.0).log_() if softplus else rate.log_()


def make_bias() -> torch.Tensor:
    bias = torch.zeros(20)
    bias[5:10].fill_(1)
    return bias


def make_whisper(positions: int, channels: int) -> torch.Tensor:
    scale = math.log(10000) / (channels // 2 - 1)
    inverse = torch.exp(-scale * torch.arange(channels // 2))
    angles = torch.arange(positions).view(-1, 1) * inverse.view(1, -1)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


ARANGE = torch.arange(1.0, 5.0)
CASES: dict[str, tuple[Callable[[], Any], Any]] = {
    "Mamba": (lambda: draw_steps(0.001, 0.1, 1e-4), TimeStepBias()),
    "a floor of no use": (lambda: draw_steps(1e-5, 0.1, 1e-6), TimeStepBias(1e-5, 0.1, 0.0)),
    "a floor": (lambda: draw_steps(0.001, 0.1, 0.004), TimeStepBias(0.001, 0.1, 0.004)),
    "Mamba 2": (lambda: torch.empty(SHAPE).uniform_(1, 16).log_(), LogOfUniform(1, 16)),
    "phases": (lambda: torch.log(6.28 * torch.rand(SHAPE)), LogOfUniform(0, 6.28)),
    "by log1p": (lambda: torch.rand(SHAPE).mul(3).log1p(), LogOfUniform(1, 4)),
    "descending": (lambda: torch.log(1 - 0.5 * torch.rand(SHAPE)), LogOfUniform(0.5, 1)),
    "LRU": (lambda: draw_ring(0.5, 0.99, False), RingRadius(0.5, 0.99)),
    "the whole disk": (lambda: draw_ring(0.0, 1.0, False), RingRadius()),
    "Griffin": (lambda: draw_ring(0.9, 0.999, True), RingRadius(0.9, 0.999, True)),
    "a part": (lambda: draw_steps(0.001, 0.1, 1e-4)[2:4].clone(), TimeStepBias()),
    # Near them, but others.
    "log-uniform": (lambda: torch.exp(torch.rand(SHAPE)), NO_INITIALIZER),
    "a root": (lambda: torch.sqrt(torch.rand(SHAPE)), NO_INITIALIZER),
    "shifted": (lambda: torch.rand(SHAPE).log() + 1, LogOfUniform(0, math.e)),
    "doubled": (lambda: torch.rand(SHAPE).log() * 2, NO_INITIALIZER),
    "of a normal draw": (lambda: torch.randn(SHAPE).exp(), NO_INITIALIZER),
    "a step cut above": (lambda: draw_steps(0.001, 0.1, 0).clamp(max=-3), NO_INITIALIZER),
    "nowhere a number": (lambda: torch.log(torch.rand(SHAPE) - 2), NO_INITIALIZER),
    # Tables.
    "A_log": (lambda: ARANGE.log().repeat(8, 1), S4D()),
    "Whisper": (lambda: make_whisper(1500, 32), Sinusoidal(interleaved=False, endpoint=True)),
    "a forget gate": (make_bias, LstmBias()),
    "bfloat16": (
        lambda: (-ARANGE).to(torch.bfloat16),
        Constant(np.array([-1, -2, -3, -4], "f4")),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_functions_and_tables(name: str) -> None:
    make, expected = CASES[name]
    found = law_of(make)
    if isinstance(expected, str):
        assert found == expected
        return
    if isinstance(expected, Constant):
        assert Rule(found) == Rule(expected)
        return
    assert type(found) is type(expected)
    for key, value in expected.get_config().items():
        near = pytest.approx(value, rel=1e-6, abs=1e-12) if isinstance(value, float) else value
        assert found.get_config()[key] == near, key
