"""Stream version 1 a second time: plain NumPy, slow, written from docs/stream.md alone.

It shares no code with the package: the two agree bit for bit only if the page says everything. The
numbers in the docstrings are the page's sections. The file is longer than 400 lines because it is
read beside the page, from top to bottom.
"""

import functools
import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

LIMIT = 2**63
ASCII = b"initializers v01"


class Format(NamedTuple):
    """A binary format: its fraction bits, its bias, its first pattern that is not finite."""

    fraction: int
    bias: int
    top: int
    pattern: Any
    dtype: Any
    compute: Any


DTYPES = {
    "float64": Format(52, 1023, 0x7FF << 52, np.uint64, np.float64, np.float64),
    "float32": Format(23, 127, 0xFF << 23, np.uint32, np.float32, np.float32),
    "float16": Format(10, 15, 0x7C00, np.uint16, np.float16, np.float32),
    "bfloat16": Format(7, 127, 0x7F80, np.uint16, ml_dtypes.bfloat16, np.float32),
    "float8_e4m3fn": Format(3, 7, 0x7F, np.uint8, ml_dtypes.float8_e4m3fn, np.float32),
    "float8_e5m2": Format(2, 15, 0x7C, np.uint8, ml_dtypes.float8_e5m2, np.float32),
}


def f32(text: str) -> NDArray[np.float32]:
    """Return floats from the page's bit patterns."""
    return np.array([int(bits, 16) for bits in text.split()], np.uint32).view(np.float32)


def f64(text: str) -> NDArray[np.float64]:
    """Return doubles from the page's bit patterns."""
    return np.array([int(bits, 16) for bits in text.split()], np.uint64).view(np.float64)


# fmt: off
HI, LO = f32("3f318000 b95e8083")
P = f32("3eaaaaaa be800114 3e4cd01a be2a3917 3e116b31 be06c107 3e02b967 bd9c7ff1")
S0, S0LO = f32("40c90fdb b45110ac")
S = f32("c2255ddb 42a32f66 c296e31a")
C = f32("c19de9e6 4281e0d8 c2aad95b 426a7bf7")

LN2HI, LN2LO = f64("3fe62e42fee00000 3dea39ef35793c76")
L = f64("3fe5555555555593 3fd999999997fa04 3fd2492494229359 3fcc71c51d8e78af"
        " 3fc7466496cb03de 3fc39a09d078c69f 3fc2f112df3e5244")
(U,) = f64("3c1921fb54442d18")
SIN = f64("bfc5555555555549 3f8111111110f8a6 bf2a01a019c161d5 3ec71de357b1fe7d"
          " be5ae5e68a2b9ceb 3de5d93a5acfd57c")
COS = f64("3fa555555555554c bf56c16c16c15177 3efa01a019cb1590 be927e4f809c52ad"
          " 3e21ee9ebdb4b1c4 bda8fae9be8838d4")

P2 = f32("3fffffff 41c224c3 42952a19 42597931 408cd479")
Q2 = f32("3f800000 415d8031 4251ecf0 425d7467 412bd766")

A = f64("400b18d91e9eef75 4060a4888b1a436e 409ece5d2213c0cc 40cad1d8cd4ee71d"
        " 40e66c3e869b752a 40f06c1c55b78f20 40e052d26b2e45e4 40a39a296f7d925e")
B = f64("3ff0000000000000 4045281b386e1ab5 4085797efdc8b3f7 40b512322e75c89f"
        " 40d4b772d5d65266 40e3317caa64f4be 40dc0e457cb1ae76 40b46a7eca984b69")
CC = f64("3ff6c665fde9526a 4012857748cab19b 401713f71462256a 400d2ecb1a3d02c4"
         " 3ff453cc085375b2 3fcef2abb9b85c37 3f9744eb6c45ec67 3f49615ac0b7ace9")
D = f64("3ff0000000000000 40006cefbb46a449 3ffad278e6526633 3fe61292f23385c9"
        " 3fc2f5123394f040 3f8f207a7eab17bf 3f41f18cbfdf2728 3e120d3f686439e4")
E = f64("401aa1b1c13ee526 4015daea6e875003 3ffc8ea6461fa445 3fd2fad9315255cf"
        " 3f9b2b41193b4ee7 3f545c1908425345 3efc6ec6cc59e02a 3e8afb74d693bf93")
