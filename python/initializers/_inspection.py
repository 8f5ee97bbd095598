"""The statistics of the tensors of a model in memory."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._arguments.checks import show, show_text
from ._arguments.dtypes import look_up
from ._arguments.shapes import Array
from ._charts.html import table
from ._charts.recognition import Guess, recognize
from ._charts.statistics import BLOCK, measure
from ._charts.tensors import HEADINGS, Layout, Row, cells, total
from ._charts.text import shape_text
from ._frameworks import find_adapter, load_adapter

# Adapter → its module that lists names and values of a model's tensors.
_LISTS = {"jax": "_tree", "keras": "_names", "torch": "_weights"}

# The widest table where no terminal says how wide it is.
_WIDEST = 140


@dataclass(frozen=True, repr=False)
class Inspection:
    """The statistics of every tensor of a model, and its likely initializer.

    `repr` of it is a table, in a notebook too; it has a length and yields its rows.

    Attributes:
        rows: A row for each tensor, in the model's order.

    Examples:
        >>> from initializers import HeNormal
        >>> found = inspect({"kernel": HeNormal(seed=1)((784, 256))})
        >>> len(found), found.rows[0].name, found.rows[0].guess.name
        (1, 'kernel', 'he_normal')
    """

    rows: tuple[Row, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def table(self, width: int | None = None) -> str:
        """Return the table.

        Args:
            width: The number of columns; None for the terminal's, but at most 140.
        """
        columns = min(shutil.get_terminal_size().columns, _WIDEST) if width is None else width
        named = [(show_text(row.name), row.shape, row.dtype) for row in self.rows]
        layout = Layout(named, columns)
        lines = [*layout.head()]
        for row, (name, _, _) in zip(self.rows, named, strict=True):
            lines += layout.show(row, name)
        texts = ("".join(text for text, _ in line).rstrip() for line in lines)
        return "\n".join([*texts, total(self.rows)])

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        head = ("name", "shape", "dtype", *HEADINGS, "looks like", "because")
        empty = ("",) * len(HEADINGS)
        rows = [
            (
                *(row.name, shape_text(row.shape), row.dtype),
                *(empty if row.found is None else cells(row.found)),
                *(row.guess.name, row.guess.because),
            )
            for row in self.rows
        ]
        return table(head, rows, right=range(3, 3 + len(HEADINGS))) + total(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, as `initializers inspect --json` prints them."""
        return {"tensors": [row.to_dict() for row in self.rows]}


def inspect(model: Any) -> Inspection:
    """Return the statistics of every tensor of a model, and the initializer it looks like.

    The twin of the command `initializers inspect`, which reads files. Kurtosis is excess kurtosis.

    Args:
        model: A Keras model, a torch module, a Flax or Equinox module or a JAX tree of arrays; or a
            mapping from names to arrays or tensors, such as a state dict.

    Raises:
        TypeError: If `model` is something else.

    Examples:
        >>> from initializers import HeNormal, Zeros
        >>> weights = {"kernel": HeNormal(seed=1)((784, 256)), "bias": Zeros()((256,))}
        >>> [row.guess.name for row in inspect(weights)]
        ['he_normal', 'zeros']
    """
    return Inspection(tuple(_measure(name, value) for name, value in _list_values(model)))


inspect.__module__ = Inspection.__module__ = "initializers"  # the public place


def _list_values(model: Any) -> Iterable[tuple[str, Any]]:
    adapter = find_adapter(model)
    if adapter is not None:
        found: Iterable[tuple[str, Any]] = load_adapter(adapter, _LISTS[adapter]).list_values(model)
        return found
    if isinstance(model, Mapping) and all(
        isinstance(name, str) and not isinstance(value, Mapping) for name, value in model.items()
    ):
        return model.items()
    import sys

    if "jax" in sys.modules and isinstance(model, (Mapping, list, tuple)):
        tree: Iterable[tuple[str, Any]] = load_adapter("jax", "_tree").list_values(model)
        return tree
    raise TypeError(
        "`model` must be a model of Keras, torch, Flax or Equinox, or a mapping from names to "
        f"arrays, received: {show(model)}"
    )


def _measure(name: str, value: Any) -> Row:
    try:
        array = _to_array(value)
        kind = look_up(array.dtype)
        problem = "complex numbers have no order" if kind.kind == "c" else None
        dtype = kind.name
    except (TypeError, ValueError) as error:
        shape = tuple(getattr(value, "shape", ()))
        dtype = str(getattr(value, "dtype", type(value).__name__)).rpartition(".")[2]
        return Row(name, shape, dtype, 0, None, Guess("none known", str(error)))
    if problem is not None:
        return Row(name, array.shape, dtype, 0, None, Guess("none known", problem))
    flat = array.reshape(-1)
    found = measure((flat[low : low + BLOCK] for low in range(0, flat.size, BLOCK)), dtype)
    guess = recognize(found, array.shape, dtype, lambda: array)
    size = math.prod(array.shape) * kind.numpy.itemsize
    return Row(name, array.shape, dtype, size, found, guess)


def _to_array(value: Any) -> Array:
    """Return the values of an array or a tensor on the host.

    Raises:
        TypeError: If it has none.
        ValueError: If they are on another host, or on the device meta.
    """
    adapter = "torch" if type(value).__module__.partition(".")[0] == "torch" else None
    if adapter is not None or hasattr(value, "is_meta"):
        array: Array = load_adapter("torch", "_tensor").to_array(value)
        return array
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        raise TypeError(f"it is no array: {show(value)}")
    try:
        return np.asarray(value)
    except Exception as error:
        raise ValueError(f"it has no values here: {error}") from None
