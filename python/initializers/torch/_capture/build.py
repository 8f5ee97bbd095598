"""Runs a constructor without memory for its weights, or on the CPU where it needs values."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import Module
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes, is_traceable_wrapper_subclass

from ..._arguments.checks import show
from .._intercept import intercept
from .._names import named_modules
from .._tensor import is_distributed
from .follow import Follower
from .operations import is_fake
from .places import describe_place, find_place
from .record import make_recorder


@dataclass(frozen=True, eq=False)
class Build:
    """A module that was constructed, and what was followed meanwhile.

    Attributes:
        module: The module.
        follower: The laws of its memory.
        reason: Why the CPU was needed; None if the weights never had memory.
    """

    module: Module
    follower: Follower
    reason: str | None


def run(build: Callable[[], Any]) -> Build:
    """Construct a module.

    Raises:
        TypeError: If `build` returns no module.
        ValueError: If it fails, draws from other generators than torch's, or returns parameters
            that cannot be followed.
    """
    try:
        return _run_fake(build)
    except _Refused as error:
        raise error.refusal from None
    except Exception as error:
        # Values that are not there: on the CPU they are. If that was not why, it fails there too.
        reason = f"{type(error).__name__} at {find_place(error) or 'no line of the model'}"
    try:
        return _run_on_cpu(build, reason)
    except _Refused as error:
        raise error.refusal from None
    except Exception as error:
        place = find_place(error)
        raise ValueError(
            "`build` must construct a module, received one that raised "
            f"{type(error).__name__}: {error}" + (f" (at {place})" if place else "")
        ) from error


class _Refused(Exception):
    """Carries an error about what `build` returned, so that it is told from errors in it."""

    def __init__(self, refusal: Exception) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def _run_fake(build: Callable[[], Any]) -> Build:
    follower = Follower()
    with (
        _watched(build),
        FakeTensorMode(allow_non_fake_inputs=True),
        intercept(make_recorder(follower)),
        _Reads(follower),
        follower,
    ):
        module = build()
    return Build(_check_module(module, follower), follower, None)


def _run_on_cpu(build: Callable[[], Any], reason: str) -> Build:
    follower = Follower()
    with (
        _watched(build),
        torch.random.fork_rng(devices=[]),
        intercept(make_recorder(follower)),
        follower,
    ):
        module = build()
    return Build(_check_module(module, follower), follower, reason)


class _Reads(TorchFunctionMode):  # type: ignore[misc]  # Any where torch is not installed
    """Gives known values to code that asks for lists and arrays, which fake tensors cannot."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self._follower = follower

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (Tensor.tolist, Tensor.numpy, Tensor.__array__):
            with _disable_current_modes():
                values = self._follower.compute(args[0])
                if values is not None:
                    return func(values, *args[1:], **kwargs)
        if func is Tensor.__deepcopy__ and is_fake(args[0]) and args[0].is_leaf:
            return _copy(*args)
        return func(*args, **kwargs)


def _copy(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
    """Return a copy of a tensor without memory, with its attributes.

    `Tensor.__deepcopy__` would copy the mode too. A mode holds weak references to storages by their
    addresses; each copy of such a reference releases it once more, which frees storages in use.
    """
    if id(tensor) in memo:
        return memo[id(tensor)]
    with torch.no_grad():
        copied = tensor.clone().requires_grad_(tensor.requires_grad)
    for name, value in tensor.__dict__.items():
        if name == "_is_param" or name not in copied.__dict__:
            copied.__dict__[name] = copy.deepcopy(value, memo)
    memo[id(tensor)] = copied
    return copied


@contextmanager
def _watched(build: Callable[[], Any]) -> Iterator[None]:
    """Raise if a generator of NumPy or Python was drawn from."""
    before = {name: read() for name, read in _GENERATORS.items()}
    yield
    for name, read in _GENERATORS.items():
        if read() != before[name]:
            place = _find_draw(build, name)
            raise _Refused(
                ValueError(
                    "`build` must draw from torch's generators only, received a constructor that "
                    f"drew from {name}'s" + (f" (at {place})" if place else "")
                )
            )


# Generator → a function that reads its state, which changes with each draw.
_GENERATORS: dict[str, Callable[[], Any]] = {
    "NumPy": lambda: repr(np.random.get_state(legacy=True)),
    "Python": random.getstate,
}


def _find_draw(build: Callable[[], Any], name: str) -> str:
    """Construct once more, and return the line that drew first, or that follows it."""
    places: list[str] = []
    read = _GENERATORS[name]
    before = read()

    def look(frame: Any, event: str, _: Any) -> None:
        if places or read() == before:
            return
        caller = frame.f_back if event == "call" else frame
        while caller is not None and caller.f_globals.get("__name__") in ("random", __name__):
            caller = caller.f_back
        places.append(describe_place(caller) if caller is not None else "")

    earlier = sys.getprofile()
    sys.setprofile(look)
    try:
        with torch.random.fork_rng(devices=[]):
            build()
    except Exception:
        pass  # it did not fail the first time; the line is a help only
    finally:
        sys.setprofile(earlier)
    return places[0] if places else ""


def _check_module(module: object, follower: Follower) -> Module:
    if not isinstance(module, Module):
        several = isinstance(module, (tuple, list, dict))
        rest = "; capture each in a call of its own" if several else ""
        raise _Refused(
            TypeError(f"`build` must return one torch.nn.Module, received: {show(module)}{rest}")
        )
    known = False
    for prefix, owner in named_modules(module):
        for name, parameter in owner._parameters.items():
            if parameter is None:
                continue
            problem = _find_problem(parameter)
            if problem is not None:
                place = f"{prefix}.{name}" if prefix else name
                raise _Refused(
                    ValueError(
                        f"`build` must return parameters that are whole and dense, received: "
                        f"{place!r}, which {problem}"
                    )
                )
            known = known or follower.knows(parameter)
    if not known and next(module.parameters(), None) is not None:
        raise _Refused(
            ValueError(
                "`build` must construct the module when it is called, received one whose "
                "parameters existed before"
            )
        )
    return module


def _find_problem(parameter: Tensor) -> str | None:
    if torch.nn.parameter.is_lazy(parameter):
        return "has no shape before a first input; run the module on one inside `build`"
    if parameter.is_quantized:
        return "is quantized; capture the model before it is"
    if is_distributed(parameter):
        return "is sharded; capture the model before it is"
    if parameter.layout != torch.strided:
        return f"has the layout {parameter.layout}"
    if is_traceable_wrapper_subclass(parameter):
        return f"is an instance of {type(parameter).__name__}; capture the model before it is"
    if parameter.is_meta:
        return "is on the device meta, where constructors skip values; build without that device"
    return None
