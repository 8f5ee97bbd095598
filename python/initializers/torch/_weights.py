"""The weights of a module by name, and all modules that hold each of them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Embedding, EmbeddingBag, Module, Parameter
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from .._arguments.conventions import KERAS, TORCH
from .._arguments.shapes import Array
from ._conventions import convention_of
from ._names import is_wrapper, join, named_modules
from ._parametrizations import Computed, find_computed
from ._tensor import has_no_memory, is_abstract, is_distributed, is_plain

# The most steps of the search for an element that two arrays with gaps share.
_MOST_WORK: Any = 10**6


@dataclass(eq=False)
class Weight:
    """A weight under its first name.

    Attributes:
        name: The name, without the additions of wrappers and parametrizations.
        tensor: The parameter; for a computed weight, a tensor on meta of its shape.
        owners: The modules that have it as an attribute, with the attribute's name.
        computed: How modules compute it; empty for a plain parameter.
        is_inside: Whether it is a parameter of a parametrization.
    """

    name: str
    tensor: Tensor
    owners: list[tuple[Module, str]] = field(default_factory=list)
    computed: list[Computed] = field(default_factory=list)
    is_inside: bool = False

    @property
    def parameters(self) -> list[Parameter]:
        """The parameters that hold the weight, or from which it is computed."""
        if not self.computed:
            return [self.tensor]
        return [each for computed in self.computed for each in computed.parameters]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, also if DeepSpeed's ZeRO-3 keeps an empty placeholder.

        Raises:
            ValueError: If it is not known, as in a lazy module.
        """
        if is_lazy(self.tensor):
            raise ValueError(
                f"`module` must have no uninitialized parameters, received: {self.name}; run the "
                "module on an input first"
            )
        return tuple(getattr(self.tensor, "ds_shape", self.tensor.shape))

    @property
    def convention(self) -> str:
        """The convention of the modules that own the weight."""
        kinds: Iterator[Any] = (type(module) for module, _ in self.owners)
        found = map(convention_of, kinds)
        return KERAS if KERAS in found else TORCH

    @property
    def padding(self) -> tuple[int, ...]:
        """The padding rows of an embedding, which are zero."""
        rows = {
            module.padding_idx
            for module, name in self.owners
            if isinstance(module, (Embedding, EmbeddingBag)) and name == "weight"
        }
        return tuple(sorted(row for row in rows if row is not None))

    def find_problem(self) -> str | None:
        """Return why a computed weight cannot be made, or None."""
        if not self.computed:
            return None
        if len(self.owners) > 1:
            for each in self.computed:
                if not each.keeps_values:
                    return f"it is tied to a weight that {each.name!r} is computed from"
        return next(filter(None, (each.find_problem() for each in self.computed)), None)


def list_weights(module: Module) -> list[Weight]:
    """Return all weights of a module, each once."""
    found: dict[int, Weight] = {}
    hidden: set[tuple[int, str]] = set()
    inside: set[int] = set()
    for prefix, owner in named_modules(module):
        if isinstance(owner, parametrize.ParametrizationList):
            inside.update(id(part) for child in owner for part in child.modules())
        computed = list(find_computed(prefix, owner))
        for each in computed:
            hidden.update((id(holder), name) for holder, name in each.originals)
        for name, parameter in owner._parameters.items():
            if parameter is not None and (id(owner), name) not in hidden:
                new = Weight(join(prefix, owner, name), parameter, is_inside=id(owner) in inside)
                found.setdefault(id(parameter), new).owners.append((owner, name))
        for each in computed:
            parameters = each.parameters
            known = [found[id(held)] for held in parameters if id(held) in found]
            weight = known[0] if known else Weight(each.name, each.describe())
            weight.computed.append(each)
            weight.owners.append((each.module, each.attribute))
            for held in parameters:
                found.setdefault(id(held), weight)
    return list(dict.fromkeys(found.values()))


def list_specs(module: Module) -> Iterator[tuple[Any, ...]]:
    """Yield name, shape, dtype, convention and padding rows of all weights and persistent buffers.

    Buffers of wrappers and parametrizations are left out: a wrapped model has the weights of the
    plain one.
    """
    for weight in list_weights(module):
        kind = weight.tensor.dtype
        yield weight.name, weight.shape, kind, weight.convention, weight.padding
    for buffer in list_buffers(module):
        if buffer.is_kept and not buffer.is_added:
            yield buffer.name, tuple(buffer.tensor.shape), buffer.tensor.dtype, TORCH, ()