F = f64("3ff0000000000000 3fe331d34fc7d77f 3fc186eb183443fb 3f8e76f93215462a"
        " 3f49c8bc979dc5d7 3ef35c2c496374bf 3e831446f740b9e0 3ce269bff1f8c190")

(LOG2E,) = f64("3ff71547652b82fe")
EXP = f64("3fc555555555553e bf66c16c16bebd93 3f11566aaf25de2c bebbbd41c5d26bf1 3e66376972bea4d0")
(TWO_OVER_PI,) = f64("3fe45f306dc9c883")
HALF_PI = f64("3ff921fb50000000 3e5110b460000000 3c91a62633145c07")
# fmt: on


def horner(c: Array, x: Array) -> Array:
    """Return `c₀ + x·(c₁ + x·(…))`."""
    value = np.full_like(x, c[-1])
    for coefficient in c[-2::-1]:
        value = coefficient + x * value
    return value


# 1 Words


def seed_bytes(seed: int) -> bytes:
    """Return a seed as 16 bytes."""
    return seed.to_bytes(16, "little", signed=True)


def words(seed: int, stream: int, start: int, count: int) -> NDArray[np.uint32]:
    """1: `w[start]` to `w[start + count - 1]`."""
    first, last = start // 16, (start + count + 15) // 16
    n = np.arange(last - first, dtype=np.uint64) + np.uint64(first)
    mask = np.uint64(0xFFFFFFFF)
    head = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574]
    key = np.frombuffer(seed_bytes(seed) + ASCII, "<u4")
    initial = np.empty((16, len(n)), np.uint32)
    initial[:12] = np.concatenate([np.array(head, np.uint32), key])[:, None]
    initial[12], initial[13] = n & mask, n >> np.uint64(32)
    initial[14], initial[15] = stream & 0xFFFFFFFF, stream >> 32

    w = initial.copy()

    def mix(a: int, b: int, d: int, turn: int) -> None:
        w[a] += w[b]
        w[d] ^= w[a]
        w[d] = (w[d] << np.uint32(turn)) | (w[d] >> np.uint32(32 - turn))

    # fmt: off
    quarters = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    # fmt: on
    for a, b, c, d in quarters * 4:
        mix(a, b, d, 16)
        mix(c, d, b, 12)
        mix(a, b, d, 8)
        mix(c, d, b, 7)
    stream_words: NDArray[np.uint32] = (w + initial).T.reshape(-1)
    return stream_words[start - 16 * first :][:count]


def element_words(dtype: str, seed: int, stream: int, start: int, count: int) -> Array:
    """1: the words of elements: 32 bits each in f32, 64 in f64."""
    if DTYPES[dtype].compute is np.float32:
        return words(seed, stream, start, count)
    low, high = words(seed, stream, 2 * start, 2 * count).reshape(-1, 2).T.astype(np.uint64)
    pairs: Array = low + (high << np.uint64(32))
    return pairs


# 2 Seeds by name


def fold_in(seed: int, *path: str | int) -> int:
    """2: the seed derived from a name."""
    state = hashlib.blake2b(digest_size=8, key=seed_bytes(seed), person=ASCII)
    for part in path:
        if isinstance(part, str):
            text = part.encode()
            state.update(b"s" + len(text).to_bytes(8, "little") + text)
        else:
            state.update(b"i" + seed_bytes(part))
    return int.from_bytes(state.digest(), "little")


# 3 Parameters and dtypes


def rounded(dtype: str, x: Array) -> Array:
    """3: x rounded once to the dtype, to nearest even, in integers."""
    form = DTYPES[dtype]
    bits = np.asarray(x, np.float64).view(np.int64)
    field = (bits >> 52) & 0x7FF
    significand = (bits & (2**52 - 1)) + np.where(field > 0, 2**52, 0)
    # |x| = significand * 2**(exponent - 1075), to be a multiple of 2**(target - bias - fraction).
    exponent = np.maximum(field, 1)
    target = np.maximum(exponent - 1023 + form.bias, 1)
    shift = np.minimum(target - form.bias - form.fraction - exponent + 1075, 54)
    kept = significand >> shift
    rest = significand - (kept << shift)
    kept += 2 * rest + (kept & 1) > np.left_shift(1, shift)
    # The hidden bit counts as one in the exponent field, and so does a carry out of the fraction.
    magnitude = np.minimum(((target - 1) << form.fraction) + kept, form.top)
    top_bit = form.pattern(8 * form.pattern().itemsize - 1)
    sign: Array = (bits < 0).astype(form.pattern) << top_bit
    result: Array = (magnitude.astype(form.pattern) | sign).view(form.dtype)
    return result


