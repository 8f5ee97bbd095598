"""Cost of small calls against named peers: both in turns, in one process, best of nine rounds.

Each environment runs in its own process. Prints one row per goal: this package, its peer, the ratio
and the bound. Times are of the processor, so that they do not grow while other programs have it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from process import describe_machine

ROOT = Path(__file__).parents[1]
ROUNDS = 9
LEAVES = 600

# Part → the environment that it needs.
PARTS = {"numpy": ".venv", "torch": ".envs/torch", "jax": ".envs/jax", "process": ".venv"}


class Row(NamedTuple):
    """A measured goal: the bounds are on our time (µs) and on its ratio to the peer's."""

    work: str
    peer: str
    ours: float
    theirs: float
    most: float | None
    most_ratio: float | None


def best(calls: dict[str, Callable[[], object]], number: int) -> dict[str, float]:
    """Return the least microseconds of each call, all measured in turns."""
    for call in calls.values():
        call()  # imports, caches
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            seconds = timeit.timeit(call, timer=time.process_time, number=number)
            times[name].append(seconds / number * 1e6)
    return {name: min(values) for name, values in times.items()}


def compare(
    work: str,
    peer: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    bounds: tuple[float | None, float | None],
    number: int = 4000,
) -> Row:
    """Measure one goal."""
    found = best({"ours": ours, "theirs": theirs}, number)
    return Row(work, peer, found["ours"], found["theirs"], *bounds)


def measure_numpy() -> list[Row]:
    """Calls on NumPy arrays."""
    import numpy as np

    from initializers import HeNormal, Ones, Orthogonal, RandomNormal, Recipe, Zeros

    generator = np.random.default_rng(1)
    normal, he, zeros, ones = RandomNormal(seed=1), HeNormal(seed=1), Zeros(), Ones()
    orthogonal, out = Orthogonal(seed=1), np.empty((3, 3), np.float32)
    shapes = {f"layers.{i}.weight": (10, 10) for i in range(LEAVES)}
    recipe = Recipe({"*": "random_normal"}, seed=1, convention="torch")

    def many() -> None:
        for shape in shapes.values():
            generator.normal(size=shape)

    def in_place() -> None:
        generator.standard_normal(dtype="f4", out=out)

    return [
        compare(
            "RandomNormal, (3, 3)",
            "Generator.normal",
            lambda: normal((3, 3)),
            lambda: generator.normal(size=(3, 3)),
            (3, 3),
        ),
        compare(
            "RandomNormal, (64,)",
            "Generator.normal",
            lambda: normal((64,)),
            lambda: generator.normal(size=64),
            (None, 3),
        ),
        compare(
            "RandomNormal, (3, 3), out=",
            "standard_normal",
            lambda: normal((3, 3), out=out),
            in_place,
            (None, None),
        ),
        compare(
            "HeNormal, (3, 3)",
            "Generator.normal",
            lambda: he((3, 3)),
            lambda: generator.normal(size=(3, 3)),
            (None, None),
        ),
        compare(
            "Zeros, (3, 3)",
            "numpy.zeros",
            lambda: zeros((3, 3)),
            lambda: np.zeros((3, 3)),
            (1.5, None),
        ),
        compare(
            "Ones, (3, 3)",
            "numpy.ones",
            lambda: ones((3, 3)),
            lambda: np.ones((3, 3)),
            (None, None),
        ),
        compare(
            "Orthogonal, (4, 4)",
            "numpy.linalg.qr of a normal matrix",
            lambda: orthogonal((4, 4)),
            lambda: np.linalg.qr(generator.normal(size=(4, 4))),
            (15, None),
        ),
        compare(
            f"Recipe.init, {LEAVES} of (10, 10)",
            "a loop of Generator.normal",
            lambda: recipe.init(shapes),
            many,
            (None, None),
            3,
        ),
    ]


