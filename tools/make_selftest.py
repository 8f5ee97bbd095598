"""Write the digests that `initializers selftest` compares with, or check them.

    python tools/make_selftest.py [--check]

python/initializers/data/selftest.json has two kinds of rows: the golden digests of tests/golden,
most of them from an independent reference; and one small tensor of every class with the package's
present values (they are frozen, so writing the file again gives the same). `--check` writes nothing
and fails if the file differs.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import initializers
from initializers.cli.selftest import PATH, draw

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
SAMPLERS = {
    "uniform": ("RandomUniform", ("minval", "maxval")),
    "normal": ("RandomNormal", ("mean", "stddev")),
    "truncated_normal": ("TruncatedNormal", ("mean", "stddev")),
}
# Every class at least once; more cases where fans, seeds by name, dtypes or places matter.
CLASSES: list[tuple[Any, tuple[int, ...], str]] = [
    *(
        (cls(seed=initializers.fold_in(2019, cls.__name__)), (3, 3, 40, 56), dtype)
        for cls in (
            initializers.GlorotNormal,
            initializers.GlorotUniform,
            initializers.HeNormal,
            initializers.HeUniform,
            initializers.LecunNormal,
            initializers.LecunUniform,
            initializers.Orthogonal,
            initializers.DeltaOrthogonal,
            initializers.ConvolutionOrthogonal2D,
        )
        for dtype in ("float32", "bfloat16")
    ),
    (
        initializers.VarianceScaling(2.0, "fan_geo_avg", "untruncated_normal", 7),
        (70, 30),
        "float64",
    ),
    (initializers.ConvolutionOrthogonal1D(0.5, 8), (3, 12, 20), "float32"),
    (initializers.ConvolutionOrthogonal3D(0.5, 9), (2, 2, 2, 6, 8), "float32"),
    (initializers.Sparse(0.7, 0.02, 10), (300, 40), "float16"),
    (initializers.Dirac(2), (3, 4, 8), "float32"),
    (initializers.TimeStepBias(seed=11), (3000,), "float32"),
    (initializers.LogOfUniform(seed=12), (3000,), "bfloat16"),
    (initializers.RingRadius(0.9, 0.999, True, 13), (3000,), "float64"),
    (initializers.LstmBias(), (400,), "float16"),
    (initializers.S4D(), (30, 16), "float32"),
    (initializers.Hippo(), (64, 64), "float64"),
    (initializers.Sinusoidal(), (1500, 64), "float32"),
    (initializers.Rotary("cos", 500000.0), (1500, 64), "float64"),
    (initializers.Identity(0.5), (9, 9), "float32"),
    (initializers.Constant(1 / 3), (100,), "float8_e4m3fn"),
    (initializers.Ones(), (100,), "int32"),
    (initializers.Zeros(), (100,), "float32"),
]


def read_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a golden file."""
    with (GOLDEN / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def is_quick(row: dict[str, str]) -> bool:
    """Return whether a large matrix takes less than half a second without vectors."""
    return row["dtype"] == "float32" and row["rows"] in ("1000", "100000")


def make_cases() -> Iterator[dict[str, Any]]:
    """Yield the rows: an initializer, its arguments, and the SHA-256 of the values."""
    for row in read_rows("digests"):
        name, arguments = SAMPLERS[row["sampler"]]
        config: dict[str, Any] = dict(
            zip(arguments, (float(row["a"]), float(row["b"])), strict=True)
        )
        if row["lower"]:
            config["bounds"] = [float(row["lower"]), float(row["upper"])]
        start, stop = int(row["start"]), int(row["start"]) + int(row["count"])
        yield {
            "class": name,
            "config": {**config, "seed": int(row["seed"])},
            "stream": int(row["stream"]),
            "shape": [stop],
            "start": [start],
            "dtype": row["dtype"],
            "sha256": row["sha256"],
        }
    for row in [*read_rows("orthogonal"), *filter(is_quick, read_rows("orthogonal_large"))]:
        yield {
            "class": "Orthogonal",
            "config": {"gain": float(row["gain"]), "seed": int(row["seed"])},
            "stream": int(row["stream"]),
            "shape": [int(row["rows"]), int(row["columns"])],
            "dtype": row["dtype"],
            "sha256": row["sha256"],
        }
    for initializer, shape, dtype in CLASSES:
        case = {
            "class": type(initializer).__name__,
            "config": initializer.get_config(),
            "shape": list(shape),
            "dtype": dtype,
        }
        yield {**case, "sha256": draw(case)}


def main(arguments: list[str]) -> int:
    """Write or check the file; return the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    rows = ",\n".join(json.dumps(case) for case in make_cases())
    text = f'{{"stream_version": {initializers.STREAM_VERSION}, "cases": [\n{rows}\n]}}\n'
    if not arguments:
        PATH.parent.mkdir(exist_ok=True)
        PATH.write_text(text, encoding="utf-8")
        return 0
    if PATH.read_text(encoding="utf-8") != text:
        print(f"{PATH} is not what the golden files and the package give", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
