"""Write the golden vectors, or compare them: values of docs/stream.md by the reference alone.

    python tests/golden/make.py [--check]

They never change. `--check` writes nothing and fails if a file differs.

A row of words.csv has the 16 words of the stream from `w[index]`. In the others, `count` elements
from the element `start` of a tensor of one dimension that ends with them: their bits in hexadecimal
or the SHA-256 of their little-endian bytes, with a, b for minval, maxval or mean, stddev.

orthogonal_large.csv is not made here: the reference, which proves the smaller matrices, would take
too long. It has what the library gave when it was written, and guards it against change.
"""

import hashlib
import itertools
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import reference  # noqa: E402
import reference_matrices  # noqa: E402
from reference import DTYPES  # noqa: E402

SEEDS = [0, 1, -1, 42, 2**64 + 1, -(2**127), 2**127 - 1]
STREAMS = [0, 1, 2**32 + 7, 2**63, 2**64 - 1]
WORDS = [0, 5, 2**32 - 3, 2**36 - 8, 2**64 - 16]
# Group borders (64), the 2^32nd element, and what only 64-bit indices reach: (start, count).
RANGES = [(0, 70), (5, 12), (60, 12), (2**32 - 3, 12), (2**33 + 5, 12), (2**62 + 1, 12)]
MANY = (2**32 - 345_679, 1_000_003)

INF = math.inf
BOUNDS = [
    (-2.0, 2.0),
    (-1.0, 3.0),
    (0.0, INF),
    (-INF, -5.0),
    (8.0, 9.0),
    (-7.0, 7.0),
    (20.0, 21.0),
    (2.0, 2 + 2.0**-20),
    (-10.0, 3.0),
    (-3.0, -0.0),
    (-INF, INF),
]

Parameters = tuple[float, ...]


def make_parameters(sampler: str, dtype: str) -> list[Parameters]:
    """Return the usual parameters and odd ones; a number of them that is coprime to the ranges."""
    form = DTYPES[dtype]
    last = np.array([form.top - 1], form.pattern).view(form.dtype)
    huge, least = float(last[0]), 2.0 ** (1 - form.bias - form.fraction)
    if sampler == "uniform":
        return [
            (-0.05, 0.05),
            (0.0, 1.0),
            (-0.3, 0.7),
            (-huge / 2, huge / 2),
            (1.0, 1 + 2.0**-form.fraction),
            (-0.0, 5 * least),
            (-3 * least, least / 3),
            (3.0, 3.0),
            (0.1, 0.1 + 2.0 ** -(form.fraction + 2)),
            (-huge, -0.875 * huge),
            (-0.125, 0.0),
        ]
    laws: list[Parameters] = [
        (0.0, 0.05),
        (0.0, 1.0),
        (1.5, 0.25),
        (-0.0, 0.02),
        (-0.7, 0.0),
        (huge / 8, huge / 16),
        (0.0, 1.5 * least),
    ]
    if sampler == "normal":
        return laws
    odd = zip(itertools.cycle([(0.0, 1.0), (-0.5, 0.3), (0.0, 0.05)]), BOUNDS)
    return [(*laws[0], -2.0, 2.0), *(law + bounds for law, bounds in odd), (*laws[5], -2.0, 2.0)]


def make_places() -> Iterator[tuple[int, int, int, int]]:
    """Return every seed with every range, as seed, stream, start, count."""
    pairs = itertools.product(SEEDS, RANGES)
    for (seed, (start, count)), stream in zip(pairs, itertools.cycle(STREAMS), strict=False):
        yield seed, stream, start, count


def make_words() -> Iterator[str]:
    """Yield the rows of words.csv."""
    yield "seed,stream,index,words"
    places = itertools.product(SEEDS, STREAMS, WORDS)
    for i, (seed, stream, index) in enumerate(places):
        # All of seed 42, and of the other seeds all with the first block or stream 0.
        if seed == 42 or index == 0 or stream == 0 or i % 7 == 0:
            words = reference.words(seed, stream, index, 16)
            yield f"{seed},{stream},{index},{' '.join(f'{word:08x}' for word in words)}"


