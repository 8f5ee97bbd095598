"""The result of `propagate`: the scales of every layer, and a verdict in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from .._arguments.checks import hint, show
from ._activations import saturated
from ._theory import Call, Node, follow

# A change by more than this from one end of the model to the other is no longer stable.
STABLE = 10.0
# A network of fewer layers than `DEEP` is judged by three times its layers, if it has a `FEW`.
DEEP = 20
FEW = 3
# The verdict reports more than this fraction of dead units or saturated outputs.
MANY = 0.5


@dataclass(frozen=True)
class Layer:
    """The scales of one layer.

    All scales are root mean squares over the batch and all units, in float64. What is not known is
    None.

    Attributes:
        name: Its name in the model; the second pass through one layer is `"name#1"`.
        type: Its class.
        shape: The shape of its output, the batch first.
        mean: The mean of its output.
        std: The standard deviation of its output.
        rms: The root mean square of its output.
        theory: The `rms` that theory expects.
        ratio: `rms` over that of the first layer.
        gradient: The scale of the loss's gradient with respect to the output.
        gradient_theory: The `gradient` that theory expects.
        weight_gradient: The scale of the loss's gradient with respect to the layer's weights.
        dead: The fraction of units in [0, 1] that are 0 in every example of the batch, after the
            activation that follows.
        saturated: The fraction of outputs in [0, 1] at which the activation (tanh, sigmoid,
            softsign, hard_tanh) has less than a twentieth of its largest slope; after the one that
            follows.
        activation: The activation that the layer is or has, or that follows.
        nonfinite: The fraction of outputs in [0, 1] that are infinite or NaN.
        is_weighted: Whether it has matrices or kernels of its own.

    Examples:
        >>> from initializers import propagate
        >>> layer = propagate("he_normal", depth=3, activation="relu")[0]
        >>> layer.name, layer.type, layer.shape, round(layer.theory, 2)
        ('layers/0', 'dense', (256, 256), 1.01)
    """

    name: str
    type: str
    shape: tuple[int, ...]
    mean: float
    std: float
    rms: float
    theory: float | None
    ratio: float
    gradient: float | None
    gradient_theory: float | None
    weight_gradient: float | None
    dead: float
    saturated: float | None
    activation: str | None
    nonfinite: float
    is_weighted: bool


@dataclass(frozen=True, repr=False)
class Propagation:
    """How the scales of activations and gradients change from layer to layer.

    `print` shows a table with bars on a logarithmic axis; it has a length, and gives its layers by
    place or name.

    Attributes:
        layers: The layers, in the order in which they were passed through.
        loss: What is differentiated, in words; None if there are no gradients.

    Examples:
        >>> from initializers import propagate
        >>> result = propagate("he_normal", depth=3, activation="relu")
        >>> len(result), result["layers/2"].shape
        (3, (256, 256))
        >>> result.verdict.partition(":")[0]
        'stable'
    """

    layers: tuple[Layer, ...]
    loss: str | None

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, key: int | str) -> Layer:
        """Return a layer by its place or its name.

        Raises:
            KeyError: If there is no layer of that name.
            IndexError: If there are fewer layers.
        """
        if not isinstance(key, str):
            return self.layers[key]
        for layer in self.layers:
            if layer.name == key:
                return layer
        names = [layer.name for layer in self.layers]
        raise KeyError(f"no layer is named {key!r}{hint(key, names)}")

    def select(self, pattern: str) -> Propagation:
        """Return only the layers whose name or type matches a pattern (`*`, `?`, `[abc]`).

        Ratios stay those to the first layer of the model.

        Raises:
            TypeError: If `pattern` is not a string.
            ValueError: If no layer matches.
        """
        if not isinstance(pattern, str):
            raise TypeError(f"`pattern` must be a string, received: {show(pattern)}")
        chosen = tuple(
            layer
            for layer in self.layers
            if fnmatchcase(layer.name, pattern) or fnmatchcase(layer.type, pattern)
        )
        if not chosen:
            names = [name for layer in self.layers for name in (layer.name, layer.type)]
            raise ValueError(
                "`pattern` must fit the name or type of a layer, "
                f"received: {pattern!r}{hint(pattern, names)}"
            )
        return replace(self, layers=chosen)

    @property
    def activation_change(self) -> float | None:
        """By what factor activations change from the first layer to the last; None of one layer.

        It is that of a straight line through the logarithms of the scales (least squares), so that
        one layer of another scale does not decide. Only layers with matrices or kernels count, if
        there are two, and the last one does not, if there are three: an output layer often has a
        scale of its own, and what comes before it may be pooled. Scales of 0 do not count.
        """
        return self._change(lambda layer: layer.rms)

    @property
    def gradient_change(self) -> float | None:
        """By what factor gradients change from the last layer to the first, in the same way."""
        change = self._change(lambda layer: layer.gradient)
        return None if change is None else 1 / change if change else math.inf

    @property
    def verdict(self) -> str:
        """In words, whether the signal passes: its first word says it.

        `stable`: activations and gradients change by a factor in [1/10, 10] from end to end of the
        model (`activation_change`, `gradient_change`). `vanishing`, `exploding`: by less, by more.
        Three to nineteen layers are judged by the change that their rate gives over three times as
        many, at most 20: ×0.7 a layer is `vanishing`, however few the layers are.
        `mixed`: activations the one, gradients the other. `overflow`: a value is infinite or NaN.
        `unknown`: there are fewer than two layers.
        Layers are named of which over half of the units are dead, or over half of the outputs
        saturated.
        """
        from ._words import describe

        return describe(self)

    def table(self, width: int | None = None, *, ascii: bool | None = None) -> str:
        """Return a table with bars on a logarithmic axis.

        Args:
            width: The number of columns, at least 72. None: the terminal's, and 80 if there is
                none, but at most 140.
            ascii: Whether bars are of ASCII characters. None: if standard output has no others.
        """
        from ._table import draw_table

        return draw_table(self, width, ascii)

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        from ._svg import draw_svg
        from ._table import draw_html

        return draw_svg(self) + draw_html(self)

    def __repr__(self) -> str:
        return f"<Propagation through {len(self)} layers: {self.verdict}>"

    def plot(self, path: Any = None, *, axes: Any = None, label: str | None = None) -> Any:
        """Draw the scales of activations and gradients over depth, measured and by theory.

        Args:
            path: A file to write, of a format that matplotlib knows by the suffix (png, svg, pdf).
            axes: Matplotlib axes to draw into, one for activations and one for gradients (or the
                first alone). None: a new figure.
            label: What the legend calls the measured values, so that several can share axes.

        Returns:
            The figure.

        Raises:
            ImportError: If matplotlib is not installed.
        """
        from ._plot import draw

        return draw(self, path, axes, label)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON has it: infinite values and NaN are strings."""
        return {
            "verdict": self.verdict,
            "loss": self.loss,
            "activation_change": _to_json(self.activation_change),
            "gradient_change": _to_json(self.gradient_change),
            "layers": [
                {key: _to_json(value) for key, value in asdict(layer).items()}
                for layer in self.layers
            ],
        }

    def counted(self) -> list[Layer]:
        """Return the layers that the changes are of, see `activation_change`."""
        weighted = [layer for layer in self.layers if layer.is_weighted]
        chosen = weighted if len(weighted) > 1 else list(self.layers)
        return chosen[:-1] if len(chosen) > 2 else chosen

    def _change(self, scale: Callable[[Layer], float | None]) -> float | None:
        scales = [scale(layer) for layer in self.counted()]
        points = [(i, math.log10(s)) for i, s in enumerate(scales) if s and 0 < s < math.inf]
        if len(points) < 2:
            return None
        x, y = np.array(points).T
        slope = float(np.polyfit(x, y, 1)[0])
        exponent = slope * (len(scales) - 1)
        return math.inf if exponent > 300 else 10.0**exponent


def summarize(
    calls: Sequence[Call], loss: str | None, output_gradient: float | None
) -> Propagation:
    """Return the result for the passes through layers, in the order in which they ended."""
    rows = follow(calls, output_gradient)
    first = rows[0][0].output.rms if rows else 0.0
    return Propagation(tuple(_make_layer(call, node, first) for call, node in rows), loss)


def _make_layer(call: Call, node: Node, first: float) -> Layer:
    value = call.output
    activation, after = node.follower or (node.activation, value)
    return Layer(
        name=call.name,
        type=call.type,
        shape=value.shape,
        mean=value.mean,
        std=value.moments.spread,
        rms=value.rms,
        theory=_root(node.moments.square) if node.is_known else None,
        ratio=value.rms / first if first else math.nan,
        gradient=call.gradient,
        gradient_theory=_root(node.gradient_square),
        weight_gradient=call.weight_gradient,
        dead=after.dead,
        saturated=None if activation is None else saturated(activation, after.sample),
        activation=activation,
        nonfinite=value.bad,
        is_weighted=call.is_weighted,
    )


def _root(square: float | None) -> float | None:
    return None if square is None or math.isnan(square) else math.sqrt(square)


def _to_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
