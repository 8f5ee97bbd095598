"""Text histograms for terminals."""

from __future__ import annotations

import numpy as np

from .laws import Law
from .statistics import Distribution, Floats
from .text import draw_bar, number

_HEIGHTS = " ▁▂▃▄▅▆▇█"


def linear_edges(counts: Distribution, bins: int) -> Floats:
    """Return the edges of equal bins from the least to the greatest value."""
    low, high = float(counts.edges[0]), float(counts.edges[-1])
    if low == high:
        margin = abs(low) / 2 or 0.5
        low, high = low - margin, high + margin
    return np.linspace(low, high, bins + 1)


def split(counts: Distribution, edges: Floats) -> Floats:
    """Return the counts between `edges`; one value is one bin."""
    if counts.edges[0] == counts.edges[-1]:
        result: Floats = np.histogram(counts.edges[:1], edges)[0] * float(counts.counts.sum())
        return result
    return counts.split(edges)


def spark(counts: Distribution, width: int = 12) -> str:
    """Return a histogram of one line."""
    parts = split(counts, linear_edges(counts, width))
    steps = np.ceil(parts / parts.max() * 8).astype(int)
    return "".join(_HEIGHTS[step] for step in steps)


def bars(counts: Distribution, width: int, rows: int = 17, law: Law | None = None) -> list[str]:
    """Return a histogram of one line for each bin, `width` columns wide.

    Args:
        counts: The distribution.
        width: The number of columns.
        rows: The number of bins.
        law: If given, `│` marks the counts that it expects.
    """
    edges = linear_edges(counts, rows)
    parts = split(counts, edges)
    total = float(parts.sum())
    expected = None
    if law is not None and law.cdf is not None:
        expected = np.diff(law.cdf(edges)) * total
    exact = (edges[1:] + edges[:-1]) / 2
    exact[np.abs(exact) < (edges[1] - edges[0]) / 100] = 0.0
    middles = [number(float(middle), 3) for middle in exact]
    labels = max(map(len, middles))
    most = max(float(parts.max()), 0.0 if expected is None else float(expected.max()))
    room = max(width - labels - 10, 10)
    lines = []
    for place, (middle, part) in enumerate(zip(middles, parts, strict=True)):
        eighths = round(part / most * room * 8)
        bar = draw_bar(eighths)
        if expected is not None:
            at = min(round(expected[place] / most * room), room - 1)
            bar = f"{bar:<{at + 1}}"
            bar = bar[:at] + "│" + bar[at + 1 :]
        lines.append(f"{middle:>{labels}} {bar:<{room}} {100 * part / total:6.2f} %")
    return lines


def draw_svg(counts: Distribution, law: Law | None = None) -> str:
    """Return a histogram as an inline SVG, with the density that a law expects as a line."""
    width, height, rows = 320, 140, 41
    edges = linear_edges(counts, rows)
    parts = split(counts, edges)
    expected = None
    if law is not None and law.cdf is not None:
        expected = np.diff(law.cdf(edges)) * float(parts.sum())
    most = max(float(parts.max()), 0.0 if expected is None else float(expected.max()))
    step = width / rows
    drawn = [
        f"<rect x='{place * step:.1f}' y='{height * (1 - part / most):.1f}' "
        f"width='{step - 0.5:.1f}' height='{height * part / most:.1f}' fill='#4477aa'/>"
        for place, part in enumerate(parts)
    ]
    if expected is not None:
        points = " ".join(
            f"{(place + 0.5) * step:.1f},{height * (1 - part / most):.1f}"
            for place, part in enumerate(expected)
        )
        drawn.append(f"<polyline points='{points}' fill='none' stroke='#cc6633'/>")
    low, high = (number(float(edge), 3) for edge in (edges[0], edges[-1]))
    labels = (
        f"<text x='0' y='{height + 14}'>{low}</text>"
        f"<text x='{width}' y='{height + 14}' text-anchor='end'>{high}</text>"
    )
    return (
        f"<svg width='{width}' height='{height + 18}' viewBox='0 -2 {width} {height + 20}' "
        f"font-size='11' fill='currentColor' xmlns='http://www.w3.org/2000/svg'>"
        f"{''.join(drawn)}{labels}</svg>"
    )
