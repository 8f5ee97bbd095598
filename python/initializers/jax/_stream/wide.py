"""Unsigned 64-bit numbers as pairs of uint32 arrays: JAX has 64 bits only if x64 is enabled."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np


class Wide(NamedTuple):
    """Unsigned 64-bit numbers, modulo 2^64; the halves are uint32 and broadcast."""

    low: Any
    high: Any


def widen(number: int) -> Wide:
    """Return a constant in [0, 2^64)."""
    return Wide(np.uint32(number & 0xFFFFFFFF), np.uint32(number >> 32))


def add(a: Wide, b: Wide) -> Wide:
    """Return a + b."""
    low = a.low + b.low
    return Wide(low, a.high + b.high + (low < b.low).astype(jnp.uint32))


def multiply(a: Any, number: int) -> Wide:
    """Return a·number, where `a` is a uint32 array and 0 <= number < 2^64."""
    half, mask = np.uint32(16), np.uint32(0xFFFF)
    low, high = widen(number)
    a0, a1, b0, b1 = a & mask, a >> half, low & mask, low >> half
    cross, other = a0 * b1, a1 * b0
    carry = (a0 * b0 >> half) + (cross & mask) + (other & mask)
    upper = a1 * b1 + (cross >> half) + (other >> half) + (carry >> half)
    return Wide(a * low, upper + a * high)


def shift_right(a: Wide, count: int) -> Wide:
    """Return a >> count, 0 < count < 32."""
    by, rest = np.uint32(count), np.uint32(32 - count)
    return Wide(a.low >> by | a.high << rest, a.high >> by)


def shift_left(a: Wide, count: int) -> Wide:
    """Return a << count, 0 < count < 32."""
    by, rest = np.uint32(count), np.uint32(32 - count)
    return Wide(a.low << by, a.high << by | a.low >> rest)
