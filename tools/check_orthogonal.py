"""Measure the error of orthogonal matrices against the documented bound: a few minutes.

The error is max |QᵀQ - 1|, accumulated in f64; the promise (12 + √m/2)·ε, m being the longer side.
The exit status is 1 if it is broken.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from initializers import Orthogonal, RandomNormal, orthogonalize

EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52}
SHAPES = [
    *((n, n) for n in (1, 2, 3, 17, 64, 65, 127, 256, 509, 1021, 2048)),
    *((4, 1), (1, 4096), (4096, 1), (3, 2), (3, 4096), (16384, 256), (256, 16384), (4_194_304, 2)),
]
SMALL = [(1, 1), (2, 1), (1, 3), (2, 2), (3, 3), (4, 2)]
SEEDS = 100_000


def error_of(q: NDArray[Any]) -> float:
    """Return max |QᵀQ - 1| of the orthonormal side."""
    tall = (q.T if q.shape[0] < q.shape[1] else q).astype(np.float64)
    return float(np.abs(tall.T @ tall - np.eye(tall.shape[1])).max())


def main() -> int:
    """Print a row for each shape; return the exit status."""
    worst = 0.0
    print(f"{'':<26}{'Orthogonal':>12}{'orthogonalize':>15}{'promise':>9}   (ε)")
    shapes = [(shape, dtype) for dtype in EPSILON for shape in SHAPES]
    for shape, dtype in [*shapes, ((4096, 4096), "float32")]:
        promise = 12 + math.sqrt(max(shape)) / 2
        made = Orthogonal(seed=1)(shape, dtype), orthogonalize(RandomNormal(0, 1, 1)(shape, dtype))
        errors = [error_of(q) / EPSILON[dtype] for q in made]
        print(f"{dtype} {shape[0]} × {shape[1]}".ljust(26), end="")
        print(f"{errors[0]:>12.2f}{errors[1]:>15.2f}{promise:>9.1f}")
        worst = max(worst, *(error / promise for error in errors))
    for shape, dtype in [(shape, dtype) for dtype in EPSILON for shape in SMALL]:
        q = np.empty((SEEDS, *shape), dtype)
        for seed in range(SEEDS):
            Orthogonal(seed=seed)(shape, out=q[seed])
        tall = (q.transpose(0, 2, 1) if shape[0] < shape[1] else q).astype(np.float64)
        gram = np.einsum("kij,kil->kjl", tall, tall)
        error = float(np.abs(gram - np.eye(gram.shape[-1])).max()) / EPSILON[dtype]
        promise = 12 + math.sqrt(max(shape)) / 2
        print(f"{dtype} {shape[0]} × {shape[1]}, {SEEDS} seeds".ljust(26), end="")
        print(f"{error:>12.2f}{'':>15}{promise:>9.1f}")
        worst = max(worst, error / promise) if math.isfinite(error) else math.inf
    print(f"\nat worst {worst:.0%} of the promise")
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main())
