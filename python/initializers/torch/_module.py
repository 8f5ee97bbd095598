"""Whole modules: every parameter from one seed, by its name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import Embedding, EmbeddingBag, Module, Parameter
from torch.nn.modules.batchnorm import _NormBase

from .._block import Array, Shape
from .._checks import show
from .._conventions import TORCH
from .._rules import Rule, Rules
from .._write import AnyFill
from ._conventions import find_conventions
from ._names import join, named_modules
from ._tensor import Finish, check_tensor, dtype_of, is_abstract, is_distributed, write

M = TypeVar("M", bound=Module)

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass
class _Weight:
    """A parameter, the first name that leads to it, and all the places that hold it."""

    name: str
    parameter: Parameter
    places: list[tuple[Module, str]] = field(default_factory=list)

    @property
    def padding(self) -> list[int]:
        """The rows of an embedding that stand for padding."""
        rows = (
            module.padding_idx
            for module, name in self.places
            if isinstance(module, (Embedding, EmbeddingBag)) and name == "weight"
        )
        return [row for row in rows if row is not None]


def init_module_(
    module: M,
    rules: Any,
    seed: int | None = None,
    device: Any = None,
    *,
    partial: bool = False,
) -> M:
    """Give every parameter of a module its first value, by its name.

    The values of a parameter depend on `seed`, its name, its global shape and what `rules` say:
    not on the order of parameters, nor on the mesh, the placements or the number of processes. Of
    `DTensor`s (FSDP2, tensor parallelism, both) each process fills its own shards.

    A name is that of `module.named_parameters()` without what wrappers add: `torch.compile`,
    activation checkpoints, `DistributedDataParallel`, FSDP1, parametrizations. A parameter that
    several names lead to has its first. Rows of an embedding's `padding_idx` are zero.

    Parameters on the device meta are made on `device`; parameters that are one stay one. Running
    statistics on meta are made too, and reset. A parameter marked `_is_hf_initialized` is left as
    it is, as are all buffers that have values.

    Args:
        module: The module.
        rules: A `Recipe`; a mapping from patterns of names to an initializer, a `Rule`, or None for
            a parameter to be left as it is, of which the first that matches counts; a function of a
            parameter's name and shape that returns such a result; or an object with such a method
            `choose`. Fans are counted in torch's layout, (outputs, inputs, *kernel), unless a rule
            or the recipe states another `convention`. A parameter has the dtype that it has,
            whatever a `Recipe` says.
        seed: An integer in `[-2**127, 2**127)`; None for that of a `Recipe`. A parameter's is
            `fold_in(seed, name)`.
        device: Where what is on meta is made; None for the mesh's device of a `DTensor`, else the
            CPU.
        partial: Whether the module is a part of a model, such as a pipeline stage, so that rules
            may match nothing in it.

    Returns:
        `module`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If a parameter cannot be filled (see `fill_`), `rules` have nothing for it, a
            rule that is not optional matches no parameter or buffer, or a buffer other than running
            statistics is on meta. No parameter is changed then.
        RuntimeError: If the call is traced or compiled into a graph.

    Examples:
        >>> import torch
        >>> rules = {"*.bias": "zeros", "*": "he_normal"}
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2))
        >>> init_module_(model, rules, seed=1)[0].bias.tolist()
        [0.0, 0.0]
    """
    if not isinstance(module, Module):
        raise TypeError(f"`module` must be a torch.nn.Module, received: {show(module)}")
    chosen = Rules(rules, seed)
    target = None if device is None else torch.device(device)
    if target is not None and target.type == "meta":
        raise ValueError("`device` must be one with memory, received: meta")
    _show_parameters(module)
    statistics = _find_statistics(module)
    planned = _plan_all(module, chosen, partial)
    for owner in statistics:
        _materialize_statistics(owner, target)
    for weight, fill in planned:
        if is_abstract(weight.parameter):
            _materialize(weight, target)
        write(weight.parameter, fill, _zero_rows(weight.padding))
    return module


def _list_weights(module: Module) -> list[_Weight]:
    weights: dict[int, _Weight] = {}
    for prefix, owner in named_modules(module):
        for name, parameter in owner._parameters.items():
            if parameter is not None:
                new = _Weight(join(prefix, owner, name), parameter)
                weights.setdefault(id(parameter), new).places.append((owner, name))
    return list(weights.values())


def list_tensors(module: Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters by the names of `init_module_`, then the buffers of the state dict."""
    for weight in _list_weights(module):
        yield weight.name, weight.parameter
    seen: set[int] = set()
    for prefix, owner in named_modules(module):
        for name, buffer in owner._buffers.items():
            is_kept = buffer is not None and name not in owner._non_persistent_buffers_set
            if is_kept and id(buffer) not in seen:
                seen.add(id(buffer))
                yield join(prefix, owner, name), buffer


