"""`patch`: torch's random functions return our values inside it, whoever calls them."""

from __future__ import annotations

import math
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import peek_interpreter_stack
from torch.overrides import TorchFunctionMode

from .._arguments.checks import show
from .._arguments.seeds import SeedGenerator, check_seed_integer
from . import _init
from ._fill import active
from ._intercept import intercept
from ._tensor import is_abstract


@contextmanager
def patch(seed: int) -> Iterator[None]:
    """Make code that draws initial weights from torch use this package's values.

    Inside the `with` block, in the thread that entered it, these use our values:

    - the functions of `torch.nn.init`, however a module imported them;
    - `Tensor.normal_` and `Tensor.uniform_`;
    - `torch.randn`, `rand`, `randn_like`, `rand_like` and `normal`.

    The k-th call that draws (k from 0) uses stream k of the seed. On exit everything is restored,
    also after an exception. Blocks may be nested: the inner seed applies.

    With a `generator` argument, `torch.nn.init` and the two methods draw their seed from that
    generator; `torch.randn` and the other functions then return torch's own values. Other random
    functions (`exponential_`, `bernoulli`, `randperm`, …) keep torch's values; the first call of
    each warns. Dropout and other layers that draw in a forward pass keep torch's values too.

    Values depend on the order in which a model creates its parameters, and so on the version of the
    library that defines it; the values of `init_module_` depend on parameter names only.

    Args:
        seed: An integer in `[-2**127, 2**127)`.

    Raises:
        TypeError: If `seed` is not an integer.
        ValueError: If it is out of range.

    Warns:
        UserWarning: "drawn from torch's generator inside patch", once for each function.

    Examples:
        >>> import torch
        >>> with patch(seed=1):
        ...     layer = torch.nn.Linear(3, 2, bias=False)
        >>> print(layer.weight.detach().numpy())
        [[-0.08285305  0.060467   -0.4765648 ]
         [ 0.11585253 -0.4938663   0.26934808]]
    """
    generator = SeedGenerator(check_seed_integer(seed))
    active.generators.append(generator)
    try:
        with intercept(_use_ours), _Draws():
            yield
    finally:
        active.generators.pop()


def _use_ours(
    name: str, _theirs: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return getattr(_init, name)(*args, **kwargs)


# Functions and methods in C++, which a torch function mode intercepts.


class _Draws(TorchFunctionMode):  # type: ignore[misc]  # Any where torch is not installed
    """Sends torch's normal and uniform draws to ours; warns of the other draws."""

    def __init__(self) -> None:
        super().__init__()
        self._warned: set[str] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        method = _METHODS.get(func)
        if method is not None:
            return method(*args, **kwargs)
        name = _DRAWS.get(func)
        if name is None or kwargs.get("generator") is not None:
            return func(*args, **kwargs)
        ours = _COVERED.get(func)
        if ours is not None and not _is_traced():
            _refuse_local_shards(_find_callers(sys._getframe(1))[-1], name)
            return ours(*args, **kwargs)
        result = func(*args, **kwargs)
        if name not in self._warned and not (isinstance(result, Tensor) and is_abstract(result)):
            self._warned.add(name)
            # torch.compile cannot trace access to frames.
            depth = 0 if torch.compiler.is_compiling() else len(_find_callers(sys._getframe(1)))
            message = f"{name}: drawn from torch's generator inside patch"
            warnings.warn(message, stacklevel=depth + 1)
        return result


def _is_traced() -> bool:
    # A compiled graph must draw again at every run. vmap decides which examples share a draw.
    return torch.compiler.is_compiling() or peek_interpreter_stack() is not None


def _find_callers(frame: types.FrameType) -> list[types.FrameType]:
    """Return the frames of other modes, such as `with torch.device(...)`, then the real caller."""
    frames = [frame]
    while frames[-1].f_code.co_name == "__torch_function__" and frames[-1].f_back is not None:
        frames.append(frames[-1].f_back)
    return frames


def _refuse_local_shards(caller: types.FrameType, name: str) -> None:
    # torch.distributed.tensor.randn and rand draw each shard by its local shape, so every process
    # would get the same values.
    if caller.f_code.co_name == "_dtensor_init_helper":
        raise NotImplementedError(
            f"{name} must not make a DTensor inside patch, received: local shape "
            f"{show(tuple(caller.f_locals['local_shape']))}; use torch.distributed.tensor.empty, "
            "then normal_() or uniform_()"
        )


def _method_uniform(
    tensor: Tensor, *bounds: float, generator: torch.Generator | None = None, **ends: float
) -> Tensor:
    # One of the method's arguments is called `from`, a keyword that no signature can have.
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


def _randn(*size: Any, generator: None = None, **options: Any) -> Tensor:
    return _fill_normal(torch.empty(*size, **options))


def _rand(*size: Any, generator: None = None, **options: Any) -> Tensor:
    return _fill_uniform(torch.empty(*size, **options))


def _randn_like(input: Tensor, *, generator: None = None, **options: Any) -> Tensor:
    return _fill_normal(torch.empty_like(input, **options))


def _rand_like(input: Tensor, *, generator: None = None, **options: Any) -> Tensor:
    return _fill_uniform(torch.empty_like(input, **options))


def _normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: None = None,
    out: Tensor | None = None,
    **options: Any,
) -> Tensor:
    if size is not None:
        return _init.normal_(torch.empty(size, out=out, **options), mean, std)
    tensors = [argument for argument in (mean, std) if isinstance(argument, Tensor)]
    if not tensors or options:
        return torch.normal(mean, std, out=out, **options)  # torch raises the error
    if isinstance(std, Tensor) and not is_abstract(std) and bool((std < 0).any()):
        raise ValueError(f"`std` must be >= 0 everywhere, received: {std.min().item()}")
    like = torch.broadcast_tensors(*tensors)[0]
    dtype = like.dtype if out is None else out.dtype
    with torch.no_grad():
        drawn = torch.empty_like(like, dtype=dtype, memory_format=torch.contiguous_format)
        _fill_normal(drawn).mul_(std).add_(mean)
        # Not drawn directly into `out`, which may be `mean` or `std`.
        return drawn if out is None else torch.empty(drawn.shape, out=out).copy_(drawn)


def _fill_normal(tensor: Tensor) -> Tensor:
    if tensor.is_complex():  # real and imaginary part together have variance 1
        _init.normal_(torch.view_as_real(tensor.detach()), std=math.sqrt(0.5))
    else:
        _init.normal_(tensor)
    return tensor


def _fill_uniform(tensor: Tensor) -> Tensor:
    _init.uniform_(torch.view_as_real(tensor.detach()) if tensor.is_complex() else tensor)
    return tensor


_METHODS = {Tensor.uniform_: _method_uniform, Tensor.normal_: _method_normal}
_COVERED: dict[Any, Callable[..., Tensor]] = {
    torch.randn: _randn,
    torch.rand: _rand,
    torch.randn_like: _randn_like,
    torch.rand_like: _rand_like,
    torch.normal: _normal,
}
# Names in warnings. `torch.distributions` draws through these. Scripted and compiled code cannot be
# intercepted.
_DRAWS = {
    **{function: f"torch.{function.__name__}" for function in _COVERED},
    **{
        getattr(torch, name): f"torch.{name}"
        for name in (
            *("bernoulli", "binomial", "multinomial", "poisson"),
            *("randint", "randint_like", "randperm", "_sample_dirichlet", "_standard_gamma"),
        )
    },
    **{
        getattr(Tensor, name): f"Tensor.{name}"
        for name in (
            *("bernoulli", "bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_"),
            *("multinomial", "random_"),
        )
    },
}