def list_values(module: Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the names of `list_specs`, each with its tensor."""
    for weight in list_weights(module):
        yield weight.name, weight.tensor
    for buffer in list_buffers(module):
        if buffer.is_kept and not buffer.is_added:
            yield buffer.name, buffer.tensor


@dataclass(eq=False)
class Buffer:
    """A buffer under its first name.

    Attributes:
        name: The name, as for a weight.
        tensor: The buffer.
        owners: The modules that have it, with its name in each.
        is_kept: Whether it is in the state dict.
        is_added: Whether a wrapper or a parametrization added it.
    """

    name: str
    tensor: Tensor
    owners: list[tuple[Module, str]]
    is_kept: bool
    is_added: bool


def list_buffers(module: Module) -> list[Buffer]:
    """Return all buffers of a module, each once."""
    found: dict[int, Buffer] = {}
    added: set[tuple[int, str]] = set()
    inside: set[int] = set()
    for prefix, owner in named_modules(module):
        if isinstance(owner, parametrize.ParametrizationList):
            inside.update(id(part) for child in owner for part in child.modules())
        for computed in find_computed(prefix, owner):
            added.update((id(holder), name) for holder, name in computed.buffers)
        if not owner._buffers:
            continue
        is_added_here = id(owner) in inside or is_wrapper(owner)
        for name, tensor in owner._buffers.items():
            if tensor is None:
                continue
            is_kept = name not in owner._non_persistent_buffers_set
            is_added = is_added_here or (id(owner), name) in added
            new = Buffer(join(prefix, owner, name), tensor, [], is_kept, is_added)
            found.setdefault(id(tensor), new).owners.append((owner, name))
    return list(found.values())


@dataclass(eq=False)
class _Region:
    """The memory of a parameter: the device (on meta: the storage) and the addresses."""

    weight: Weight
    place: str
    start: int
    stop: int
    size: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None  # None: without gaps

    def show(self) -> Array:
        """Return an array at the addresses, for NumPy to compare. Nothing is read through it."""
        memory: Any = (ctypes.c_char * (self.stop - self.start)).from_address(self.start)
        array: Array = np.ndarray(self.shape, f"V{self.size}", memory, strides=self.strides)
        return array


def find_shared_memory(weights: list[Weight], filled: set[Weight]) -> tuple[str, str] | None:
    """Return the names of two parameters that share memory, if one of them is to be filled."""
    regions = [
        region
        for weight in weights
        for parameter in dict.fromkeys(weight.parameters)
        if (region := _find_region(weight, parameter)) is not None
    ]
    regions.sort(key=lambda region: (region.place, region.start))
    before: list[_Region] = []
    for region in regions:
        before = [
            each for each in before if each.place == region.place and each.stop > region.start
        ]
        for other in before:
            if filled & {region.weight, other.weight} and _overlap(region.show(), other.show()):
                return other.weight.name, region.weight.name
        before.append(region)
    return None


def _find_region(weight: Weight, parameter: Tensor) -> _Region | None:
    if is_plain(parameter):
        start, shape = parameter.data_ptr(), tuple(parameter.shape)
        size = parameter.element_size()
        return _Region(weight, "cpu", start, start + parameter.numel() * size, size, shape, None)
    if is_lazy(parameter) or parameter.layout != torch.strided:
        return None
    local = parameter.detach()
    if is_distributed(local):
        local = local.to_local()
    if local.numel() == 0 or has_no_memory(local):
        return None
    size = local.element_size()
    if local.is_meta:
        where, start = f"meta {local.untyped_storage()._cdata}", local.storage_offset() * size + 8
    elif is_abstract(local):
        return None
    else:
        where, start = str(local.device), local.data_ptr()
    strides = tuple(stride * size for stride in local.stride())
    steps = zip(local.shape, strides, strict=True)
    span = size + sum((length - 1) * stride for length, stride in steps)
    return _Region(weight, where, start, start + span, size, tuple(local.shape), strides)


def _overlap(a: Any, b: Any) -> bool:
    try:
        return bool(np.shares_memory(a, b, max_work=_MOST_WORK))
    except RuntimeError:  # the search took too long
        return True
