"""The result as a table for a terminal."""

from __future__ import annotations

import math
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

from .._arguments.checks import show, to_integer
from .._charts import html
from .._charts.text import draw_bar

if TYPE_CHECKING:
    from ._result import Layer, Propagation

_NARROWEST, _WIDEST = 72, 140
_NUMBER = 8
_NARROWEST_BAR = 11


def draw_table(result: Propagation, width: object, ascii: bool | None) -> str:
    """Return the table; see `Propagation.table`."""
    if width is None:
        columns = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)
    else:
        columns = _check_width(width)
    plain = _lacks_blocks() if ascii is None else ascii
    layers = result.layers
    has_gradients = result.loss is not None
    # Additional narrow columns, if the terminal is wide enough.
    extras = _choose_extras(layers, columns, has_gradients)
    scales = [_Scale(layers, "activations", lambda row: row.rms, lambda row: row.theory)]
    if has_gradients:
        scales.append(
            _Scale(layers, "gradients", lambda row: row.gradient, lambda row: row.gradient_theory)
        )
    fixed = sum(size + 2 for _, size, _ in extras) + len(scales) * (2 * _NUMBER + 4)
    longest = max([len("layer"), *(len(layer.name) for layer in layers)])
    name_width = max(10, min(longest, columns - fixed - _NARROWEST_BAR * len(scales)))
    # An odd number of columns, so that 1 has one in the middle.
    bar = max(_NARROWEST_BAR, (min(31, (columns - fixed - name_width) // len(scales)) - 1) | 1)

    def row(name: str, others: Sequence[str], parts: Sequence[tuple[str, str, str]]) -> str:
        cells = [_fit(name, name_width)]
        cells += [f"  {text:>{size}}" for text, (_, size, _) in zip(others, extras, strict=True)]
        cells += [f"  {a:>{_NUMBER}}{b:>{_NUMBER}}  {c:<{bar}}" for a, b, c in parts]
        return "".join(cells).rstrip()

    heads = [("measured", "theory", scale.axis(bar)) for scale in scales]
    head = row("layer", [title for title, _, _ in extras], heads)
    titles = "".join(f"{scale.title:<{2 * _NUMBER + 4 + bar}}" for scale in scales)
    lines = [
        " " * (name_width + sum(size + 2 for _, size, _ in extras) + 2) + titles.rstrip(),
        head,
        ("-" if plain else "─") * len(head),
    ]
    for layer in layers:
        others = [cell(layer) for _, _, cell in extras]
        lines.append(row(layer.name, others, [scale.cells(layer, bar, plain) for scale in scales]))
    return "\n".join([*lines, "", textwrap.fill(result.verdict, columns)])


def draw_html(result: Propagation) -> str:
    """Return the numbers of all layers as a table, and the verdict."""
    head = ["layer", "type", "activations", "theory", "ratio", "dead", "saturated"]
    has_gradients = result.loss is not None
    head += ["gradients", "theory"] if has_gradients else []
    rows = [
        [
            *(layer.name, layer.type, _show(layer.rms), _show(layer.theory), _show(layer.ratio)),
            *(_percent(layer.dead), _percent(layer.saturated)),
            *([_show(layer.gradient), _show(layer.gradient_theory)] if has_gradients else []),
        ]
        for layer in result.layers
    ]
    return html.table(head, rows, right=range(2, len(head))) + escape(result.verdict)


def _choose_extras(
    layers: Sequence[Layer], columns: int, has_gradients: bool
) -> list[tuple[str, int, Callable[[Layer], str]]]:
    if columns < 100:
        return []
    widest = max([len("type"), *(len(layer.type) for layer in layers)])
    size = min(widest, 14 if columns < 120 else 20)
    chosen: list[tuple[str, int, Callable[[Layer], str]]] = [
        ("type", size, lambda layer: _fit(layer.type, size).strip()),
    ]
    if columns >= 120:
        chosen.append(("ratio", 7, lambda layer: _show(layer.ratio)))
        chosen.append(("dead", 4, lambda layer: _percent(layer.dead)))
        chosen.append(("sat.", 4, lambda layer: _percent(layer.saturated)))
    if columns >= 130 and has_gradients:
        chosen.append(("weights'", 8, lambda layer: _show(layer.weight_gradient)))
    return chosen


class _Scale:
    """One kind of scale: its numbers, and bars on a logarithmic axis with 1 in the middle."""

    def __init__(
        self,
        layers: Sequence[Layer],
        title: str,
        measured: Callable[[Layer], float | None],
        theory: Callable[[Layer], float | None],
    ) -> None:
        self.title, self._measured, self._theory = title, measured, theory
        logs = [math.log10(v) for layer in layers if (v := measured(layer)) and 0 < v < math.inf]
        # The decades on each side.
        self.reach = max(1, math.ceil(max(map(abs, logs), default=1.0)))

    def axis(self, bar: int) -> str:
        """Return the labels over the bars: both ends of the axis, and 1."""
        low, high = f"1e-{self.reach}", f"1e{self.reach}"
        middle = bar // 2
        if len(low) > middle or len(high) >= middle:
            return f"{low:<{middle}}1"
        return f"{low:<{middle}}1{high:>{bar - middle - 1}}"

    def cells(self, layer: Layer, bar: int, plain: bool) -> tuple[str, str, str]:
        """Return both numbers and the bar of a layer."""
        value = self._measured(layer)
        return _show(value), _show(self._theory(layer)), self._draw(value, bar, plain)

    def _draw(self, value: float | None, bar: int, plain: bool) -> str:
        if value is None or value == 0:
            return ""
        if not math.isfinite(value):
            return "!" * bar
        room = bar // 2
        length = abs(math.log10(value)) / self.reach * room
        if plain:
            drawn = "#" * round(length)
        elif value < 1:
            drawn = "▐" * (round(2 * length) % 2) + "█" * (round(2 * length) // 2)
        else:
            drawn = draw_bar(round(8 * length))
        axis = "|" if plain else "│"
        return f"{drawn:>{room}}{axis}" if value < 1 else f"{'':{room}}{axis}{drawn}"


def _check_width(width: object) -> int:
    wanted = f"`width` must be an integer >= {_NARROWEST} or None, received: {show(width)}"
    columns = to_integer(width)
    if columns is None:
        raise TypeError(wanted)
    if columns < _NARROWEST:
        raise ValueError(wanted)
    return columns


def _lacks_blocks() -> bool:
    try:
        "█─".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def _fit(name: str, width: int) -> str:
    """Return a name of that width: what is too long loses its middle."""
    if len(name) <= width:
        return f"{name:<{width}}"
    head = (width - 2) // 2
    return f"{name[:head]}..{name[len(name) - (width - 2 - head) :]}"


def _show(number: float | None) -> str:
    return "-" if number is None else f"{number:.2g}" if number else "0"


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{fraction:.0%}"
