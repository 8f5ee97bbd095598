"""Write the golden files, or compare them: values of docs/stream.md from the reference alone.

    python tests/golden/make.py [--check]

The files never change. `--check` writes nothing and fails if a file differs.

A row of words.csv has the 16 words of the stream from `w[index]`. Rows of other files have `count`
elements from `start` of a 1-D tensor that ends with them: their bits in hexadecimal, or the SHA-256
of their little-endian bytes. a, b are minval, maxval or mean, stddev.

A row of families.csv has a whole tensor; a, b are gain, groups, or sparsity and stddev. A row of
laws.csv has one too, with the arguments of the constructor.

vectors.json is for implementers of the stream: a few values of every section of the page, one
vector a line. Integers of more than 53 bits and parameters are strings; `bits` are the elements'
patterns in hexadecimal. `examples/c/check.c` reads it.

orthogonal_large.csv is not written here: the reference, which proves the smaller matrices, is too
slow. It has the package's values from when it was written, and guards them against change.
"""

import hashlib
import itertools
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import reference  # noqa: E402
import reference_laws  # noqa: E402
import reference_matrices  # noqa: E402
from reference import DTYPES  # noqa: E402

SEEDS = [0, 1, -1, 42, 2**64 + 1, -(2**127), 2**127 - 1]
STREAMS = [0, 1, 2**32 + 7, 2**63, 2**64 - 1]
WORDS = [0, 5, 2**32 - 3, 2**36 - 8, 2**64 - 16]
# (start, count): borders of groups (64), the 2^32nd element, starts that need 64-bit indices.
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
    """Return usual and odd parameters; their number is coprime to the number of ranges."""
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
    """Yield every seed with every range, as seed, stream, start, count."""
    pairs = itertools.product(SEEDS, RANGES)
    for (seed, (start, count)), stream in zip(pairs, itertools.cycle(STREAMS), strict=False):
        yield seed, stream, start, count


def make_words() -> Iterator[str]:
    """Yield the rows of words.csv."""
    yield "seed,stream,index,words"
    places = itertools.product(SEEDS, STREAMS, WORDS)
    for i, (seed, stream, index) in enumerate(places):
        # All rows of seed 42; of other seeds the first block, stream 0, and every seventh row.
        if seed == 42 or index == 0 or stream == 0 or i % 7 == 0:
            words = reference.words(seed, stream, index, 16)
            yield f"{seed},{stream},{index},{' '.join(f'{word:08x}' for word in words)}"


def make_values(sampler: str) -> Iterator[str]:
    """Yield the rows of a sampler's file."""
    names = {"uniform": "minval,maxval", "normal": "mean,stddev"}
    names["truncated_normal"] = "mean,stddev,lower,upper"
    yield f"dtype,seed,stream,{names[sampler]},start,count,bits"
    for dtype in DTYPES:
        parameters = itertools.cycle(make_parameters(sampler, dtype))
        for (seed, stream, start, count), given in zip(make_places(), parameters, strict=False):
            bits = write_bits(dtype, draw(sampler, dtype, seed, stream, start, count, given))
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
    """Yield the rows of orthogonal.csv: SHA-256 of whole matrices."""
    yield "dtype,seed,stream,rows,columns,gain,sha256"
    shapes = [(1, 1), (2, 1), (1, 3), (3, 3), (5, 8), (33, 17), (64, 64), (70, 67), (130, 65)]
    keys = zip(itertools.cycle([*SEEDS, 21851112]), itertools.cycle(STREAMS), strict=False)
    laws = itertools.product(DTYPES, [*shapes, (60, 150), (2100, 2)])
    for (dtype, shape), key, gain in zip(laws, keys, itertools.cycle([1.0, 0.7]), strict=False):
        values = reference_matrices.orthogonal(dtype, *key, shape, gain)
        yield f"{dtype},{join(key)},{join(shape)},{gain},{digest(dtype, values)}"


def make_families() -> Iterator[str]:
    """Yield the rows of families.csv: SHA-256 of whole tensors of sections 7 and 9."""
    yield "initializer,dtype,seed,shape,a,b,sha256"
    for dtype, seed in zip(DTYPES, SEEDS, strict=False):
        for name, shape, given in [
            ("he_normal", (3, 3, 5, 7), (2.0, "fan_in", "truncated_normal")),
            ("glorot_uniform", (40, 30), (1.0, "fan_avg", "uniform")),
            ("lecun_normal", (70,), (1.0, "fan_in", "truncated_normal")),
        ]:
            scale = reference.scaled(*given, *reference.fans(shape))
            sampler = given[2]
            parameters = (-scale, scale) if sampler == "uniform" else (0.0, scale, -2.0, 2.0)
            values = draw(sampler, dtype, seed, 0, 0, math.prod(shape), parameters)
            yield f"{name},{dtype},{seed},{' '.join(map(str, shape))},,,{digest(dtype, values)}"
        normal = draw("normal", dtype, seed, 0, 0, 21 * 5, (0.0, 0.3)).reshape(21, 5)
        values = reference_matrices.sparse(dtype, seed, (21, 5), 0.4, normal)
        yield f"sparse,{dtype},{seed},21 5,0.4,0.3,{digest(dtype, values)}"
        for name, shape in [
            ("delta_orthogonal", (3, 4, 5, 6)),
            ("convolution_orthogonal", (4, 3, 3)),
            ("convolution_orthogonal", (3, 3, 4, 6)),
            ("convolution_orthogonal", (2, 2, 2, 3, 5)),
        ]:
            values = getattr(reference_matrices, name)(dtype, seed, shape, 0.7)
            sizes = " ".join(map(str, shape))
            yield f"{name},{dtype},{seed},{sizes},0.7,,{digest(dtype, values)}"
        values = reference_matrices.dirac((3, 2, 3, 6), 2).astype(DTYPES[dtype].dtype)
        yield f"dirac,{dtype},{seed},3 2 3 6,2,,{digest(dtype, values)}"


