"""The result as a picture; the only file of the package that imports matplotlib."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .._arguments.checks import show
from .._arguments.installation import how_to_install

if TYPE_CHECKING:
    from ._result import Layer, Propagation

# More layers than this are numbered, not named.
_MOST_NAMES = 32
# Scales below are drawn as arrows at the lower edge: all of them have vanished.
_FLOOR = 1e-6
# The lines of several results differ in their dashes too, since theory often coincides.
_DASHES = ("-", "--", "-.", ":")
# The least distance of two labels at the ends of lines, in decades.
_LABEL = 0.4


def draw(result: Propagation, path: Any, axes: Any, label: str | None) -> Any:
    """Draw a result; see `Propagation.plot`."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(f"`plot` needs matplotlib: {how_to_install('plot')}") from None
    panels: list[tuple[str, Callable[[Layer], float | None], Callable[[Layer], float | None]]] = [
        ("activations", lambda layer: layer.rms, lambda layer: layer.theory)
    ]
    if result.loss is not None:
        panels.append(
            ("gradients", lambda layer: layer.gradient, lambda layer: layer.gradient_theory)
        )
    if axes is None:
        figure = Figure(figsize=(5 * len(panels) + 0.5, 4), layout="constrained")
        drawn = list(figure.subplots(1, len(panels), squeeze=False)[0])
    else:
        drawn = list(axes) if hasattr(axes, "__iter__") else [axes]
        if not 1 <= len(drawn) <= 2:
            raise ValueError(f"`axes` must be one or two axes, received: {show(axes)}")
        figure = drawn[0].figure
    for axis, (title, measured, theory) in zip(drawn, panels, strict=False):
        _draw_panel(axis, result.layers, title, measured, theory, label)
    if path is not None:
        figure.savefig(path, dpi=100)
    return figure


def _draw_panel(
    axis: Any,
    layers: Sequence[Layer],
    title: str,
    measured: Callable[[Layer], float | None],
    theory: Callable[[Layer], float | None],
    label: str | None,
) -> None:
    places = range(1, len(layers) + 1)
    values = [_on_log_axis(measured(layer)) for layer in layers]
    dashes = _DASHES[len(axis.lines) // 2 % len(_DASHES)]
    (line,) = axis.plot(places, values, "o", markersize=4, label=label or "measured")
    expected = [_on_log_axis(theory(layer)) for layer in layers]
    if any(map(math.isfinite, expected)):
        # A value of theory between two that it does not know is drawn as a dash of its own.
        axis.plot(
            places,
            expected,
            dashes,
            color=line.get_color(),
            alpha=0.6,
            linewidth=1.5,
            label=None if label else "theory",
        )
    axis.set_yscale("log")
    axis.set_title(title)
    axis.set_ylabel("root mean square")
    if len(layers) <= _MOST_NAMES and label is None:
        axis.set_xticks(list(places), [layer.name for layer in layers], rotation=90, fontsize=7)
    else:
        axis.set_xlabel("layer")
    axis.grid(True, which="major", alpha=0.3)
    edges = [(place, _find_edge(measured(layer))) for place, layer in enumerate(layers, 1)]
    for marker in ("x", "v"):
        points = [(place, edge[0]) for place, edge in edges if edge and edge[1] == marker]
        if points:
            # On the edge of the picture, as the axis has no place for them.
            axis.scatter(
                *zip(*points, strict=True),
                s=20,
                marker=marker,
                color=line.get_color(),
                transform=axis.get_xaxis_transform(),
                clip_on=False,
            )
    if any(edge and edge[1] == "v" for _, edge in edges):
        axis.set_ylim(bottom=_FLOOR)
    if label is None:
        axis.legend(fontsize=8)
    else:
        _write_label(axis, label, values or [math.nan], line.get_color())


def _find_edge(value: float | None) -> tuple[float, str] | None:
    """Return the edge at which a scale is drawn, with its marker; None if inside the picture."""
    if value is None or _FLOOR <= value < math.inf:
        return None
    if 0 < value < _FLOOR:
        return 0.0, "v"
    return (0.0 if value == 0 else 1.0), "x"


def _write_label(axis: Any, label: str, values: Sequence[float], color: Any) -> None:
    """Write a label at the end of its dots, below those that stand there already."""
    last = next((value for value in reversed(values) if math.isfinite(value)), 1.0)
    if not math.isfinite(values[-1]):
        last = _FLOOR
    known = [text.get_position()[1] for text in axis.texts]
    while any(abs(math.log10(last / other)) < _LABEL for other in known):
        last /= 10 ** (_LABEL / 4)
    place = axis.get_yaxis_transform()
    axis.text(1.02, last, label, color=color, fontsize=8, va="center", transform=place)


def _on_log_axis(number: float | None) -> float:
    return number if number is not None and _FLOOR <= number < math.inf else math.nan
