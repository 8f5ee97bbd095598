"""Pictures of how signals pass through deep networks with different initializations.

Glorot & Bengio (2010) and He et al. (2015) drew such pictures; here `initializers.propagate`
measures plain stacks of 30 layers of 256 units, on NumPy. The documentation shows them:

    python examples/propagation.py [--folder docs/assets]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import initializers
from initializers import propagate

DEPTH = 30

# Activation → the picture's initializers, with their names in the legend.
PICTURES: dict[str, dict[str, Any]] = {
    "relu": {
        "he_normal": "he_normal",
        "glorot_normal": "glorot_normal",
        "orthogonal(√2)": initializers.Orthogonal(gain=2**0.5),
        "normal(0.02)": initializers.RandomNormal(stddev=0.02),
    },
    "tanh": {
        "glorot_normal": "glorot_normal",
        "orthogonal(1)": initializers.Orthogonal(),
        "he_normal": "he_normal",
        "normal(0.02)": initializers.RandomNormal(stddev=0.02),
    },
}


def draw(activation: Any, path: Path) -> None:
    """Draw the scales for one activation; print the verdicts."""
    from matplotlib.figure import Figure

    print(f"{activation}, {DEPTH} layers")
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for label, initializer in PICTURES[activation].items():
        result = propagate(initializer, depth=DEPTH, activation=activation)
        result.plot(axes=axes, label=label)
        print(f"  {label:<15} {result.verdict}")
    figure.suptitle(f"{activation}: measured (dots) and by theory (lines)")
    figure.savefig(path)


def main() -> None:
    """Draw all pictures into a folder; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("docs/assets"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for activation in PICTURES:
        draw(activation, folder / f"propagation-{activation}.svg")
    print()
    result = propagate("glorot_uniform", depth=12, activation="relu")
    print(result.table(80))


if __name__ == "__main__":
    main()
