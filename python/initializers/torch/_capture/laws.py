"""Laws: the distribution of a tensor's elements, as arithmetic changes it."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, ClassVar

from ...recipe._capture.rules import Origin


@dataclass(frozen=True)
class Law:
    """The distribution of every element.

    Attributes:
        origin: Where it was written.
        draw: A number that is equal for copies of one draw, and for nothing else.
    """

    _: KW_ONLY
    origin: Origin | None = field(default=None, compare=False)
    draw: int | None = field(default=None, compare=False)

    is_known: ClassVar[bool] = False  # whether the values do not depend on a generator

    def scaled(self, factor: float, shift: float) -> Law:
        """Return the law of `factor * x + shift`."""
        name = type(self).__name__
        return Opaque(f"{name} scaled by {factor:g} and shifted by {shift:g}", origin=self.origin)


@dataclass(frozen=True)
class Empty(Law):
    """Memory that nothing has written to."""

    def scaled(self, factor: float, shift: float) -> Law:
        """Return the law itself: arithmetic on uninitialized memory gives such memory."""
        return self


@dataclass(frozen=True)
class Opaque(Law):
    """A law that no initializer has, and why."""

    reason: str

    def scaled(self, factor: float, shift: float) -> Law:
        """Return the law itself."""
        return self


@dataclass(frozen=True)
class Mixed(Opaque):
    """Parts of several laws, which can be told apart by reading each part."""


@dataclass(frozen=True)
class Const(Law):
    """One number everywhere."""

    value: Any

    is_known: ClassVar[bool] = True


@dataclass(frozen=True)
class Values(Law):
    """Numbers that are computed without a generator; `array` is a tensor on the CPU."""

    array: Any = field(compare=False)

    is_known: ClassVar[bool] = True


@dataclass(frozen=True)
class Fans:
    """Variance `scale` / n, where `mode` says which n."""

    scale: float
    mode: str

    def scaled(self, factor: float) -> Fans:
        """Return the fans of values that are multiplied by a number."""
        return Fans(self.scale * factor * factor, self.mode)


@dataclass(frozen=True)
class Normal(Law):
    """A normal distribution; `fans` if the deviation was computed from the shape."""

    mean: float
    stddev: float
    fans: Fans | None = field(default=None, compare=False)

    def scaled(self, factor: float, shift: float) -> Law:
        """Return the law of `factor * x + shift`."""
        fans = self.fans.scaled(factor) if self.fans and not shift else None
        mean, stddev = self.mean * factor + shift, self.stddev * abs(factor)
        return replace(self, mean=mean, stddev=stddev, fans=fans)


@dataclass(frozen=True)
class Uniform(Law):
    """A uniform distribution; `fans` if the limits were computed from the shape."""

    low: float
    high: float
    fans: Fans | None = field(default=None, compare=False)

    def scaled(self, factor: float, shift: float) -> Law:
        """Return the law of `factor * x + shift`."""
        fans = self.fans.scaled(factor) if self.fans and not shift else None
        low, high = sorted((self.low * factor + shift, self.high * factor + shift))
        return replace(self, low=low, high=high, fans=fans)


@dataclass(frozen=True)
class Truncated(Law):
    """A normal distribution within bounds, in units of the values."""

    mean: float
    stddev: float
    low: float
    high: float

    def scaled(self, factor: float, shift: float) -> Law:
        """Return the law of `factor * x + shift`."""
        low, high = sorted((self.low * factor + shift, self.high * factor + shift))
        mean, stddev = self.mean * factor + shift, self.stddev * abs(factor)
        return replace(self, mean=mean, stddev=stddev, low=low, high=high)


@dataclass(frozen=True)
class Matrix(Law):
    """Values of `orthogonal_`, `eye_`, `dirac_` and `sparse_`: elements have no common law.

    Attributes:
        name: The function's name.
        numbers: Its arguments; the first of orthogonal_ and eye_ is a factor.
        shape: The shape of the tensor, of which nothing can be cut.
    """

    name: str
    numbers: tuple[float, ...]
    shape: tuple[int, ...]

    def scaled(self, factor: float, shift: float) -> Law:
        """Return the law of `factor * x + shift`."""
        if shift or self.name not in ("orthogonal_", "eye_"):
            return super().scaled(factor, shift)
        return replace(self, numbers=(self.numbers[0] * factor,))


@dataclass(frozen=True)
class Mapped(Law):
    """A function of a uniform draw, element by element.

    Attributes:
        base: The law of the draw.
        tree: The function: `"x"`, or a tuple of an operation's name, its numbers, and trees.
    """

    base: Law
    tree: Any

    def scaled(self, factor: float, shift: float) -> Law:
        """Return the law of `factor * x + shift`."""
        return replace(self, tree=("affine", factor, shift, self.tree))


def to_mapped(law: Law) -> Mapped | None:
    """Return a draw as a function of itself, or None for what is none."""
    if isinstance(law, Mapped):
        return law
    if isinstance(law, (Uniform, Normal)) and law.draw is not None:
        return Mapped(law, "x", origin=law.origin, draw=law.draw)
    return None


def recognize(law: Law) -> Law:
    """Return the law that a function of a draw has, if it is one of the others."""
    if not isinstance(law, Mapped):
        return law
    found = _find_truncated(law)
    return law if found is None else replace(found, origin=law.origin, draw=law.draw)


def _find_truncated(law: Mapped) -> Truncated | None:
    """Find the inverse of the error function of a uniform draw, cut at the bounds.

    The draw is uniform in [2Φ(a) − 1, 2Φ(b) − 1); the cut only guards against rounding.
    """
    bounds: tuple[float, float] | None = None
    factor, shift, tree = 1.0, 0.0, law.tree
    while tree != "x" and tree[0] in ("affine", "clamp"):
        if tree[0] == "affine":
            shift, factor = shift + factor * tree[2], factor * tree[1]
        else:
            if None in tree[1:3]:
                return None
            low, high = sorted((tree[1] * factor + shift, tree[2] * factor + shift))
            bounds = (low, high)
        tree = tree[-1]
    if bounds is None or tree == "x" or tree[0] != "erfinv" or not isinstance(law.base, Uniform):
        return None
    inner = tree[-1]
    base: Law = law.base
    while inner != "x" and inner[0] == "affine":
        if inner[-1] != "x":
            return None
        base, inner = base.scaled(inner[1], inner[2]), "x"
    if inner != "x" or not isinstance(base, Uniform):
        return None
    stddev = abs(factor) / math.sqrt(2)
    ends = [math.erf((bound - shift) / stddev / math.sqrt(2)) for bound in bounds]
    if factor < 0 or not all(
        math.isclose(end, known, rel_tol=1e-6, abs_tol=1e-6)
        for end, known in zip(ends, (base.low, base.high), strict=True)
    ):
        return None
    return Truncated(shift, stddev, *bounds)
