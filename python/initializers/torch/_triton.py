"""The stream of docs/stream.md in Triton: makes the same bits on a GPU.

Read it beside that page, section by section: it uses the page's names. Only the distribution of the
work differs. A lane makes P elements (16 in f32, 8 in f64) of the first half of a group, and the P
elements 32 positions later: both share radii and angles, and each P elements use the words of one
block.

Three things keep the compiler from changing bits. Kernels are compiled with
`enable_fp_fusion=False`. Division and square root in f32 are `div_rn` and `sqrt_rn`, as the plain
operations are approximate in f32 (not in f64). Values are rounded to narrow dtypes, and stored, as
integers.

The file is longer than 400 lines because it follows the page as a whole.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .. import _core

# The page's tables.
_T = {
    name: tl.constexpr(values[0] if len(values) == 1 else tuple(values))
    for name, values in _core.coefficients()
}
HI, LO, P, S0, S0LO, S, C = (_T[name] for name in ("HI", "LO", "P", "S0", "S0LO", "S", "C"))
LN2HI, LN2LO, L, U, SIN, COS = (_T[name] for name in ("LN2HI", "LN2LO", "L", "U", "SIN", "COS"))
P2, Q2, INSIDE, SPLIT = (_T[name] for name in ("P2", "Q2", "INSIDE", "SPLIT"))
A, B, CC, D, E, F = (_T[name] for name in ("A", "B", "CC", "D", "E", "F"))

# Positions of a kernel's arguments in one tensor of 64-bit integers. (Triton would compile a scalar
# seed into the kernel.) The key and the stream id are 32-bit words, parameters the bits of an f64.
KEY = tl.constexpr(0)
STREAM = tl.constexpr(8)
RUNS = tl.constexpr(10)  # the number of runs of consecutive numbers in the block
LENGTH = tl.constexpr(11)  # the elements of a run
PIECES = tl.constexpr(12)  # programs per run, or runs per program
PARAMETERS = tl.constexpr(13)


@triton.jit
def _horner(x, c: tl.constexpr, n: tl.constexpr):
    """c₀ + x·(c₁ + x·(c₂ + … + x·cₙ₋₁))."""
    value = c[n - 2] + x * c[n - 1]
    for i in tl.static_range(n - 3, -1, -1):
        value = c[i] + x * value
    return value


# 1 Words


@triton.jit
def _mix(a, b, d, turn: tl.constexpr):
    a += b
    d ^= a
    return a, (d << turn) | (d >> (32 - turn))


@triton.jit
def _quarter(a, b, c, d):
    a, d = _mix(a, b, d, 16)
    c, b = _mix(c, d, b, 12)
    a, d = _mix(a, b, d, 8)
    c, b = _mix(c, d, b, 7)
    return a, b, c, d


@triton.jit
def _block(args, n):
    """Block n of the keystream, as 16 words a lane."""
    k0 = tl.load(args + KEY + 0).to(tl.uint32)
    k1 = tl.load(args + KEY + 1).to(tl.uint32)
    k2 = tl.load(args + KEY + 2).to(tl.uint32)
    k3 = tl.load(args + KEY + 3).to(tl.uint32)
    k4 = tl.load(args + KEY + 4).to(tl.uint32)
    k5 = tl.load(args + KEY + 5).to(tl.uint32)
    k6 = tl.load(args + KEY + 6).to(tl.uint32)
    k7 = tl.load(args + KEY + 7).to(tl.uint32)
    n0, n1 = n.to(tl.uint32), (n >> 32).to(tl.uint32)
    s0 = tl.load(args + STREAM + 0).to(tl.uint32)
    s1 = tl.load(args + STREAM + 1).to(tl.uint32)
    zero = n0 & 0
    w0, w1, w2, w3 = zero + 0x61707865, zero + 0x3320646E, zero + 0x79622D32, zero + 0x6B206574
    w4, w5, w6, w7 = zero + k0, zero + k1, zero + k2, zero + k3
    w8, w9, w10, w11 = zero + k4, zero + k5, zero + k6, zero + k7
    w12, w13, w14, w15 = n0, n1, zero + s0, zero + s1
    for _ in tl.static_range(4):
        w0, w4, w8, w12 = _quarter(w0, w4, w8, w12)
        w1, w5, w9, w13 = _quarter(w1, w5, w9, w13)
        w2, w6, w10, w14 = _quarter(w2, w6, w10, w14)
        w3, w7, w11, w15 = _quarter(w3, w7, w11, w15)
        w0, w5, w10, w15 = _quarter(w0, w5, w10, w15)
        w1, w6, w11, w12 = _quarter(w1, w6, w11, w12)
        w2, w7, w8, w13 = _quarter(w2, w7, w8, w13)
        w3, w4, w9, w14 = _quarter(w3, w4, w9, w14)
    w0, w1, w2, w3 = w0 + 0x61707865, w1 + 0x3320646E, w2 + 0x79622D32, w3 + 0x6B206574
    w4, w5, w6, w7 = w4 + k0, w5 + k1, w6 + k2, w7 + k3
    w8, w9, w10, w11 = w8 + k4, w9 + k5, w10 + k6, w11 + k7
    w12, w13, w14, w15 = w12 + n0, w13 + n1, w14 + s0, w15 + s1
    return w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15


@triton.jit
def _join4(a, b, c, d):
    """Make (lanes, 4) of four vectors."""
    return tl.join(tl.join(a, c), tl.join(b, d)).reshape(a.shape[0], 4)


@triton.jit
def _join8(a, b, c, d, e, f, g, h):
    return tl.join(_join4(a, c, e, g), _join4(b, d, f, h)).reshape(a.shape[0], 8)


@triton.jit
def _words(w, i: tl.constexpr, n: tl.constexpr, WIDE: tl.constexpr):
    """The words of the elements i to i + n - 1 of each lane, (lanes, n): w in f32, W in f64."""
    if WIDE:
        low = tl.join(w[2 * i], w[2 * i + 2])
        high = tl.join(w[2 * i + 1], w[2 * i + 3])
        return low.to(tl.uint64) | (high.to(tl.uint64) << 32)
    elif n == 4:
        return _join4(w[i], w[i + 1], w[i + 2], w[i + 3])
    elif n == 8:
        return _join8(w[i], w[i + 1], w[i + 2], w[i + 3], w[i + 4], w[i + 5], w[i + 6], w[i + 7])
    else:
        even = _join8(w[0], w[2], w[4], w[6], w[8], w[10], w[12], w[14])
        odd = _join8(w[1], w[3], w[5], w[7], w[9], w[11], w[13], w[15])
        return tl.join(even, odd).reshape(even.shape[0], 16)


# 3 Uniform


@triton.jit
def _unit(w, WIDE: tl.constexpr):
    if WIDE:
        return (w >> 11).to(tl.float64) * 1.1102230246251565e-16  # 2^-53
    else:
        return (w >> 8).to(tl.float32) * 5.9604644775390625e-08  # 2^-24


@triton.jit
def _uniform(w, low, range, last, WIDE: tl.constexpr):
    value = low + range * _unit(w, WIDE)
    # Cut before the rounding to the dtype, which is monotone, as the page cuts after it.
    return tl.where(value < last, value, last)


# 4 Normal


@triton.jit
def _cell_middle(w, WIDE: tl.constexpr):
    """The u of section 5, the x of section 6."""
    if WIDE:
        return (w >> 11).to(tl.float64) * 1.1102230246251565e-16 + 5.551115123125783e-17
    else:
        return (w >> 1).to(tl.float32) * 4.656612873077393e-10 + 2.3283064365386963e-10


@triton.jit
def _ln(u, WIDE: tl.constexpr):
    if WIDE:
        bits = u.to(tl.int64, bitcast=True)
        k = (bits - 0x3FE6A09E667F3BCD) >> 52
        f = (bits - (k << 52)).to(tl.float64, bitcast=True) - 1.0
        k = k.to(tl.float64)
        s = f / (2.0 + f)
        z = s * s
        r = z * _horner(z, L, 7)
        h = (0.5 * f) * f
        return k * LN2HI - ((h - (s * (h + r) + k * LN2LO)) - f)
    else:
        bits = u.to(tl.int32, bitcast=True)
        e = (bits - 0x3F3504F3) >> 23
        f = (bits - (e << 23)).to(tl.float32, bitcast=True) - 1.0
        z = f * f
        e = e.to(tl.float32)
        return (f + (((f * z) * _horner(f, P, 8) + e * LO) - 0.5 * z)) + e * HI


@triton.jit
def _cos_sin(a, WIDE: tl.constexpr):
    """Cosine and sine of the angle of the word A."""
    if WIDE:
        q = (a + 0x2000000000000000) >> 62
        k = (a - (q << 62)).to(tl.int64, bitcast=True)
        x = k.to(tl.float64) * U
        z = x * x
        s = x + (z * x) * _horner(z, SIN, 6)
        h = 0.5 * z
        v = 1.0 - h
        c = v + (((1.0 - v) - h) + z * (z * _horner(z, COS, 6)))
    else:
        q = (a + 0x20000000) >> 30
        k = (a - (q << 30)).to(tl.int32, bitcast=True)
        t = k.to(tl.float32) * 2.3283064365386963e-10  # 2^-32
        z = t * t
        s = t * (S0 + (S0LO + z * _horner(z, S, 3)))
        c = 1.0 + z * _horner(z, C, 4)
    swapped = (q & 1) != 0
    cos, sin = tl.where(swapped, s, c), tl.where(swapped, c, s)
    return tl.where(((q + 1) & 2) != 0, -cos, cos), tl.where((q & 2) != 0, -sin, sin)


@triton.jit
def _radius(w, WIDE: tl.constexpr):
    square = -2.0 * _ln(_cell_middle(w, WIDE), WIDE)
    if WIDE:
        return tl.sqrt(square)
    else:
        return tl.sqrt_rn(square)


# 5 Truncated normal


@triton.jit
def _central_or_tail(q, p):
    """central(q) if q ≤ 0.425, else tail(p)."""
    r = 0.180625 - q * q
    central = (q * _horner(r, A, 8)) / _horner(r, B, 8)
    r = tl.sqrt(-_ln(p, True))
    near, far = r - 1.6, r - 5.0
    near = _horner(near, CC, 8) / _horner(near, D, 8)
    far = _horner(far, E, 8) / _horner(far, F, 8)
    return tl.where(q <= SPLIT, central, tl.where(r <= 5.0, near, far))


@triton.jit
def _two_sigma(w, WIDE: tl.constexpr):
    x = _cell_middle(w, WIDE)
    if WIDE:
        q = x * INSIDE
        z = _central_or_tail(q, 0.5 - q)
        z = tl.where(z < 2.0, z, 1.9999999999999998)
    else:
        v = 1.0 - x * x
        z = x * tl.div_rn(_horner(v, P2, 5), _horner(v, Q2, 5))
    return tl.where((w & 1) != 0, -z, z)


@triton.jit
def _tq(p):
    """The quantile of an upper tail."""
    return tl.where(p == 0.0, float("inf"), _central_or_tail(0.5 - p, p))


@triton.jit
def _inversion(w, start, mass, end, lower, upper, LAW: tl.constexpr, WIDE: tl.constexpr):
    """Other bounds, in f64. `start` and `end` are the tails at the bounds, `mass` lies between."""
    if WIDE:
        u = (2.0 * (w >> 12).to(tl.float64) + 1.0) * 1.1102230246251565e-16  # 2^-53
    else:
        u = (2.0 * w.to(tl.float64) + 1.0) * 1.1641532182693481e-10  # 2^-33
    v = 1.0 - u
    if LAW == "above":
        z = _tq(start + v * mass)
    elif LAW == "below":
        z = -_tq(start + u * mass)
    else:
        p, other = start + u * mass, end + v * mass
        below = p <= 0.5
        z = _tq(tl.where(below, p, other))
        z = tl.where(below, -z, tl.where(other <= 0.5, z, 0.0))
    z = tl.where(z < lower, lower, z)
    z = tl.where(z > upper, upper, z)
    if WIDE:
        return z
    else:
        return z.to(tl.float32)


@triton.jit
def _parameters(args):
    """The law's parameters as f64, padded with zeros."""
    p = args + PARAMETERS
    a, b, c, d = tl.load(p), tl.load(p + 1), tl.load(p + 2), tl.load(p + 3)
    e, f, g = tl.load(p + 4), tl.load(p + 5), tl.load(p + 6)
    return (
        a.to(tl.float64, bitcast=True),
        b.to(tl.float64, bitcast=True),
        c.to(tl.float64, bitcast=True),
        d.to(tl.float64, bitcast=True),
        e.to(tl.float64, bitcast=True),
        f.to(tl.float64, bitcast=True),
        g.to(tl.float64, bitcast=True),
    )


