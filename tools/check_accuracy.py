"""Measure the samplers' errors in units in the last place (ulp); check the documented bounds.

    python tools/check_accuracy.py                 under a minute
    python tools/check_accuracy.py --exhaustive    every distinct f32 argument, a few minutes

An ulp is that of the exact value. The reference for f64 and for general bounds is mpmath; for the
rest f64 functions, correct to about 1e-15, a hundred-millionth of an f32 ulp. The exit status is 1
if a bound is exceeded.
"""

# mypy: disable-error-code="no-any-return"
# (NumPy's results for arrays of any dtype have the type Any.)

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import mpmath as mp  # type: ignore[import-untyped]
import numpy as np

import _approx
from _approx import Array, normal64, truncated
from fit_coefficients import FROZEN

INF = float("inf")
BOUNDS = (
    *((8, 9), (20, 21), (2, 2 + 2.0**-20), (-INF, -5), (0, INF), (-1, 3), (-10, 3)),
    (36.5, INF),  # from 36.53 a few words give subnormal tails, which log64 excludes
)
ABSOLUTE = 2.0**-48  # for general bounds a smaller error is within the bound
COEFFICIENTS = {
    name: list(np.array(bits, np.uint32).view(np.float32)) for name, bits in FROZEN.items()
}


# The measured functions, with `normal64` and `truncated`. Any implementation of the stream can
# replace them.


def normal32(radius: Array, angle: Array) -> tuple[Array, Array]:
    """Return elements j and 32 + j of a group of f32 normals, from words j and 32 + j."""
    u = _approx.unit32((radius >> np.uint32(1)).astype(np.float32))
    q, k = quadrant32(angle)
    t = k.astype(np.float32) * np.float32(2**-32)
    cosine, sine = _approx.cos32(COEFFICIENTS["cos"], t), _approx.sin32(COEFFICIENTS["sin"], t)
    return _approx.turned(_approx.radius32(COEFFICIENTS["log"], u), q, cosine, sine)


def quadrant32(angle: Array) -> tuple[Array, Array]:
    """Return quarter turns, and the rest in turns times 2^32."""
    q = (angle + np.uint32(1 << 29)) >> np.uint32(30)
    return q, (angle - (q << np.uint32(30))).view(np.int32)


def truncated32(words: Array) -> Array:
    """The f32 normal truncated at two standard deviations."""
    x = _approx.unit32((words >> np.uint32(1)).astype(np.float32))
    z = _approx.truncated32(COEFFICIENTS["truncated_p"], COEFFICIENTS["truncated_q"], x)
    return np.where(words & np.uint32(1), -z, z)


def truncated64(words: Array) -> Array:
    """The f64 normal truncated at two standard deviations."""
    z = _approx.truncated64(_approx.unit64(words))
    return np.where(words & np.uint64(1), -z, z)


# How it is measured.


@dataclass
class Worst:
    """The largest error seen, in ulp, and the words that give it."""

    ulps: float = 0.0
    words: str = ""

    def see(self, ulps: Array, *words: Array) -> None:
        """Record measured errors."""
        i = int(np.argmax(ulps))
        if not ulps[i] <= self.ulps:  # written so that a NaN counts
            self.ulps = float(ulps[i])
            self.words = " ".join(f"{int(w[i]):0{2 * w.itemsize}x}" for w in words)


def in_ulps(relative: Array, exact: Array, digits: int) -> Array:
    """Return relative errors in ulp of the exact values, for formats of `digits` binary digits."""
    return np.ldexp(np.abs(relative * np.frexp(exact)[0]), digits)


Errors = tuple[Array, Array]  # signed relative errors, exact values
Compare = Callable[[Array, Array, int], Errors]  # (radius words, angle words, cosine or sine)


def compare32(radius: Array, angle: Array, part: int) -> Errors:
    """Compare f32 normals with the exact function of u and of the unrounded angle."""
    u = _approx.unit32((radius >> np.uint32(1)).astype(np.float32)).astype(np.float64)
    q, k = quadrant32(angle)
    x = k * (2 * np.pi * 2.0**-32)
    r = np.sqrt(-2.0 * _approx.log64(u))
    exact = _approx.turned(r, q, _approx.cos64(x), _approx.sin64(x))[part]
    z = normal32(radius, angle)[part].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((z == 0) & (exact == 0), 0.0, z / exact - 1.0), exact


def compare64(radius: Array, angle: Array, part: int) -> Errors:
    """Compare f64 normals with mpmath."""
    half_turns = (mp.ldexp(int(a), -63) for a in angle)
    r = (mp.sqrt(-2 * mp.log(u)) for u in _approx.unit64(radius).tolist())
    function = mp.sinpi if part else mp.cospi
    exact = [a * function(b) for a, b in zip(r, half_turns, strict=True)]
    return mp_errors(normal64(radius, angle)[part], exact)


def mp_errors(z: Array, exact: list[Any]) -> Errors:
    """Return errors against mpmath's numbers."""
    pairs = zip(z.tolist(), exact, strict=True)
    errors = [float(mp.mpf(a) / b - 1) if b else float(a != 0) for a, b in pairs]
    return np.array(errors), np.array([float(b) for b in exact])


