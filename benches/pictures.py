"""Draws the results of `compare.py` as SVG, for light and for dark pages.

python benches/pictures.py    draws again from docs/assets/bench.json
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parents[1] / "docs" / "assets"
DATA = "bench.json"

_OURS = "initializers"
_ORANGE = "#e8710a"
# (color of text, color of peers' bars).
_THEMES = {"light": ("#1f2328", "#b8bec6"), "dark": ("#e6edf3", "#59636e")}
# The samplers of the bars, each a panel, and the peers of the lines.
_PANELS = {"uniform": "uniform", "normal": "normal", "truncated": "truncated normal"}
_LINES = {"initializers": "initializers", "numpy": "NumPy", "torch": "torch", "jax jit": "JAX jit"}
_LABELS = {
    **_LINES,
    "jax": "JAX",
    "keras on jax": "Keras on JAX",
    "keras on tensorflow": "Keras on TensorFlow",
    "keras on torch": "Keras on torch",
}
_FONT = "font-family='system-ui,sans-serif' font-size='13'"


def summarize(results: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Return medians in nanoseconds an element: of large new float32 arrays, and by size."""

    def ns(record: dict[str, Any]) -> dict[str, float]:
        seconds = {key: statistics.median(value) for key, value in record["seconds"].items()}
        return {key: round(value / record["size"] * 1e9, 3) for key, value in seconds.items()}

    summary = dict(known)
    if "main" in results:
        summary["new"] = {
            record["sampler"]: ns(record)
            for record in results["main"]
            if record["fresh"] and record["dtype"] == "float32"
        }
    if "sizes" in results:
        summary["sizes"] = {str(record["size"]): ns(record) for record in results["sizes"]}
    return summary


def draw(results: dict[str, Any], directory: Path) -> None:
    """Write the medians of a run and its pictures into a directory."""
    path = directory / DATA
    known = json.loads(path.read_text()) if path.exists() else {}
    summary = summarize(results, known)
    path.write_text(json.dumps(summary, indent=1) + "\n")
    draw_summary(summary, directory)


def draw_summary(summary: dict[str, Any], directory: Path) -> None:
    """Draw the medians of a run."""
    for theme, colors in _THEMES.items():
        if "new" in summary:
            text = "".join(_draw_bars(summary["new"], *colors))
            (directory / f"bench-bars-{theme}.svg").write_text(text)
        if "sizes" in summary:
            text = "".join(_draw_sizes(summary["sizes"], *colors))
            (directory / f"bench-sizes-{theme}.svg").write_text(text)


def _draw_bars(samplers: dict[str, dict[str, float]], text: str, gray: str) -> Iterator[str]:
    """Yield a panel for each sampler: a bar for each peer, with its ratio to ours."""
    row, label, bar, panel = 22, 150, 300, 560
    rows = {name: sorted(samplers[name].items(), key=lambda pair: pair[1]) for name in _PANELS}
    height = sum(26 + row * len(peers) + 12 for peers in rows.values()) + 24
    yield (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {panel} {height}' width='{panel}' "
        f"height='{height}' {_FONT} fill='{text}' role='img'>"
        "<title>Nanoseconds an element of a new array of 2^24 float32 on two threads</title>"
    )
    most = max(value for peers in rows.values() for _, value in peers)
    top = 16
    for name, peers in rows.items():
        ours = samplers[name][_OURS]
        yield f"<text x='0' y='{top}' font-weight='bold'>{_PANELS[name]}</text>"
        for place, (peer, value) in enumerate(peers):
            y = top + 10 + row * place
            color = _ORANGE if peer == _OURS else gray
            ratio = f"{value / ours:.1f}×" if peer != _OURS else f"{value:.2f} ns"
            weight = " font-weight='bold'" if peer == _OURS else ""
            width = value / most * bar
            yield (
                f"<text x='{label - 8}' y='{y + 13}' text-anchor='end'{weight}>"
                f"{_LABELS.get(peer, peer)}</text>"
                f"<rect x='{label}' y='{y + 2}' width='{width:.1f}' height='{row - 7}' "
                f"fill='{color}'/>"
                f"<text x='{label + width + 6:.1f}' y='{y + 13}'{weight}>{ratio}</text>"
            )
        top += 26 + row * len(peers) + 12
    caption = "time for a new 64 MiB array, float32, two threads; the number is the ratio to ours"
    yield f"<text x='0' y='{height - 6}' font-size='12'>{caption}</text></svg>\n"


def _draw_sizes(sizes: dict[str, dict[str, float]], text: str, gray: str) -> Iterator[str]:
    """Yield a line for each peer: nanoseconds an element against the size, both logarithmic."""
    width, height, left, right, top, bottom = 640, 340, 54, 100, 26, 40
    counts = sorted(map(int, sizes))
    values = [value for peers in sizes.values() for peer, value in peers.items() if peer in _LINES]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    first, last = math.log2(counts[0]), math.log2(counts[-1])

    def x(count: int) -> float:
        return left + (math.log2(count) - first) / (last - first) * (width - left - right)

    def y(value: float) -> float:
        return top + (high - math.log10(value)) / (high - low) * (height - top - bottom)

    yield (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' "
        f"height='{height}' {_FONT} fill='{text}' role='img'>"
        "<title>Nanoseconds an element of a new normal float32 array, by its size</title>"
        f"<text x='0' y='13'>ns an element (normal, float32, new array)</text>"
    )
    for power in range(low, high + 1):
        at = y(10.0**power)
        yield (
            f"<line x1='{left}' x2='{width - right}' y1='{at:.1f}' y2='{at:.1f}' "
            f"stroke='{gray}' stroke-width='0.5'/>"
            f"<text x='{left - 6}' y='{at + 4:.1f}' text-anchor='end'>{10.0**power:g}</text>"
        )
    for count in counts:
        power = round(math.log2(count))
        name = (
            f"2<tspan dy='-5' font-size='9'>{power}</tspan>" if count == 1 << power else f"{count}"
        )
        yield f"<text x='{x(count):.1f}' y='{height - 20}' text-anchor='middle'>{name}</text>"
    yield f"<text x='{width - right}' y='{height - 4}' text-anchor='end'>elements</text>"
    ends: list[float] = []
    last_values = sizes[str(counts[-1])]
    for peer in sorted(_LINES, key=lambda peer: -last_values[peer]):
        color = _ORANGE if peer == _OURS else text
        stroke = 3 if peer == _OURS else 1.3
        dash = {"torch": " stroke-dasharray='6 3'", "jax jit": " stroke-dasharray='2 3'"}
        points = " ".join(
            f"{x(count):.1f},{y(sizes[str(count)][peer]):.1f}"
            for count in counts
            if peer in sizes[str(count)]
        )
        yield (
            f"<polyline points='{points}' fill='none' stroke='{color}' stroke-width='{stroke}'"
            f"{dash.get(peer, '')}/>"
        )
        at = max([y(last_values[peer]) + 4, *(end + 15 for end in ends[-1:])])
        ends.append(at)
        yield (f"<text x='{width - right + 6}' y='{at:.1f}' fill='{color}'>{_LINES[peer]}</text>")
    yield "</svg>\n"


if __name__ == "__main__":
    draw_summary(json.loads((ASSETS / DATA).read_text()), ASSETS)
