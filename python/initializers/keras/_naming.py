"""The state of a call of `seed_model` or `init_model`. Initializers and variables read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .._arguments.seeds import fold_in


class Draws:
    """The seeds of one variable: `fold_in(seed, name)`, then `fold_in(seed, name, k)`.

    Attributes:
        calls: Number of calls of initializers that draw by name.
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


class Building:
    """Records the variables that a model creates. Meanwhile initializers return zeros.

    Attributes:
        keeps_initializers: Whether configurations hold initializers themselves instead of dicts.
        locate: Returns the place of the model's code that is running, for variables; or None.
    """

    def __init__(
        self,
        keeps_initializers: bool = False,
        locate: Callable[[], tuple[str, str] | None] = lambda: None,
    ) -> None:
        self.keeps_initializers = keeps_initializers
        self.locate = locate
        # The variable is kept too: otherwise its id could be reused.
        self._made: dict[int, tuple[Any, Callable[..., Any] | None]] = {}
        self._places: dict[int, tuple[str, str] | None] = {}

    def note(self, variable: Any, initializer: Any, place: tuple[str, str] | None = None) -> None:
        """Record a variable and its initializer; None if it was created from a value."""
        self._made[id(variable)] = variable, initializer if callable(initializer) else None
        self._places[id(variable)] = place

    def find_place(self, variable: Any) -> tuple[str, str] | None:
        """Return the function of the model that created a variable, and its line, if known."""
        return self._places[id(variable)]

    def __contains__(self, variable: Any) -> bool:
        return id(variable) in self._made

    def __getitem__(self, variable: Any) -> Callable[..., Any] | None:
        return self._made[id(variable)][1]


# None: no call is active. Initializers use their own seeds, and variables are Keras's.
current: ContextVar[Draws | Building | None] = ContextVar("current", default=None)


@contextmanager
def within(state: Draws | Building) -> Iterator[None]:
    """Make `state` the current one in this thread."""
    token = current.set(state)
    try:
        yield
    finally:
        current.reset(token)
