"""What `seed_model` tells the initializers that it runs: their seeds, or to leave zeros."""

from __future__ import annotations

from contextvars import ContextVar

from .._seed import fold_in


class Draws:
    """The seeds of one variable: `fold_in(seed, name)`, then `fold_in(seed, name, k)`.

    Attributes:
        calls: How many initializers that know of names were called.
    """

    def __init__(self, seed: int, name: str) -> None:
        self._path: tuple[int, str] = (seed, name)
        self._count = 0
        self.calls = 0

    def next(self) -> int:
        """Return the seed of the next draw."""
        path = (*self._path, self._count) if self._count else self._path
        self._count += 1
        return fold_in(*path)


# Set while a builder runs: the values are drawn afterwards, when the names are known.
BLANK = Draws(0, "")

# None: every initializer uses its own seed.
current: ContextVar[Draws | None] = ContextVar("current", default=None)