@triton.jit
def _values(radii, angles, p, LAW: tl.constexpr, WIDE: tl.constexpr):
    """The values of both halves of groups from their words, and the parameters."""
    T: tl.constexpr = tl.float64 if WIDE else tl.float32
    if LAW == "uniform":
        low, range, last = p[0].to(T), p[1].to(T), p[2].to(T)
        return _uniform(radii, low, range, last, WIDE), _uniform(angles, low, range, last, WIDE)
    else:
        mean, stddev = p[0].to(T), p[1].to(T)
        if LAW == "normal":
            r = _radius(radii, WIDE)
            cos, sin = _cos_sin(angles, WIDE)
            first, second = r * cos, r * sin
        elif LAW == "two_sigma":
            first, second = _two_sigma(radii, WIDE), _two_sigma(angles, WIDE)
        else:
            first = _inversion(radii, p[2], p[3], p[4], p[5], p[6], LAW, WIDE)
            second = _inversion(angles, p[2], p[3], p[4], p[5], p[6], LAW, WIDE)
        return mean + stddev * first, mean + stddev * second


# 6 Low precision


@triton.jit
def _bits(x, DTYPE: tl.constexpr):
    """The bits of x, rounded once to the dtype, to nearest even."""
    if DTYPE == "float64":
        return x.to(tl.int64, bitcast=True)
    elif DTYPE == "float32":
        return x.to(tl.int32, bitcast=True)
    else:
        bits = x.to(tl.uint32, bitcast=True)
        if DTYPE == "bfloat16":
            return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        elif DTYPE == "float16":
            return _round(bits, 5, 10, 0x7C00)
        elif DTYPE == "float8_e5m2":
            return _round(bits, 5, 2, 0x7C)
        else:
            return _round(bits, 4, 3, 0x7F)


