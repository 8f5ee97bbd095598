"""Whole modules: every parameter from one seed, by its name."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch.nn import Module

from .._arguments.checks import show
from ..recipe import Rule
from ..recipe._resolve import ResolvedRules, RulesLike
from ._buffers import list_warnings, plan_buffers
from ._changes import Changes, Planned, naming
from ._names import named_modules
from ._tensor import check_tensor, dtype_of, write
from ._weights import Weight, find_shared_memory, list_specs, list_weights

M = TypeVar("M", bound=Module)


def init_module_(
    module: M,
    rules: RulesLike,
    seed: int | None = None,
    device: Any = None,
    *,
    partial: bool = False,
    buffers: Mapping[str, Any] | Callable[[], Module] | None = None,
) -> M:
    """Give every parameter of a module its first value, by its name.

    The values of a parameter depend on `seed`, its name, its global shape and what `rules` say:
    not on the order of parameters, nor on the mesh, the placements or the number of processes. Of
    `DTensor`s (FSDP2, tensor parallelism, both) each process fills its own shards.

    A name is that of `module.named_parameters()` without what wrappers add: `torch.compile`,
    activation checkpoints, `DistributedDataParallel`, FSDP1, parametrizations. A parameter that
    several names lead to has its first. Rows of an embedding's `padding_idx` are zero.

    A parametrized weight (`torch.nn.utils.parametrizations`, and the older `weight_norm`,
    `spectral_norm` and `prune`) is made by its plain name; then the parameters that give it are
    derived by `right_inverse`, and the vectors of a spectral norm by 15 power iterations from ones
    seeded by name.

    Parameters on the device meta are made on `device`; parameters that are one stay one. Running
    statistics on meta are made too, and reset. A parameter marked `_is_hf_initialized` is left as
    it is, as are all buffers that have values and are not given.

    Warns if something looks like memory that `to_empty` left without values: a non-persistent
    buffer with NaN or subnormal numbers, running statistics with NaN or a negative variance, or
    two parameters that a transformers model ties and that are not tied.

    Args:
        module: The module.
        rules: A `Recipe`; a mapping from patterns of names to an initializer, a `Rule`, or None for
            a parameter that keeps its values; a list of such pairs and of `Rule`s with patterns,
            of which the first that matches counts, as of a mapping; a function of a parameter's
            name and shape that returns an initializer, a `Rule` or None; or an object with such a
            method `choose`. Fans are counted by torch's convention, (outputs, inputs, *kernel),
            unless a rule or the recipe states another `convention`. A parameter has the dtype that
            it has, whatever a rule says.
        seed: An integer in `[-2**127, 2**127)`; it wins over the seed of a `Recipe`, which None
            leaves in force. A parameter's is `fold_in(seed, name)`.
        device: Where what is on meta is made; None for the mesh's device of a `DTensor`, else the
            CPU.
        partial: Whether the module is a part of a model, such as a pipeline stage, so that rules
            may match nothing in it.
        buffers: The values of buffers: a mapping from names to tensors or arrays of the buffers'
            shapes; or a function that builds the module on the CPU, from which all buffers are
            copied. None: buffers have values already.

    Returns:
        `module`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If a parameter cannot be filled (see `fill_`), `rules` have nothing for it, a
            rule that is not optional matches no parameter or buffer, two parameters share memory,
            a parametrization has no `right_inverse` or is of `DTensor`s, or a buffer on meta has no
            values. Nothing is changed then.
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
    chosen = ResolvedRules(rules, seed)
    target = None if device is None else torch.device(device)
    if target is not None and target.type == "meta":
        raise ValueError("`device` must be one with memory, received: meta")
    _show_parameters(module)
    weights = list_weights(module)
    planned = _plan_all(module, weights, chosen, partial)
    _check_memory(weights, planned)
    new = plan_buffers(module, buffers, target, [each.weight for each in planned])
    for warning in list_warnings(module, new):
        warnings.warn(warning, UserWarning, stacklevel=2)
    changes = Changes(module, new, target)
    # All that may fail comes first, in new memory.
    for each in planned:
        if each.is_made_apart:
            changes.make(each)
    for each in planned:
        if each.weight.computed:
            changes.solve(each, chosen.seed)
    for each in planned:
        if not (each.is_made_apart or each.weight.computed):
            write(each.weight.tensor, each.fill)
    changes.commit()
    for each in planned:
        for computed in each.weight.computed:
            computed.refresh()
    return module


def _plan_all(
    module: Module, weights: list[Weight], rules: ResolvedRules, partial: bool
) -> list[Planned]:
    """Return what fills each weight, without those that are left as they are."""
    named = [(each.name, each.shape, each.convention) for each in weights]
    # A recipe may have rules for buffers, which a checkpoint holds.
    others = [name for name, *_ in list_specs(module)]
    found = rules.choose_all(named, others, partial)
    return [
        _plan(weight, rule, rules.seed)
        for weight, rule in zip(weights, found, strict=True)
        if rule is not None and not _is_loaded(weight)
    ]


def _is_loaded(weight: Weight) -> bool:
    return all(getattr(each, "_is_hf_initialized", False) for each in weight.parameters)


def _plan(weight: Weight, rule: Rule, seed: int) -> Planned:
    with naming(weight.name):
        problem = weight.find_problem()
        if problem is not None:
            raise ValueError(problem)
        for each in weight.parameters:
            if not check_tensor(each) and not each.is_meta:
                raise ValueError(
                    "`tensor` must have memory or be on meta, received an instance of "
                    f"{type(each).__name__}"
                )
        kind = dtype_of(weight.tensor)
        padding = () if weight.computed else weight.padding
        return Planned(weight, rule.plan_fill(seed, weight.name, weight.shape, kind, padding))


def _check_memory(weights: list[Weight], planned: list[Planned]) -> None:
    shared = find_shared_memory(weights, {each.weight for each in planned})
    if shared is not None:
        raise ValueError(
            "`module` must have parameters that share no memory, received: {!r} and {!r}; tie them "
            "(one Parameter for both) or give one memory of its own".format(*shared)
        )


def _show_parameters(module: Module) -> None:
    """Make FSDP2 show its shards, not what a forward pass gathered; refuse FSDP1's flat shards.

    Raises:
        ValueError: If a parameter of FSDP1 is a piece of a flat vector, which has no shape.
    """
    fsdp = sys.modules.get("torch.distributed.fsdp")
    if fsdp is None:
        return
    for _, part in named_modules(module):
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
