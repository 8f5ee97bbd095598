"""Tables of positions: sinusoidal and rotary."""

from __future__ import annotations

from typing import Any, get_args

from .. import _core
from .._arguments.checks import check_bool, check_name, check_real_where
from .._arguments.shapes import Shape
from .._arguments.types import RotaryPart
from .tables import Table, TableLaw, check_last_axes

_ROTARY_PARTS = get_args(RotaryPart)

# Angles are reduced exactly up to this number of positions.
_MOST_POSITIONS = 2**27


class Sinusoidal(Table):
    """Sinusoidal positions: sin(p · f) and cos(p · f) of the position p for each frequency f.

    The last two axes are positions and channels; other axes repeat the table. Of d channels,
    frequency i is base^(-2i/d), in Attention Is All You Need; with `endpoint` it is
    base^(-i/(d/2 - 1)), so that the last one is 1/base, in tensor2tensor, fairseq and Whisper.

    A. Vaswani et al. (2017), Attention Is All You Need; A. Radford et al. (2022), Robust Speech
    Recognition via Large-Scale Weak Supervision.

    Args:
        base: A number in [1, 1e300].
        interleaved: Whether a frequency's sine and cosine are side by side; otherwise all sines are
            in the first half of the channels and all cosines in the second, as in Whisper.
        endpoint: Whether the last frequency is 1/base.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; on a call, if the shape does not end with at most
            `2**27` positions and an even number of channels.

    Examples:
        >>> Sinusoidal()((2, 4))
        array([[0.        , 1.        , 0.        , 1.        ],
               [0.84147096, 0.5403023 , 0.00999983, 0.99995   ]], dtype=float32)
    """

    base: float
    interleaved: bool
    endpoint: bool

    def __init__(
        self, base: float = 10000.0, interleaved: bool = True, endpoint: bool = False
    ) -> None:
        self._keep(base=_check_base(base), interleaved=check_bool("interleaved", interleaved))
        self._keep(endpoint=check_bool("endpoint", endpoint))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {"base": self.base, "interleaved": self.interleaved, "endpoint": self.endpoint}

    def _table(self, shape: Shape) -> TableLaw:
        _check_table("Sinusoidal", shape)
        return _core.fill_sinusoidal, (self.base, self.interleaved, self.endpoint)


class Rotary(Table):
    """Rotary positions: the frequencies, or the cosines or sines of the angles of rotation.

    `"frequencies"` are base^(-i/m) for the m elements of the last axis: the buffer `inv_freq`.
    `"cos"` and `"sin"` are tables of positions p and channels, the last two axes: cos(p · f) and
    sin(p · f), where each of the d/2 frequencies base^(-2i/d) belongs to two of d channels.

    J. Su et al. (2021), RoFormer: Enhanced Transformer with Rotary Position Embedding.

    Args:
        part: `"frequencies"`, `"cos"` or `"sin"`.
        base: A number in [1, 1e300], often called theta.
        interleaved: Whether the two channels of a frequency are side by side, as in the paper;
            otherwise one is in each half of the channels, as in transformers. It does not matter
            for `"frequencies"`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; on a call, if the shape has no dimension, or a table
            does not end with at most `2**27` positions and an even number of channels.

    Examples:
        >>> Rotary("cos")((2, 4))
        array([[1.       , 1.       , 1.       , 1.       ],
               [0.5403023, 0.99995  , 0.5403023, 0.99995  ]], dtype=float32)
    """

    part: str
    base: float
    interleaved: bool

    def __init__(
        self, part: RotaryPart = "frequencies", base: float = 10000.0, interleaved: bool = False
    ) -> None:
        self._keep(part=check_name("part", part, _ROTARY_PARTS), base=_check_base(base))
        self._keep(interleaved=check_bool("interleaved", interleaved))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {"part": self.part, "base": self.base, "interleaved": self.interleaved}

    def _table(self, shape: Shape) -> TableLaw:
        if self.part == "frequencies":
            check_last_axes("Rotary", shape, 1)
        else:
            _check_table("Rotary", shape)
        return _core.fill_rotary, (self.part, self.base, self.interleaved)


def _check_base(base: object) -> float:
    return check_real_where("base", base, "in [1, 1e300]", lambda x: 1 <= x <= 1e300)


def _check_table(name: str, shape: Shape) -> None:
    positions, channels = check_last_axes(name, shape, 2)
    if positions > _MOST_POSITIONS or channels % 2:
        raise ValueError(
            "`shape` must end with at most 2**27 positions and an even number of channels for "
            f"{name}, received: {shape}"
        )
