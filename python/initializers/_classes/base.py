"""The base classes of initializers, and the call path that all classes here share."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import _core
from .._arguments.checks import construct, explain_arguments, show
from .._arguments.dtypes import FLOATS, DType, look_up
from .._arguments.seeds import SeedGenerator, check_seed
from .._arguments.shapes import Array, Shape, check_index, check_out, check_shape
from .._arguments.types import ShapeLike
from .._memory.allocation import allocate, fill_pattern
from .._memory.float_mode import standard_float_mode
from .ready import makers, remember
from .writers import Writer

if TYPE_CHECKING:
    from .._charts.preview import Preview

Self = TypeVar("Self", bound="Initializer")
Given = TypeVar("Given", bound=NDArray[Any])
Scalar = TypeVar("Scalar", bound=np.generic)

_PACKAGE = "initializers"


class Initializer:
    """Base class of all initializers, also of your own.

    Override `__call__`. If the constructor has arguments, override `get_config` too; then
    `serialize`, `clone`, `==` and `repr` work:

        >>> class Centered(Initializer):
        ...     def __init__(self, width):
        ...         self.width = width
        ...
        ...     def __call__(self, shape, dtype=None):
        ...         return RandomUniform(-self.width / 2, self.width / 2, seed=1)(shape, dtype)
        ...
        ...     def get_config(self):
        ...         return {"width": self.width}
        >>> Centered(0.5).clone()
        Centered(width=0.5)

    Two initializers are equal if they have the same class, configuration and drawn seed. A subclass
    outside this package that does not define `get_config` itself is equal to itself only.
    """

    def __call__(self, shape: ShapeLike, dtype: DTypeLike | None = None) -> Any:
        """Return an array of `shape` and `dtype`. Subclasses define its values."""
        raise NotImplementedError(f"{type(self).__name__} must implement `__call__`")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {}

    @classmethod
    def from_config(cls: type[Self], config: dict[str, Any]) -> Self:
        """Return a new initializer from the result of `get_config`; an unset seed is drawn anew.

        Raises:
            TypeError: If `config` is not a dict.
            ValueError: If it has an unknown key, or lacks a required one.
        """
        return construct(cls, config)

    def clone(self: Self) -> Self:
        """Return a new initializer with the same configuration; an unset seed is drawn anew."""
        return self.from_config(self.get_config())

    def _identity(self) -> dict[str, Any]:
        """Return everything that the values depend on except the class."""
        return self.get_config()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Initializer) or type(self) is not type(other):
            return NotImplemented
        if not _is_its_config(type(self)):
            return False
        return _freeze(self._identity()) == _freeze(other._identity())

    def __hash__(self) -> int:
        if not _is_its_config(type(self)):
            return object.__hash__(self)
        return hash((type(self), _freeze(self._identity())))

    def __repr__(self) -> str:
        if not _is_its_config(type(self)):
            return object.__repr__(self)
        return f"{type(self).__name__}({', '.join(self._list_arguments())})"

    def _list_arguments(self) -> list[str]:
        import inspect

        parameters = inspect.signature(type(self)).parameters
        config = self.get_config()
        # Attributes are closer to what the user wrote than their serialized form.
        values = {key: getattr(self, _ATTRIBUTES.get(key, key), config[key]) for key in config}
        return [
            f"{key}={values[key]!r}"
            for key in sorted(values, key=[*parameters, *values].index)
            if key not in parameters or repr(values[key]) != repr(parameters[key].default)
        ]


# Accepted by `get`: a name, a configuration, a class, any callable `(shape, dtype)`, or an array.
InitializerLike: TypeAlias = str | dict[str, Any] | Callable[..., Any] | NDArray[Any] | np.generic


class ArrayInitializer(Initializer):
    """Base class of this package's initializers. A call returns a NumPy array, whole or a block.

    Use it in annotations and `isinstance`: its instances have `index=`, `out=` and `with_seed`.
    Your own initializers inherit from `Initializer`.

    Examples:
        >>> from initializers import HeNormal
        >>> isinstance(HeNormal(), ArrayInitializer)
        True
    """

    # Whether the values need a float dtype.
    _floats_only: ClassVar[bool] = True
    # Whether the writer expects zeroed memory.
    _on_zeros: ClassVar[bool] = False
    # Whether a small block can cost as much as the whole tensor.
    _costly_blocks: ClassVar[bool] = False
    # Whether the writer also accepts matrices in Fortran order.
    _transposes: ClassVar[bool] = False
    # Whether the class is one of this package, whose instances have no state but `__dict__`.
    _is_ours: ClassVar[bool] = True

    def __setattr__(self, name: str, value: object) -> None:
        if self._is_ours:
            raise AttributeError(self._say_frozen(name, f"received: {show(value)}"))
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if self._is_ours:
            raise AttributeError(self._say_frozen(name, "received: its deletion"))
        object.__delattr__(self, name)

    def _say_frozen(self, name: str, received: str) -> str:
        return (
            f"`{name}` of a {type(self).__name__} must not change, as sets, recipes and plans "
            f"rely on it: create a new one with other arguments, {received}"
        )

    def _keep(self, **attributes: Any) -> None:
        """Set attributes, past `__setattr__`: for constructors."""
        vars(self).update(attributes)

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls._is_ours = _is_of_this_package(cls)
        if "__init__" in vars(cls) and cls.__module__.startswith(f"{_PACKAGE}."):
            cls.__init__ = explain_arguments(cls.__init__)  # type: ignore[method-assign]

    @overload
    def __call__(
        self,
        shape: ShapeLike,
        dtype: DTypeLike | None = None,
        *,
        index: tuple[slice, ...] | None = None,
        out: Given,
    ) -> Given: ...
    @overload
    def __call__(
        self,
        shape: ShapeLike,
        dtype: None = None,
        *,
        index: tuple[slice, ...] | None = None,
        out: None = None,
    ) -> NDArray[np.float32]: ...
    @overload
    def __call__(
        self,
        shape: ShapeLike,
        dtype: type[Scalar] | np.dtype[Scalar],
        *,
        index: tuple[slice, ...] | None = None,
        out: None = None,
    ) -> NDArray[Scalar]: ...
    @overload
    def __call__(
        self,
        shape: ShapeLike,
        dtype: DTypeLike | None = None,
        *,
        index: tuple[slice, ...] | None = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]: ...
    @explain_arguments
    def __call__(
        self,
        shape: ShapeLike,
        dtype: DTypeLike | None = None,
        *,
        index: tuple[slice, ...] | None = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Return the tensor or a block of it, in a new C-contiguous array or in `out`.

        Args:
            shape: The shape of the whole tensor: integers >= 0, fewer than `2**63` elements. Rank 0
                and size 0 are valid; a single integer n means (n,).
            dtype: A NumPy dtype, a type or a name such as `"bfloat16"`. None: the dtype of `out`,
                or else float32. Python's `float`, `int`, `bool` and `complex` mean float32, int32,
                bool and complex64.
            index: The block to make: a tuple of slices with step 1, one per dimension. Bounds may
                be None or negative, as in NumPy. The result equals `whole[index]`, bit for bit. A
                bound outside the shape is an error.
            out: The array to fill: C-contiguous, writeable, with the block's shape and the dtype.
                No other thread may write to it, resize it (`ndarray.resize` with `refcheck=False`)
                or truncate the file of its memory map before the call returns: NumPy forbids that,
                and the process can crash.

        Returns:
            The new array, or `out`.

        Raises:
            TypeError: If an argument has a wrong type.
            ValueError: If it has a wrong value, or `dtype` cannot represent the values. Nothing was
                written then, and no `SeedGenerator` advanced.
            MemoryError: If there is not enough memory for the result.
        """
        if "keras" in sys.modules:
            _warn_if_keras_calls(self)
        if not _core.is_shape(shape):
            shape = check_shape(shape)
        start, extent = (None, shape) if index is None else check_index(index, shape)
        if out is None:
            kind = look_up(dtype)
            if index is None and (known := makers.get(id(self))) is not None:
                maker = known.get((shape, kind))
                if maker is not None:
                    return maker()
            self._demand_floats("`dtype` must be", kind, kind)
        else:
            kind = check_out(out, dtype, extent)
            self._demand_floats("`out` must have", kind, out)
        return self._make_block(shape, kind, start, extent, out)

    def preview(self, shape: ShapeLike, dtype: DTypeLike | None = None) -> Preview:
        """Draw one tensor and return its statistics beside theory, as a table with a histogram.

        The twin of the command `initializers show`.

        Args:
            shape: The shape, as a call takes it.
            dtype: The dtype, as a call takes it; of real numbers.

        Raises:
            TypeError: As a call.
            ValueError: As a call, or if `dtype` is complex.
            MemoryError: As a call.

        Examples:
            >>> from initializers import HeNormal
            >>> preview = HeNormal(seed=1).preview((784, 256))  # at the prompt: a table
            >>> preview.to_dict()["theory"]["std"]
            0.0505076272276105
        """
        from .._charts.preview import Preview

        return Preview(self, shape, dtype)

    def _demand_floats(self, condition: str, kind: DType, received: object) -> None:
        if self._floats_only and kind.kind != "f":
            raise ValueError(
                f"{condition} one of {', '.join(FLOATS)} for {type(self).__name__}, "
                f"received: {show(received)}"
            )

    def _make_block(
        self,
        shape: Shape,
        dtype: DType,
        start: Shape | None,
        extent: Shape,
        out: Array | None,
        allocator: Callable[..., Array] | None = None,
    ) -> Array:
        """Return a block of a tensor, in `out` or in new memory from `allocator`."""
        if not _core.has_standard_float_mode():  # another library changed it
            with standard_float_mode():
                return self._make_block(shape, dtype, start, extent, out, allocator)
        if out is not None:
            write = self._plan(shape, dtype)
            if self._on_zeros:
                fill_pattern(out, bytes(1))
            write(out, start)
            return out
        # Allocation can fail: draw from a generator only after it.
        planned = self._plan_without_draw(shape, dtype)
        made = (allocator or allocate)(extent, dtype, zeros=self._on_zeros)
        write = planned or self._plan(shape, dtype)
        write(made, start)
        if start is None and allocator is None and self._is_ours:
            remember(self, shape, dtype, write)
        return made

    def _plan_without_draw(self, shape: Shape, dtype: DType) -> Writer | None:
        """Raise the errors of `_plan`; return its writer if that needs no draw, else None."""
        return self._plan(shape, dtype)

    def with_seed(self: Self, seed: int | SeedGenerator) -> Self:
        """Return a copy with another seed; an initializer without randomness returns itself.

        Raises:
            TypeError: If `seed` is neither an integer nor a `SeedGenerator`.
            ValueError: If it is not in `[-2**127, 2**127)`.
        """
        check_seed(seed)
        return self

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        """Return the writer of one tensor of this shape and dtype.

        All errors are raised here, before anything is written. As the last step, a generator is
        drawn from once: the writer may be called for any blocks of that one tensor.
        """
        raise NotImplementedError


