"""Base classes that turn an initializer of this package into a Keras initializer."""

from __future__ import annotations

from typing import Any, TypeVar

import keras
from keras.src.backend.common.symbolic_scope import in_symbolic_scope

from .._arguments.checks import explain_arguments, show
from .._arguments.dtypes import look_up
from .._arguments.seeds import check_seed_integer
from .._arguments.shapes import Shape, check_shape
from .._arguments.types import ShapeLike
from .._classes.base import ArrayInitializer
from .._classes.random_base import RandomInitializer
from .._memory.allocation import allocate_aligned
from ._naming import Building, Draws, current
from ._seeds import (
    KerasDraws,
    KerasGenerator,
    check_keras_seed,
    freeze_generator,
    is_long,
    serialize_keras_seed,
    thaw_generator,
)
from ._tensors import BACKEND, eagerly, on_meta_device, to_tensor, untraced

Self = TypeVar("Self", bound="Adapter")
RandomSelf = TypeVar("RandomSelf", bound="RandomAdapter")


class Adapter(ArrayInitializer):
    """Calls that return tensors of Keras's backend.

    Base order: `Adapter`, our class (values), Keras's class (so that `isinstance` holds).
    """

    @untraced
    @explain_arguments
    def __call__(  # type: ignore[override]  # as Keras calls it
        self, shape: ShapeLike, dtype: Any = None, layout: Any = None
    ) -> Any:
        """Return a tensor of Keras's backend.

        While Keras only computes shapes, the tensor holds zeros, and no seed is drawn.

        Args:
            shape: The shape: integers >= 0, fewer than `2**63` elements.
            dtype: A Keras dtype; None: `keras.config.floatx()`.
            layout: On the JAX backend, the distribution of the tensor over devices: a
                `keras.distribution.TensorLayout` or a `jax.sharding.Sharding`. Only the blocks of
                this process's devices are made.

        Returns:
            A tensor of this shape and dtype (32 bits if the backend does not store 64).

        Raises:
            TypeError: If an argument has a wrong type.
            ValueError: If it has a wrong value, or `dtype` cannot represent the values.
        """
        shape = check_shape(shape)
        dtype = keras.backend.standardize_dtype(dtype)
        layout = None if layout is None else check_layout(layout)
        if in_symbolic_scope() or on_meta_device():
            return fill(0, shape, dtype, None)
        draws = current.get()
        with eagerly():
            if isinstance(draws, Building):
                return fill(0, shape, dtype, layout)
            if draws is not None:
                draws.calls += 1
            return self._settle_seed(draws)._make_tensor(shape, dtype, layout)

    def _settle_seed(self: Self, draws: Draws | None) -> Self:
        """Return this initializer with its effective seed: by name inside `seed_model`."""
        return self

    def _make_tensor(self, shape: Shape, dtype: str, layout: Any) -> Any:
        kind = look_up(dtype)
        if layout is not None:
            from ._shards import make_sharded

            return make_sharded(self._plan(shape, kind), shape, kind, layout, self._on_zeros)
        self._demand_floats("`dtype` must be", kind, kind)
        # The tensor may share the memory of `array`: nothing writes to it after this.
        array = self._make_block(shape, kind, None, shape, None, allocate_aligned)
        return to_tensor(array, kind)

    # As in Keras: an initializer equals only itself, and attributes can be set. (Keras sets `built`
    # when it loads a file.)
    __eq__ = object.__eq__
    __hash__ = object.__hash__
    __setattr__ = object.__setattr__  # type: ignore[assignment]  # positional only
    __delattr__ = object.__delattr__


class RandomAdapter(Adapter, RandomInitializer):
    """Adapter with seeds, which may also be Keras's generators."""

    # Keras calls `build_from_config` only where this is False, and then sets it.
    built = False

    _check_seed = staticmethod(check_keras_seed)
    _serialize_seed = staticmethod(serialize_keras_seed)

    def _settle_seed(self: RandomSelf, draws: Draws | None) -> RandomSelf:
        if draws is not None:
            return self.with_seed(draws.next())
        if isinstance(self.seed, KerasGenerator):
            return self.with_seed(KerasDraws(self.seed))
        return self

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the whole seed for Keras's file if `get_config` shortens it, else None.

        Keras reads it only if this package is loaded.
        """
        return {"seed": self._init_seed} if is_long(self._init_seed) else None

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Set the seed from the result of `get_build_config`."""
        self._init_seed = self.seed = check_seed_integer(config.get("seed"))

    def __copy__(self: RandomSelf) -> RandomSelf:
        result = object.__new__(type(self))
        vars(result).update(vars(self))
        return result

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))
        if isinstance(self.seed, KerasGenerator):
            state.update(seed=freeze_generator(self.seed), _init_seed=None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state["seed"], tuple):
            seed = thaw_generator(state["seed"])
            state = {**state, "seed": seed, "_init_seed": seed}
        vars(self).update(state)


class NativeAdapter(Adapter):
    """Adapter whose values the backend makes itself, without a copy."""

    _number: int

    def _make_tensor(self, shape: Shape, dtype: str, layout: Any) -> Any:
        return fill(self._number, shape, dtype, layout)


def fill(number: int, shape: Shape, dtype: str, layout: Any) -> Any:
    """Return a tensor of zeros or ones."""
    if layout is None:
        make = keras.ops.ones if number else keras.ops.zeros
        if BACKEND == "tensorflow" and dtype.startswith(
            "float8"
        ):  # TensorFlow cannot cast integers to float8
            return keras.ops.cast(make(shape, "float32"), dtype)
        return make(shape, dtype)
    import jax.numpy as jnp

    return (jnp.ones if number else jnp.zeros)(shape, dtype, device=layout)


def check_layout(layout: Any) -> Any:
    """Return the `jax.sharding.Sharding` over devices of a `layout` argument."""
    if BACKEND != "jax":
        raise TypeError(f"`layout` must be None on the {BACKEND} backend, received: {show(layout)}")
    from ._shards import to_concrete

    return to_concrete(layout)