def extremes(words: Array, relative: Array, exact: Array, count: int) -> tuple[Array, ...]:
    """Return the `count` largest errors of either sign for each of 32 ranges of significands."""
    interval = (np.abs(np.frexp(exact)[0]) * 64).astype(np.int64)
    key = interval * 2 + (relative > 0)
    order = np.lexsort((np.abs(relative), key))
    key = key[order]
    last = np.append(key[count:] != key[:-count], np.ones(min(count, len(key)), bool))
    return tuple(column[order[last]] for column in (words, relative, exact))


def climb(
    error: Callable[..., Array], words: tuple[Array, ...], start: Array, worst: Worst
) -> None:
    """Change bits of the words with the largest errors while the errors grow."""
    rng = np.random.default_rng(1)
    top = np.argsort(start)[-32:]
    here, reached = np.array(words)[:, top], start[top]
    for _ in range(60):
        near = here ^ np.exp2(rng.uniform(0, 6 * here.itemsize, here.shape)).astype(here.dtype)
        errors = error(*near)
        here, reached = np.where(errors > reached, near, here), np.maximum(errors, reached)
    worst.see(reached, *here)


def adversarial(
    compare: Compare, radii: Iterable[Array], angles: Iterable[Array], one: Array, pairs: int
) -> Worst:
    """Search for the worst pair of a radius and an angle word.

    The relative errors of a radius and of a cosine (sine) add up, and count most where the
    product's significand is large. So the search starts from the words with the largest errors for
    either sign and each significand, measures the `pairs` that promise most, and climbs from the
    worst of them. With `one`, a word of radius 1, the elements are cosine and sine themselves.
    """
    worst = Worst()
    digits = 24 if one.dtype == np.uint32 else 53

    def pool(words: Iterable[Array], measure: Callable[[Array], Errors]) -> tuple[Array, ...]:
        rows = [extremes(w, *measure(w), 2) for w in words]
        w, relative, exact = (np.concatenate(column) for column in zip(*rows, strict=True))
        return extremes(w, relative, exact, 4)

    def same(w: Array, word: Array) -> Array:
        return np.broadcast_to(word, w.shape)

    radius = pool(radii, lambda w: compare(w, same(w, one * 0), 0))
    angles = list(angles)
    for part in (0, 1):

        def measure(w: Array, part: int = part) -> Errors:
            return compare(same(w, one), w, part)

        angle = pool(angles, measure)
        i, j = (k.ravel() for k in np.indices((len(radius[0]), len(angle[0]))))
        promise = in_ulps(radius[1][i] + angle[1][j], radius[2][i] * angle[2][j], digits)
        best = np.argsort(promise)[-pairs:]

        def error(r: Array, a: Array, part: int = part) -> Array:
            return in_ulps(*compare(r, a, part), digits)

        chosen = radius[0][i[best]], angle[0][j[best]]
        start = error(*chosen)
        worst.see(start, *chosen)
        climb(error, chosen, start, worst)
    return worst


def radius_one(normal: Callable[[Array, Array], tuple[Array, Array]], dropped: Any) -> Array:
    """Return a word of radius 1 in a format that drops this many bits of it."""
    middle = int(np.exp(-0.5) * 2.0 ** (8 * dropped.itemsize - int(dropped)))
    words = (middle + np.arange(-8192, 8192)).astype(dropped.dtype) << dropped
    return words[normal(words, np.zeros_like(words))[0] == 1][:1]


def words_of_floats(integer_bits: int, step: int) -> Iterator[Array]:
    """Yield every `step`-th integer up to 2^integer_bits, below 2^31, distinct as an f32."""
    for h in _approx.floats_of(integer_bits, step):
        yield np.minimum(h.astype(np.int64), (1 << 31) - 1).astype(np.uint32)


def words64(rng: np.random.Generator, count: int) -> Array:
    """Return random 64-bit words, half of them with a random number of leading zeros."""
    words = rng.integers(0, 1 << 64, count, np.uint64)
    words[::2] >>= rng.integers(0, 60, words[::2].shape, np.uint64)
    return words


def check_normal32(step: int) -> Worst:
    """Check adversarial pairs and random ones."""

    def angles() -> Iterator[Array]:
        for k in words_of_floats(29, step):
            # Rounding the angle to f32 is worst at the ends of an interval that gives one value.
            half = np.spacing(k.astype(np.float32)).astype(np.uint32) >> np.uint32(1)
            yield from (k, k - half, np.minimum(k + half, np.uint32(1 << 29)))

    radii = (h << np.uint32(1) for h in words_of_floats(31, step))
    worst = adversarial(compare32, radii, angles(), radius_one(normal32, np.uint32(1)), 1 << 18)
    rng = np.random.default_rng(2)
    for _ in range(16):
        radius, angle = rng.integers(0, 1 << 32, (2, 1 << 18), np.uint32)
        for part in (0, 1):
            worst.see(in_ulps(*compare32(radius, angle, part), 24), radius, angle)
    return worst


