"""Seeds: the integers that are one, generators of fresh draws, and seeds made from names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .checks import construct, show, to_integer

_LOW, _HIGH = -(2**127), 2**127
_WANTED = "an integer in [-2**127, 2**127)"
_MOST_DRAWS = 2**64
_PERSON = b"initializers v01"


class SeedGenerator:
    """A seed that gives other values at every use, and the same sequence in every run.

    The k-th draw (k from 0) takes the stream k of the seed. An integer seed is stream 0 of itself,
    so no generator overlaps another seed's values, and the first draw equals the integer's.

    Generators may be shared by threads; each draw is then taken by one of them. A pickle or deep
    copy keeps the counter; `from_config` starts at 0 again. Two generators are equal only if they
    are the same object.

    Args:
        seed: An integer in `[-2**127, 2**127)`, or None for one from `random.randint(1, 10**9)`.
        name: A label, kept in the configuration as Keras keeps it.

    Raises:
        TypeError: If `seed` is not an integer, or `name` not a string.
        ValueError: If `seed` is out of range.

    Examples:
        >>> generator = SeedGenerator(7)
        >>> generator.next(), generator.next()
        ((7, 0), (7, 1))
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"`name` must be a string or None, received: {show(name)}")
        self._init_seed = None if seed is None else check_seed_integer(seed)
        self.seed = draw_seed() if self._init_seed is None else self._init_seed
        self.name = name
        self._counter = 0
        self._lock = threading.Lock()

    @property
    def counter(self) -> int:
        """The number of draws so far."""
        return self._counter

    def next(self) -> tuple[int, int]:
        """Return the seed and the stream of one more draw, and count it.

        Raises:
            OverflowError: After `2**64` draws.
        """
        with self._lock:
            stream = self._counter
            if stream >= _MOST_DRAWS:
                raise OverflowError(f"{self!r} must not be used for more than 2**64 draws")
            self._counter = stream + 1
        return self.seed, stream

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; the counter is not among them."""
        return {"seed": self._init_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Return a new generator, at its start, from what `get_config` gave."""
        return construct(cls, config)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    def __repr__(self) -> str:
        arguments = {"seed": self._init_seed, "name": self.name}
        given = (f"{name}={value!r}" for name, value in arguments.items() if value is not None)
        return f"{type(self).__name__}({', '.join(given)})"


class ShortSeed(int):
    """A seed modulo 2**32, as Keras's files hold it, which remembers the seed itself.

    Attributes:
        seed: The seed that it stands for, wherever this package reads it.
    """

    seed: int

    def __new__(cls, seed: int) -> ShortSeed:
        """Return the integer `seed % 2**32`."""
        result = super().__new__(cls, seed % 2**32)
        result.seed = seed
        return result

    def __reduce__(self) -> tuple[type[ShortSeed], tuple[int]]:
        return type(self), (self.seed,)


def check_seed_integer(seed: object, wanted: str = _WANTED) -> int:
    """Return `seed`, an integer or bool of any type, as a Python int in [-2**127, 2**127)."""
    if isinstance(seed, ShortSeed):
        return seed.seed
    number = _to_seed(seed)
    if number is None:
        raise TypeError(f"`seed` must be {wanted}, received: {show(seed)}")
    if not _LOW <= number < _HIGH:
        raise ValueError(f"`seed` must be {wanted}, received: {show(seed)}")
    return number


def _to_seed(value: object) -> int | None:
    """Return an integer or, as in Keras, a bool of any type as a Python int, or else None."""
    return int(value) if isinstance(value, (bool, np.bool_)) else to_integer(value)


def check_seed(seed: object) -> int | SeedGenerator:
    """Return the integer or generator that a `seed` argument other than None means."""
    if isinstance(seed, SeedGenerator):
        return seed
    if isinstance(seed, dict):
        return deserialize_seed(seed)
    return check_seed_integer(seed, f"{_WANTED}, or a SeedGenerator")


def serialize_seed(seed: int | SeedGenerator | None) -> int | dict[str, Any] | None:
    """Return the configuration of a `seed` argument."""
    if not isinstance(seed, SeedGenerator):
        return seed
    return {
        "module": "initializers",
        "class_name": "SeedGenerator",
        "config": seed.get_config(),
        "registered_name": "initializers>SeedGenerator",
    }


def deserialize_seed(config: dict[str, Any]) -> SeedGenerator:
    """Return the generator that `serialize_seed` or Keras described, at its start."""
    inner = config.get("config")
    known_names = (None, "SeedGenerator", "initializers>SeedGenerator")
    if (
        config.get("class_name") != "SeedGenerator"
        or config.get("registered_name") not in known_names
        or not isinstance(inner, dict)
    ):
        raise ValueError(f"`seed` must be a serialized SeedGenerator, received: {show(config)}")
    return SeedGenerator.from_config(inner)


def key_of(seed: int) -> bytes:
    """Return the 32 bytes that key the stream of a seed."""
    return seed.to_bytes(16, "little", signed=True) + _PERSON


def fold_in(seed: int, *path: str | int) -> int:
    """Return the seed that belongs to a name under `seed`, such as that of one weight of a model.

    It is the same on every machine and in every version: BLAKE2b of the path, keyed by the seed
    (`docs/stream.md`). Other names, other orders and other splits of a name give unrelated seeds;
    `"1"` is not `1`.

    Args:
        seed: An integer in `[-2**127, 2**127)`.
        *path: One or more strings, or integers in the same range; True is 1, as in a seed.

    Returns:
        An integer in [0, 2**64).

    Raises:
        TypeError: If there is no path, or a part of it is neither a string nor an integer.
        ValueError: If an integer is out of range, or a string is not Unicode text.

    Examples:
        >>> fold_in(42, "encoder", 0, "kernel")
        5956133714258006256
    """
    import hashlib  # milliseconds, so only for those who use it

    if not path:
        raise TypeError("`path` must have at least one part, received: ()")
    key = check_seed_integer(seed).to_bytes(16, "little", signed=True)
    digest = hashlib.blake2b(digest_size=8, key=key, person=_PERSON)
    for part in path:
        digest.update(_encode_part(part))
    return int.from_bytes(digest.digest(), "little")


def _encode_part(part: object) -> bytes:
    if isinstance(part, str):
        try:
            text = part.encode()
        except UnicodeEncodeError:
            raise ValueError(f"`path` must be Unicode text, received: {show(part)}") from None
        return b"s" + len(text).to_bytes(8, "little") + text
    number = _to_seed(part)
    if number is None:
        raise TypeError(f"`path` must be of strings and integers, received: {show(part)}")
    if not _LOW <= number < _HIGH:
        raise ValueError(f"an integer in `path` must be {_WANTED}, received: {show(part)}")
    return b"i" + number.to_bytes(16, "little", signed=True)


# Whether unseeded initializers of this thread draw a seed.
_draws: ContextVar[bool] = ContextVar("draws", default=True)


@contextmanager
def no_seeds_drawn() -> Iterator[None]:
    """Give unseeded initializers the seed 0, where they get another one before they are called.

    `random`, which other threads use too, is left alone.
    """
    token = _draws.set(False)
    try:
        yield
    finally:
        _draws.reset(token)


def draw_seed() -> int:
    """Draw the seed of an unseeded initializer as Keras does, so that `random.seed` decides it."""
    if not _draws.get():
        return 0
    import random

    return random.randint(1, 10**9)
