"""One initializer's values beside theory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._arguments.dtypes import look_up
from .._arguments.shapes import Array
from .._classes.base import ArrayInitializer
from .._classes.serialization import serialize
from .._digest import digest
from .bars import bars, draw_svg
from .html import table
from .laws import distance
from .statistics import BLOCK, measure
from .tensors import Line
from .text import align, number, shape_text
from .theory import p_value, singular_value, theory

# A decomposition of more rows or columns takes minutes.
_LARGEST_SVD = 2048
# Columns of the table and the histogram where nothing else is known.
_WIDTH = 78


class Preview:
    """One tensor of an initializer, its statistics, and theory: what `preview` returns.

    `repr` of it is a table with a histogram, in a notebook with a picture.

    Attributes:
        values: The tensor.

    Examples:
        >>> from initializers import HeNormal
        >>> preview = HeNormal(seed=1).preview((784, 256))
        >>> preview.values.shape, preview.to_dict()["theory"]["max"]
        ((784, 256), 0.11483891265342361)
    """

    def __init__(self, initializer: ArrayInitializer, shape: Any, dtype: Any) -> None:
        self._initializer = initializer
        self.values: NDArray[Any] = initializer(shape, dtype)
        kind = look_up(self.values.dtype)
        if kind.kind == "c":
            raise ValueError(
                "`dtype` must be one of real numbers, which alone have these statistics, "
                f"received: {kind.name}"
            )
        self._name = kind.name
        self._found = measure(_cut(self.values), kind.name)
        self._law = theory(initializer, self.values.shape)
        self.gain = singular_value(initializer)
        self.singular = None if self.gain is None else _decompose(self.values)
        self._distance = None
        law, counts = self._law, self._found.distribution
        if law is not None and law.cdf is not None and counts is not None:
            self._distance = distance(law, counts)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, as `initializers show --json` prints them."""
        law, values = self._law, self.values
        singular = None
        if self.singular is not None and self.singular.size:
            singular = {
                "min": float(self.singular.min()),
                "max": float(self.singular.max()),
                "theory": self.gain,
            }
        names = ("mean", "std", "min", "max", "excess_kurtosis")
        return {
            "initializer": serialize(self._initializer),
            "shape": list(values.shape),
            "dtype": self._name,
            "digest": digest({"weight": values}),
            "statistics": self._found.to_dict(),
            "theory": None if law is None else {name: getattr(law, name) for name in names},
            "distance": self._distance,
            "p_value": None if self._distance is None else p_value(self._distance, values.size),
            "singular_values": singular,
        }

    def lines(self, width: int = _WIDTH) -> Iterator[Line]:
        """Yield the table and the histogram, with styles."""
        yield [(repr(self._initializer), "bold")]
        yield [(self._describe(), "")]
        yield []
        head, *rows = align(self._rows(), right=(1, 2))
        yield [(head, "bold")]
        for row in [*rows, *self._tests()]:
            yield [(row, "")]
        counts = self._found.distribution
        if counts is not None and self._found.min < self._found.max:
            yield []
            for line in bars(counts, min(width, _WIDTH), law=self._law):
                yield [(line, "cyan")]

    def __repr__(self) -> str:
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self.lines())

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        parts = [
            f"<code>{escape(repr(self._initializer))}</code><br>{escape(self._describe())}",
            table(head, rows, right=(1, 2)),
            *(f"{escape(line)}<br>" for line in self._tests()),
        ]
        counts = self._found.distribution
        if counts is not None and self._found.min < self._found.max:
            parts.append(draw_svg(counts, self._law))
        return "".join(parts)

    @property
    def panel(self) -> tuple[Any, Any]:
        """The counts of finite values and the law, for a picture."""
        return self._found.distribution, self._law

    @property
    def title(self) -> tuple[str, str]:
        """The initializer, and the tensor's shape and dtype."""
        return repr(self._initializer), f"{shape_text(self.values.shape)}, {self._name}"

    def _describe(self) -> str:
        values = digest({"weight": self.values})[:12]
        return f"shape {shape_text(self.values.shape)}, {self._name}, digest {values}"

    def _rows(self) -> list[tuple[str, ...]]:
        found, law = self._found, self._law
        n = max(found.finite, 1)
        errors: dict[str, float] = {}
        if law is not None and law.cdf is not None:  # the elements are independent
            errors["mean"] = law.std / math.sqrt(n)
            errors["std"] = law.std * math.sqrt((law.excess_kurtosis + 2) / (4 * n))
        expected = (
            {}
            if law is None
            else {
                "mean": number(law.mean),
                "std": number(law.std),
                "min": "" if math.isinf(law.min) else f"≥ {number(law.min)}",
                "max": "" if math.isinf(law.max) else f"≤ {number(law.max)}",
                "kurtosis": number(law.excess_kurtosis, 3),
            }
        )
        measured = [
            ("mean", number(found.mean)),
            ("std", number(found.std)),
            ("min", number(found.min)),
            ("max", number(found.max)),
            ("kurtosis", number(found.excess_kurtosis, 3)),
            ("zeros", f"{100 * found.zeros:.3g} %"),
        ]
        rows: list[tuple[str, ...]] = [("", "measured", "theory", "error")]
        for name, value in measured:
            error = ""
            if errors.get(name):
                off = (getattr(found, name) - getattr(law, name)) / errors[name]
                error = f"{number(off, 2)} standard errors"
            rows.append((name, value, expected.get(name, ""), error))
        return rows

    def _tests(self) -> Iterator[str]:
        if self._distance is not None:
            p = p_value(self._distance, self.values.size)
            yield f"distance   {number(self._distance, 3)}, p = {number(p, 2)}"
        if self.singular is not None and self.singular.size:
            low, high = (float(end) for end in (self.singular.min(), self.singular.max()))
            yield (
                f"singular   {number(low, 8)} to {number(high, 8)}, in theory all "
                f"{number(abs(self.gain or 0.0))}"
            )


Preview.__module__ = "initializers"  # the public place


def _cut(values: Array) -> Any:
    flat = values.reshape(-1)
    return (flat[low : low + BLOCK] for low in range(0, flat.size, BLOCK))


def _decompose(values: Array) -> NDArray[np.float64] | None:
    """Return the singular values of a matrix that is small enough, or None."""
    matrix = values.reshape(-1, values.shape[-1])
    if min(matrix.shape) > _LARGEST_SVD or max(matrix.shape) > 16 * _LARGEST_SVD:
        return None
    if not matrix.size:
        return None
    result: NDArray[np.float64] = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    return result
