"""Biases of LSTMs."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._arguments.checks import check_real, show
from .._arguments.shapes import Shape
from .tables import Table, TableLaw, check_last_axes


class LstmBias(Table):
    """Bias of an LSTM: `forget` for the forget gate, 0 for the three other gates.

    The last axis holds the four gates one after the other, each with a quarter of the elements.
    Keras's `unit_forget_bias=True` is `LstmBias()`. PyTorch adds two biases, `bias_ih` and
    `bias_hh`: give one of them `"lstm_bias"` and the other `"zeros"`.

    F. A. Gers, J. Schmidhuber and F. Cummins (2000), Learning to Forget: Continual Prediction with
    LSTM; R. Jozefowicz, W. Zaremba and I. Sutskever (2015), An Empirical Exploration of Recurrent
    Network Architectures.

    Args:
        forget: The bias of the forget gate, a finite number.
        gates: The order of the gates: four different lower-case letters, of which `f` is the
            forget gate. `"ifgo"` in Keras and PyTorch, `"ijfo"` in TensorFlow's older cells.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; on a call, if the last dimension is not a multiple of
            4, or the dtype cannot represent `forget`.

    Examples:
        >>> LstmBias()((8,)).tolist()
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """

    forget: float
    gates: str

    def __init__(self, forget: float = 1.0, gates: str = "ifgo") -> None:
        self._keep(forget=check_real("forget", forget), gates=_check_gates(gates))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {"forget": self.forget, "gates": self.gates}

    def _table(self, shape: Shape) -> TableLaw:
        (width,) = check_last_axes("LstmBias", shape, 1)
        if width % 4:
            raise ValueError(
                "`shape` must have a multiple of 4 in its last dimension for LstmBias, one part a "
                f"gate, received: {shape}"
            )
        return _core.fill_lstm_bias, (self.forget, self.gates)


def _check_gates(gates: object) -> str:
    wanted = "four different lower-case letters, one of them 'f', such as 'ifgo'"
    if not isinstance(gates, str):
        raise TypeError(f"`gates` must be {wanted}, received: {show(gates)}")
    is_order = len(gates) == 4 == len(set(gates)) and gates.isascii() and gates.isalpha()
    if not (is_order and gates.islower() and "f" in gates):
        raise ValueError(f"`gates` must be {wanted}, received: {show(gates)}")
    return str(gates)
