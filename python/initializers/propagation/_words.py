"""The verdict in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ._result import DEEP, FEW, MANY, STABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._result import Layer, Propagation


def describe(result: Propagation) -> str:
    """Return the verdict, of which the first word says it."""
    broken = [layer for layer in result.layers if layer.nonfinite]
    if broken:
        first = broken[0]
        return (
            f"overflow: {first.nonfinite:.0%} of the outputs of {first.name!r} are infinite or NaN"
            f"{_count(broken[1:], 'layers', ' after it')}"
        )
    lost = [layer for layer in result.layers if _is_bad(layer.gradient)]
    if lost:
        return f"overflow: the gradient at {lost[-1].name!r} is infinite or NaN"
    if not result.layers:
        return "unknown: no layer was passed through"
    if len(result.layers) == 1:
        return "unknown: of one layer there is no change to judge"
    layers = result.counted()
    forward = _judge(result.activation_change, len(layers), layers[-1].rms == 0)
    backward = _judge(result.gradient_change, len(layers), layers[0].gradient == 0)
    words = {forward, backward} - {"stable"}
    if result.loss is None:
        words = {forward} - {"stable"}
    word = "stable" if not words else words.pop() if len(words) == 1 else "mixed"
    parts = [_tell("activations", result.activation_change, len(layers), layers[-1].rms == 0)]
    if result.loss is not None:
        nothing = layers[0].gradient == 0
        parts.append(_tell("gradients", result.gradient_change, len(layers), nothing))
    text = f"{word}: over {len(layers)} layers, {' and '.join(parts)}"
    dead = [layer for layer in result.layers if layer.dead > MANY and layer.rms > 0]
    flat = [layer for layer in result.layers if (layer.saturated or 0) > MANY]
    return text + _list(dead, "of the units are dead") + _list(flat, "of the outputs are saturated")


def _is_bad(number: float | None) -> bool:
    return number is not None and not math.isfinite(number)


def _judge(change: float | None, count: int, is_nothing: bool) -> str:
    if is_nothing:
        return "vanishing"
    if change is None:
        return "stable"
    if 1 / STABLE <= change <= STABLE and count >= FEW:
        # A shallow stack shows the rate before the sum of it: judge as if it were deeper.
        change = _rate(change, count) ** (max(count, min(3 * count, DEEP)) - 1)
    return "vanishing" if change < 1 / STABLE else "exploding" if change > STABLE else "stable"


def _rate(change: float, count: int) -> float:
    """Return the change from one layer to the next."""
    return change ** (1 / (count - 1)) if count > 1 else change


def _tell(what: str, change: float | None, count: int, is_nothing: bool) -> str:
    ends = "last layer" if what == "activations" else "first layer"
    if is_nothing:
        return f"{what} are 0 at the {ends}"
    if change is None:
        return f"{what} are 0 in all layers but one"
    rate = _rate(change, count)
    word = _judge(change, count, False)
    verb = {"stable": "change", "vanishing": "shrink", "exploding": "grow"}[word]
    backwards = " backwards" if what == "gradients" else ""
    rates = f"×{rate:.2g} a layer{_tell_next(word, change, rate)}"
    return f"{what} {verb}{backwards} by ×{change:.2g} ({rates})"


def _tell_next(word: str, change: float, rate: float) -> str:
    """Return in how many layers more a change leaves the bounds, if it has not."""
    if word == "stable" or not 1 / STABLE <= change <= STABLE:
        return ""
    limit = 1 / STABLE if word == "vanishing" else STABLE
    more = math.ceil(math.log(limit / change) / math.log(rate))
    bound = f"below 1/{STABLE:g}" if word == "vanishing" else f"above {STABLE:g}"
    return f": {bound} in {more} layer{'s' * (more > 1)} more"


def _list(layers: Sequence[Layer], what: str) -> str:
    if not layers:
        return ""
    return f"; over half {what} in {layers[0].name!r}{_count(layers[1:], 'more layers', '')}"


def _count(rest: Sequence[Layer], what: str, where: str) -> str:
    if not rest:
        return ""
    return f", and of {len(rest)} {what if len(rest) > 1 else what[:-1]}{where}"
