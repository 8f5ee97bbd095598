"""Converts arrays to tensors of Keras's backend, without a copy if the backend supports it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import keras
import numpy as np

from .._arguments.dtypes import DType
from .._arguments.shapes import Array

F = TypeVar("F", bound=Callable[..., Any])

BACKEND: str = keras.backend.backend()


def _as_it_is(function: F) -> F:
    return function


# Makes values now, not when a compiled function runs: for JAX a scope, for PyTorch and TensorFlow a
# function that the compiler does not trace.
eagerly: Callable[[], AbstractContextManager[Any]] = nullcontext
untraced: Callable[[F], F] = _as_it_is

if BACKEND == "jax":
    import jax

    eagerly = jax.ensure_compile_time_eval

    def to_tensor(array: Array, dtype: DType) -> Any:
        """Return a tensor that may share the memory of `array`."""
        return jax.device_put(array)  # `jax.numpy.asarray` would copy it

elif BACKEND == "torch":
    import torch
    from keras.src.backend.torch.core import get_device, to_torch_dtype

    untraced = torch.compiler.disable

    def to_tensor(array: Array, dtype: DType) -> Any:
        """Return a tensor that may share the memory of `array`."""
        wanted = to_torch_dtype(dtype.name)
        if dtype.raw is None:
            tensor = torch.from_numpy(array).to(wanted)
        else:  # PyTorch has the dtype, but does not accept that of `ml_dtypes`
            tensor = torch.from_numpy(array.view(f"i{array.itemsize}")).view(wanted)
        return tensor.to(get_device())

elif BACKEND == "tensorflow":
    import tensorflow as tf

    untraced = tf.autograph.experimental.do_not_convert

    def to_tensor(array: Array, dtype: DType) -> Any:
        """Return a tensor that may share the memory of `array`."""
        if dtype.name not in _SHARED or not tf.executing_eagerly():
            return tf.convert_to_tensor(array)
        # `convert_to_tensor` would copy twice. `identity` moves the tensor to the current device.
        raw = array if dtype.raw is None else array.view(dtype.raw)
        tensor = tf.identity(tf.experimental.dlpack.from_dlpack(raw.__dlpack__()))
        return tensor if dtype.raw is None else tf.bitcast(tensor, dtype.name)

    # Dtypes that DLPack or `bitcast` supports.
    _SHARED = ("float32", "float64", "float16", "bfloat16")

else:

    def to_tensor(array: Array, dtype: DType) -> Any:
        """Return a tensor that may share the memory of `array`."""
        return keras.ops.convert_to_tensor(array, dtype.name)


def on_meta_device() -> bool:
    """Return whether new tensors have no values, as under `keras.device("meta")`."""
    return BACKEND == "torch" and str(get_device()) == "meta"


def read(tensor: Any) -> Array:
    """Return the values of a tensor."""
    return np.asarray(keras.ops.convert_to_numpy(tensor))