def measure_torch() -> list[Row]:
    """A module of many tiny parameters."""
    import torch

    from initializers.torch import fill_, init_module_

    # 600 parameters: the weights and biases of 300 layers.
    module = torch.nn.Sequential(*(torch.nn.Linear(10, 10) for _ in range(LEAVES // 2)))
    one = torch.empty(3, 3)

    def loop() -> None:
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, 0.0, 0.02)

    return [
        compare(
            f"init_module_, {LEAVES} tiny parameters",
            "a loop of torch.nn.init.normal_",
            lambda: init_module_(module, {"*": "random_normal"}, seed=1),
            loop,
            (None, 1.5),
            3,
        ),
        compare(
            "fill_, (3, 3)",
            "torch.nn.init.normal_",
            lambda: fill_(one, "random_normal", seed=1),
            lambda: torch.nn.init.normal_(one),
            (None, None),
            1000,
        ),
    ]


def measure_jax() -> list[Row]:
    """Trees of JAX; initializers of Keras on JAX."""
    import jax
    import keras

    import initializers.keras
    from initializers.jax import init_tree

    tree = {f"layer_{i}": jax.ShapeDtypeStruct((10, 10), "float32") for i in range(LEAVES)}
    stock, key = jax.nn.initializers.normal(0.05), jax.random.key(1)

    def loop() -> Any:
        keys = jax.random.split(key, LEAVES)
        made = [
            stock(key, leaf.shape, leaf.dtype)
            for key, leaf in zip(keys, tree.values(), strict=True)
        ]
        return jax.block_until_ready(made)

    rows = [
        compare(
            f"init_tree, {LEAVES} leaves of (10, 10)",
            "a loop of jax.nn.initializers.normal",
            lambda: jax.block_until_ready(init_tree(tree, {"*": "random_normal"}, seed=1)),
            loop,
            (None, 1),
            2,
        )
    ]
    for name in ("RandomNormal", "Zeros", "Orthogonal"):
        ours = getattr(initializers.keras, name)()
        theirs = getattr(keras.initializers, name)()
        rows.append(
            compare(
                f"keras {name}, (10, 10)",
                "Keras's, on JAX",
                lambda ours=ours: jax.block_until_ready(ours((10, 10))),  # type: ignore[misc]
                lambda theirs=theirs: jax.block_until_ready(theirs((10, 10))),  # type: ignore[misc]
                (None, 1),
                100,
            )
        )
    return rows


def _milliseconds(code: str) -> float:
    """Return the milliseconds that a new interpreter prints, the least of nine."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    runs = (
        subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
        for _ in range(ROUNDS)
    )
    return min(float(text) for text in runs)


# Seconds of the processor, as everywhere here.
_IMPORT = (
    "import time, {before}; start = time.process_time(); import {module}; "
    "print((time.process_time() - start) * 1e3)"
)
_HELP = (
    "import os, subprocess, sys; subprocess.check_output([sys.executable, {arguments}]); "
    "times = os.times(); print((times.children_user + times.children_system) * 1e3)"
)


def measure_process() -> list[Row]:
    """The import and the command."""
    package = _milliseconds(_IMPORT.format(before="sys, numpy", module="initializers"))
    numpy = _milliseconds(_IMPORT.format(before="sys", module="numpy"))
    command = _milliseconds(_HELP.format(arguments="'-m', 'initializers', '--help'"))
    bare = _milliseconds(_HELP.format(arguments="'-c', 'import numpy'"))
    return [
        Row("import beyond NumPy", "import numpy", package * 1e3, numpy * 1e3, 25e3, None),
        Row(
            "initializers --help",
            "python -c 'import numpy'",
            command * 1e3,
            bare * 1e3,
            250e3,
            None,
        ),
    ]


def print_row(row: Row) -> None:
    """Print a goal and its result."""
    ratio = row.ours / row.theirs
    bounds = []
    if row.most is not None:
        bounds.append((row.ours <= row.most, f"≤ {row.most:g} µs"))
    if row.most_ratio is not None:
        bounds.append((ratio <= row.most_ratio, f"≤ {row.most_ratio:g}×"))
    goal = ", ".join(f"{text} {'reached' if is_met else 'missed'}" for is_met, text in bounds)
    print(
        f"{row.work:<38}{row.ours:>11.2f}{row.theirs:>11.2f}{ratio:>8.2f}×  {row.peer:<36}{goal}",
        flush=True,
    )


def main() -> None:
    """Run the parts, each in its environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS, help="only these")
    parser.add_argument("--run", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        measure = globals()[f"measure_{options.run}"]
        print(json.dumps(measure()))
        return
    print(describe_machine())
    print(f"{'work':<38}{'here, µs':>11}{'peer, µs':>11}{'ratio':>9}  {'peer':<36}goal")
    for part in options.parts:
        python = ROOT / PARTS[part] / "bin" / "python"
        if not python.exists():
            print(f"{part} is missing: make {PARTS[part]}/.environment")
            continue
        environment = {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
        answer = subprocess.check_output(
            [str(python), __file__, "--run", part], text=True, env=environment
        )
        for row in json.loads(answer.splitlines()[-1]):
            print_row(Row(*row))


if __name__ == "__main__":
    main()
