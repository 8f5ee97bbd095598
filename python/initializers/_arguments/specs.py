"""The shape and dtype of a weight, before it has values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .checks import show, to_integer
from .conventions import check_convention
from .dtypes import look_up
from .shapes import Shape, check_shape
from .types import Convention


@dataclass(frozen=True)
class Spec:
    """The shape and dtype of one weight.

    Attributes:
        shape: The shape, integers >= 0.
        dtype: The name of a dtype, such as `"bfloat16"`; None: not known.
        convention: `"torch"` for a weight (outputs, inputs, *kernel), `"keras"` for a kernel
            (*kernel, inputs, outputs); None: not known.
        padding: The rows that are zero whatever the rule says, integers >= 0, such as an
            embedding's `padding_idx`.

    Raises:
        TypeError: If an attribute has a wrong type.
        ValueError: If the shape is invalid, the dtype unsupported, or the convention unknown.

    Examples:
        >>> Spec([3, 2], "float32")
        Spec(shape=(3, 2), dtype='float32', convention=None)
    """

    shape: Shape
    dtype: str | None = None
    convention: Convention | None = None
    padding: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_convention(self.convention)
        object.__setattr__(self, "shape", check_shape(self.shape))
        if self.dtype is not None:
            object.__setattr__(self, "dtype", look_up(self.dtype).name)
        object.__setattr__(self, "padding", _check_rows(self.padding, self.shape))

    def __repr__(self) -> str:
        fields = {"shape": self.shape, "dtype": self.dtype, "convention": self.convention}
        fields |= {"padding": self.padding} if self.padding else {}
        return f"Spec({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


def _check_rows(rows: Any, shape: Shape) -> tuple[int, ...]:
    if not isinstance(rows, (tuple, list)) or any(to_integer(row) is None for row in rows):
        raise TypeError(f"`padding` must be a list of rows, received: {show(rows)}")
    numbers = sorted({int(row) for row in rows})
    if numbers and not (shape and 0 <= numbers[0] <= numbers[-1] < shape[0]):
        raise ValueError(f"`padding` must name rows of shape {shape}, received: {show(rows)}")
    return tuple(numbers)
