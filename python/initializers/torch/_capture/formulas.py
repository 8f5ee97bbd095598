"""Laws as initializers, with fans where they say more than numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from ..._classes.constants import Constant, Identity
from ..._classes.convolution_kernels import Dirac
from ..._classes.distributions import RandomNormal, RandomUniform, TruncatedNormal
from ..._classes.orthogonal import Orthogonal
from ..._classes.sparse import Sparse
from ..._classes.variance_scaling import TRUNCATED_STDDEV, VarianceScaling
from ...recipe._capture.known import describe_values, make_constant
from ...recipe._capture.rules import make_scaling
from .._tensor import as_array
from .functions import find_function
from .laws import Const, Fans, Law, Mapped, Matrix, Normal, Truncated, Uniform, Values
from .record import to_simple
from .weights import Found

# A cut that many standard deviations away changes no value: the chance is below 1e-23.
_FAR = 10.0
_MODES = ("fan_in", "fan_out", "fan_avg")
_CLOSE = 1e-9


def find_initializers(weights: Iterable[Found]) -> dict[str, Any]:
    """Return an initializer for each weight that has one, by name."""
    known = [each for each in weights if not _why_not(each)]
    formulas = _find_fans(known)
    return {
        each.name: formulas[each.name] if each.name in formulas else _make(each.law)
        for each in known
    }


def explain(weight: Found) -> str | None:
    """Return why a weight has no initializer, or None."""
    return _why_not(weight)


def _why_not(weight: Found) -> str | None:
    law = weight.law
    if isinstance(law, (Normal, Uniform, Truncated)):
        numbers = [value for value in vars(law).values() if isinstance(value, float)]
        return None if all(map(math.isfinite, numbers)) else "its numbers are not finite"
    if isinstance(law, Const):
        is_real = isinstance(law.value, (int, float))
        return None if is_real else f"a constant that is no real number: {law.value!r}"
    if isinstance(law, Values):
        return describe_values(as_array(law.array))[1] or None
    if isinstance(law, Mapped):
        found = find_function(law)
        return None if found else "a function of a draw that no initializer has"
    if isinstance(law, Matrix):
        return None if law.shape == weight.shape else f"a part or a view of what {law.name} wrote"
    return getattr(law, "reason", "a function of a draw that no initializer has")


def _make(law: Law) -> Any:
    if isinstance(law, Const):
        return make_constant(law.value)
    if isinstance(law, Values):
        return describe_values(as_array(law.array))[0]
    if isinstance(law, Mapped):
        return find_function(law)
    if isinstance(law, Uniform):
        return RandomUniform(law.low, law.high) if law.low < law.high else Constant(law.low)
    if isinstance(law, Matrix):
        match law.name:
            case "eye_":
                return Identity(law.numbers[0])
            case "dirac_":
                return Dirac(int(law.numbers[0]))
            case "orthogonal_":
                return Orthogonal(law.numbers[0])
        sparsity, stddev = law.numbers
        return Sparse(sparsity, stddev)
    assert isinstance(law, (Normal, Truncated))
    if not law.stddev:
        return Constant(law.mean)
    if isinstance(law, Normal):
        return RandomNormal(law.mean, law.stddev)
    low, high = ((bound - law.mean) / law.stddev for bound in (law.low, law.high))
    if low < -_FAR and high > _FAR:
        return RandomNormal(law.mean, law.stddev)
    return TruncatedNormal(law.mean, law.stddev, bounds=(to_simple(low), to_simple(high)))


def _find_fans(weights: list[Found]) -> dict[str, VarianceScaling]:
    """Return formulas by fans: those that were called, and those that numbers agree on."""
    found: dict[str, VarianceScaling] = {}
    open_ = []
    for each in weights:
        variance = _variance_of(each.law)
        if variance is None or len(each.shape) < 2:
            continue
        distribution, value = variance
        fans: Fans | None = getattr(each.law, "fans", None)
        if fans is not None and _agree(fans, each.shape, value):
            found[each.name] = make_scaling(fans.scale, fans.mode, distribution)
        else:
            open_.append((each, distribution, value))
    while True:
        best = _find_common(open_)
        if best is None:
            return found
        distribution, fans = best
        for each, kind, value in open_:
            if kind == distribution and _agree(fans, each.shape, value):
                found[each.name] = make_scaling(fans.scale, fans.mode, kind)
        open_ = [entry for entry in open_ if entry[0].name not in found]


def _find_common(entries: list[tuple[Found, str, float]]) -> tuple[str, Fans] | None:
    """Return the formula that stands for the most different numbers, at least two.

    A number that weights of several fans have was not computed from fans.
    """
    formulas: dict[tuple[str, Fans], set[float]] = {}
    for mode in _MODES:
        scales: dict[tuple[str, float], set[float]] = {}
        for each, distribution, value in entries:
            scale = value * _count(mode, each.shape)
            scales.setdefault((distribution, value), set()).add(_round(scale))
        for (distribution, value), own in scales.items():
            if len(own) == 1:
                formulas.setdefault((distribution, Fans(own.pop(), mode)), set()).add(value)
    simple = {
        key: values
        for key, values in formulas.items()
        if len(values) > 2 or (len(values) > 1 and _is_simple(key[1].scale))
    }
    return max(simple, key=lambda key: len(simple[key]), default=None)


def _round(scale: float) -> float:
    """Return a scale without the rounding of the square root that it comes from."""
    simple = to_simple(scale)
    return simple if simple != scale else float(f"{scale:.12g}")


def _is_simple(scale: float) -> bool:
    return Fraction(scale).limit_denominator(10) == Fraction(to_simple(scale)).limit_denominator()


def _agree(fans: Fans, shape: tuple[int, ...], variance: float) -> bool:
    return math.isclose(fans.scale / _count(fans.mode, shape), variance, rel_tol=_CLOSE)


def _count(mode: str, shape: tuple[int, ...]) -> float:
    """Return n of torch's fans: a weight is (outputs, inputs, *kernel)."""
    kernel = math.prod(shape[2:])
    fan_in, fan_out = shape[1] * kernel, shape[0] * kernel
    return max(1.0, {"fan_in": fan_in, "fan_out": fan_out}.get(mode, (fan_in + fan_out) / 2))


def _variance_of(law: Law) -> tuple[str, float] | None:
    """Return the distribution and the variance of a law that `VarianceScaling` can have."""
    if isinstance(law, Normal) and law.mean == 0 and law.stddev > 0:
        return "untruncated_normal", law.stddev**2
    if isinstance(law, Uniform) and law.low == -law.high != 0:
        return "uniform", law.high**2 / 3
    if isinstance(law, Truncated) and law.mean == 0 and law.stddev > 0:
        bounds = (law.low / law.stddev, law.high / law.stddev)
        if bounds[0] < -_FAR and bounds[1] > _FAR:
            return "untruncated_normal", law.stddev**2
        if all(math.isclose(abs(bound), 2, rel_tol=1e-12) for bound in bounds):
            return "truncated_normal", (law.stddev * TRUNCATED_STDDEV) ** 2
    return None
