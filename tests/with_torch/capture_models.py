"""A module that the tests of `capture` construct."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from initializers.torch import capture


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
