"""Inputs of a model: given ones, or standard-normal ones of the right shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.checks import show, to_integer
from .._arguments.seeds import fold_in
from .._classes.distributions import RandomNormal, RandomUniform

# A dimension that the model leaves open, such as the length of a sequence.
OPEN = 32


def make_normal(shape: tuple[int, ...], seed: int, *name: str | int) -> NDArray[np.float64]:
    """Return standard-normal values for a seed and a name."""
    values = RandomNormal(stddev=1.0, seed=fold_in(seed, "propagate", *name))(shape)
    return values.astype(np.float64)


def make_batch(
    shape: tuple[int | None, ...], seed: int, place: int = 0, below: int | None = None
) -> NDArray[Any]:
    """Return a batch of inputs for the shape of one example; None in the shape means 32.

    The batch has 256 examples; fewer, but at least 8, if they would exceed 4096 elements.

    Args:
        shape: The shape without the batch.
        seed: The seed.
        place: The number of the input among the model's inputs.
        below: If given, the batch holds integers in [0, below).
    """
    extent = tuple(OPEN if size is None else size for size in shape)
    count = max(8, min(256, (1 << 20) // max(math.prod(extent), 1)))
    if below is None:
        return make_normal((count, *extent), seed, "inputs", place)
    seed = fold_in(seed, "propagate", "inputs", place)
    uniform = RandomUniform(0.0, 1.0, seed=seed)((count, *extent), "float64")
    return (uniform * below).astype(np.int64)


def split_inputs(
    inputs: Any, seed: int, convert: Callable[[Any], Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and keyword arguments of `inputs`.

    Args:
        inputs: An array, a tuple of arguments, a dict of them, or a shape.
        seed: The seed of a batch of that shape.
        convert: Converts an argument to the framework.
    """
    if isinstance(inputs, dict):
        return (), {name: convert(value) for name, value in inputs.items()}
    if not isinstance(inputs, tuple):
        return (convert(inputs),), {}
    sizes = [to_integer(size) for size in inputs]
    shape = tuple(size for size in sizes if size is not None)
    if not inputs or len(shape) != len(sizes):
        return tuple(map(convert, inputs)), {}
    if min(shape) < 1:
        raise ValueError(f"`inputs` as a shape must be of positive sizes, received: {show(inputs)}")
    return (convert(make_normal(shape, seed, "inputs", 0)),), {}


def ask_for_inputs(model: Any, example: str) -> ValueError:
    """Return the error for a model whose input shape is not known."""
    return ValueError(
        f"`inputs` must be given for {type(model).__name__}, whose input shape is not known: a "
        f"batch, or its shape, such as {example}; received: None"
    )
