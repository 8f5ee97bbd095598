"""Buffers: values for buffers on the device meta, and detection of uninitialized memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.modules.batchnorm import _NormBase
from torch.optim.swa_utils import AveragedModel

from .._arguments.checks import hint, show
from ._names import named_modules
from ._parametrizations import Slot
from ._tensor import is_abstract, is_distributed
from ._weights import Buffer, Weight, list_buffers

# Initial values of the buffers of torch's own modules.
_FIRST = (
    (_NormBase, {"running_mean": 0, "running_var": 1, "num_batches_tracked": 0}),
    (AveragedModel, {"n_averaged": 0}),
)

# Attribute of models of transformers: pairs of names of tied parameters.
_TIES = "all_tied_weights_keys"

# Dtypes whose subnormal numbers are suspicious. (A frequency in float16 can be subnormal.)
_SUBNORMAL = (torch.bfloat16, torch.float32, torch.float64)


def plan_buffers(
    buffers: list[Buffer],
    given: Mapping[str, Any] | Callable[[], Module] | None,
    device: torch.device | None,
    weights: list[Weight],
) -> dict[int, Tensor]:
    """Return new tensors for buffers, by the identity of the buffers that they replace.

    Args:
        buffers: The module's buffers.
        given: Values by name, or a function that builds a module with these values.
        device: The device for buffers on meta; None: the CPU, or the mesh's device.
        weights: The weights that will be made. Their parametrizations make some buffers.

    Raises:
        TypeError: If `given` is something else.
        ValueError: If a buffer on meta gets no values, or values do not fit.
    """
    made = {
        (id(owner), name)
        for weight in weights
        for each in weight.computed
        for owner, name in each.buffers
    }
    buffers = [each for each in buffers if not made & {(id(o), name) for o, name in each.owners}]
    values = _read(given, {each.name for each in buffers})
    new: dict[int, Tensor] = {}
    missing = []
    for buffer in buffers:
        if buffer.name in values:
            new[id(buffer.tensor)] = _fit(buffer, values[buffer.name], device)
        elif is_abstract(buffer.tensor):
            first = _find_first(buffer.owners[0])
            if first is None:
                missing.append(buffer.name)
            else:
                home = device or home_of(buffer.tensor)
                new[id(buffer.tensor)] = torch.full_like(buffer.tensor, first, device=home)
    if missing:
        raise ValueError(
            "`module` must have no buffers on the device meta but running statistics, received: "
            f"{', '.join(missing)}; give their values as `buffers=`: a mapping from names, or a "
            "function that builds the module on the CPU, from which they are copied"
        )
    return new


def home_of(tensor: Tensor) -> str:
    """Return the default device for a tensor on meta."""
    return str(tensor.device_mesh.device_type) if is_distributed(tensor) else "cpu"


def _read(given: Any, known: set[str]) -> Mapping[str, Any]:
    """Return the given values by name."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        for name in given:
            if name not in known:
                raise ValueError(
                    f"`buffers` must name buffers of the module, received: {show(name)}"
                    f"{hint(str(name), known)}"
                )
        return given
    if isinstance(given, Module) or not callable(given):
        raise TypeError(
            "`buffers` must be a mapping from names to values, or a function without arguments "
            f"that builds the module, received: {show(given)}"
        )
    with torch.device("cpu"):
        built = given()
    if not isinstance(built, Module):
        raise TypeError(f"`buffers` must return a torch.nn.Module, received: {show(built)}")
    return {each.name: each.tensor for each in list_buffers(built)}


def _fit(buffer: Buffer, value: Any, device: torch.device | None) -> Tensor:
    """Return a new tensor like the buffer that holds `value`."""
    old = buffer.tensor
    try:
        new = value.detach() if isinstance(value, Tensor) else torch.as_tensor(value, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"`buffers` must hold tensors or arrays, received for {buffer.name!r}: {show(value)} "
            f"({error})"
        ) from None
    if is_abstract(new):
        raise ValueError(
            f"`buffers` must have values, received for {buffer.name!r}: a tensor on meta; build "
            "the module without torch.device('meta')"
        )
    if new.shape != old.shape or _kind(new) != _kind(old):
        raise ValueError(
            f"`buffers` must have the module's shapes and kinds of numbers, received for "
            f"{buffer.name!r}: shape {tuple(new.shape)}, dtype {new.dtype} in place of shape "
            f"{tuple(old.shape)}, dtype {old.dtype}"
        )
    home = device if is_abstract(old) and device is not None else home_of(old)
    home = home if is_abstract(old) else old.device
    new = new.to(device=home, dtype=old.dtype, copy=True)
    if is_distributed(old):
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(new, old.device_mesh, old.placements, src_data_rank=None)
    return new


def _kind(tensor: Tensor) -> str:
    if tensor.dtype == torch.bool:
        return "bool"
    return "float" if tensor.is_floating_point() else "complex" if tensor.is_complex() else "int"


def _find_first(owner: Slot) -> int | None:
    module, name = owner
    for kind, values in _FIRST:
        if isinstance(module, kind):
            return values.get(name)
    return None


def list_warnings(module: Module, buffers: list[Buffer], replaced: dict[int, Tensor]) -> list[str]:
    """Return warnings about memory that `to_empty` left uninitialized, and about broken ties."""
    found = []
    unset = [
        buffer.name
        for buffer in buffers
        if id(buffer.tensor) not in replaced and _looks_unset(buffer)
    ]
    if unset:
        found.append(
            f"buffers look uninitialized, as after `to_empty`: {', '.join(unset)}; "
            "give them as `buffers=` (init_module_ leaves buffers as they are)"
        )
    pairs = _list_broken_ties(module)
    if pairs:
        found.append(
            "parameters that the model's class ties are not tied, as after `to_empty`: "
            f"{', '.join(f'{a} and {b}' for a, b in pairs)}; call `tie_weights()` first"
        )
    return found


def _looks_unset(buffer: Buffer) -> bool:
    """Return whether a buffer holds numbers that no program computes. Infinity and 0 are normal."""
    module, name = buffer.owners[0]
    is_statistic = isinstance(module, _NormBase)
    tensor = buffer.tensor.detach()
    if (buffer.is_kept and not is_statistic) or is_abstract(tensor):
        return False
    if is_distributed(tensor):
        tensor = tensor.to_local()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    if tensor.dtype not in (*_SUBNORMAL, torch.float16) or tensor.layout != torch.strided:
        return False
    if tensor.isnan().any():
        return True
    if is_statistic:
        return name == "running_var" and bool((tensor < 0).any())
    tiny = torch.finfo(tensor.dtype).tiny
    return tensor.dtype in _SUBNORMAL and bool(((tensor.abs() < tiny) & (tensor != 0)).any())


def _list_broken_ties(module: Module) -> list[tuple[str, str]]:
    """Return pairs of names that a transformers model should tie but does not."""
    broken: list[tuple[str, str]] = []
    for _, part in named_modules(module):
        # Modules look for a missing attribute in three dicts, which is slow.
        if _TIES not in part.__dict__ and not hasattr(type(part), _TIES):
            continue
        ties = getattr(part, _TIES, None)
        if not isinstance(ties, dict):
            continue
        named = dict(part.named_parameters(remove_duplicate=False))
        for pair in ties.items():
            one, other = (named.get(name) for name in pair)
            if one is not None and other is not None and one is not other and pair not in broken:
                broken.append(pair)
    return broken
