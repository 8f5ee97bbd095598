"""How to install what an adapter, the command or a picture needs: the one place that says it."""

from __future__ import annotations

# Whether a package index has this package. Until then it is installed from a clone.
PUBLISHED = False


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra of this package, such as `"torch"`."""
    if PUBLISHED:
        return f"pip install 'initializers[{extra}]'"
    return f"pip install '.[{extra}]' in a clone of the repository of initializers"
