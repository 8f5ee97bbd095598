"""Initialize GPT-2's 148 tensors, 124 million weights, by its published recipe.

Every weight depends on the seed and its own name alone. So order, machine and number of threads
change nothing, and the last line is always the same.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import initializers
from initializers import Recipe
from initializers.recipe import model_specs

SEED = 2019
ROWS = 6  # rows printed, of 148


def main() -> None:
    """Initialize the weights; print a few, the time of two calls and the digest of all."""
    recipe, specs = Recipe.for_model("gpt2", layers=12, seed=SEED), model_specs("gpt2")

    weights: dict[str, Any] = {}
    seconds = []
    for _ in range(2):  # the first call also starts threads and asks the system for memory
        weights.clear()
        start = time.perf_counter()
        weights = recipe.init(specs)
        seconds.append(time.perf_counter() - start)

    summaries = {name: rule.summary for rule, names in recipe.plan(specs).rules for name in names}
    row = "{:<26}{:>13}  {:<31}{:>10}{:>10}  {}"
    line = "─" * 106
    print(row.format("name", "shape", "initializer", "mean", "std", "digest"))
    print(line)
    for name, array in list(weights.items())[:ROWS]:
        shape = " × ".join(map(str, array.shape))
        mean, std = np.mean(array, dtype=np.float64), np.std(array, dtype=np.float64)
        numbers = f"{mean:.1e}" if mean % 1 else f"{mean:g}", f"{std:.5g}"
        digest = initializers.digest({name: array})[:12]
        print(row.format(name, shape, summaries[name], *numbers, digest))

    print("…")
    print(line)
    count = sum(array.size for array in weights.values())
    print(f"{len(weights)} tensors, {count:,} weights, {initializers.get_num_threads()} threads")
    for call, took in zip(("first call: ", "second call:"), seconds, strict=True):
        print(f"{call} {took:.3f} s, {count / took / 1e9:.2f} billion weights a second")
    print(f"digest of the model, seed {SEED}: {initializers.digest(weights)}")


if __name__ == "__main__":
    main()
