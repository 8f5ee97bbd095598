"""Section 1 of docs/stream.md: the keystream, ChaCha with 8 rounds."""

from __future__ import annotations

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

    Four rows of four words are the state, so that a quarter round works on whole rows, and the
    double rounds are a loop: sixteen arrays and no loop take a compiler ten times as long.
    """
    # Sums with zeros in place of broadcasts: inside a `shard_map`, the rows must all vary over the
    # mesh as the seed does, or the loop is refused.
    zeros = low & (seed[0] & np.uint32(0))

    def row(*words: Any) -> Any:
        return jnp.stack([zeros + word for word in words])

    start = row(*_CONSTANTS), row(*seed), row(*_ASCII), row(low, high, *stream)
    end = lax.fori_loop(0, 4, lambda _, state: _double_round(*state), start)
    return jnp.concatenate([a + b for a, b in zip(end, start, strict=True)])


def _double_round(a: Any, b: Any, c: Any, d: Any) -> tuple[Any, Any, Any, Any]:
    a, b, c, d = _quarter_rounds(a, b, c, d)
    a, b, c, d = _quarter_rounds(a, _roll(b, 1), _roll(c, 2), _roll(d, 3))
    return a, _roll(b, 3), _roll(c, 2), _roll(d, 1)


def _quarter_rounds(a: Any, b: Any, c: Any, d: Any) -> tuple[Any, Any, Any, Any]:
    """Return four quarter rounds at once, of the columns of a state."""
    a = a + b
    d = _rotate(d ^ a, 16)
    c = c + d
    b = _rotate(b ^ c, 12)
    a = a + b
    d = _rotate(d ^ a, 8)
    c = c + d
    b = _rotate(b ^ c, 7)
    return a, b, c, d


def _rotate(x: Any, count: int) -> Any:
    return x << np.uint32(count) | x >> np.uint32(32 - count)


def _roll(row: Any, count: int) -> Any:
    return jnp.concatenate([row[count:], row[:count]])