def _plan_all(module: Module, rules: Rules, partial: bool) -> list[tuple[_Weight, AnyFill]]:
    """Return what fills each parameter, without those that are left as they are."""
    weights = _list_weights(module)
    for weight in weights:
        if torch.nn.parameter.is_lazy(weight.parameter):
            raise ValueError(
                "`module` must have no uninitialized parameters, received: "
                f"{weight.name}; run the module on an input first"
            )
    own = find_conventions(module)
    named = [
        (each.name, tuple(each.parameter.shape), own.get(id(each.parameter), TORCH))
        for each in weights
    ]
    # A recipe may have rules for buffers, which a checkpoint holds.
    others = [name for name, _ in list_tensors(module)]
    found = rules.choose_all(named, others, partial)
    return [
        (weight, _plan(weight, rule, rules.seed))
        for weight, rule in zip(weights, found, strict=True)
        if rule is not None and not getattr(weight.parameter, "_is_hf_initialized", False)
    ]


def _plan(weight: _Weight, rule: Rule, seed: int) -> AnyFill:
    parameter, name = weight.parameter, weight.name
    try:
        check_tensor(parameter)
        return rule.plan_fill(seed, name, tuple(parameter.shape), dtype_of(parameter))
    except ValueError as error:
        raise ValueError(f"parameter {name!r} cannot be filled: {error}") from None


def _zero_rows(rows: list[int]) -> Finish | None:
    if not rows:
        return None

    def finish(block: Array | Tensor, start: Shape) -> None:
        for row in rows:
            if 0 <= row - start[0] < block.shape[0]:
                block[row - start[0]] = 0

    return finish


def _materialize(weight: _Weight, device: torch.device | None) -> None:
    """Make a parameter that is on meta, and put it wherever it stands."""
    old = weight.parameter
    with torch.no_grad():
        empty = torch.empty_like(old, device=device or _home(old))
    new = Parameter(empty, requires_grad=old.requires_grad)
    new.__dict__.update(old.__dict__)
    for owner, name in weight.places:
        owner._parameters[name] = new
    weight.parameter = new


def _home(tensor: Tensor) -> str:
    return str(tensor.device_mesh.device_type) if is_distributed(tensor) else "cpu"


def _find_statistics(module: Module) -> list[_NormBase]:
    """Return the modules whose running statistics are on meta; no other buffer may be there."""
    found: list[_NormBase] = []
    for prefix, owner in named_modules(module):
        for name, buffer in owner._buffers.items():
            if buffer is None or not is_abstract(buffer):
                continue
            if not isinstance(owner, _NormBase) or name not in _STATISTICS:
                raise ValueError(
                    "`module` must have no buffers on the device meta but running statistics, "
                    f"received: {join(prefix, owner, name)}; assign its values first"
                )
            if owner not in found:
                found.append(owner)
    return found


def _materialize_statistics(owner: _NormBase, device: torch.device | None) -> None:
    for name in _STATISTICS:
        buffer = owner._buffers[name]
        if buffer is not None and is_abstract(buffer):
            owner._buffers[name] = torch.empty_like(buffer, device=device or "cpu")
    owner.reset_running_stats()


def _show_parameters(module: Module) -> None:
    """Make FSDP2 show its shards, not what a forward pass gathered; refuse FSDP1's flat shards.

    Raises:
        ValueError: If a parameter of FSDP1 is a piece of a flat vector, which has no shape.
    """
    fsdp = sys.modules.get("torch.distributed.fsdp")
    if fsdp is None:
        return
    for part in module.modules():
        if isinstance(part, fsdp.FSDPModule):
            part.reshard()
        elif isinstance(part, fsdp.FullyShardedDataParallel):
            handle = part._handle  # None if it has no parameters of its own
            if handle is not None and handle.is_sharded(handle.flat_param):
                raise ValueError(
                    "`module` must show whole parameters, received FullyShardedDataParallel with "
                    "flat shards: call init_module_ inside "
                    "FullyShardedDataParallel.summon_full_params(module)"
                )
