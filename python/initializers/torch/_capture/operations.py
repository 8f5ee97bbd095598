"""The tensors that operations read and write, and the laws of those that draw."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from .laws import Const, Empty, Law, Mapped, Mixed, Normal, Uniform, Values


def find_draw(name: str, args: Any, kwargs: Any) -> Law | None:
    """Return the law that an operation draws by, or None."""
    if name in ("randn", "randn_like"):
        return Normal(0.0, 1.0)
    if name in ("rand", "rand_like"):
        return Uniform(0.0, 1.0)
    if name == "uniform_":
        low, high = _complete(args[1:3], (0.0, 1.0))
        return Uniform(float(kwargs.get("from", low)), float(kwargs.get("to", high)))
    if name in ("normal_", "normal"):
        given = args[1:3] if name == "normal_" else args[:2]
        mean, stddev = _complete(given, (0.0, 1.0))
        if isinstance(mean, Tensor) or isinstance(stddev, Tensor):
            return None
        return Normal(float(kwargs.get("mean", mean)), float(kwargs.get("std", stddev)))
    return None


def _complete(given: tuple[Any, ...], defaults: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*given, *defaults[len(given) :])


def find_bounds(func: Any, args: Any, kwargs: Any) -> tuple[float | None, float | None]:
    """Return the bounds of `clamp`; None for a bound that is not given."""
    if func._schema.name.startswith("aten::clamp_min"):
        return float(args[1]), None
    low, high = (*args[1:3], None, None)[:2]
    low, high = kwargs.get("min", low), kwargs.get("max", high)
    return (None if low is None else float(low)), (None if high is None else float(high))


def list_mutated(func: Any, args: Any, kwargs: Any) -> list[Tensor]:
    """Return the arguments that an operation writes."""
    mutated = []
    for argument, given in itertools.zip_longest(func._schema.arguments, args):
        if (
            argument is not None
            and argument.alias_info is not None
            and argument.alias_info.is_write
        ):
            mutated += list_tensors(kwargs.get(argument.name) if argument.kwarg_only else given)
    return mutated


def find_fresh(args: Any, kwargs: Any, result: Any) -> list[int]:
    """Return the places of the results that have memory of their own."""
    old = {each.untyped_storage()._cdata for each in list_tensors((args, kwargs))}
    results = enumerate(list_tensors(result))
    return [place for place, each in results if each.untyped_storage()._cdata not in old]


def list_tensors(tree: Any) -> list[Tensor]:
    """Return the dense tensors in nested arguments or results."""
    return [
        each
        for each in tree_leaves(tree)
        if isinstance(each, Tensor) and each.layout == torch.strided
    ]


def on_cpu(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return an operation's options for a run on the CPU."""
    return {**kwargs, "device": torch.device("cpu")} if kwargs.get("device") else kwargs


def is_fake(tensor: Tensor) -> bool:
    """Return whether a tensor has no memory."""
    return isinstance(tensor, torch._subclasses.FakeTensor)


def has_repeats(tensor: Tensor) -> bool:
    """Return whether a tensor is expanded, so that one place in memory is several elements."""
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    return any(size > 1 and stride == 0 for size, stride in pairs)


def keep(law: Law) -> Law | None:
    """Return a law that a copy has too; None for what must be looked at element by element."""
    return None if isinstance(law, Mixed) else law


def describe(result: Tensor, origin: Any) -> Law:
    """Return the law of values that were computed."""
    if result.numel() and not result.is_complex():
        first = result.reshape(-1)[0]
        if bool((result == first).all()):
            return Const(first.item(), origin=origin)
    return Values(result.clone(), origin=origin)


def name_law(law: Law) -> str:
    """Return the words for a law in a reason."""
    words: dict[type[Law], str] = {Empty: "uninitialized memory", Const: "a constant"}
    if isinstance(law, Mapped):
        return "a function of a draw"
    return words.get(type(law), f"{type(law).__name__.lower()} values")


def show_call(name: str, args: Any) -> str:
    """Return an operation with its numbers, for comments."""
    numbers = [f"{each:.6g}" for each in args if isinstance(each, (int, float))]
    return f"{name}({', '.join(numbers)})"
