"""Creates JAX arrays from keys: eager or traced, whole or block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._arguments.checks import show, to_integer
from .._arguments.dtypes import DType, look_up
from .._arguments.seeds import check_seed_integer
from .._arguments.shapes import Shape, check_shape
from .._classes.constants import Constant, Ones, Zeros
from .._filling import AnyFill, plan_fill
from ._native import find_draw, make_arguments
from ._places import check_sharding, is_compiling, make_blocks, place_whole
from ._traced import broadcast, trace_callback, trace_draw

# (shape, seed) → initializer.
Maker = Callable[[Shape, int], Any]


def make_array(
    maker: Maker, key: Any, shape: Any, dtype: Any, out_sharding: Any, factor: Any = None
) -> Any:
    """Return the array of `shape` for `maker` and `key`, on the devices of `out_sharding`.

    Args:
        maker: Makes the initializer.
        key: A key of `jax.random`, or an integer.
        shape: The global shape.
        dtype: The dtype; None means JAX's default.
        out_sharding: A sharding, a `PartitionSpec` or None.
        factor: A traced number that multiplies the values before rounding, or None.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value, or the initializer has no values for shape and dtype.
    """
    shape = check_shape(shape)
    kind = look_up_canonical(dtype)
    words = _words_of(key)
    if factor is not None:
        plan_fill(maker(shape, 0), shape, kind)  # raises for dtypes without values
        wide = "float64" if kind.name == "float64" else "float32"
        array = make_array(maker, key, shape, wide, out_sharding)
        return (array * jnp.asarray(factor, wide)).astype(kind.numpy)
    if isinstance(words, jax.core.Tracer) or is_compiling():
        initializer = maker(shape, 0)
        fill = plan_fill(initializer, shape, kind)  # raises errors now, not when the program runs
        if isinstance(initializer, (Zeros, Ones, Constant)):
            # Made by operations of JAX: a NumPy array would become a constant of the program.
            own = np.shape(getattr(initializer, "value", 0))
            return broadcast(initializer(own, kind.numpy), shape, kind, out_sharding)
        found = find_draw(fill)
        if found is not None:
            arguments = make_arguments(found, words)
            return trace_draw(found[0], arguments, out_sharding)

        def plan(words: Any) -> AnyFill:
            return plan_fill(maker(shape, to_seed(words)), shape, kind)

        return trace_callback(plan, words, shape, kind, out_sharding)
    fill = plan_fill(maker(shape, to_seed(words)), shape, kind)
    if out_sharding is None:
        return place_whole(fill, shape, kind)
    return make_blocks(fill, shape, kind, check_sharding(out_sharding, shape))


def look_up_canonical(dtype: Any) -> DType:
    """Return the canonical dtype of `dtype` in JAX: 32 bits unless x64 is enabled."""
    default = jnp.result_type(float)
    return look_up(default if dtype is None else jax.dtypes.canonicalize_dtype(dtype))


def _words_of(key: Any) -> Any:
    """Return the uint32 words of a key as a 1-D array."""
    number = to_integer(key) if getattr(key, "shape", ()) == () else None
    if number is not None:
        bits = check_seed_integer(number) % 2**128
        return np.array([bits >> shift & 0xFFFFFFFF for shift in (96, 64, 32, 0)], np.uint32)
    typed = hasattr(key, "dtype") and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    words = jax.random.key_data(key) if typed else key
    if getattr(words, "dtype", None) != np.uint32:
        raise TypeError(f"`key` must be a key of jax.random or an integer, received: {show(key)}")
    if words.ndim != 1:
        raise ValueError(
            "`key` must be one key (use jax.vmap for a batch of them), "
            f"received: an array of shape {key.shape}"
        )
    if words.shape[0] > 4:
        raise ValueError(
            f"`key` must have at most 128 bits, received: {words.shape[0]} words of 32 bits"
        )
    return words


def to_seed(words: Any) -> int:
    """Return the words of a key, most significant first, as one integer in [-2**127, 2**127)."""
    number = int.from_bytes(np.asarray(words).astype(">u4").tobytes(), "big")
    return number - 2**128 if number >= 2**127 else number
