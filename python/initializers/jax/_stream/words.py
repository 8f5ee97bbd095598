"""Section 1 of docs/stream.md: the keystream, ChaCha with 8 rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from .wide import Wide, shift_left

# A group of section 5: 64 words, the words of 4 ChaCha blocks.
GROUP = 64

_CONSTANTS = np.array([0x61707865, 0x3320646E, 0x79622D32, 0x6B206574], np.uint32)
_ASCII = np.frombuffer(b"initializers v01", "<u4")


def make_words(seed: Any, stream: Any, group: Wide) -> Any:
    """Return the words of groups: of n numbers of groups, (n, 64).

    Args:
        seed: The seed's four words, little-endian.
        stream: The low and the high half of the stream id.
        group: The numbers of the groups.
    """
    first = shift_left(group, 2)
    number = first.low[:, None] | lax.iota(np.uint32, 4)[None]
    high = jnp.broadcast_to(first.high[:, None], number.shape)
    return _make_blocks(seed, stream, number.ravel(), high.ravel()).T.reshape(-1, GROUP)


def _make_blocks(seed: Any, stream: Any, low: Any, high: Any) -> Any:
    """Return n ChaCha blocks, (16, n).

    The state is sixteen arrays, and the double rounds are a loop: without one, a compiler takes ten
    times as long. Four rows of four words would be half as fast, as diagonals move in memory.
    """
    # Sums with zeros in place of broadcasts: inside a `shard_map`, the words must all vary over the
    # mesh as the seed does, or the loop is refused.
    zeros = low & (seed[0] & np.uint32(0))
    words = *_CONSTANTS, *seed, *_ASCII, low, high, *stream
    start = tuple(zeros + word for word in words)
    end = lax.fori_loop(0, 4, lambda _, state: _double_round(state), start)
    return jnp.stack([a + b for a, b in zip(end, start, strict=True)])


def _double_round(state: Sequence[Any]) -> tuple[Any, ...]:
    words = list(state)
    for shift in (0, 1):  # columns, then diagonals
        for i in range(4):
            _quarter_round(words, *(4 * row + (i + shift * row) % 4 for row in range(4)))
    return tuple(words)


def _quarter_round(words: list[Any], a: int, b: int, c: int, d: int) -> None:
    words[a] = words[a] + words[b]
    words[d] = _rotate(words[d] ^ words[a], 16)
    words[c] = words[c] + words[d]
    words[b] = _rotate(words[b] ^ words[c], 12)
    words[a] = words[a] + words[b]
    words[d] = _rotate(words[d] ^ words[a], 8)
    words[c] = words[c] + words[d]
    words[b] = _rotate(words[b] ^ words[c], 7)


def _rotate(x: Any, count: int) -> Any:
    return x << np.uint32(count) | x >> np.uint32(32 - count)
