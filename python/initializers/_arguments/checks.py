"""Checks of single arguments, and the form of their error messages.

Every message names the argument, the condition and the received value.
"""

from __future__ import annotations

import functools
import math
import operator
import os
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

# Integers from here on are shown by their number of bits: their digits help nobody, and Python
# refuses to write more than 4300 of them.
_LONGEST_INTEGER = 1 << 256
_LONGEST_TEXT = 100
_MOST_COMPARED = 250
# Longer lists of names come last in a message, after the suggestion.
_MOST_LISTED = 8


def show(value: object) -> str:
    """Return `value` as error messages show it: short, on one line. Never raises."""
    if isinstance(value, np.ndarray):
        kind = "a masked array" if is_masked(value) else "an array"
        return f"{kind} of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, int) and abs(value) >= _LONGEST_INTEGER:
        return f"an integer of {value.bit_length()} bits"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a foreign `__repr__` may do anything
        return f"an instance of {type(value).__name__}"
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 3] + "..."


def is_masked(value: object) -> bool:
    """Return whether `value` is a masked array: converting it to numbers would lose the mask."""
    masked = sys.modules.get("numpy.ma")  # not loaded: no masked array exists
    return masked is not None and isinstance(value, masked.MaskedArray)


def hint(name: str, known: Iterable[str]) -> str:
    """Return `" (did you mean 'x'?)"` for the known name nearest to `name`, or nothing."""
    nearest = find_nearest(name, known)
    return "" if nearest is None else f" (did you mean {nearest!r}?)"


def find_nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name nearest to `name`, or None if none is near.

    Names can come from an untrusted file, and comparing two names takes time in proportion to the
    product of their lengths. So only short names, and the first of many known ones, are compared.
    """
    if len(name) > _LONGEST_TEXT:
        return None
    import difflib  # slow to import, needed only for errors

    known = [other for other in islice(known, _MOST_COMPARED) if len(other) <= _LONGEST_TEXT]
    nearest = difflib.get_close_matches(name, known, n=1)
    if not nearest:
        folded = {other.casefold(): other for other in known}
        match = difflib.get_close_matches(name.casefold(), folded, n=1)
        nearest = [folded[match[0]]] if match else []
    return nearest[0] if nearest else None


def show_text(text: str) -> str:
    """Return text as `repr` escapes it, without the quotes."""
    return repr(text)[1:-1]


def list_known(received: str, name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: of many names, the list comes last.

    Args:
        received: The value, as `show` has it.
        name: Its text, for the suggestion.
        known: All names.
    """
    known = tuple(known)
    near = hint(name, known)
    listed = ", ".join(map(repr, known))
    if len(known) <= _MOST_LISTED:
        return f"must be one of {listed}, received: {received}{near}"
    return f"must be one of those listed, received: {received}{near}; known: {listed}"


def check_name(argument: str, value: object, known: Iterable[str], lead: str = "") -> str:
    """Return `value` if it is one of the `known` names; `lead` begins the error message."""
    known = tuple(known)
    if not isinstance(value, str):
        raise TypeError(f"{lead}`{argument}` {list_known(show(value), '', known)}")
    if value not in known:
        raise ValueError(f"{lead}`{argument}` {list_known(show(value), value, known)}")
    return str(value)


def check_text(argument: str, value: object) -> str:
    """Return `value` if it is Unicode text."""
    if not isinstance(value, str):
        raise TypeError(f"`{argument}` must be a string, received: {show(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"`{argument}` must be Unicode text, received: {show(value)}") from None
    return value


def check_path(argument: str, value: object) -> Path:
    """Return `value` as a path if a file system can have it."""
    from pathlib import Path  # takes milliseconds, and only functions that read or write need it

    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"`{argument}` must be a path, received: {show(value)}")
    text = os.fsdecode(value)
    try:
        plain = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        plain = False
    if not plain:
        raise ValueError(
            f"`{argument}` must be a path without zero bytes, in characters that the file system "
            f"has, received: {show(value)}"
        )
    return Path(text)


def check_real(argument: str, value: object, wanted: str = "a finite number") -> float:
    """Return a real number or 0-d array as a finite Python float."""
    number = to_float(argument, value, wanted)
    if not math.isfinite(number):
        raise ValueError(f"`{argument}` must be {wanted}, received: {show(value)}")
    return number