def _warn_if_keras_calls(initializer: ArrayInitializer) -> None:
    """Warn if Keras calls a NumPy class for a variable: Keras cannot save that class."""
    caller = sys._getframe(3).f_globals.get("__name__", "")  # past `__call__` and its decorator
    if not caller.startswith("keras.src."):
        return
    import warnings

    name = type(initializer).__name__
    warnings.warn(
        f"the NumPy class initializers.{name} must not be the initializer of a Keras variable: "
        f"Keras saves it, but loads another class or fails; use initializers.keras.{name} instead",
        stacklevel=4,
    )


# Where an attribute differs from the constructor's argument: `seed` is the drawn seed, `_init_seed`
# the argument.
_ATTRIBUTES = {"seed": "_init_seed"}


def _is_of_this_package(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == _PACKAGE


def _is_its_config(cls: type) -> bool:
    """Return whether the configuration describes an instance completely, as far as we can know."""
    return _is_of_this_package(cls) or "get_config" in vars(cls)


def _freeze(value: object) -> object:
    """Convert a value of a configuration to one that can be compared and hashed."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, dict):
        return tuple(sorted((str(key), _freeze(part)) for key, part in value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(map(_freeze, value))
    if isinstance(value, float) and value == 0.0 and math.copysign(1.0, value) < 0:
        return "-0.0"  # -0.0 == 0.0, but products with them differ in their bits
    return value
