"""Intercepts the functions of `torch.nn.init` in the threads that ask for it.

We replace the code objects of torch's functions, not their names: the function object stays the
same, so every name, table, default and partial that holds it is intercepted too.
"""

from __future__ import annotations

import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import torch

# Gets a function's name, a copy of it that does what torch does, and the call's arguments.
Handler: TypeAlias = Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]

NAMES = (
    *("uniform_", "normal_", "trunc_normal_", "constant_", "ones_", "zeros_", "eye_", "dirac_"),
    *("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"),
    *("orthogonal_", "sparse_"),
)


class _Handlers(threading.local):
    """The handlers of this thread, the innermost last."""

    def __init__(self) -> None:
        self.stack: list[Handler] = []


_handlers = _Handlers()


@contextmanager
def intercept(handler: Handler) -> Iterator[None]:
    """Hand the calls of `torch.nn.init`'s functions in this thread to `handler`.

    Blocks may be nested: the inner handler counts.
    """
    _install()
    _handlers.stack.append(handler)
    try:
        yield
    finally:
        _handlers.stack.pop()
        _uninstall()


class _Function(NamedTuple):
    """A function of `torch.nn.init`: the object, its code, and a copy that keeps the code."""

    object: Any
    code: types.CodeType
    copy: Callable[..., Any]


def _list_functions() -> dict[str, _Function]:
    functions = {}
    for name in NAMES:
        theirs: Any = getattr(torch.nn.init, name)
        copy = types.FunctionType(
            theirs.__code__, theirs.__globals__, name, theirs.__defaults__, theirs.__closure__
        )
        copy.__kwdefaults__ = theirs.__kwdefaults__
        copy.__doc__, copy.__annotations__ = theirs.__doc__, theirs.__annotations__
        functions[name] = _Function(theirs, theirs.__code__, copy)
    return functions


_FUNCTIONS = _list_functions()


def call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the handler of this thread, or torch's function of this name where there is none."""
    copy = _FUNCTIONS[name].copy
    if not _handlers.stack:
        return copy(*args, **kwargs)
    return _handlers.stack[-1](name, copy, args, kwargs)


def _template(*args: Any, **kwargs: Any) -> Any:
    # This code runs with the globals of torch.nn.init, so it must import `call`.
    from initializers.torch._intercept import call

    return call("name", args, kwargs)


def _make_code(name: str) -> types.CodeType:
    code = _template.__code__
    constants = tuple(name if constant == "name" else constant for constant in code.co_consts)
    return code.replace(co_name=name, co_consts=constants)


_CODES = {name: _make_code(name) for name in NAMES}

_lock = threading.Lock()
_depth = 0


def _install() -> None:
    global _depth
    with _lock:
        if _depth == 0:
            for name, function in _FUNCTIONS.items():
                function.object.__code__ = _CODES[name]
                function.object.__wrapped__ = function.copy  # for inspect.signature
        _depth += 1


def _uninstall() -> None:
    global _depth
    with _lock:
        _depth -= 1
        if _depth == 0:
            for function in _FUNCTIONS.values():
                function.object.__code__ = function.code
                del function.object.__wrapped__
