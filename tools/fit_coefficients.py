"""Fit the stream's f32 polynomials and rational function; compare them with the frozen bits.

    python tools/fit_coefficients.py           print name, order, bits and shortest decimal
    python tools/fit_coefficients.py --check   also exit 1 if a fit differs from FROZEN

The three steps give the same result on every machine:

1. Minimax approximation by Remez' exchange algorithm in mpmath arithmetic; for rationals as in
   Cody, Fraser and Hart, "Rational Chebyshev approximation using linear equations", Numerische
   Mathematik 12 (1968), 242-251.
2. Rounding to f32 one coefficient at a time, from the constant up. The rest is refitted each time,
   so that it absorbs the rounding error. (Theory: Brisebarre, Muller and Tisserand, "Computing
   machine-efficient polynomial approximations", ACM TOMS 32, 2006.)
3. For sine and the truncated normal, a random search among neighbors: their error is mostly that of
   evaluation in f32, which depends on the last bits of the coefficients.
"""

# mypy: disable-error-code="no-any-return"
# (NumPy's results for arrays of any dtype have the type Any.)

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath as mp  # type: ignore[import-untyped]
import numpy as np
from mpmath import mpf

import _approx
from _approx import Array

# Bits of the f32 coefficients, lowest order first (sine: C0, LO, S1, S2, S3). Values of weights
# depend on them: they never change within version 1 of the stream.
# fmt: off
FROZEN: dict[str, tuple[int, ...]] = {
    "log": (0x3EAAAAAA, 0xBE800114, 0x3E4CD01A, 0xBE2A3917,
            0x3E116B31, 0xBE06C107, 0x3E02B967, 0xBD9C7FF1),
    "sin": (0x40C90FDB, 0xB45110AC, 0xC2255DDB, 0x42A32F66, 0xC296E31A),
    "cos": (0x3F800000, 0xC19DE9E6, 0x4281E0D8, 0xC2AAD95B, 0x426A7BF7),
    "truncated_p": (0x3FFFFFFF, 0x41C224C3, 0x42952A19, 0x42597931, 0x408CD479),
    "truncated_q": (0x3F800000, 0x415D8031, 0x4251ECF0, 0x425D7467, 0x412BD766),
}
# fmt: on

GRID = 500  # nodes of the discrete minimax problems
SEARCH_STEP = 23  # the search sees every 23rd f32 argument
SEARCH_TRIES = 40000
LOG_DEGREE = 7
Terms = list[Any]  # mpf, or None for a coefficient that is free
Evaluate = Callable[[list[np.float32], Array], Array]
Block = tuple[Array, Array, Array]  # arguments, exact values, unit of error


@dataclass
class Problem:
    """Find num(x)/den(x) near `target` on `nodes`: least maximum of weight |num/den - target|."""

    nodes: list[Any]
    target: list[Any]
    weight: list[Any]
    num: Terms
    den: Terms

    def errors(self, num: Terms, den: Terms) -> list[Any]:
        """Return the signed weighted errors at the nodes."""
        rows = zip(self.nodes, self.target, self.weight, strict=True)
        return [w * (mp.polyval(num[::-1], x) / mp.polyval(den[::-1], x) - g) for x, g, w in rows]


def from_bits(pattern: int) -> np.float32:
    """Return the f32 of a bit pattern."""
    return np.uint32(pattern).view(np.float32)


def to_bits(c: np.float32) -> int:
    """Return the bit pattern of an f32."""
    return int(c.view(np.uint32))


def chebyshev(a: Any, b: Any) -> list[Any]:
    """Return Chebyshev nodes of [a, b], dense enough to represent the interval."""
    return [(a + b - (b - a) * mp.cos(mp.pi * (i + mpf(0.5)) / GRID)) / 2 for i in range(GRID)]


def alternation(errors: list[Any], n: int) -> list[int]:
    """Return at most `n` nodes with large errors of alternating sign."""
    runs: list[int] = []
    for i, e in enumerate(errors):
        if not runs or (e > 0) != (errors[runs[-1]] > 0):
            runs.append(i)
        elif abs(e) > abs(errors[runs[-1]]):
            runs[-1] = i
    while len(runs) > n:
        size = [abs(errors[i]) for i in runs]
        least = size.index(min(size))
        if least in (0, len(runs) - 1):
            del runs[least]
        elif len(runs) == n + 1:
            del runs[0 if size[0] < size[-1] else -1]
        else:  # an inner node and its smaller neighbor: signs still alternate
            first = least - 1 if size[least - 1] < size[least + 1] else least
            del runs[first : first + 2]
    return runs


