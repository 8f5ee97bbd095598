"""Sections 8 and 9 of docs/stream.md in plain NumPy, from that page alone; for small sizes.

NumPy has no fused multiply-add. Here exact operations on rounded parts replace it:
S. Boldo and G. Melquiond, "Emulation of a FMA and correctly rounded sums", 2008.
"""

# mypy: disable-error-code="no-any-return"
# (NumPy's results for arrays of any dtype have the type Any.)

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import DTYPES, fold_in, parameter, require_finite, rounded, standard_normal, words

Array = NDArray[Any]
Fma = Callable[[Array, Array, Array], Array]


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a + b rounded, and its rounding error."""
    s = a + b
    part = s - a
    return s, (a - (s - part)) + (b - part)


def odd_sum(a: Array, b: Array) -> Array:
    """Return a + b rounded to odd: if it is no f64, the neighbor with an odd last bit."""
    s, rest = two_sum(a, b)
    bits = s.view(np.int64)
    up = (rest > 0) == (s > 0)
    moved = np.where((rest != 0) & (bits & 1 == 0), np.where(up, bits + 1, bits - 1), bits)
    return moved.view(np.float64)


def fma64(a: Array, b: Array, c: Array) -> Array:
    """Return a·b + c rounded once, for values far from the ends of the range."""
    high = a * b

    def split(x: Array) -> tuple[Array, Array]:
        scaled = x * np.float64(2**27 + 1)
        upper = scaled - (scaled - x)
        return upper, x - upper

    (a1, a2), (b1, b2) = split(a), split(b)
    low = ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2
    t, t_rest = two_sum(c, low)
    v, v_rest = two_sum(high, t)
    return v + odd_sum(t_rest, v_rest)


def fma32(a: Array, b: Array, c: Array) -> Array:
    """Return a·b + c rounded once: the f64 product is exact, and the sum is rounded to odd."""
    return odd_sum(a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)).astype(
        np.float32
    )


def fma_of(compute: Any) -> Fma:
    """Return the fused multiply-add of a computing type, for arrays that broadcast."""

    def fma(a: Array, b: Array, c: Array) -> Array:
        arrays = (np.ascontiguousarray(x, compute) for x in np.broadcast_arrays(a, b, c))
        return (fma64 if compute is np.float64 else fma32)(*arrays)

    return fma


def product(a: Array, b: Array, start: Array | None = None) -> Array:
    """Return a·b, added to `start` or to +0: one accumulator each, k ascending."""
    fma = fma_of(a.dtype.type)
    sums = np.zeros((a.shape[0], b.shape[1]), a.dtype) if start is None else start
    for k in range(a.shape[1]):
        sums = fma(a[:, k : k + 1], b[k : k + 1], sums)
    return sums


# 8 Orthogonal matrices


def sum_of_squares(x: Array) -> float:
    """8: S of the elements after the first."""
    fma = fma_of(np.float64)

    def blocks(terms: Array, add: Fma) -> Array:
        sums = []
        for start in range(0, len(terms), 1024):
            lanes = np.zeros(16)
            for i, term in enumerate(terms[start : start + 1024]):
                lanes[i % 16] = add(term, term, lanes[i % 16])
            for half in (8, 4, 2, 1):
                lanes[:half] += lanes[half : 2 * half]
            sums.append(lanes[0])
        return np.array(sums)

    def add_square(x: Array, y: Array, lane: Array) -> Array:
        return fma(x, y, lane).reshape(())

    sums = blocks(x[1:].astype(np.float64), add_square)
    while len(sums) > 1:
        sums = blocks(sums, lambda term, _, lane: term + lane)
    return float(sums[0]) if len(sums) else 0.0


def head(x: Array) -> tuple[Any, Any, Any]:
    """8: v₁, τ and d."""
    compute = x.dtype.type
    first = float(x[0])
    s = -1.0 if first < 0 else 1.0
    squares = sum_of_squares(x)
    if squares == 0:
        return x[0], compute(0), compute(s)
    v = compute(first + s * math.sqrt(squares + first * first))
    tau = compute(2 / (squares + float(v) * float(v)))
    return v, tau, compute(-s)


def panel_factor(v: Array, tau: Array) -> Array:
    """8: T."""
    fma = fma_of(v.dtype.type)
    gram = product(np.ascontiguousarray(v.T), v)
    t = np.diag(tau)
    for i in range(1, len(tau)):
        h = np.zeros(i, v.dtype)
        for s in range(i):
            h[: s + 1] = fma(t[: s + 1, s], gram[s, i], h[: s + 1])
        t[:i, i] = -(tau[i] * h)
    return t


def multiply_out(v: Array, tau: Array, d: Array) -> Array:
    """8: the product, its columns times their signs."""
    m, n = v.shape
    c = np.eye(m, n, dtype=v.dtype)
    for first in reversed(range(0, n, 64)):
        panel = v[first:, first : first + 64]
        t = panel_factor(panel, tau[first : first + 64])
        w = product(np.ascontiguousarray(panel.T), c[first:, first:])
        c[first:, first:] = product(-panel, product(t, w), c[first:, first:])
    return d * c


def matrix(compute: Any, seed: int, stream: int, rows: int, columns: int) -> Array:
    """8: a random orthogonal matrix without a gain."""
    m, n = max(rows, columns), min(rows, columns)
    v, tau, d = np.zeros((m, n), compute), np.zeros(n, compute), np.zeros(n, compute)
    name = np.dtype(compute).name
    for k in range(n):
        start = k * 64 * ((m + 63) // 64)
        x = compute(0) + standard_normal(name, seed, stream, start, m - k)
        v[k:, k] = x
        v[k, k], tau[k], d[k] = head(x)
    q = multiply_out(v, tau, d)
    return q if rows >= columns else q.T


def orthogonal(
    dtype: str, seed: int, stream: int, shape: Sequence[int], gain: float, axis: int = -1
) -> Array:
    """8: an orthogonal tensor."""
    compute = DTYPES[dtype].compute
    g = parameter(dtype, gain)
    require_finite(dtype, abs(float(g)) * 1.001)
    moved = [*shape]
    columns = moved.pop(axis)
    q = matrix(compute, seed, stream, math.prod(moved), columns)
    return np.moveaxis(rounded(dtype, g * q + compute(0)).reshape(*moved, columns), -1, axis)


def orthogonalize(a: Array) -> Array:
    """8: the orthogonal factor of a matrix."""
    if a.shape[0] < a.shape[1]:
        return orthogonalize(np.ascontiguousarray(a.T)).T
    compute = a.dtype.type
    fma = fma_of(compute)
    largest = np.abs(a).max(0)
    a = np.ldexp(a, np.where(largest > 0, 1 - np.frexp(largest)[1], 0))
    m, n = a.shape
    v, tau, d = np.zeros((m, n), compute), np.zeros(n, compute), np.zeros(n, compute)
    for first in range(0, n, 64):
        end = min(first + 64, n)
        for k in range(first, end):
            x = a[k:, k].copy()
            with np.errstate(over="ignore"):
                is_short = head(x)[1] >= 2**40
            if is_short:
                x = np.ldexp(x, 1 - np.frexp(np.abs(x).max())[1])
            v[k:, k] = x
            v[k, k], tau[k], d[k] = head(x)
            w = product(v[None, k:, k], a[k:, k + 1 : end])
            a[k:, k + 1 : end] = fma(-v[k:, k : k + 1], tau[k] * w, a[k:, k + 1 : end])
        panel = v[first:, first:end]
        t = panel_factor(panel, tau[first:end])
        w = product(np.ascontiguousarray(panel.T), a[first:, end:])
        y = product(np.ascontiguousarray(t.T), w)
        a[first:, end:] = product(-panel, y, a[first:, end:])
    return multiply_out(v, tau, d) + compute(0)


# 9 Kernels and sparse matrices


def delta_orthogonal(dtype: str, seed: int, shape: Sequence[int], gain: float) -> Array:
    """9: an orthogonal matrix at the center."""
    kernel = np.zeros(shape, DTYPES[dtype].dtype)
    center = tuple((size - 1) // 2 for size in shape[:-2])
    kernel[center] = orthogonal(dtype, seed, 0, shape[-2:], gain)
    return kernel


def convolution_orthogonal(dtype: str, seed: int, shape: Sequence[int], gain: float) -> Array:
    """9: the kernel with all places filled."""
    compute = DTYPES[dtype].compute
    *places, i, o = shape
    start: tuple[int, ...] = (0,) * len(places)
    kernel = {start: matrix(compute, seed, 0, i, o) + compute(0)}
    for j in range((places[0] - 1) * len(places)):
        axis = j % len(places)
        q = matrix(compute, fold_in(seed, "initializers", "matrix", j), 0, o, o) + compute(0)
        q[:, words(fold_in(seed, "initializers", "mask", j), 0, 0, o) >= 2**31] = 0
        p = product(q, np.ascontiguousarray(q.T))
        left = {place: product(k, p) for place, k in kernel.items()}
        grown: dict[tuple[int, ...], Array] = {}
        for place, k in kernel.items():
            after = (*place[:axis], place[axis] + 1, *place[axis + 1 :])
            grown[place] = grown.get(place, np.zeros((i, o), compute)) + left[place]
            grown[after] = grown.get(after, np.zeros((i, o), compute)) + (k - left[place])
        kernel = grown
    stacked = np.array([kernel[place] for place in sorted(kernel)]).reshape(shape)
    return rounded(dtype, parameter(dtype, gain) * stacked + compute(0))


def sparse(dtype: str, seed: int, shape: tuple[int, int], sparsity: float, normal: Array) -> Array:
    """9: `normal`, of mean 0, with the zeros of a sparse matrix."""
    w = words(fold_in(seed, "initializers", "mask", 0), 0, 0, shape[0] * shape[1]).reshape(shape)
    count = math.ceil(sparsity * shape[0])
    result = normal.copy()
    for column in range(shape[1]):
        rows = sorted(range(shape[0]), key=lambda row: (w[row, column], row))
        result[rows[:count], column] = 0
    return result


def dirac(shape: Sequence[int], groups: int) -> Array:
    """9: a kernel that passes each input channel through."""
    kernel = np.zeros(shape, np.int8)
    center = tuple(size // 2 for size in shape[:-2])
    for c in range(shape[-1]):
        place = (*center, c % (shape[-1] // groups), c)
        if place[-2] < shape[-2]:
            kernel[place] = 1
    return kernel