def check_normal64() -> Worst:
    """Check adversarial pairs."""
    rng = np.random.default_rng(3)
    radii, angles = words64(rng, 20000), words64(rng, 20000)
    return adversarial(compare64, [radii], [angles], radius_one(normal64, np.uint64(11)), 4000)


def check_truncated32(step: int) -> Worst:
    """Check every `step`-th of the distinct x, with alternating signs. Also |z| < 2."""
    worst = Worst()
    for h in words_of_floats(31, step):
        words = (h << np.uint32(1)) | (np.arange(len(h), dtype=np.uint32) & np.uint32(1))
        x = _approx.unit32(h.astype(np.float32)).astype(np.float64)
        exact = np.where(words & np.uint32(1), -1, 1) * _approx.truncated64(x)
        z = truncated32(words)
        ulps = in_ulps(z.astype(np.float64) / exact - 1.0, exact, 24)
        worst.see(np.where(np.abs(z) < 2, ulps, INF), words)
    return worst


def quantile(start: float, lower: Any, upper: Any) -> Any:
    """Return the quantile of the tails `lower` + `upper` = 1, by Newton on the smaller one's ln."""
    sign, tail = (-1, lower) if lower < upper else (1, upper)
    z = mp.mpf(abs(start))
    for _ in range(60):
        q = mp.erfc(z / mp.sqrt(2)) / 2
        step = mp.log(q / tail) * q / mp.npdf(z)
        z += step
        if abs(step) <= max(abs(z) * mp.mpf(2) ** -70, mp.mpf(2) ** -140):
            return sign * z
    raise ArithmeticError(f"no quantile found near {start}")


def check_truncated64() -> Worst:
    """Check random words, then climb from the worst of them. Also |z| < 2."""
    mass = mp.erf(mp.sqrt(2)) / 2

    def error(words: Array) -> Array:
        z, x = truncated64(words), _approx.unit64(words)
        parts = [mass * a for a in np.where(words & np.uint64(1), -x, x).tolist()]
        rows = zip(z.tolist(), parts, strict=True)
        exact = [quantile(a, 0.5 + b, 0.5 - b) for a, b in rows]
        return np.where(np.abs(z) < 2, in_ulps(*mp_errors(z, exact), 53), INF)

    words = words64(np.random.default_rng(4), 6000)
    worst, start = Worst(), error(words)
    worst.see(start, words)
    climb(error, (words,), start, worst)
    return worst


def check_bounds(low: float, high: float, dtype: type[Any]) -> Worst:
    """Check general bounds: random words and words close to both ends. Also low <= z <= high."""
    kind, digits = (np.uint32, 24) if dtype is np.float32 else (np.uint64, 53)
    size = 8 * np.dtype(kind).itemsize
    words = np.random.default_rng(5).integers(0, 1 << size, 1500, kind)
    words[:200] >>= np.arange(200, dtype=kind) % kind(size)
    words[100:200] ^= kind((1 << size) - 1)
    z = truncated(words, low, high, dtype)
    (below_low, above_low), (below_high, above_high) = (
        [mp.erfc(sign * mp.mpf(bound) / mp.sqrt(2)) / 2 for sign in (-1, 1)]
        for bound in (low, high)
    )
    exact = []
    for u, start in zip(_approx.open_unit(words).tolist(), z.tolist(), strict=True):
        lower = below_low + u * (below_high - below_low)
        upper = above_high + (1 - u) * (above_low - above_high)
        exact.append(quantile(start, lower, upper))
    relative, rounded = mp_errors(z, exact)
    ulps = np.where(np.abs(relative * rounded) <= ABSOLUTE, 0, in_ulps(relative, rounded, digits))
    worst = Worst()
    worst.see(np.where((low <= z) & (z <= high), ulps, INF), words)
    return worst


def main() -> int:
    """Measure everything, print a table; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--exhaustive", action="store_true", help="every distinct f32 argument")
    step = 1 if parser.parse_args().exhaustive else 13
    mp.mp.prec = 250
    every = "all" if step == 1 else f"1/{step} of all"
    rows: list[tuple[str, str, Callable[[], Worst], float]] = [
        ("normal f32", f"worst of {every}", lambda: check_normal32(step), 5),
        ("normal f64", "worst of 20000", check_normal64, 5),
        ("truncated f32", f"[-2, 2], {every}", lambda: check_truncated32(step), 8),
        ("truncated f64", "[-2, 2], 6000", check_truncated64, 8),
    ]
    for low, high in BOUNDS:
        domain = f"[{low:.9g}, {high:.9g}]"
        f32 = partial(check_bounds, float(low), float(high), np.float32)
        f64 = partial(check_bounds, float(low), float(high), np.float64)
        rows += [("truncated f32", domain, f32, 1), ("truncated f64", domain, f64, 8)]
    broken = False
    print(f"{'piece':14} {'domain':20} {'worst ulp':>9} {'promise':>7}  {'ok':3} words")
    for piece, domain, check, promise in rows:
        worst = check()
        ok = worst.ulps <= promise
        broken |= not ok
        measured = f"{worst.ulps:9.3f} {promise:7}  {'yes' if ok else 'NO':3} {worst.words}"
        print(f"{piece:14} {domain:20} {measured}", flush=True)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