def minimax(problem: Problem, start: tuple[Terms, Terms] | None) -> tuple[Terms, Terms]:
    """Return the best values of the free coefficients, by Remez' algorithm on the nodes.

    `start` is the solution of a problem with more free coefficients.
    """
    x, g, w = problem.nodes, problem.target, problem.weight
    parts = (problem.num, problem.den)
    free = [(part, j) for part in (0, 1) for j, c in enumerate(parts[part]) if c is None]
    n = len(free) + 1
    fixed_num, fixed_den = ([mpf(0) if c is None else c for c in part] for part in parts)
    reference = alternation(problem.errors(*start), n) if start else []
    if len(reference) < n:
        reference = [GRID * (2 * i + 1) // (2 * n) for i in range(n)]
    den = start[1] if start else [mpf(1)]
    best, least = (problem.num, den), mpf("inf")
    for _ in range(12):
        a, b = mp.matrix(n, n), mp.matrix(n, 1)
        for row, i in enumerate(reference):
            for column, (part, j) in enumerate(free):
                a[row, column] = -g[i] * x[i] ** j if part else x[i] ** j
            # Linear in the unknown error level, because the denominator is that of the last step.
            a[row, n - 1] = (-1) ** row * mp.polyval(den[::-1], x[i]) / w[i]
            b[row] = g[i] * mp.polyval(fixed_den[::-1], x[i]) - mp.polyval(fixed_num[::-1], x[i])
        solution = mp.lu_solve(a, b)
        num, den = list(problem.num), list(problem.den)
        for (part, j), c in zip(free, list(solution)[:-1], strict=True):
            (num, den)[part][j] = c
        errors = problem.errors(num, den)
        worst = max(map(abs, errors))
        if worst < least:
            best, least = (num, den), worst
        reference = alternation(errors, n)
        if len(reference) < n or worst < mpf(1.0005) * abs(solution[n - 1]):
            break
    return best


def round_in_turn(problem: Problem, first: float | None = None) -> list[np.float32]:
    """Round the free coefficients to f32 in turn, from the lowest; the higher ones are refitted.

    Returns numerator, then denominator. `first` sets the constant of the numerator.
    """
    fit = minimax(problem, None)
    for j in range(len(problem.num)):
        for part, terms in enumerate((problem.num, problem.den)):
            if j < len(terms) and terms[j] is None:
                given = first is not None and (part, j) == (0, 0)
                terms[j] = mpf(float(np.float32(first if given else fit[part][j])))
                if None in problem.num + problem.den:
                    fit = minimax(problem, fit)
    return [np.float32(c) for c in problem.num + problem.den]


def exp2(x: float) -> float:
    """Return 2^x for x >= 0 with the same bits everywhere, unlike a platform's `pow`."""
    n = int(x)
    y, series = (x - n) * 0.6931471805599453, 1.0
    for i in range(20, 0, -1):
        series = 1.0 + y / i * series
    return series * (1 << n)


def blocks_of(integer_bits: int, prepare: Callable[[Array], Block]) -> list[Block]:
    """Return the arguments of the search, with reference values."""
    return [prepare(i) for i in _approx.floats_of(integer_bits, SEARCH_STEP, 1 << 13)]


def search(
    start: list[np.float32], free: Sequence[int], blocks: list[Block], evaluate: Evaluate
) -> list[np.float32]:
    """Change the coefficients at `free` by random numbers of last bits; keep improvements."""

    def error(coefficients: list[np.float32], block: Block) -> float:
        x, exact, unit = block
        return float((np.abs(evaluate(coefficients, x) - exact) / unit).max())

    rng = random.Random(1)  # random() is the same in all versions of Python
    best, least = start, max(error(start, b) for b in blocks)
    for _ in range(SEARCH_TRIES):
        reach = 20 * rng.random()
        trial = list(best)
        for i in free:
            step = int((2 * rng.random() - 1) * exp2(reach * rng.random()))
            trial[i] = from_bits(to_bits(best[i]) + step)
        worst = 0.0
        for i, block in enumerate(blocks):
            worst = max(worst, error(trial, block))
            if worst >= least:
                blocks.insert(0, blocks.pop(i))  # it will probably reject the next trials too
                break
        else:
            best, least = trial, worst
    return best


def fit_log() -> dict[str, list[np.float32]]:
    """Fit (ln(1 + f) - f + f^2/2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1].

    The error is relative to ln(1 + f). It is far below that of evaluation, so there is no search.
    """
    f = chebyshev(mp.sqrt(0.5) - 1, mp.sqrt(2) - 1)
    target = [(mp.log1p(x) - x + x * x / 2) / x**3 for x in f]
    weight = [abs(x**3 / mp.log1p(x)) for x in f]
    problem = Problem(f, target, weight, [None] * (LOG_DEGREE + 1), [mpf(1)])
    return {"log": round_in_turn(problem)[:-1]}


def fit_sine_and_cosine() -> dict[str, list[np.float32]]:
    """Fit sin(2 pi t) / t - C0 and cos(2 pi t), polynomials in t^2, on |t| <= 1/8.

    Errors are relative to sine and cosine. The f32 nearest to 2 pi, C0, stays apart, so that the
    polynomial absorbs its rounding error.
    """
    z = chebyshev(mpf(2) ** -60, mpf(1) / 64)
    turns = [mp.sqrt(x) for x in z]
    sine, cosine = [mp.sin(2 * mp.pi * t) for t in turns], [mp.cos(2 * mp.pi * t) for t in turns]
    c0 = np.float32(2 * np.pi)
    target = [s / t - mpf(float(c0)) for s, t in zip(sine, turns, strict=True)]
    weight = [t / s for s, t in zip(sine, turns, strict=True)]
    s = [c0, *round_in_turn(Problem(z, target, weight, [None] * 4, [mpf(1)]))[:-1]]
    problem = Problem(z, cosine, [1 / x for x in cosine], [mpf(1)] + [None] * 4, [mpf(1)])
    c = round_in_turn(problem)[:-1]

    def prepare(k: Array) -> Block:
        t = k[k > 0] * np.float32(2**-32)
        exact = _approx.sin64(t.astype(np.float64) * (2 * np.pi))
        return t, exact, exact * 2.0**-24

    return {"sin": search(s, (1, 2, 3, 4), blocks_of(29, prepare), _approx.sin32), "cos": c}


def fit_truncated() -> dict[str, list[np.float32]]:
    """Fit Phi^-1(1/2 + x (Phi(2) - 1/2)) / x on (0, 1], a rational in 1 - x^2, relative error.

    At x = 1 the exact value is 2; a constant just below 2 keeps every result below 2.
    """
    v = chebyshev(mpf(0), mpf(1))
    target = []
    for x in (mp.sqrt(1 - a) for a in v):
        p = x * mp.erf(mp.sqrt(2)) / 2
        z = 2 * x
        for _ in range(12):  # Newton's method
            z -= (mp.erf(z / mp.sqrt(2)) / 2 - p) / mp.npdf(z)
        target.append(z / x)
    problem = Problem(v, target, [1 / g for g in target], [None] * 5, [mpf(1)] + [None] * 4)
    start = round_in_turn(problem, first=2 - 2.0**-23)

    def prepare(h: Array) -> Block:
        x = _approx.unit32(h)
        z = _approx.truncated64(x.astype(np.float64))
        return x, z, np.ldexp(1.0, np.frexp(z)[1] - 24)

    def evaluate(c: list[np.float32], x: Array) -> Array:
        return _approx.truncated32(c[:5], c[5:], x)

    c = search(start, (1, 2, 3, 4, 6, 7, 8, 9), blocks_of(31, prepare), evaluate)
    return {"truncated_p": c[:5], "truncated_q": c[5:]}


def main() -> int:
    """Fit and print a table; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit 1 if a fit is not FROZEN")
    check = parser.parse_args().check
    mp.mp.prec = 120
    fitted = {**fit_log(), **fit_sine_and_cosine(), **fit_truncated()}
    for name, coefficients in fitted.items():
        for i, c in enumerate(coefficients):
            print(f"{name:12} {i}  {to_bits(c):08x}  {c}")
    different = [name for name, c in fitted.items() if tuple(map(to_bits, c)) != FROZEN.get(name)]
    print("different from FROZEN: " + (", ".join(different) or "none"))
    return int(check and bool(different))


if __name__ == "__main__":
    sys.exit(main())
