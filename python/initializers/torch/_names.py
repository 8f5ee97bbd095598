"""The names of a module's parameters, without what wraps the module."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from torch.nn import Module
from torch.nn.utils import parametrize

# Wrappers by type, with the child that is the module itself. A type whose module is not loaded has
# no instances.
_WRAPPERS = (
    ("torch._dynamo.eval_frame", "OptimizedModule", "_orig_mod"),
    (
        "torch.distributed.algorithms._checkpoint.checkpoint_wrapper",
        "ActivationWrapper",
        "_checkpoint_wrapped_module",
    ),
    ("torch.nn.parallel.distributed", "DistributedDataParallel", "module"),
    ("torch.nn.parallel.data_parallel", "DataParallel", "module"),
    (
        "torch.distributed.fsdp.fully_sharded_data_parallel",
        "FullyShardedDataParallel",
        "_fsdp_wrapped_module",
    ),
)


def named_modules(module: Module, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Module]]:
    """Yield a module and all below it, by every name that leads there, wrappers left out."""
    yield ".".join(path), module
    inner = _inner_name(module)
    for name, child in module._modules.items():
        if child is not None:
            yield from named_modules(child, path if name == inner else (*path, name))


def join(prefix: str, module: Module, name: str) -> str:
    """Return the name of a module's own parameter or buffer.

    What is parametrized keeps the name that it has without: `weight`, not
    `parametrizations.weight.original`.
    """
    if isinstance(module, parametrize.ParametrizationList) and name == "original":
        return prefix
    return f"{prefix}.{name}" if prefix else name


def _inner_name(module: Module) -> str | None:
    """Return the name of the child that a wrapper wraps."""
    if parametrize.is_parametrized(module):
        return "parametrizations"
    for place, kind, inner in _WRAPPERS:
        loaded = sys.modules.get(place)
        if loaded is not None and isinstance(module, getattr(loaded, kind)):
            return inner
    return None
