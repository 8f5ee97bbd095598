"""Guesses the initializer of a tensor from its statistics.

Nothing here is certain. A distribution is accepted if the counts do not contradict it, a scale if
the standard deviation agrees within its sampling error. The guess names both reasons.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .._arguments.dtypes import look_up
from .._arguments.shapes import Array, Shape
from .._classes.fans import fans_of
from .._classes.variance_scaling import TRUNCATED_STDDEV
from . import laws, matrices
from .statistics import ROUNDING_UNITS, Distribution, Statistics
from .text import number

# Fewer values cannot distinguish distributions.
_FEWEST = 30
# Bound of √n · distance: 1 of 10,000 tensors of the right law exceeds it (Kolmogorov, 1933).
_FARTHEST = 2.225
# Bytes of the dtype → distance that is tolerated for any n. Rounding, and a scale applied after
# rounding, shift the moments from which the law is computed.
_DISTANCE_OFF = {1: 0.015}
_DISTANCE_OFF_OTHERWISE = 0.002
# The most names that are listed if several agree.
_MOST_NAMES = 4
# Tolerance of a standard deviation, in standard errors.
_ERRORS = 4.0


@dataclass(frozen=True)
class Guess:
    """The probable initializer of a tensor.

    Attributes:
        name: An initializer, or `"none known"`.
        because: The decisive statistics, in words.
    """

    name: str
    because: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.because}" if self.because else self.name


def recognize(
    found: Statistics, shape: Shape, dtype: str, read: Callable[[], Array | None]
) -> Guess:
    """Return the probable initializer of a tensor.

    Args:
        found: Its statistics.
        shape: Its shape.
        dtype: The name of its dtype.
        read: Returns the tensor, a memory map of it, or None if it is too large.
    """
    if not found.count:
        return Guess("none known", "it has no elements")
    if found.nan or found.infinite:
        return Guess("none known", f"{found.nan:,} NaN, {found.infinite:,} infinite")
    if found.min == found.max:
        names = {0.0: "zeros", 1.0: "ones"}
        name = names.get(found.min, f"constant({number(found.min, 6)})")
        return Guess(name, f"all {found.count:,} values are {number(found.min, 6)}")
    special = matrices.recognize(found, shape, dtype, read)
    if special is not None:
        return Guess(*special)
    if found.distribution is None:
        return Guess("none known", f"{dtype} values that are not all the same")
    if found.count < _FEWEST:
        return Guess("none known", f"{found.count} values are too few to tell")
    if not 0 < found.std < math.inf:
        return Guess("none known", "the standard deviation cannot be computed")
    fits = list(_fit(found, found.distribution, found.mean, found.std, found.count, dtype))
    if fits:
        return _name(fits, found, shape, dtype)
    return _recognize_sparse(found, found.distribution, dtype)


@dataclass(frozen=True)
class _Fit:
    family: str
    mean: float
    std: float

    @property
    def distribution(self) -> str:
        """The name of the family as an argument of `VarianceScaling`."""
        return "untruncated_normal" if self.family == "normal" else self.family


def _fit(
    found: Statistics,
    counts: Distribution,
    mean: float,
    std: float,
    n: int,
    dtype: str,
) -> Iterator[_Fit]:
    """Yield the families that the counts and the extremes do not contradict."""
    error = std * (5 / math.sqrt(n) + _rounding(dtype))
    center = 0.0 if abs(mean) <= error else mean
    farthest = max(found.max - center, center - found.min) / std
    itemsize = look_up(dtype).numpy.itemsize
    slack = 1 + _ERRORS * math.sqrt(0.5 / n) + ROUNDING_UNITS.get(itemsize, 1e-6)
    half = math.sqrt(3) * std
    candidates = [
        ("uniform", laws.uniform(center - half, center + half), math.sqrt(3)),
        (
            "truncated_normal",
            laws.truncated_normal(center, std / TRUNCATED_STDDEV),
            2 / TRUNCATED_STDDEV,
        ),
        ("normal", laws.normal(center, std), math.inf),
    ]
    for family, law, reach in candidates:
        if farthest > reach * slack:
            continue
        # The expected number of normal values among n that lie farther out.
        if family == "normal" and n * math.erfc(farthest * slack / math.sqrt(2)) > 7:
            continue
        excess = abs(found.excess_kurtosis - law.excess_kurtosis)
        if n == found.count and excess > 5 * math.sqrt(24 / n) + 4 * _rounding(dtype):
            continue
        distance = laws.distance(law, counts)
        off = _DISTANCE_OFF.get(itemsize, _DISTANCE_OFF_OTHERWISE)
        if distance < max(_FARTHEST / math.sqrt(n), off):
            yield _Fit(family, center, std)


def _name(fits: list[_Fit], found: Statistics, shape: Shape, dtype: str) -> Guess:
    families = " or ".join(fit.family.replace("_", " ") for fit in fits)
    farthest = max(found.max - found.mean, found.mean - found.min) / found.std
    statistics = (
        f"{families}: kurtosis {number(found.excess_kurtosis, 3)}, "
        f"extremes {number(farthest, 3)} std"
    )
    scales = [scale for fit in fits for scale in _scales(fit, shape)]
    known = [scale for scale in scales if _agrees(found, scale.std, dtype)]
    if known:
        known.sort(key=lambda scale: abs(found.std / scale.std - 1))
        names = list(dict.fromkeys(scale.name for scale in known))
        more = " or others" if len(names) > _MOST_NAMES else ""
        formula = f"std {number(found.std, 4)} = {known[0].formula}"
        return Guess(" or ".join(names[:_MOST_NAMES]) + more, f"{formula}; {statistics}")
    return Guess(
        " or ".join(_plain_name(fit, found, dtype) for fit in fits),
        f"std {number(found.std, 4)}; {statistics}",
    )


@dataclass(frozen=True)
class _Scale:
    name: str
    std: float
    formula: str


# Family → name, scale, mode, remark. The first that agrees is reported.
_KNOWN = {
    "truncated_normal": [
        ("he_normal", 2.0, "fan_in", ""),
        ("glorot_normal", 1.0, "fan_avg", ""),
        ("lecun_normal", 1.0, "fan_in", ""),
    ],
    "normal": [
        ("he_normal, untruncated", 2.0, "fan_in", " (PyTorch's kaiming_normal_)"),
        ("glorot_normal, untruncated", 1.0, "fan_avg", " (PyTorch's xavier_normal_)"),
        ("lecun_normal, untruncated", 1.0, "fan_in", ""),
    ],
    "uniform": [
        ("he_uniform", 2.0, "fan_in", ""),
        ("glorot_uniform", 1.0, "fan_avg", ""),
        ("lecun_uniform", 1.0, "fan_in", ""),
        ("variance_scaling(1/3, fan_in, uniform)", 1 / 3, "fan_in", " (PyTorch's default)"),
    ],
}


def _scales(fit: _Fit, shape: Shape) -> Iterator[_Scale]:
    """Yield the known scales for a shape, in Keras's convention and then in PyTorch's."""
    if len(shape) < 2 or fit.mean != 0:
        return
    keras = fans_of(shape, None, None)
    torch = fans_of((*shape[2:], shape[1], shape[0]), None, None)
    layouts = [(keras, "layout (in, out)"), (torch, "layout (out, in)")]
    if keras == torch:
        layouts = [(keras, "either layout")]
    # For a matrix, fan_out is the fan_in of the other convention.
    for mode in ("fan_in", "fan_out") if len(shape) > 2 else ("fan_in",):
        for fans, layout in layouts:
            for name, scale, of, remark in _KNOWN[fit.family]:
                fan = sum(fans) / 2 if of == "fan_avg" else fans[mode == "fan_out"]
                if not fan or (of == "fan_avg" and mode == "fan_out"):
                    continue
                upper = "1/3" if scale < 1 else f"{scale:g}"
                formula = f"√({upper} / {mode}), {mode} {fan} in {layout}"
                if of == "fan_avg":
                    formula = f"√(2 / (fan_in + fan_out)), fans {fans[0]} and {fans[1]}"
                elif mode == "fan_out":
                    name = f"variance_scaling({upper}, fan_out, {fit.distribution})"
                    remark = ""
                yield _Scale(name, math.sqrt(scale / fan), formula + remark)


def _agrees(found: Statistics, std: float, dtype: str) -> bool:
    return abs(found.std / std - 1) <= _relative_error(found, dtype)


def _relative_error(found: Statistics, dtype: str) -> float:
    """Return the relative error of a standard deviation from sampling and rounding."""
    spread = math.sqrt(max(found.excess_kurtosis + 2, 0.1) / (4 * found.finite))
    return _ERRORS * spread + _rounding(dtype)


def _rounding(dtype: str) -> float:
    """Return a bound of the relative error of the standard deviation from rounding."""
    return {1: 0.03, 2: 5e-4}.get(look_up(dtype).numpy.itemsize, 1e-6)


def _plain_name(fit: _Fit, found: Statistics, dtype: str) -> str:
    tolerance = _relative_error(found, dtype)
    mean = "" if fit.mean == 0 else f"{number(fit.mean, 3)}, "
    if fit.family == "uniform":
        half = _round_within(math.sqrt(3) * fit.std, tolerance)
        return f"random_uniform({number(fit.mean - half, 4)}, {number(fit.mean + half, 4)})"
    if fit.family == "normal":
        return f"random_normal({mean}stddev={number(_round_within(fit.std, tolerance), 4)})"
    std = _round_within(fit.std / TRUNCATED_STDDEV, tolerance)
    return f"truncated_normal({mean}stddev={number(std, 4)})"


def _round_within(value: float, tolerance: float) -> float:
    """Return a number of one digit within a relative tolerance, or of two within a thousandth.

    With more digits, or a larger tolerance for two, matches by chance would be nearly certain.
    """
    for digits, most in ((0, tolerance), (1, min(tolerance, 1e-3))):
        rounded = float(f"{value:.{digits}e}")
        if abs(rounded / value - 1) <= most:
            return rounded
    return value


def _recognize_sparse(found: Statistics, counts: Distribution, dtype: str) -> Guess:
    """Recognize the elements that are not zero, or give up."""
    because = (
        f"std {number(found.std, 4)}, kurtosis {number(found.excess_kurtosis, 3)} fit no uniform, "
        "normal or truncated normal law"
    )
    rest = round(found.count * (1 - found.zeros))
    if found.zeros < 0.05 or rest < _FEWEST:
        return Guess("none known", because)
    # Zeros do not contribute to the sums of powers.
    mean = found.mean * found.count / rest
    square = (found.std**2 + found.mean**2) * found.count / rest - mean**2
    std = math.sqrt(max(square, 0.0))
    if std == 0:
        return Guess("none known", because)
    kept = counts.without_zeros(found.count - rest)
    for fit in _fit(found, kept, mean, std, rest, dtype):
        if fit.family == "normal":
            error = _ERRORS * math.sqrt(0.5 / rest) + _rounding(dtype)
            share = f"{100 * found.zeros:.3g} %"
            return Guess(
                f"sparse({number(found.zeros, 3)}, stddev={number(_round_within(std, error), 4)})",
                f"{share} zeros; the others normal, std {number(std, 4)}",
            )
    return Guess("none known", f"{because}; {100 * found.zeros:.3g} % zeros")
