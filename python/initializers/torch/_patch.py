"""Code that calls `torch.nn.init` on its own, made to use ours for a while."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .._seed import SeedGenerator, check_seed_integer
from . import _init
from ._fill import active

_NAMES = (
    *("uniform_", "normal_", "trunc_normal_", "constant_", "ones_", "zeros_", "eye_", "dirac_"),
    *("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"),
    *("orthogonal_", "sparse_"),
)


@contextmanager
def patch(seed: int) -> Iterator[None]:
    """Make the functions of `torch.nn.init` and `Tensor.normal_`, `Tensor.uniform_` use ours.

    Inside the `with` block, and in the thread that entered it, the k-th of these calls that draws
    (k from 0) takes stream k of the seed. Functions that were imported by name, by anyone, are
    found; everything is as before on exit, also after an exception. Blocks may be nested: the inner
    seed counts.

    Values depend on the order in which a model makes its parameters, and so on the version of the
    library that defines it; those of `init_module_` depend on their names only.

    Args:
        seed: An integer in `[-2**127, 2**127)`.

    Raises:
        TypeError: If `seed` is no integer.
        ValueError: If it is out of range.

    Examples:
        >>> import torch
        >>> with patch(seed=1):
        ...     layer = torch.nn.Linear(3, 2)
    """
    generator = SeedGenerator(check_seed_integer(seed))
    _install()
    active.generators.append(generator)
    try:
        with _Methods():
            yield
    finally:
        active.generators.pop()
        _uninstall()


class _Methods(TorchFunctionMode):  # type: ignore[misc]  # Any where torch is not installed
    """Sends the two methods that initializers outside `torch.nn.init` are built on to ours."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        method = _METHODS.get(func)
        return (func if method is None else method)(*args, **(kwargs or {}))


def _method_uniform(
    tensor: Tensor, *bounds: float, generator: torch.Generator | None = None, **ends: float
) -> Tensor:
    # One of the method's arguments is called `from`, a word that a signature cannot have.
    low, high = (*bounds, *(0.0, 1.0)[len(bounds) :])
    return _init.uniform_(tensor, ends.get("from", low), ends.get("to", high), generator)


def _method_normal(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    return _init.normal_(tensor, mean, std, generator)


_METHODS = {Tensor.uniform_: _method_uniform, Tensor.normal_: _method_normal}


def _wrap(theirs: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(theirs)
    def call(*args: Any, **kwargs: Any) -> Any:
        return (ours if active.generators else theirs)(*args, **kwargs)

    return call


# Their functions, the names that are deprecated included, and what stands for each in a patch.
_WRAPPERS = {
    theirs: _wrap(theirs, getattr(_init, name))
    for name in _NAMES
    for theirs in (getattr(torch.nn.init, name), getattr(torch.nn.init, name[:-1], None))
    if theirs is not None
}
_ORIGINALS = {ours: theirs for theirs, ours in _WRAPPERS.items()}

_lock = threading.Lock()
_depth = 0


def _install() -> None:
    global _depth
    with _lock:
        if _depth == 0:
            _replace(_WRAPPERS)
        _depth += 1


def _uninstall() -> None:
    global _depth
    with _lock:
        _depth -= 1
        if _depth == 0:
            # By the same search, so that names bound inside the patch do not keep ours.
            _replace(_ORIGINALS)


def _replace(functions: dict[Callable[..., Any], Callable[..., Any]]) -> None:
    """Replace functions wherever a loaded module holds one, by name or in a table."""
    by_identity = {id(old): new for old, new in functions.items()}
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if not isinstance(names, dict) or names is globals():
            continue
        tables = [value for value in list(names.values()) if type(value) is dict]
        for table in (names, *tables):
            for key, value in list(table.items()):
                new = by_identity.get(id(value))
                if new is not None:
                    table[key] = new