def parameter(dtype: str, x: float) -> Any:
    """3: a parameter in the computing type, never -0."""
    with np.errstate(over="ignore"):
        return DTYPES[dtype].compute(x) + DTYPES[dtype].compute(0)


def require_finite(dtype: str, *reach: float) -> None:
    """3: raise ValueError if a reach does not round to a finite value of the dtype."""
    in_compute = np.array([parameter(dtype, x) for x in reach])
    if not np.isfinite(rounded(dtype, in_compute).astype(np.float64)).all():
        raise ValueError(f"{reach} does not fit in {dtype}")


def reach_of_z(dtype: str) -> float:
    """3: R."""
    return 6.67 if DTYPES[dtype].compute is np.float32 else 8.66


def location_scale(
    dtype: str, mean: float, stddev: float, lower: float, upper: float
) -> tuple[Any, Any]:
    """3: mean and stddev in the computing type, if their reach is finite."""
    mean, stddev = parameter(dtype, mean), parameter(dtype, stddev)
    low, high = max(lower, -reach_of_z(dtype)), min(upper, reach_of_z(dtype))
    require_finite(dtype, *(float(mean) + float(stddev) * z for z in (low, high)))
    return mean, stddev


# 4 Uniform


def unit(w: Array) -> Array:
    """4: `u` of [0, 1)."""
    if w.dtype == np.uint32:
        u: Array = (w >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)
    else:
        u = (w >> np.uint64(11)).astype(np.float64) * np.float64(2**-53)
    return u


def uniform(
    dtype: str, seed: int, stream: int, start: int, count: int, minval: float, maxval: float
) -> Array:
    """4: `count` elements from `start` of a uniform tensor."""
    form = DTYPES[dtype]
    a, b = parameter(dtype, minval), parameter(dtype, maxval)
    require_finite(dtype, float(a), float(b))
    with np.errstate(over="ignore"):
        if not np.isfinite(b - a):
            raise ValueError("maxval - minval overflows")
    value = a + (b - a) * unit(element_words(dtype, seed, stream, start, count))
    result = rounded(dtype, value)
    ends = rounded(dtype, np.array([a, b]))
    low, high = ends.astype(np.float64)
    if low < high:
        sign = 1 << (8 * form.pattern().itemsize - 1)
        pattern = int(ends.view(form.pattern)[1])
        below = sign | 1 if high == 0 else pattern - 1 if high > 0 else pattern + 1
        over = (value >= high) | (result.astype(np.float64) >= high)
        result[over] = np.array(below, form.pattern).view(form.dtype)
    elif low == high:
        result[:] = ends[0]
    return result


# 5 Normal


def log64(u: Array) -> Array:
    """5: ln of an f64."""
    bits = u.view(np.int64)
    k = (bits - 0x3FE6A09E667F3BCD) >> 52
    f = (bits - k * 2**52).view(np.float64) - 1
    fk = k.astype(np.float64)
    s = f / (2 + f)
    z = s * s
    r = z * horner(L, z)
    h = (0.5 * f) * f
    ln: Array = fk * LN2HI - ((h - (s * (h + r) + fk * LN2LO)) - f)
    return ln


def log32(u: Array) -> Array:
    """5: ln of an f32."""
    bits = u.view(np.int32)
    e = (bits - np.int32(0x3F3504F3)) >> np.int32(23)
    f = (bits - e * np.int32(2**23)).view(np.float32) - np.float32(1)
    z = f * f
    fe = e.astype(np.float32)
    ln: Array = (f + (((f * z) * horner(P, f) + fe * LO) - np.float32(0.5) * z)) + fe * HI
    return ln


def sine_cosine(x: Array) -> tuple[Array, Array]:
    """5: s and c, f64."""
    z = x * x
    s = x + (z * x) * horner(SIN, z)
    h = 0.5 * z
    v = 1 - h
    return s, v + (((1 - v) - h) + z * (z * horner(COS, z)))


def turn(q: Array, s: Array, c: Array) -> tuple[Array, Array]:
    """5: cosine and sine of the angle, from those in its quadrant."""
    return np.choose(q, [c, -s, -c, s]), np.choose(q, [s, c, -s, -c])


