"""Tables of positions and biases of LSTMs, by the reference and by their formulas."""

from __future__ import annotations

import hashlib
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference_laws
from initializers import S4D, Hippo, LstmBias, Rotary, Sinusoidal
from reference import DTYPES

PAGE = Path(__file__).parents[3] / "docs" / "stream.md"

TABLES: list[tuple[Any, Any, tuple[Any, ...]]] = [
    (LstmBias, reference_laws.lstm_bias, (1.0, "ifgo")),
    (LstmBias, reference_laws.lstm_bias, (-0.7, "ijfo")),
    *((S4D, reference_laws.s4d, (part,)) for part in ("log_real", "real", "imaginary")),
    *((Hippo, reference_laws.hippo, (part,)) for part in "AB"),
    *(
        (Sinusoidal, reference_laws.sinusoidal, (1e4, *pair))
        for pair in itertools.product((True, False), repeat=2)
    ),
    *(
        (Rotary, reference_laws.rotary, (part, base, interleaved))
        for part in ("frequencies", "cos", "sin")
        for base, interleaved in ((1e4, False), (5e5, True), (1.0, True))
    ),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("cls", "reference", "given"), TABLES)
def test_values_equal_the_reference(cls: Any, reference: Any, given: Any, dtype: str) -> None:
    for shape in ((1, 4), (40, 16), (2, 7, 12)):
        assert cls(*given)(shape, dtype).tobytes() == reference(dtype, shape, *given).tobytes()


@pytest.mark.parametrize("gates", ["ifgo", "ijfo", "fiou", "aecf"])
def test_the_forget_gate_has_its_quarter(gates: str) -> None:
    bias = LstmBias(2.0, gates)((3, 20)).reshape(3, 4, 5)
    for i, gate in enumerate(gates):
        assert (bias[:, i] == (2.0 if gate == "f" else 0.0)).all()


def test_positions_have_sines_and_cosines_of_their_angles() -> None:
    positions, channels = 3000, 32
    p, i = np.arange(positions)[:, None], np.arange(channels // 2)
    for endpoint in (False, True):
        angles = p * 10000.0 ** (-i / (channels // 2 - 1 if endpoint else channels // 2))
        table = Sinusoidal(endpoint=endpoint)((positions, channels), "float64")
        assert np.abs(table[:, 0::2] - np.sin(angles)).max() < 1e-11
        assert np.abs(table[:, 1::2] - np.cos(angles)).max() < 1e-11
        halves = Sinusoidal(interleaved=False, endpoint=endpoint)((positions, channels), "float64")
        assert np.array_equal(np.hstack([table[:, 0::2], table[:, 1::2]]), halves)
    frequencies = Rotary()((channels // 2,), "float64")
    assert np.allclose(frequencies, 10000.0 ** (-2 * i / channels), rtol=1e-14)
    cos, sin = (Rotary(part)((positions, channels), "float64") for part in ("cos", "sin"))
    assert np.abs(cos[:, :16] - np.cos(p * frequencies)).max() < 1e-11
    assert np.array_equal(cos[:, :16], cos[:, 16:])
    interleaved = Rotary("sin", interleaved=True)((positions, channels), "float64")
    assert np.array_equal(interleaved, np.repeat(sin[:, :16], 2, axis=1))


def test_far_positions_are_reduced_exactly() -> None:
    """The last of 2^27 positions, whose angle at frequency 1 is the position itself."""
    index = (slice(2**27 - 1, 2**27), slice(0, 2))
    sin, cos = Sinusoidal()((2**27, 4), "float64", index=index)[0]
    assert sin == pytest.approx(np.sin(2.0**27 - 1), abs=4e-16)
    assert cos == pytest.approx(np.cos(2.0**27 - 1), abs=4e-16)


@pytest.mark.parametrize(
    ("initializer", "shape", "text"),
    [
        (LstmBias(), (), r"`shape` must have 1 or more dimension for LstmBias, received: \(\)"),
        (LstmBias(), (4, 6), r"a multiple of 4 in its last dimension for LstmBias.*: \(4, 6\)"),
        (Sinusoidal(), (4,), r"2 or more dimensions for Sinusoidal, received: \(4,\)"),
        (Sinusoidal(), (4, 3), r"an even number of channels for Sinusoidal, received: \(4, 3\)"),
        (Rotary(), (), r"1 or more dimension for Rotary, received: \(\)"),
        (Rotary("sin"), (4, 3), r"an even number of channels for Rotary, received: \(4, 3\)"),
        (Rotary("cos"), (2**27 + 1, 2), r"at most 2\*\*27 positions .*: \(134217729, 2\)"),
    ],
)
def test_shapes_without_a_table_are_refused(initializer: Any, shape: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        initializer(shape)


def test_the_vectors_of_the_page_are_made() -> None:
    text = PAGE.read_text(encoding="utf-8").split("## 16 ")[1].split("\nVector: ")[1]
    codes = [code.split() for code in re.findall(r"`([0-9a-f]{8}[0-9a-f\s]*)`", text)]
    made = [
        S4D()((4,)),
        Hippo()((3, 3)),
        Sinusoidal()((2, 4))[1],
        Sinusoidal(interleaved=False, endpoint=True)((2, 4))[1],
        Rotary()((4,)),
    ]
    bits = [[f"{pattern:08x}" for pattern in values.ravel().view(np.uint32)] for values in made]
    little = Sinusoidal()((3000, 128), "float64").astype("<f8")
    assert codes == [*bits, [hashlib.sha256(little.tobytes()).hexdigest()]]


def test_a_table_without_elements_has_its_shape() -> None:
    for initializer in (LstmBias(), Sinusoidal(endpoint=True), Rotary(), Rotary("cos")):
        for shape in ((0, 4), (3, 0)):
            assert initializer(shape).shape == shape
    assert Sinusoidal(endpoint=True)((2, 2))[0].tolist() == [0.0, 1.0]