@triton.jit
def _round(bits, EXPONENT: tl.constexpr, MANTISSA: tl.constexpr, OVERFLOW: tl.constexpr):
    """Round f32 bits to EXPONENT and MANTISSA bits: `round_small` of src/float/element.rs."""
    bias: tl.constexpr = (1 << (EXPONENT - 1)) - 1
    cut: tl.constexpr = 23 - MANTISSA
    half: tl.constexpr = (1 << (cut - 1)) - 1
    magnitude = bits & 0x7FFFFFFF
    normal = (magnitude + half + ((magnitude >> cut) & 1) - ((127 - bias) << 23)) >> cut
    # Below the normal numbers, the sum with this power of two rounds at the smallest subnormal.
    place: tl.constexpr = (127 + 24 - bias - MANTISSA) << 23
    power = (magnitude & 0) + place
    total = magnitude.to(tl.float32, bitcast=True) + power.to(tl.float32, bitcast=True)
    subnormal = total.to(tl.uint32, bitcast=True) - place
    value = tl.where(magnitude < ((128 - bias) << 23), subnormal, normal)
    value = tl.where(value < OVERFLOW, value, OVERFLOW)
    return ((bits >> 31) << (EXPONENT + MANTISSA)) | value


# 1 Blocks of a tensor


@triton.jit
def fill_kernel(
    out,
    args,
    starts,
    LAW: tl.constexpr,
    DTYPE: tl.constexpr,
    RUNS_AT_ONCE: tl.constexpr,
    LANES: tl.constexpr,
    ALIGNED: tl.constexpr,
):
    """Fill a block of a tensor that consists of runs of elements with consecutive numbers.

    Args:
        out: Memory of the block, in C order, as integers of the dtype's size.
        args: The arguments at the positions above.
        starts: The number in the whole tensor of the first element of each run.
        LAW: The formula, as the core names it.
        DTYPE: The name of the dtype.
        RUNS_AT_ONCE: The number of runs for which a program has lanes, a power of two.
        LANES: The number of lanes per run, a power of two.
        ALIGNED: Whether all `starts` and the run length are multiples of 16 and `out` begins at a
            multiple of 16 bytes: each lane then stores whole vectors of 16 bytes, or nothing.
    """
    WIDE: tl.constexpr = DTYPE == "float64"
    P: tl.constexpr = 8 if WIDE else 16
    SHARE: tl.constexpr = 32 // P  # lanes that make a group
    V: tl.constexpr = 16 // (out.dtype.element_ty.primitive_bitwidth // 8)  # 16 bytes of elements
    pieces = tl.load(args + PIECES).to(tl.int32)
    program = tl.program_id(0)
    number = tl.arange(0, RUNS_AT_ONCE * LANES)
    run = (program // pieces).to(tl.int64) * RUNS_AT_ONCE + number // LANES
    lane = (program % pieces).to(tl.int64) * LANES + number % LANES
    present = run < tl.load(args + RUNS)
    start = tl.load(starts + run, mask=present, other=0)
    length = tl.load(args + LENGTH)
    parameters = _parameters(args)

    group, part = start // 64 + lane // SHARE, lane % SHARE
    radii = _block(args, group * (2 * SHARE) + part)
    angles = _block(args, group * (2 * SHARE) + SHARE + part)
    # The position of the lane's first element in the run and in the block; which of P are inside.
    at = group * 64 + part * P - start
    base = run * length + at
    if ALIGNED:
        base = tl.multiple_of(base, 16)
    for i in tl.static_range(0, P, V):
        one, other = _values(
            _words(radii, i, V, WIDE), _words(angles, i, V, WIDE), parameters, LAW, WIDE
        )
        _store(out, base, at, length, present, i, V, _bits(one, DTYPE), ALIGNED)
        _store(out, base + 32, at + 32, length, present, i, V, _bits(other, DTYPE), ALIGNED)


@triton.jit
def _store(
    out, base, at, length, present, i: tl.constexpr, V: tl.constexpr, bits, ALIGNED: tl.constexpr
):
    """Store V elements of each lane from its i-th on, as far as they are inside the run."""
    place = i + tl.arange(0, V)[None, :]
    if ALIGNED:
        inside = (present & (at >= 0) & (at < length))[:, None]
    else:
        low = tl.where(present, tl.maximum(-at, 0), 64).to(tl.int32)
        high = tl.minimum(length - at, 64).to(tl.int32)
        inside = (place >= low[:, None]) & (place < high[:, None])
    tl.store(out + base[:, None] + place, bits.to(out.dtype.element_ty), inside)


# Fused multiplications and additions would change the values.
OPTIONS = {"enable_fp_fusion": False, "num_warps": 4}
INTERPRETED = not isinstance(fill_kernel, triton.JITFunction)
