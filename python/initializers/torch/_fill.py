"""Fills one tensor with one initializer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .._arguments.checks import check_name, show
from .._arguments.conventions import CONVENTIONS, TORCH
from .._arguments.seeds import SeedGenerator, check_seed
from .._arguments.types import Convention
from .._classes.base import InitializerLike
from .._filling import plan_fill
from ..recipe import Rule
from ._tensor import Finish, check_tensor, dtype_of, is_distributed, write


class _Active(threading.local):
    """The generators of the `patch` blocks of this thread, the innermost last."""

    def __init__(self) -> None:
        self.generators: list[SeedGenerator] = []


active = _Active()


def fill_(
    tensor: Tensor,
    initializer: InitializerLike,
    seed: int | SeedGenerator | None = None,
    *,
    generator: torch.Generator | None = None,
    convention: Convention = TORCH,
) -> Tensor:
    """Fill a tensor in place with the values of an initializer.

    Each process fills its own part of a `DTensor`. Together the parts have the values that a single
    process would write.

    Args:
        tensor: A tensor of any float dtype, strides and device, or a `DTensor`. Initializers
            without randomness also fill integers. A fake tensor, or one on the device meta, stays
            as it is.
        initializer: An initializer, its name or its configuration. Any other callable
            `(shape, dtype)` makes the whole tensor, from which the part is copied.
        seed: An integer in `[-2**127, 2**127)` or a `SeedGenerator`; None: the seed of
            `initializer`.
        generator: A `torch.Generator` from which a seed is drawn, in place of `seed`. Processes
            that share a `DTensor` must have it in the same state.
        convention: The order of the tensor's axes: `"torch"` for a weight (outputs, inputs,
            *kernel), which gets the values of the kernel (*kernel, inputs, outputs), transposed;
            or `"keras"` for such a kernel.

    Returns:
        `tensor`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If `seed` and `generator` are both given, the initializer has no values for the
            shape or dtype, or the tensor is expanded, sparse, quantized, lazy, has a conjugate or
            negative bit, or is a `DTensor` with a `Partial` placement. Nothing was written then.
        RuntimeError: If the call is traced or compiled into a graph.

    Examples:
        >>> import torch
        >>> from initializers import HeNormal
        >>> fill_(torch.empty(3, 2), HeNormal(), seed=1).shape
        torch.Size([3, 2])
    """
    check_tensor(tensor)
    check_name("convention", convention, CONVENTIONS)
    rule = Rule(initializer).fit("tensor", tuple(tensor.shape), None, convention)
    chosen, permute = rule.initializer, rule.permute
    if seed is None and generator is None:
        return fill(tensor, lambda: chosen, permute=permute)
    if not hasattr(chosen, "with_seed"):
        raise TypeError(
            f"`initializer` must have a method `with_seed` to take a seed, received: {show(chosen)}"
        )
    return fill_seeded(tensor, chosen.with_seed, seed, generator, permute=permute)


def fill_seeded(
    tensor: Tensor,
    make: Callable[[Any], Any],
    seed: object,
    generator: torch.Generator | None,
    finish: Finish | None = None,
    permute: tuple[int, ...] | None = None,
) -> Tensor:
    """Fill with the initializer `make(seed)`; draw a missing seed from torch's generator."""
    if seed is not None and generator is not None:
        raise ValueError(
            f"`seed` and `generator` must not both be given, received: seed={show(seed)}, "
            f"generator={show(generator)}"
        )
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(
            f"`generator` must be a torch.Generator or None, received: {show(generator)}"
        )
    if seed is not None:
        checked = check_seed(seed)
        return fill(tensor, lambda: make(checked), finish, permute)
    make(0)  # finds wrong parameters before a seed is drawn
    return fill(tensor, lambda: make(_draw_seed(tensor, generator)), finish, permute)


def fill(
    tensor: Tensor,
    make: Callable[[], Any],
    finish: Finish | None = None,
    permute: tuple[int, ...] | None = None,
) -> Tensor:
    """Fill with the initializer that `make` returns. `make` is called only if there is memory."""
    if check_tensor(tensor):
        kind = dtype_of(tensor)
        write(tensor, plan_fill(make(), tuple(tensor.shape), kind, permute), finish)
    return tensor


def _draw_seed(tensor: Tensor, generator: torch.Generator | None) -> int | SeedGenerator:
    if generator is None and active.generators:
        return active.generators[-1]
    if generator is None and is_distributed(tensor):
        raise ValueError(
            "`seed` or `generator` must be given for a DTensor, received: None "
            "(processes that draw on their own would disagree)"
        )
    device = "cpu" if generator is None else generator.device
    return int(torch.empty((), dtype=torch.int64, device=device).random_(generator=generator))
