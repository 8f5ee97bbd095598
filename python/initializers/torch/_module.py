"""Initializes whole modules: every parameter from one seed and its name."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch.nn import Module

from .._arguments.checks import show
from ..recipe import Rule
from ..recipe._planner import Planner
from ..recipe._resolve import ResolvedRules, RulesLike
from ._buffers import list_warnings, plan_buffers
from ._changes import Changes, Planned, naming
from ._names import named_modules
from ._tensor import check_tensor, dtype_of, write
from ._weights import Buffer, Weight, find_shared_memory, list_buffers, list_weights

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
    """Initialize every parameter of a module by rules and its name.

    The values of a parameter depend on `seed`, its name, its global shape and its rule, not on the
    order of parameters, the mesh, the placements or the number of processes. Each process fills its
    own shards of `DTensor`s (FSDP2, tensor parallelism, or both).

    Names are those of `module.named_parameters()` without the additions of wrappers:
    `torch.compile`, activation checkpoints, `DistributedDataParallel`, FSDP1, parametrizations. A
    tied parameter has its first name. Rows of an embedding's `padding_idx` are zero.

    A parametrized weight (`torch.nn.utils.parametrizations`, and the older `weight_norm`,
    `spectral_norm` and `prune`) is initialized under its plain name. Then `right_inverse` derives
    the parameters that compute it. The vectors of a spectral norm come from 15 power iterations,
    which start from vectors seeded by name.

    Parameters on the device meta are created on `device`; tied parameters stay tied. Running
    statistics on meta are created and reset. Parameters marked `_is_hf_initialized`, and buffers
    that have values and are not in `buffers`, stay as they are.

    Warns about memory that looks uninitialized, as `to_empty` leaves it: a non-persistent buffer
    with NaN or subnormal numbers, running statistics with NaN or a negative variance. Also warns if
    two parameters are not tied that a transformers model ties.

    Args:
        module: The module.
        rules: A `Recipe`; a mapping from patterns of names to an initializer, a `Rule`, or None for
            parameters that keep their values; a list of such pairs and of `Rule`s with patterns; a
            function of a parameter's name and shape that returns an initializer, a `Rule` or None;
            or an object with such a method `choose`. In a mapping or list, the first pattern that
            matches a name applies. Fans are counted in torch's convention, (outputs, inputs,
            *kernel), unless a rule or the recipe states another `convention`. Parameters keep
            their dtypes, whatever a rule says.
        seed: An integer in `[-2**127, 2**127)`, which replaces the seed of a `Recipe`; None: the
            seed of the `Recipe`. The seed of a parameter is `fold_in(seed, name)`.
        device: The device for tensors on meta; None: the mesh's device for a `DTensor`, else the
            CPU.
        partial: Whether the module is part of a model, such as a pipeline stage: rules may then
            match nothing in it.
        buffers: The values of buffers: a mapping from names to tensors or arrays of the buffers'
            shapes; or a function that builds the module on the CPU, from which all buffers are
            copied. None: all buffers have values already.

    Returns:
        `module`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If a parameter cannot be filled (see `fill_`) or has no rule, a rule that is not
            optional matches no parameter or buffer, two parameters share memory, a parametrization
            lacks `right_inverse` or has `DTensor`s, or a buffer on meta has no values. Nothing is
            changed then.
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
    stored = list_buffers(module)
    planned = _plan_all(weights, stored, chosen, partial)
    _check_memory(weights, planned)
    new = plan_buffers(stored, buffers, target, [each.weight for each in planned])
    for warning in list_warnings(module, stored, new):
        warnings.warn(warning, UserWarning, stacklevel=2)
    changes = Changes(module, new, target)
    # Everything that may fail is done first, in new memory.
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
    weights: list[Weight], buffers: list[Buffer], rules: ResolvedRules, partial: bool
) -> list[Planned]:
    """Return the fills of all weights, except those that keep their values."""
    named = [(each.name, each.shape, each.convention) for each in weights]
    # A recipe may have rules for buffers: checkpoints hold them too.
    others = [each.name for each in buffers if each.is_kept and not each.is_added]
    found = rules.choose_all(named, others, partial)
    planner = Planner(rules.seed)
    return [
        _plan(weight, rule, planner)
        for weight, rule in zip(weights, found, strict=True)
        if rule is not None and not _is_loaded(weight)
    ]


def _is_loaded(weight: Weight) -> bool:
    if not weight.computed:
        return bool(getattr(weight.tensor, "_is_hf_initialized", False))
    return all(getattr(each, "_is_hf_initialized", False) for each in weight.parameters)


def _plan(weight: Weight, rule: Rule, planner: Planner) -> Planned:
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
        fill = planner.plan_fill(rule, weight.name, weight.shape, kind, padding)
        return Planned(weight, fill)


def _check_memory(weights: list[Weight], planned: list[Planned]) -> None:
    shared = find_shared_memory(weights, {each.weight for each in planned})
    if shared is not None:
        raise ValueError(
            "`module` must have parameters that share no memory, received: {!r} and {!r}; tie them "
            "(one Parameter for both) or give one memory of its own".format(*shared)
        )


def _show_parameters(module: Module) -> None:
    """Make FSDP2 show its shards instead of gathered parameters; refuse FSDP1's flat shards.

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
            handle = part._handle  # None if the module has no parameters of its own
            if handle is not None and handle.is_sharded(handle.flat_param):
                raise ValueError(
                    "`module` must show whole parameters, received FullyShardedDataParallel with "
                    "flat shards: call init_module_ inside "
                    "FullyShardedDataParallel.summon_full_params(module)"
                )
