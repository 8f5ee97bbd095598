"""Numbers of bytes as people read them."""

from __future__ import annotations

_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")


def size_text(count: float) -> str:
    """Return a number of bytes in decimal units, as disks are sold: `"498 MB"`."""
    scale, unit = _choose(count)
    return f"{count:.0f} {unit}" if scale == 1 else f"{count / scale:.3g} {unit}"


def part_text(done: float, total: float) -> str:
    """Return a part of a number of bytes, in the unit of the whole: `"5.0 of 498 MB"`."""
    scale, _ = _choose(total)
    part = done / scale
    return f"{part:.{0 if scale == 1 or part >= 100 else 1}f} of {size_text(total)}"


def _choose(count: float) -> tuple[float, str]:
    """Return the unit in which a number of bytes has at most three digits, rounding included."""
    if count < 1000:
        return 1, "bytes"
    for power, unit in enumerate(_UNITS, 1):
        scale = 1000.0**power
        if count / scale < 999.5 or unit == _UNITS[-1]:
            return scale, unit
    raise AssertionError