def radius_angle(r: Array, a: Array) -> tuple[Array, Array]:
    """5: r·cos and r·sin from the words R and A."""
    if r.dtype == np.uint32:
        u = (r >> np.uint32(1)).astype(np.float32) * np.float32(2**-31) + np.float32(2**-32)
        radius = np.sqrt(np.float32(-2) * log32(u))
        q = (a + np.uint32(2**29)) >> np.uint32(30)
        t = (a - (q << np.uint32(30))).view(np.int32).astype(np.float32) * np.float32(2**-32)
        z = t * t
        s = t * (S0 + (S0LO + z * horner(S, z)))
        c = np.float32(1) + z * horner(C, z)
    else:
        u = unit(r) + 2**-54
        radius = np.sqrt(-2 * log64(u))
        q = (a + np.uint64(2**61)) >> np.uint64(62)
        s, c = sine_cosine((a - (q << np.uint64(62))).view(np.int64).astype(np.float64) * U)
    cos, sin = turn(q.astype(np.int64), s, c)
    return radius * cos, radius * sin


def standard_normal(dtype: str, seed: int, stream: int, start: int, count: int) -> Array:
    """5: groups of 64, cut to the requested elements."""
    first, last = start // 64, (start + count + 63) // 64
    group = element_words(dtype, seed, stream, 64 * first, 64 * (last - first)).reshape(-1, 2, 32)
    z = np.stack(radius_angle(group[:, 0], group[:, 1]), axis=1)
    return z.reshape(-1)[start - 64 * first :][:count]


def normal(
    dtype: str, seed: int, stream: int, start: int, count: int, mean: float, stddev: float
) -> Array:
    """5: `count` elements from `start` of a normal tensor."""
    mean, stddev = location_scale(dtype, mean, stddev, -math.inf, math.inf)
    return rounded(dtype, mean + stddev * standard_normal(dtype, seed, stream, start, count))


# 6 Truncated normal


def central(q: Array) -> Array:
    """6: the quantile near the median."""
    r = 0.180625 - q * q
    z: Array = (q * horner(A, r)) / horner(B, r)
    return z


def tail(p: Array) -> Array:
    """6: the quantile of a small upper tail."""
    r = np.sqrt(-log64(p))
    near, far = r - 1.6, r - 5
    return np.where(r <= 5, horner(CC, near) / horner(D, near), horner(E, far) / horner(F, far))


def central_or_tail(q: Array, p: Array) -> Array:
    """6: central(q) if q ≤ 0.425, else tail(p), each on the arguments it is for."""
    return np.where(q <= 0.425, central(np.minimum(q, 0.425)), tail(np.minimum(p, 0.25)))


def tq(p: Array) -> Array:
    """6: the quantile of an upper tail."""
    return np.where(p == 0, np.inf, central_or_tail(0.5 - p, p))


@functools.cache
def tp(t: float) -> float:
    """6: the tail, its inverse."""
    if t == 0:
        return 0.5
    low, high = 0, 0x3FE0000000000000
    while high - low > 1:
        middle = low + (high - low) // 2
        if tq(np.array([middle]).view(np.float64))[0] >= t:
            low = middle
        else:
            high = middle
    return float(np.array([low]).view(np.float64)[0])


def two_sigma(w: Array) -> Array:
    """6: the quantile for the bounds ±2."""
    if w.dtype == np.uint32:
        x = (w >> np.uint32(1)).astype(np.float32) * np.float32(2**-31) + np.float32(2**-32)
        v = np.float32(1) - x * x
        z = x * (horner(P2, v) / horner(Q2, v))
    else:
        q = (unit(w) + 2**-54) * 0.47724986805182079
        z = np.minimum(central_or_tail(q, 0.5 - q), np.nextafter(2.0, 0.0))
    signed: Array = np.where(w & w.dtype.type(1), -z, z)
    return signed


def inversion(w: Array, alpha: float, beta: float) -> Array:
    """6: the quantile for any other bounds, f64."""
    if w.dtype == np.uint32:
        u = (2 * w.astype(np.float64) + 1) * 2**-33
    else:
        u = (2 * (w >> np.uint64(12)).astype(np.float64) + 1) * 2**-53
    v = 1 - u
    if alpha >= 0:
        z = tq(tp(beta) + v * (tp(alpha) - tp(beta)))
    elif beta <= 0:
        z = -tq(tp(-alpha) + u * (tp(-beta) - tp(-alpha)))
    else:
        a, b = tp(-alpha), tp(beta)
        m = (0.5 - a) + (0.5 - b)
        p, other = a + u * m, b + v * m
        upper = np.where(other <= 0.5, tq(np.minimum(other, 0.5)), 0.0)
        z = np.where(p <= 0.5, -tq(np.minimum(p, 0.5)), upper)
    clamped: Array = np.clip(z, alpha, beta)
    return clamped