# Initializers of sections 15 and 16: name, shape, arguments.
LAWS: list[tuple[str, tuple[int, ...], tuple[Any, ...]]] = [
    ("time_step_bias", (3000,), (0.001, 0.1, 0.0001)),
    ("time_step_bias", (7, 100), (0.0001, 50.0, 0.01)),
    ("log_of_uniform", (3000,), (1.0, 16.0)),
    ("log_of_uniform", (7, 100), (0.0, 6.28)),
    ("ring_radius", (3000,), (0.0, 1.0, False)),
    ("ring_radius", (7, 100), (0.9, 0.999, True)),
    ("lstm_bias", (12,), (1.0, "ifgo")),
    ("lstm_bias", (2, 3, 40), (-0.7, "ijfo")),
    ("s4d", (5, 16), ("log_real",)),
    ("s4d", (64,), ("real",)),
    ("s4d", (64,), ("imaginary",)),
    ("hippo", (64, 64), ("A",)),
    ("hippo", (2, 9, 5), ("A",)),
    ("hippo", (64,), ("B",)),
    ("sinusoidal", (500, 64), (10000.0, True, False)),
    ("sinusoidal", (2, 150, 10), (10000.0, False, True)),
    ("sinusoidal", (3, 2), (1.0, True, True)),
    ("rotary", (64,), ("frequencies", 500000.0, False)),
    ("rotary", (300, 16), ("cos", 10000.0, False)),
    ("rotary", (300, 16), ("sin", 1e6, True)),
]


def make_laws() -> Iterator[str]:
    """Yield the rows of laws.csv: SHA-256 of whole tensors of sections 15 and 16."""
    yield "initializer,dtype,seed,stream,shape,arguments,sha256"
    keys = zip(itertools.cycle(SEEDS), itertools.cycle(STREAMS), strict=False)
    for ((name, shape, given), dtype), key in zip(
        itertools.product(LAWS, DTYPES), keys, strict=False
    ):
        if name in ("time_step_bias", "log_of_uniform", "ring_radius"):
            where = (dtype, *key, 0, math.prod(shape))
            values = reference_laws.function_of_uniform(name, *where, *given)
        else:
            values = getattr(reference_laws, name)(dtype, shape, *given)
        texts = " ".join(map(str, shape)), " ".join(map(str, given))
        yield f"{name},{dtype},{join(key)},{','.join(texts)},{digest(dtype, values)}"


def make_vectors() -> Iterator[str]:
    """Yield the lines of vectors.json."""
    yield '{"stream_version": 1, "vectors": ['
    vectors = [*list_words(), *list_values(), *list_scales(), *list_seeds(), *list_others()]
    yield ",\n".join(json.dumps(vector, ensure_ascii=False) for vector in vectors)
    yield "]}"


def list_words() -> Iterator[dict[str, Any]]:
    """Section 1."""
    for seed, stream, index in [(0, 0, 0), (-1, 0, 0), (2**127 - 1, 2**63 + 1, 2**36 - 8)]:
        bits = " ".join(f"{word:08x}" for word in reference.words(seed, stream, index, 16))
        place = {"seed": str(seed), "stream": str(stream), "index": str(index)}
        yield {"section": 1, "kind": "words", **place, "bits": bits}


def list_values() -> Iterator[dict[str, Any]]:
    """Sections 3 to 6: each law in f32 and f64, its cases, and elements of the small types."""
    laws: list[tuple[int, str, list[Parameters]]] = [
        (4, "uniform", [(-0.05, 0.05), (0.1, 0.1000001), (-0.125, 0.0), (3.0, 3.0)]),
        (5, "normal", [(0.0, 1.0), (1.5, 0.25)]),
        (6, "truncated_normal", [(0.5, 0.25, *bounds) for bounds in BOUNDS]),
    ]
    names = ("minval", "maxval"), ("mean", "stddev", "lower", "upper")
    for section, kind, parameters in laws:
        for given, dtype in itertools.product(parameters, ["float32", "float64"]):
            named = dict(zip(names[kind != "uniform"], map(repr, given), strict=False))
            yield make_vector(section, kind, dtype, named, 2**32 - 3, 8)
    for dtype in list(DTYPES)[2:]:
        yield make_vector(3, "uniform", dtype, {"minval": "-0.05", "maxval": "0.05"}, 0, 70)
        yield make_vector(3, "normal", dtype, {"mean": "0.0", "stddev": "0.002"}, 0, 70)