def make_values(sampler: str) -> Iterator[str]:
    """Yield the rows of the file of a sampler."""
    names = {"uniform": "minval,maxval", "normal": "mean,stddev"}
    names["truncated_normal"] = "mean,stddev,lower,upper"
    yield f"dtype,seed,stream,{names[sampler]},start,count,bits"
    for dtype, form in DTYPES.items():
        digits = 2 * form.pattern().itemsize
        parameters = itertools.cycle(make_parameters(sampler, dtype))
        for (seed, stream, start, count), given in zip(make_places(), parameters, strict=False):
            values = draw(sampler, dtype, seed, stream, start, count, given).view(form.pattern)
            bits = " ".join(f"{value:0{digits}x}" for value in values)
            yield f"{dtype},{seed},{stream},{join(given)},{start},{count},{bits}"


def make_digests() -> Iterator[str]:
    """Yield the rows of digests.csv."""
    yield "sampler,dtype,seed,stream,a,b,lower,upper,start,count,sha256"
    laws: list[tuple[str, Parameters]] = [
        ("uniform", (-0.3, 0.7)),
        ("normal", (0.0, 1.0)),
        ("truncated_normal", (0.0, 1.0, -2.0, 2.0)),
        ("truncated_normal", (0.5, 0.25, -1.0, 3.0)),
        ("truncated_normal", (0.0, 1.0, 2.5, INF)),
    ]
    start, count = MANY
    keys = zip(itertools.cycle(SEEDS), itertools.cycle(STREAMS), strict=False)
    for ((sampler, given), dtype), key in zip(itertools.product(laws, DTYPES), keys, strict=False):
        sha256 = digest(dtype, draw(sampler, dtype, *key, start, count, given))
        four = join(given) + ",," * (len(given) == 2)
        yield f"{sampler},{dtype},{join(key)},{four},{start},{count},{sha256}"


def make_orthogonal() -> Iterator[str]:
    """Yield the rows of orthogonal.csv: whole matrices, by their SHA-256."""
    yield "dtype,seed,stream,rows,columns,gain,sha256"
    shapes = [(1, 1), (2, 1), (1, 3), (3, 3), (5, 8), (33, 17), (64, 64), (70, 67), (130, 65)]
    keys = zip(itertools.cycle([*SEEDS, 21851112]), itertools.cycle(STREAMS), strict=False)
    laws = itertools.product(DTYPES, [*shapes, (60, 150), (2100, 2)])
    for (dtype, shape), key, gain in zip(laws, keys, itertools.cycle([1.0, 0.7]), strict=False):
        values = reference_matrices.orthogonal(dtype, *key, shape, gain)
        yield f"{dtype},{join(key)},{join(shape)},{gain},{digest(dtype, values)}"


def digest(dtype: str, values: Any) -> str:
    """Return the SHA-256 of the values' little-endian bytes."""
    patterns = np.ascontiguousarray(values).view(DTYPES[dtype].pattern)
    little = patterns.astype(patterns.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


def draw(
    sampler: str, dtype: str, seed: int, stream: int, start: int, count: int, given: Parameters
) -> Any:
    """Return elements from the reference."""
    return getattr(reference, sampler)(dtype, seed, stream, start, count, *given)


def join(given: Parameters) -> str:
    """Return parameters as Python writes them."""
    return ",".join(map(repr, given))


def make_files() -> dict[str, str]:
    """Return the text of every file by its name."""
    files = {"words": make_words(), "digests": make_digests(), "orthogonal": make_orthogonal()}
    for sampler in ("uniform", "normal", "truncated_normal"):
        files[sampler] = make_values(sampler)
    return {f"{name}.csv": "\n".join(rows) + "\n" for name, rows in files.items()}


def main(arguments: list[str]) -> int:
    """Write or check the files; return the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    status = 0
    for name, text in make_files().items():
        path = HERE / name
        if not arguments:
            path.write_bytes(text.encode())
        elif not path.exists() or path.read_bytes() != text.encode():
            print(f"{name} is not what the reference gives", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