def truncated_normal(
    dtype: str,
    seed: int,
    stream: int,
    start: int,
    count: int,
    mean: float,
    stddev: float,
    lower: float,
    upper: float,
) -> Array:
    """6: `count` elements from `start` of a truncated normal tensor."""
    if not lower < upper or lower >= 37 or upper <= -37:
        raise ValueError(f"bounds {lower}, {upper}")
    alpha, beta = float(parameter(dtype, lower)), float(parameter(dtype, upper))
    mean, stddev = location_scale(dtype, mean, stddev, alpha, beta)
    if alpha <= -reach_of_z(dtype) and beta >= reach_of_z(dtype):
        z = standard_normal(dtype, seed, stream, start, count)
    elif (alpha, beta) == (-2, 2):
        z = two_sigma(element_words(dtype, seed, stream, start, count))
    else:
        word = np.uint32 if DTYPES[dtype].compute is np.float32 else np.uint64
        ends = inversion(np.array([0, np.iinfo(word).max], word), alpha, beta)
        require_finite(dtype, *(mean + stddev * ends.astype(DTYPES[dtype].compute)))
        z = inversion(element_words(dtype, seed, stream, start, count), alpha, beta)
    return rounded(dtype, mean + stddev * z.astype(DTYPES[dtype].compute))


# 7 Scaling


def fans(
    shape: Sequence[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:
    """7: fan_in and fan_out."""
    if input_axes is not None and output_axes is not None:
        return (
            math.prod(shape[axis] for axis in input_axes),
            math.prod(shape[axis] for axis in output_axes),
        )
    if len(shape) < 2:
        n = math.prod(shape)
        return n, n
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def scaled(scale: float, mode: str, distribution: str, fan_in: int, fan_out: int) -> float:
    """7: the stddev, or the limit of `uniform`."""
    n = {
        "fan_in": float(fan_in),
        "fan_out": float(fan_out),
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": math.sqrt(fan_in * fan_out),
    }[mode]
    s = scale / max(1.0, n)
    if distribution == "uniform":
        return math.sqrt(3 * s)
    return math.sqrt(s) / (1 if distribution == "untruncated_normal" else 0.87962566103423978)


# 10 Roots of unity


def unit_roots(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """10: cosine and sine of 2π·r/n, 0 ≤ r < n."""
    r = np.arange(n, dtype=np.int64)
    q, rest = np.divmod(4 * r, n)
    q += 2 * rest + (q & 1) > n
    s, c = sine_cosine(((4 * r - q * n).astype(np.float64) * (math.pi / 2)) / np.float64(n))
    cos, sin = turn(q & 3, s, c)
    return cos + 0.0, sin + 0.0


def stft(
    dtype: str,
    shape: tuple[int, int, int],
    side: str = "real",
    window: str | None = "hann",
    scaling: str | None = "density",
    periodic: bool = False,
) -> Array:
    """10: the STFT kernel."""
    frames, _, bins = shape
    n = 2 * (bins - 1)
    t = np.arange(frames)
    r = np.outer(t, np.arange(bins)) % n
    kernel = unit_roots(n)[0][r] if side == "real" else 0 - unit_roots(n)[1][r]
    if window is not None:
        weights = np.ones(frames)
        if frames > 1:
            m = frames if periodic else frames - 1
            a = {"hann": 0.5, "hamming": 0.54}[window]
            weights = a - (1 - a) * unit_roots(m)[0][t % m]
        kernel = kernel * weights[:, None]
        if scaling == "density":
            kernel = kernel / math.sqrt(math.fsum(weights * weights))
        elif scaling == "spectrum":
            kernel = kernel / math.fsum(abs(weights))
    return rounded(dtype, kernel.reshape(shape) + 0.0)


# 11 Digest


def digest(weights: Iterable[tuple[str, Array]]) -> str:
    """11: the digest of named weights, in hex."""
    state = hashlib.sha256()
    for name, array in weights:
        little = array.astype(array.dtype.newbyteorder("<"))
        shape = b"".join(n.to_bytes(8, "little") for n in array.shape)
        for part in (name.encode(), array.dtype.name.encode(), shape, little.tobytes()):
            state.update(len(part).to_bytes(8, "little") + part)
    return state.hexdigest()