def make_vector(
    section: int, kind: str, dtype: str, parameters: dict[str, str], start: int, count: int
) -> dict[str, Any]:
    """Return `count` elements from `start` of a tensor, seed 42, stream 1."""
    given = tuple(map(float, parameters.values()))
    bits = write_bits(dtype, draw(kind, dtype, 42, 1, start, count, given))
    place = {"seed": "42", "stream": "1", "start": str(start), "count": count}
    return {"section": section, "kind": kind, "dtype": dtype, **place, **parameters, "bits": bits}


def list_scales() -> Iterator[dict[str, Any]]:
    """Section 7: the standard deviation, or the limit, of named initializers at fans 784 and 10."""
    for name, scale, mode, distribution in [
        ("GlorotNormal", 1.0, "fan_avg", "truncated_normal"),
        ("GlorotUniform", 1.0, "fan_avg", "uniform"),
        ("HeNormal", 2.0, "fan_in", "truncated_normal"),
        ("LecunUniform", 1.0, "fan_in", "uniform"),
        ("untruncated", 0.7, "fan_geo_avg", "untruncated_normal"),
        ("outputs", 0.7, "fan_out", "untruncated_normal"),
    ]:
        value = np.array([reference.scaled(scale, mode, distribution, 784, 10)])
        law = {"name": name, "scale": repr(scale), "mode": mode, "distribution": distribution}
        fans = {"fan_in": 784, "fan_out": 10}
        yield {"section": 7, "kind": "scale", **law, **fans, "bits": write_bits("float64", value)}


def list_seeds() -> Iterator[dict[str, Any]]:
    """Section 2."""
    paths: list[tuple[int, tuple[str | int, ...]]] = [
        (0, ("",)),
        (2019, ("encoder.0.weight",)),
        (-(2**127), ("größe", 3, -1)),
        (2024, ("w" * 128, "", 2**127 - 1)),
    ]
    for seed, path in paths:
        parts = [part if isinstance(part, str) else {"integer": str(part)} for part in path]
        value = f"{reference.fold_in(seed, *path):016x}"
        yield {"section": 2, "kind": "fold_in", "seed": str(seed), "path": parts, "bits": value}


def list_others() -> Iterator[dict[str, Any]]:
    """Sections 8, 10 and 11."""
    for n in (1, 7, 12):
        both = np.concatenate(reference.unit_roots(n))
        yield {"section": 10, "kind": "roots", "count": n, "bits": write_bits("float64", both)}
    values = np.array([1.5, -0.25, 0.0, 7.0, -1.0, 0.5], np.float32).reshape(2, 3)
    one = {"name": "dense/kernel", "dtype": "float32", "shape": [2, 3]}
    one["bits"] = write_bits("float32", values.ravel())
    sha256 = reference.digest([("dense/kernel", values)])
    yield {"section": 11, "kind": "digest", **one, "sha256": sha256}
    for dtype, shape in itertools.product(["float32", "float64"], [(3, 2), (2, 3), (70, 67)]):
        values = reference_matrices.orthogonal(dtype, 42, 1, shape, 0.7)
        sizes = {"rows": shape[0], "columns": shape[1], "gain": "0.7"}
        place = {"dtype": dtype, "seed": "42", "stream": "1", **sizes}
        result = {"bits": write_bits(dtype, values.ravel())} if values.size < 9 else {}
        result["sha256"] = digest(dtype, values)
        yield {"section": 8, "kind": "orthogonal", **place, **result}


def write_bits(dtype: str, values: Any) -> str:
    """Return the patterns of values in hexadecimal."""
    patterns = np.ascontiguousarray(values).view(DTYPES[dtype].pattern)
    return " ".join(f"{pattern:0{2 * patterns.itemsize}x}" for pattern in patterns)


def digest(dtype: str, values: Any) -> str:
    """Return the SHA-256 of the values' little-endian bytes."""
    patterns = np.ascontiguousarray(values).view(DTYPES[dtype].pattern)
    little = patterns.astype(patterns.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


def draw(
    sampler: str, dtype: str, seed: int, stream: int, start: int, count: int, given: Parameters
) -> Any:
    """Return elements of the reference."""
    return getattr(reference, sampler)(dtype, seed, stream, start, count, *given)


def join(given: Parameters) -> str:
    """Return parameters as Python writes them."""
    return ",".join(map(repr, given))


def make_files() -> dict[str, str]:
    """Return file name → text."""
    files = {
        "words": make_words(),
        "digests": make_digests(),
        "orthogonal": make_orthogonal(),
        "families": make_families(),
        "laws": make_laws(),
    }
    for sampler in ("uniform", "normal", "truncated_normal"):
        files[sampler] = make_values(sampler)
    texts = {f"{name}.csv": "\n".join(rows) + "\n" for name, rows in files.items()}
    return {**texts, "vectors.json": "\n".join(make_vectors()) + "\n"}


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
