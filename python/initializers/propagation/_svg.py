"""The result as a small inline SVG, for notebooks: dots measured, a line by theory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ._result import Layer, Propagation

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 300, 150, 40, 20, 30
_BLUE = "#4477aa"

_Scale: TypeAlias = "Callable[[Layer], float | None]"


def draw_svg(result: Propagation) -> str:
    """Return the scales of activations, and of gradients if there are any, over depth."""
    panels: list[tuple[str, _Scale, _Scale]] = [
        ("activations", lambda layer: layer.rms, lambda layer: layer.theory)
    ]
    if result.loss is not None:
        panels.append(
            ("gradients", lambda layer: layer.gradient, lambda layer: layer.gradient_theory)
        )
    width = len(panels) * (_LEFT + _WIDTH + _GAP)
    drawn = [
        f"<g transform='translate({place * (_LEFT + _WIDTH + _GAP) + _LEFT},{_TOP})'>"
        f"{''.join(_draw_panel(result.layers, *panel))}</g>"
        for place, panel in enumerate(panels)
    ]
    return (
        f"<svg width='{width}' height='{_HEIGHT + _TOP + 25}' font-size='11' fill='currentColor' "
        f"xmlns='http://www.w3.org/2000/svg'>{''.join(drawn)}</svg>"
    )


def _draw_panel(
    layers: Sequence[Layer], title: str, measured: _Scale, theory: _Scale
) -> Iterator[str]:
    logs = [_log(scale(layer)) for layer in layers for scale in (measured, theory)]
    known = [log for log in logs if log is not None]
    reach = max(1, math.ceil(max(map(abs, known), default=1)))

    def x(place: int) -> float:
        return _WIDTH * (place + 0.5) / max(len(layers), 1)

    def y(log: float) -> float:
        return _HEIGHT * (0.5 - log / (2 * reach))

    yield f"<text x='0' y='-7'>{escape(title)}</text>"
    for decade, label in ((-reach, f"1e-{reach}"), (0, "1"), (reach, f"1e{reach}")):
        yield (
            f"<line x1='0' x2='{_WIDTH}' y1='{y(decade):.1f}' y2='{y(decade):.1f}' "
            "stroke='currentColor' opacity='0.25'/>"
            f"<text x='-5' y='{y(decade) + 4:.1f}' text-anchor='end'>{label}</text>"
        )
    expected = [(place, _log(theory(layer))) for place, layer in enumerate(layers)]
    points = " ".join(f"{x(place):.1f},{y(log):.1f}" for place, log in expected if log is not None)
    yield f"<polyline points='{points}' fill='none' stroke='{_BLUE}' opacity='0.6'/>"
    for place, layer in enumerate(layers):
        log = _log(measured(layer))
        if log is not None:
            name = escape(f"{layer.name}: {measured(layer):.3g}")
            yield (
                f"<circle cx='{x(place):.1f}' cy='{y(log):.1f}' r='2.5' fill='{_BLUE}'>"
                f"<title>{name}</title></circle>"
            )
    label = f"layer 1 to {len(layers)}"
    yield f"<text x='{_WIDTH}' y='{_HEIGHT + 14}' text-anchor='end'>{label}</text>"


def _log(number: float | None) -> float | None:
    return math.log10(number) if number is not None and 0 < number < math.inf else None
