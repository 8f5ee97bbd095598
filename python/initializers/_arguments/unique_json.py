"""A JSON reader that refuses repeated keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .checks import show


def read_json(text: str, parse_int: Callable[[str], int] | None = None) -> Any:
    """Return the value of a JSON text.

    Python's reader keeps the last of two equal keys, other readers the first: they would read
    different values from one file.

    Args:
        text: The text.
        parse_int: Called with the digits of each integer; None: `int`.

    Raises:
        ValueError: If the text is not JSON, or a key repeats in one object or is not Unicode text.
        RecursionError: If it is nested too deeply.
    """
    return json.loads(text, object_pairs_hook=_make_object, parse_int=parse_int)


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {show(key)} must occur once in an object, received twice")
        if not key.isascii():
            key.encode()  # a lone surrogate is not Unicode text
        found[key] = value
    return found
