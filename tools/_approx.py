"""The stream's elementary functions on NumPy arrays, from ``+ - * / sqrt`` alone.

Every function follows the frozen order of operations without fused multiply-adds, so its bits are
the same on every machine. The f32 functions have their coefficients as arguments, because fitting
varies them. The f64 functions are published ones, correct to about 1e-15; they also serve as the
reference for f32.

Sources: fdlibm's e_log.c, k_sin.c and k_cos.c (Sun Microsystems, 1993); Wichura, "Algorithm AS
241: The percentage points of the normal distribution", Applied Statistics 37 (1988), 477-484,
routine PPND16; Box and Muller, "A note on the generation of random normal deviates", Annals of
Mathematical Statistics 29 (1958), 610-611. The f32 logarithm is split as in Cephes' logf (Moshier).
"""

# mypy: disable-error-code="no-any-return"
# (NumPy's results for arrays of any dtype have the type Any.)

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Coefficients = Sequence[np.float32]

LN2_HI32, LN2_LO32 = (np.uint32(b).view(np.float32) for b in (0x3F318000, 0xB95E8083))
LN2_HI64, LN2_LO64 = 6.93147180369123816490e-01, 1.90821492927058770002e-10
LOG64 = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
SIN64 = (
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
)
COS64 = (
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
)
# (numerator, denominator) of AS 241: center, tail, far tail.
CENTER = (
    (
        3.3871328727963666080e0,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ),
    (
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ),
)
TAIL = (
    (
        1.42343711074968357734e0,
        4.63033784615654529590e0,
        5.76949722146069140550e0,
        3.64784832476320460504e0,
        1.27045825245236838258e0,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ),
    (
        1.0,
        2.05319162663775882187e0,
        1.67638483018380384940e0,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)
FAR_TAIL = (
    (
        6.65790464350110377720e0,
        5.46378491116411436990e0,
        1.78482653991729133580e0,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ),
    (
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)
HALF_MASS_2 = 0.47724986805182079  # Phi(2) - 1/2


def horner(coefficients: Sequence[Any], x: Array) -> Array:
    """Evaluate a polynomial in `x`; the coefficients begin with the lowest order."""
    result = coefficients[-2] + x * coefficients[-1]
    for c in coefficients[-3::-1]:
        result = c + x * result
    return result


def floats_of(integer_bits: int, step: int = 1, chunk: int = 1 << 18) -> Iterator[Array]:
    """Yield in chunks every `step`-th f32 value of the integers 0 ... 2^integer_bits."""
    whole = 1 << 24  # every integer up to here is an f32
    count = whole + ((integer_bits - 24) << 23) + 1
    for first in range(0, count, chunk * step):
        i = np.arange(first, min(first + chunk * step, count), step, dtype=np.int32)
        above = (np.maximum(i - whole, 0) + np.int32(0x4B800000)).view(np.float32)
        yield np.where(i < whole, i.astype(np.float32), above)


def unit32(h: Array) -> Array:
    """Return the f32 in (0, 1] of 31-bit integers, rounded to f32."""
    return h * np.float32(2**-31) + np.float32(2**-32)


def log32(p: Coefficients, u: Array) -> Array:
    """Return the logarithm of normal u > 0; `p` approximates (ln(1 + f) - f + f^2/2) / f^3."""
    bits = u.view(np.int32)
    e = (bits - np.int32(0x3F3504F3)) >> np.int32(23)
    f = (bits - (e << np.int32(23))).view(np.float32) - np.float32(1)
    z = f * f
    k = e.astype(np.float32)
    y = ((f * z) * horner(p, f) + k * LN2_LO32) - np.float32(0.5) * z
    return (f + y) + k * LN2_HI32


def radius32(p: Coefficients, u: Array) -> Array:
    """Return the Box-Muller radius, sqrt(-2 ln u)."""
    return np.sqrt(np.float32(-2) * log32(p, u))


def sin32(c: Coefficients, t: Array) -> Array:
    """Return the sine of t turns, |t| <= 1/8, with 2 pi in two parts: ``t (C0 + (LO + ...))``."""
    return t * (c[0] + horner(c[1:], t * t))


def cos32(c: Coefficients, t: Array) -> Array:
    """Return the cosine of t turns, |t| <= 1/8."""
    return horner(c, t * t)


def truncated32(p: Coefficients, q: Coefficients, x: Array) -> Array:
    """Return |z| of the normal truncated at two standard deviations, x in (0, 1]."""
    v = np.float32(1) - x * x
    return x * (horner(p, v) / horner(q, v))


def log64(u: Array) -> Array:
    """Return the logarithm of normal u > 0 (fdlibm e_log.c without its special cases)."""
    bits = u.view(np.int64)
    e = (bits - np.int64(0x3FE6A09E667F3BCD)) >> np.int64(52)
    f = (bits - (e << np.int64(52))).view(np.float64) - 1.0
    k = e.astype(np.float64)
    s = f / (2.0 + f)
    z = s * s
    r = z * horner(LOG64, z)
    half_square = 0.5 * f * f
    return k * LN2_HI64 - ((half_square - (s * (half_square + r) + k * LN2_LO64)) - f)


def sin64(x: Array) -> Array:
    """Return the sine for |x| <= pi/4 (fdlibm k_sin.c, y = 0)."""
    z = x * x
    return x + (z * x) * horner(SIN64, z)


def cos64(x: Array) -> Array:
    """Return the cosine for |x| <= pi/4 (k_cos.c, y = 0, in FreeBSD msun's branch-free form)."""
    z = x * x
    half = 0.5 * z
    w = 1.0 - half
    return w + (((1.0 - w) - half) + z * (z * horner(COS64, z)))


def upper_quantile(p: Array, q: Array | None = None) -> Array:
    """Return the quantile of the upper tail 0 < `p` <= 1/2, with `q` = 1/2 - p (AS 241, PPND16)."""

    def ratio(c: tuple[Sequence[float], Sequence[float]], x: Array) -> Array:
        return horner(c[0], x) / horner(c[1], x)

    if q is None:
        q = 0.5 - p
    r = np.sqrt(-log64(p))
    x = 0.180625 - q * q
    tail = np.where(r <= 5.0, ratio(TAIL, r - 1.6), ratio(FAR_TAIL, r - 5.0))
    return np.where(q <= 0.425, q * horner(CENTER[0], x) / horner(CENTER[1], x), tail)


def upper_tail(t: float) -> float:
    """Return the inverse of `upper_quantile`, defined by a bisection of bit patterns."""
    if t in (0.0, math.inf):
        return 0.0 if t else 0.5
    low, high = 0, int(np.float64(0.5).view(np.int64))
    while high - low > 1:
        middle = low + (high - low) // 2
        if upper_quantile(np.array([middle]).view(np.float64))[0] >= t:
            low = middle
        else:
            high = middle
    return float(np.array(low).view(np.float64))


# From words to elements, without coefficients.


def turned(r: Array, quadrant: Array, c: Array, s: Array) -> tuple[Array, Array]:
    """Return `r` times cosine and sine, from those of the angle without its quarter turns."""
    i = quadrant.astype(np.intp)
    return r * np.choose(i, (c, -s, -c, s)), r * np.choose(i, (s, c, -s, -c))


def unit64(words: Array) -> Array:
    """Return the f64 in (0, 1] of 64-bit words."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54


def normal64(radius: Array, angle: Array) -> tuple[Array, Array]:
    """Return elements j and 32 + j of a group of f64 normals, from 64-bit words j and 32 + j."""
    r = np.sqrt(-2.0 * log64(unit64(radius)))
    q = (angle + np.uint64(1 << 61)) >> np.uint64(62)
    x = (angle - (q << np.uint64(62))).view(np.int64).astype(np.float64) * (2 * np.pi * 2.0**-64)
    return turned(r, q, cos64(x), sin64(x))


def truncated64(x: Array) -> Array:
    """Return |z| of the normal truncated at two standard deviations, x in (0, 1]."""
    q = x * HALF_MASS_2
    return np.minimum(upper_quantile(0.5 - q, q), np.nextafter(2.0, 0.0))


def open_unit(words: Array) -> Array:
    """Return the f64 in (0, 1) of 32-bit or 64-bit words, for general bounds."""
    wide = words.dtype == np.uint64
    kept = (words >> np.uint64(12) if wide else words).astype(np.float64)
    return (2.0 * kept + 1.0) * (2.0**-53 if wide else 2.0**-33)


def truncated(words: Array, low: float, high: float, dtype: type[Any]) -> Array:
    """Return a normal truncated at general bounds, computed in f64 and rounded to `dtype`."""
    u = open_unit(words)
    v = 1.0 - u
    if low >= 0:
        a, b = upper_tail(low), upper_tail(high)
        z = upper_quantile(b + v * (a - b))
    elif high <= 0:
        a, b = upper_tail(-low), upper_tail(-high)
        z = -upper_quantile(a + u * (b - a))
    else:
        a, b = upper_tail(-low), upper_tail(high)
        m = (0.5 - a) + (0.5 - b)
        p, p_upper = a + u * m, b + v * m
        # Rounding can push both above 1/2.
        upper = np.where(p_upper <= 0.5, upper_quantile(np.minimum(p_upper, 0.5)), 0.0)
        z = np.where(p <= 0.5, -upper_quantile(np.minimum(p, 0.5)), upper)
    return np.clip(z, low, high).astype(dtype)