def check_real_where(
    argument: str, value: object, condition: str, holds: Callable[[float], bool], lead: str = ""
) -> float:
    """Return `value` as a finite Python float that fulfills `condition`, which `holds` tests."""
    wanted = f"a finite number {condition}"
    number = check_real(argument, value, wanted)
    if not holds(number):
        raise ValueError(f"{lead}`{argument}` must be {wanted}, received: {show(value)}")
    return number


def check_nonnegative(argument: str, value: object) -> float:
    """Return `value` as a finite Python float >= 0."""
    return check_real_where(argument, value, ">= 0", lambda number: number >= 0)


def check_count(argument: str, value: object, most: int | None = None) -> int:
    """Return `value` as a Python integer in [1, `most`], in [1, 2**63) without it."""
    number = to_integer(value)
    wanted = f"`{argument}` must be an integer >= 1, received: {show(value)}"
    if number is None:
        raise TypeError(wanted)
    if number < 1:
        raise ValueError(wanted)
    if number >= 1 << 63 if most is None else number > most:
        limit = "< 2**63" if most is None else f"<= {most:,}"
        raise ValueError(f"`{argument}` must be an integer {limit}, received: {show(value)}")
    return number


def check_bool(argument: str, value: object) -> bool:
    """Return `value` if it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"`{argument}` must be a bool, received: {show(value)}")
    return value


def to_float(argument: str, value: object, wanted: str) -> float:
    """Return a real number or 0-d array as a Python float, finite or not."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    is_text = isinstance(value, (str, bytes, bytearray)) or kind in ("S", "U")
    is_other = kind in ("c", "M", "m", "O") or getattr(value, "shape", ()) != ()
    if not (is_text or is_other):
        try:
            return float(value)  # type: ignore[arg-type]  # TypeError is caught below
        except OverflowError:
            raise ValueError(f"`{argument}` must be {wanted}, received: {show(value)}") from None
        except (TypeError, ValueError):
            pass
    raise TypeError(f"`{argument}` must be {wanted}, received: {show(value)}")


def to_integer(value: object) -> int | None:
    """Return an integer of any type except bool as a Python int; None for other values."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]  # TypeError is caught below
    except TypeError:
        return None


def explain_arguments(function: F) -> F:
    """Make errors for unknown or missing arguments of a method name the instance's class.

    Python's message names the class that defines the method, which is often a private base.
    """

    @functools.wraps(function)
    def call(self: Any, *arguments: Any, **keywords: Any) -> Any:
        try:
            return function(self, *arguments, **keywords)
        except TypeError:
            import inspect

            signature = inspect.signature(function)
            try:
                signature.bind(self, *arguments, **keywords)
            except TypeError as mismatch:
                reason = str(mismatch)
            else:
                raise  # the function itself raised it
            name = type(self).__name__
            if function.__name__ != "__init__":
                name += f".{function.__name__}"
            names = list(signature.parameters)[1:]
            unknown = [key for key in keywords if key not in names]
            if unknown:
                near = hint(unknown[0], names)
                raise TypeError(f"{name}() has no argument {unknown[0]!r}{near}") from None
            raise TypeError(f"{name}(): {reason}") from None

    return cast(F, call)


def construct(cls: Callable[..., T], config: object) -> T:
    """Return `cls(**config)`; errors name the key that is unknown or missing."""
    name = getattr(cls, "__name__", repr(cls))
    if not isinstance(config, dict):
        raise TypeError(f"`config` of {name} must be a dict, received: {show(config)}")
    try:
        return cls(**config)
    except TypeError:
        import inspect

        parameters = inspect.signature(cls).parameters
        kinds = {parameter.kind for parameter in parameters.values()}
        unknown = [key for key in config if key not in parameters]
        if unknown and inspect.Parameter.VAR_KEYWORD not in kinds:
            raise ValueError(
                f"`config` of {name} must have no keys but {list(parameters)}, "
                f"received: {show(unknown[0])}{hint(str(unknown[0]), parameters)}"
            ) from None
        missing = [
            key
            for key, parameter in parameters.items()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
            and key not in config
        ]
        if missing:
            raise ValueError(
                f"`config` of {name} must have the key {missing[0]!r}, received: {show(config)}"
            ) from None
        raise
