"""Float operations with the bits of docs/stream.md, whatever a compiler does; section 3.

XLA fuses `a·b + c` into one operation. Barriers (`optimization_barrier`, `reduce_precision`) do not
prevent it: the code generator sees a product and a sum. `seal` prevents it: it makes the product's
bits depend on a number that no compiler knows to be zero.

Accelerators approximate quotients and roots within some last places. `divide` and `root` correct
them by the exact remainder, in integers.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

# Last places that `divide` and `root` can correct; XLA's approximations are off by one or two.
_STEPS = 4

# Name → exponent bits, fraction bits, bits of the value for overflow.
_NARROW = {
    "bfloat16": (8, 7, 0x7F80),
    "float16": (5, 10, 0x7C00),
    "float8_e5m2": (5, 2, 0x7C),
    "float8_e4m3fn": (4, 3, 0x7F),
}


def to_bits(x: Any) -> Any:
    """Return the bits of float32 values."""
    return lax.bitcast_convert_type(x, jnp.uint32)


def to_float(bits: Any) -> Any:
    """Return the float32 values with these bits."""
    return lax.bitcast_convert_type(bits, jnp.float32)


def make_zero(words: Any) -> Any:
    """Return zeros that depend on `words`: w·(w + 1) is even, which compilers do not know."""
    return words * (words + np.uint32(1)) & np.uint32(1)


def seal(x: Any, zero: Any) -> Any:
    """Return the same float32 values, about which a compiler knows nothing."""
    return to_float(to_bits(x) ^ zero)


def divide(a: Any, b: Any) -> Any:
    """Return a / b, correctly rounded, for positive normal numbers with a normal quotient."""
    return lax.platform_dependent(a, b, cpu=lax.div, default=divide_by_remainder)


def root(x: Any) -> Any:
    """Return √x, correctly rounded, for zeros and positive normal numbers; the root of −0 is ±0."""
    return lax.platform_dependent(x, cpu=lax.sqrt, default=root_by_remainder)


def divide_by_remainder(a: Any, b: Any, approximate: Any = lax.div) -> Any:
    """Return a / b as `divide` does, from an `approximate` quotient, up to four last places off.

    With q = Q·2^k, the remainder a − q·b is a small integer in units of b's and q's last places:
    it is exact modulo 2^32. The nearest q has a remainder of less than half of b.
    """
    a_bits, b_bits = to_bits(a), to_bits(b)
    fraction_a, fraction_b = _fraction(a_bits), _fraction(b_bits)
    bits = to_bits(approximate(a, b))
    for _ in range(_STEPS):
        fraction = _fraction(bits)
        # a = A·2^(ea − 150), and so on: A·2^(ea − eb − eq + 150) − Q·B.
        shift = _exponent(a_bits) - _exponent(b_bits) - _exponent(bits) + np.uint32(150)
        rest = _signed((fraction_a << shift) - fraction * fraction_b)
        bits = _step(
            bits, 2 * rest > _signed(fraction_b), -2 * rest > _half_below(fraction, fraction_b)
        )
    return to_float(bits)


def root_by_remainder(x: Any, approximate: Any = lax.sqrt) -> Any:
    """Return √x as `root` does, from an `approximate` root, up to four last places off."""
    x_bits = to_bits(x)
    fraction_x = _fraction(x_bits)
    bits = to_bits(approximate(x))
    for _ in range(_STEPS):
        fraction = _fraction(bits)
        # X·2^(ex − 2·er + 150) − R²: between −R and R + 1 for the nearest R.
        shift = _exponent(x_bits) - np.uint32(2) * _exponent(bits) + np.uint32(150)
        rest = _signed((fraction_x << shift) - fraction * fraction)
        bits = _step(bits, rest > _signed(fraction), -rest >= _half_below(fraction, fraction))
    return jnp.where(x == 0, np.float32(0), to_float(bits))


def _step(bits: Any, up: Any, down: Any) -> Any:
    return bits + up.astype(jnp.uint32) - down.astype(jnp.uint32)


def _half_below(fraction: Any, whole: Any) -> Any:
    """Return `whole`, or half of it at a power of two: below it a last place is half as large."""
    at_power = fraction == np.uint32(1 << 23)
    return _signed(jnp.where(at_power, whole >> np.uint32(1), whole))


def _fraction(bits: Any) -> Any:
    return bits & np.uint32(0x7FFFFF) | np.uint32(0x800000)


def _exponent(bits: Any) -> Any:
    return bits >> np.uint32(23)


def _signed(bits: Any) -> Any:
    return lax.bitcast_convert_type(bits, jnp.int32)


# 3 Low precision


def round_to(x: Any, name: str) -> Any:
    """Return float32 values rounded once to the named dtype, to nearest even, as `carried`."""
    if name == "float32":
        return x
    exponent, fraction, overflow = _NARROW[name]
    bits = _round(to_bits(x), exponent, fraction, overflow)
    bits = bits.astype(jnp.uint8 if exponent + fraction == 7 else jnp.uint16)
    return lax.bitcast_convert_type(bits, carried(name))


def carried(name: str) -> Any:
    """Return the dtype that loops carry for a dtype: integers where XLA would have to widen it.

    XLA writes into arrays of such dtypes through float32, the whole array at a time.
    """
    return {"bfloat16": jnp.uint16, "float8_e5m2": jnp.uint8, "float8_e4m3fn": jnp.uint8}.get(
        name, jnp.dtype(name)
    )


def _round(bits: Any, exponent: int, fraction: int, overflow: int) -> Any:
    """Return the rounded bits: `round_small` of src/float/element.rs, by integers alone."""
    bias, cut = (1 << (exponent - 1)) - 1, 23 - fraction
    magnitude = bits & np.uint32(0x7FFFFFFF)
    normal = _shift_even(magnitude, np.uint32(cut)) - np.uint32((127 - bias) << fraction)
    value = normal
    if bias < 127:
        # Subnormal in the dtype: each exponent below the smallest normal one loses a bit more.
        lost = np.uint32(cut + 128 - bias) - _exponent(magnitude)
        subnormal = _shift_even(_fraction(magnitude), jnp.clip(lost, 1, 31))
        small = magnitude < np.uint32((128 - bias) << 23)
        value = jnp.where(small, subnormal, normal)
    value = jnp.minimum(value, np.uint32(overflow))
    return bits >> np.uint32(31) << np.uint32(exponent + fraction) | value


def _shift_even(bits: Any, count: Any) -> Any:
    """Return bits / 2^count, rounded to nearest even, count in [1, 31]."""
    odd = bits >> count & np.uint32(1)
    half = (np.uint32(1) << (count - np.uint32(1))) - np.uint32(1)
    return bits + half + odd >> count
