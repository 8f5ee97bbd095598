"""Sections 3 to 6 of docs/stream.md in float32: from words to values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ... import _core
from .exact import divide, make_zero, root, seal, to_bits, to_float

# The page's tables for float32; those for float64 have other names.
_T = {name: np.array(values, np.float32) for name, values in _core.coefficients()}
HI, LO, S0, S0LO = (_T[name][0] for name in ("HI", "LO", "S0", "S0LO"))
P, S, C, P2, Q2 = (_T[name] for name in ("P", "S", "C", "P2", "Q2"))

# Multiplies, with a result that no compiler fuses with a following addition.
Product = Callable[[Any, Any], Any]

# Law, as the core names it → whether elements are made from pairs of words (section 5).
LAWS = {"uniform": False, "normal": True, "two_sigma": False}


def make_values(law: str, words: Any, parameters: Sequence[Any]) -> Any:
    """Return the values of groups from their words, (n, 64) both.

    Args:
        law: One of `LAWS`.
        words: The words of the groups.
        parameters: Those of the law as the core describes it, as float32 scalars.
    """
    if law == "normal":
        # Every element computes the radius and the angle of its pair, so each pair is computed
        # twice. XLA does so too where the halves are joined, but without vectors: a third as fast.
        radii, angles = (
            jnp.broadcast_to(part[:, None], (len(part), 2, 32))
            for part in (words[:, :32], words[:, 32:])
        )
        product = _make_product(radii)
        quarters = lax.broadcasted_iota(np.uint32, radii.shape, 1)
        z = _radius(radii, product) * _cosine(angles, quarters, product)
        return _place(z, product, parameters).reshape(words.shape)
    product = _make_product(words)
    if law == "uniform":
        return _uniform(words, product, parameters)
    return _place(_two_sigma(words, product), product, parameters)


def _make_product(words: Any) -> Product:
    zero = make_zero(words)
    return lambda a, b: seal(a * b, zero)


def _place(z: Any, product: Product, parameters: Sequence[Any]) -> Any:
    """Return mean + stddev·z."""
    mean, stddev = parameters
    return _unsign_zero(mean + product(stddev, z))


def _unsign_zero(x: Any) -> Any:
    """Return x with +0 for −0, as the page's sum does; a compiler may drop a sum with 0."""
    bits = to_bits(x)
    return to_float(jnp.where(bits == np.uint32(1 << 31), np.uint32(0), bits))


def _horner(c: Any, x: Any, product: Product) -> Any:
    value = c[-2] + product(x, c[-1])
    for k in c[-3::-1]:
        value = k + product(x, value)
    return value


# 4 Uniform


def _uniform(words: Any, product: Product, parameters: Sequence[Any]) -> Any:
    low, extent, last = parameters
    u = _to_float(words >> np.uint32(8)) * np.float32(2**-24)
    value = _unsign_zero(low + product(extent, u))
    # The page cuts after rounding to the dtype. Rounding is monotone, so the order does not matter.
    return jnp.where(value < last, value, last)


def _to_float(number: Any) -> Any:
    """Return integers below 2^31 as floats, by the rounded conversion of signed integers."""
    return number.astype(jnp.int32).astype(jnp.float32)


# 5 Normal


def _cell_middle(words: Any) -> Any:
    """The u of section 5, the x of section 6."""
    return _to_float(words >> np.uint32(1)) * np.float32(2**-31) + np.float32(2**-32)


def _radius(words: Any, product: Product) -> Any:
    return root(np.float32(-2) * _ln(_cell_middle(words), product))


def _ln(u: Any, product: Product) -> Any:
    bits = lax.bitcast_convert_type(u, jnp.int32)
    e = (bits - np.int32(0x3F3504F3)) >> 23
    f = lax.bitcast_convert_type(bits - (e << 23), jnp.float32) - np.float32(1)
    z = product(f, f)
    e = e.astype(jnp.float32)
    tail = product(f * z, _horner(P, f, product)) + product(e, LO)
    # The other products are exact: by a power of two, and of 6 by 12 bits.
    return (f + (tail - np.float32(0.5) * z)) + e * HI


def _cosine(words: Any, quarters: Any, product: Product) -> Any:
    """Return the cosine of the angles of the words A, less `quarters` of a turn: of 1, the sine."""
    q = (words + np.uint32(1 << 29)) >> np.uint32(30)
    k = lax.bitcast_convert_type(words - (q << np.uint32(30)), jnp.int32)
    t = k.astype(jnp.float32) * np.float32(2**-32)
    z = product(t, t)
    # XLA would add up the constants of S0 + (S0LO + x): the inner sum is sealed too.
    s = t * (S0 + product(S0LO + product(z, _horner(S, z, product)), np.float32(1)))
    c = np.float32(1) + product(z, _horner(C, z, product))
    # c, −s, −c, s
    q = q - quarters
    return _negate(jnp.where(q & np.uint32(1) == 1, s, c), (q + np.uint32(1)) >> np.uint32(1))


def _negate(x: Any, where: Any) -> Any:
    """Return −x where bit 0 of `where` is 1."""
    return to_float(to_bits(x) ^ where << np.uint32(31))


# 6 Truncated normal, ±2


def _two_sigma(words: Any, product: Product) -> Any:
    x = _cell_middle(words)
    v = np.float32(1) - product(x, x)
    z = x * divide(_horner(P2, v, product), _horner(Q2, v, product))
    return _negate(z, words)
