"""Public module names for objects that are defined in private modules."""

from __future__ import annotations

from typing import Any


def publish(module: str, names: dict[str, Any]) -> None:
    """Set the `__module__` of the public objects that a package defines in its private modules.

    Pickles, messages and `help` then name the public module, and files can move.

    Args:
        module: The public module, such as `"initializers.recipe"`.
        names: Its globals, with `__all__`.
    """
    for name in names["__all__"]:
        defined = getattr(names.get(name), "__module__", None)
        if isinstance(defined, str) and "._" in defined:
            names[name].__module__ = module
