"""Time that building a model spends in initializers, ours and Keras's own.

Run once for each backend (`KERAS_BACKEND`). A model is built twice with each kind, in turn. The
second build is the result. The first is printed beside it: it uses new memory and compiles
functions. The time of a call ends when its tensor is complete.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
from keras.src.backend.common.variables import Variable

import initializers.keras

LAYERS, WIDTH, HEADS, VOCABULARY, CONTEXT = 24, 1024, 16, 50257, 1024

spent = 0.0


def build_resnet() -> Any:
    """Return ResNet50, 25.6 million weights."""
    return keras.applications.ResNet50(weights=None)


def build_transformer() -> Any:
    """Return a decoder of GPT-2's medium size, 355 million weights."""
    tokens = keras.Input((CONTEXT,), dtype="int32")
    x = keras.layers.Embedding(VOCABULARY, WIDTH)(tokens)
    for _ in range(LAYERS):
        y = keras.layers.LayerNormalization()(x)
        y = keras.layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y, use_causal_mask=True)
        x = keras.layers.Add()([x, y])
        y = keras.layers.LayerNormalization()(x)
        y = keras.layers.Dense(4 * WIDTH, activation="gelu")(y)
        x = keras.layers.Add()([x, keras.layers.Dense(WIDTH)(y)])
    return keras.Model(tokens, keras.layers.LayerNormalization()(x))


def measure(build: Callable[[], Any], using: AbstractContextManager[Any]) -> tuple[float, float]:
    """Return the seconds in initializers, and of the whole build."""
    global spent
    gc.collect()
    spent, start = 0.0, time.perf_counter()
    with using:
        build()
    return spent, time.perf_counter() - start


def time_calls() -> None:
    """Add up the time of the calls of all variables' initializers in `spent`."""
    initialize = Variable._initialize_with_initializer
    if "_initialize_with_initializer" in vars(keras.Variable):
        initialize = keras.Variable._initialize_with_initializer

    def timed(self: Any, initializer: Any) -> None:
        def call(shape: Any, dtype: Any = None) -> Any:
            global spent
            start = time.perf_counter()
            value = initializer(shape, dtype=dtype)
            if keras.backend.backend() == "jax":
                value.block_until_ready()
            spent += time.perf_counter() - start
            return value

        initialize(self, call)

    keras.Variable._initialize_with_initializer = timed


def main() -> None:
    """Print a row for each model."""
    time_calls()
    backend = keras.backend.backend()
    row = "{:<12}{:<14}" + 2 * "{:>11}" + "{:>8}" + 4 * "{:>15}"
    titles = ("total Keras's", "total here", "first Keras's", "first here")
    print(row.format("backend", "model", "Keras's", "here", "ratio", *titles))
    for name, build in {"ResNet50": build_resnet, "Transformer": build_transformer}.items():
        figures: dict[str, list[tuple[float, float]]] = {"Keras's": [], "here": []}
        for _ in range(2):
            for kind, builds in figures.items():
                using = initializers.keras.install() if kind == "here" else nullcontext()
                builds.append(measure(build, using))
        (first_theirs, _), (theirs, all_theirs) = figures["Keras's"]
        (first_ours, _), (ours, all_ours) = figures["here"]
        seconds = [all_theirs, all_ours, first_theirs, first_ours]
        cells = (f"{theirs:.3f} s", f"{ours:.3f} s", f"{ours / theirs:.2f}")
        print(row.format(backend, name, *cells, *(f"{number:.2f} s" for number in seconds)))


if __name__ == "__main__":
    main()
