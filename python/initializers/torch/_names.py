"""The names of a module's parameters, without the additions of wrappers."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from torch.nn import Module
from torch.nn.utils import parametrize

# Types of wrappers, and the child that each wraps. A type whose module is not loaded has no
# instances.
_WRAPPERS = (
    ("torch._dynamo.eval_frame", "OptimizedModule", "_orig_mod"),
    (
        "torch.distributed.algorithms._checkpoint.checkpoint_wrapper",
        "ActivationWrapper",
        "_checkpoint_wrapped_module",
    ),
    ("torch.nn.parallel.distributed", "DistributedDataParallel", "module"),
    ("torch.nn.parallel.data_parallel", "DataParallel", "module"),
    ("torch.optim.swa_utils", "AveragedModel", "module"),
    (
        "torch.distributed.fsdp.fully_sharded_data_parallel",
        "FullyShardedDataParallel",
        "_fsdp_wrapped_module",
    ),
)


def named_modules(module: Module) -> Iterator[tuple[str, Module]]:
    """Yield a module and all modules in it, each once under its first name, without wrappers."""
    # A stack instead of recursion: modules may be nested deeply, or contain themselves.
    waiting: list[tuple[tuple[str, ...], Module]] = [((), module)]
    seen: set[int] = set()
    wrappers = _list_wrappers()
    while waiting:
        path, owner = waiting.pop()
        if id(owner) in seen:
            continue
        seen.add(id(owner))
        yield ".".join(path), owner
        inner = _inner_name(owner, wrappers)
        children = [
            (path if name == inner else (*path, name), child)
            for name, child in owner._modules.items()
            if child is not None
        ]
        waiting += reversed(children)


def join(prefix: str, module: Module, name: str) -> str:
    """Return the name of a module's own parameter or buffer.

    A parametrized weight keeps its plain name: `weight`, not `parametrizations.weight.original`.
    """
    if isinstance(module, parametrize.ParametrizationList) and name == "original":
        return prefix
    return f"{prefix}.{name}" if prefix else name


def is_wrapper(module: Module) -> bool:
    """Return whether a module wraps another and adds its own buffers."""
    return _inner_name(module, _list_wrappers()) not in (None, "parametrizations")


def _list_wrappers() -> list[tuple[type, str]]:
    """Return the loaded types of wrappers, each with the name of the child that it wraps."""
    return [
        (getattr(loaded, kind), inner)
        for place, kind, inner in _WRAPPERS
        if (loaded := sys.modules.get(place)) is not None
    ]


def _inner_name(module: Module, wrappers: list[tuple[type, str]]) -> str | None:
    """Return the name of the child that a wrapper wraps; None for other modules."""
    # `is_parametrized` asks for an attribute that most modules lack, which is slow.
    if "parametrizations" in module._modules and parametrize.is_parametrized(module):
        return "parametrizations"
    for kind, inner in wrappers:
        if isinstance(module, kind):
            return inner
    return None
