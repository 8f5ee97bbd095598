"""Keras's seed generators as seeds: reads, advances and copies them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import keras
import numpy as np

from .._arguments.checks import show
from .._arguments.seeds import SeedGenerator, ShortSeed, check_seed, serialize_seed
from ._tensors import BACKEND, read

KerasGenerator = keras.random.SeedGenerator


class KerasDraws(SeedGenerator):
    """Draws from a Keras generator: its state [s, c] means stream c of the seed s."""

    def __init__(self, generator: Any) -> None:
        super().__init__(0)
        self._generator = generator

    def next(self) -> tuple[int, int]:
        """Return the seed and the stream of the next draw, and advance Keras's generator.

        Raises:
            ValueError: If the state has no value yet, in a function that is compiled.
        """
        state = self._generator.state
        with _outside_of_graphs():
            seed, stream = self._read(state)
            # Like its own `next`, but without the backend, where JAX may be distributing a tensor.
            state.assign(np.array([seed, stream + 1], state.dtype))
        return int(seed) % 2**32, int(stream) % 2**32

    def _read(self, state: Any) -> Any:
        try:
            words = read(state.value)
        except TypeError:  # JAX's error for traced values
            words = np.empty(0)
        if words.shape != (2,):  # TensorFlow has not computed the state yet
            raise ValueError(
                "`seed` must be a generator whose state is known while a function is compiled: "
                "make it outside of the function, or take it for initializers only; "
                f"received: {show(self._generator)}"
            )
        return words


def _outside_of_graphs() -> Any:
    if BACKEND != "tensorflow":
        return nullcontext()
    import tensorflow as tf

    return tf.init_scope()


def check_keras_seed(seed: object) -> Any:
    """Return the integer or generator (ours or Keras's) of a `seed` argument."""
    if isinstance(seed, KerasGenerator):
        return seed
    if isinstance(seed, dict):
        made = keras.saving.deserialize_keras_object(seed)
        if not isinstance(made, (KerasGenerator, SeedGenerator)):
            raise ValueError(f"`seed` must be a serialized SeedGenerator, received: {show(seed)}")
        return made
    return check_seed(seed)


def serialize_keras_seed(seed: Any) -> Any:
    """Return the configuration of a `seed` argument."""
    if isinstance(seed, KerasGenerator):
        return keras.saving.serialize_keras_object(seed)
    return ShortSeed(seed) if is_long(seed) else serialize_seed(seed)


def is_long(seed: Any) -> bool:
    """Return whether a seed is an integer outside [0, 2**32): Keras's initializers fail on it."""
    return isinstance(seed, int) and not 0 <= seed < 2**32


def freeze_generator(generator: Any) -> tuple[dict[str, Any], list[int]]:
    """Return the configuration and state of a Keras generator: itself it cannot be pickled."""
    return generator.get_config(), read(generator.state.value).tolist()


def thaw_generator(frozen: tuple[dict[str, Any], list[int]]) -> Any:
    """Return a new Keras generator with the configuration and state of `frozen`."""
    config, state = frozen
    generator = KerasGenerator.from_config(config)
    generator.state.assign(np.array(state, generator.state.dtype))
    return generator
