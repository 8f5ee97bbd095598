"""Seeds: integers, generators of fresh seeds, and seeds derived from names."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from .. import _core
from .checks import construct, show, to_integer

_LOW, _HIGH = -(2**127), 2**127
_WANTED = "an integer in [-2**127, 2**127)"
_MOST_DRAWS = 2**64
_PERSON = b"initializers v01"


class SeedGenerator:
    """A seed that gives different values at every use, in the same sequence in every run.

    The k-th draw (k from 0) uses stream k of the seed. An integer seed means its stream 0. So the
    first draw equals the integer's values, and no draw repeats the values of another seed.

    Threads may share a generator: each draw goes to one of them. A pickle or deep copy keeps the
    counter; `from_config` starts at 0 again. Two generators are equal only if they are the same
    object.

    Args:
        seed: An integer in `[-2**127, 2**127)`, or None for one from `random.randint(1, 10**9)`.
        name: A label, which the configuration keeps as in Keras.

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
        """Return the seed and the stream of the next draw, and count it.

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
        """Return a new generator, with the counter 0, from the result of `get_config`."""
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
    """A seed modulo 2**32, as Keras's files hold it, that also keeps the whole seed.

    Attributes:
        seed: The whole seed, which this package reads.
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
    """Return an integer or bool of any type as a Python int in [-2**127, 2**127)."""
    if type(seed) is int and _LOW <= seed < _HIGH:
        return seed
    if isinstance(seed, ShortSeed):
        return seed.seed
    number = _to_seed(seed)
    if number is None:
        raise TypeError(f"`seed` must be {wanted}, received: {show(seed)}")
    if not _LOW <= number < _HIGH:
        raise ValueError(f"`seed` must be {wanted}, received: {show(seed)}")
    return number


def _to_seed(value: object) -> int | None:
    """Return an integer or (as in Keras) a bool of any type as a Python int; else None."""
    return int(value) if isinstance(value, (bool, np.bool_)) else to_integer(value)


def check_seed(seed: object) -> int | SeedGenerator:
    """Return the integer or generator of a `seed` argument that is not None."""
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
    """Return a new generator with counter 0, from this package's or Keras's configuration."""
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
    """Return the 32-byte key of a seed's stream."""
    return seed.to_bytes(16, "little", signed=True) + _PERSON


def fold_in(seed: int, *path: str | int) -> int:
    """Derive a seed from `seed` and a name, such as the name of one weight of a model.

    The result is the same on every machine and in every version: BLAKE2b of the path, keyed by the
    seed (`docs/stream.md`). Different names, orders and splits of a name give unrelated seeds;
    `"1"` and `1` differ.

    Args:
        seed: An integer in `[-2**127, 2**127)`.
        *path: One or more strings, or integers in the same range. True means 1, as for `seed`.

    Returns:
        An integer in [0, 2**64).

    Raises:
        TypeError: If the path is empty, or a part of it is neither a string nor an integer.
        ValueError: If an integer is out of range, or a string is not Unicode text.

    Examples:
        >>> fold_in(42, "encoder", 0, "kernel")
        5956133714258006256
    """
    if not path:
        raise TypeError("`path` must have at least one part, received: ()")
    return _core.fold_in(check_seed_integer(seed), b"".join(map(_encode_part, path)))


def _encode_part(part: object) -> bytes:
    if isinstance(part, str):
        try:
            text = part.encode()
        except UnicodeEncodeError:
            raise ValueError(f"`path` must be Unicode text, received: {show(part)}") from None
        return b"s" + len(text).to_bytes(8, "little") + text
    number = _to_seed(part)
    if number is None:
        raise TypeError(f"`path` must consist of strings and integers, received: {show(part)}")
    if not _LOW <= number < _HIGH:
        raise ValueError(f"an integer in `path` must be {_WANTED}, received: {show(part)}")
    return b"i" + number.to_bytes(16, "little", signed=True)


# Whether unseeded initializers that this thread creates draw a seed.
_draws: ContextVar[bool] = ContextVar("draws", default=True)


@contextmanager
def no_seeds_drawn() -> Iterator[None]:
    """Give unseeded initializers the seed 0 instead of a draw from `random`.

    For initializers that get another seed before they are called: the state of `random`, which
    other threads share, stays as it is.
    """
    token = _draws.set(False)
    try:
        yield
    finally:
        _draws.reset(token)


def draw_seed() -> int:
    """Draw the seed of an unseeded initializer from `random`, as Keras does."""
    if not _draws.get():
        return 0
    import random

    return random.randint(1, 10**9)
