"""Known values as initializers, for `capture` in every framework."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from initializers import (
    S4D,
    Constant,
    Hippo,
    Identity,
    LstmBias,
    Ones,
    Rule,
    Sinusoidal,
    Zeros,
)
from initializers.recipe._capture.known import MOST_VALUES, describe_values

N = np.arange(1, 9, dtype="float32")
SINES = Sinusoidal(interleaved=False, endpoint=True)((30, 8))
CASES: dict[str, tuple[Any, Any]] = {
    "zeros": (np.zeros((2, 3), "float32"), Zeros()),
    "no elements": (np.zeros((0, 3), "float32"), Zeros()),
    "ones": (np.ones(3, "int8"), Ones()),
    "true": (np.ones(3, bool), Ones()),
    "a negative number": (np.full((2, 2), -0.5, "float32"), Constant(-0.5)),
    "a narrow number": (np.full(3, 0.5, ml_dtypes.bfloat16), Constant(0.5)),
    "minus zero": (np.full(3, -0.0, "float32"), Constant(-0.0)),
    "both zeros": (np.array([0.0, -0.0], "float32"), Constant(np.array([0.0, -0.0], "float32"))),
    "identity": (3 * np.eye(4, 6, dtype="float32"), Identity(3.0)),
    "narrow identity": (np.eye(3, dtype="float16"), Identity(1.0)),
    "integers": (np.eye(2, dtype="int32"), Constant(np.eye(2, dtype="int32"))),
    "A_log": (np.log(np.tile(N, (3, 1))), S4D()),
    "S4D": (-N, S4D("real")),
    "S4D-Lin": ((np.pi * (N - 1)).astype("float32"), S4D("imaginary")),
    "HiPPO": (Hippo("A")((5, 5)), Hippo("A")),
    "HiPPO's input": (np.sqrt(2 * N - 1), Hippo("B")),
    "a forget gate": (LstmBias(2.0)((12,)), LstmBias(2.0)),
    "the third gate": (LstmBias(1.0, "ijfo")((12,)), LstmBias(1.0, "ijfo")),
    "sines": (Sinusoidal()((30, 8), "float64"), Sinusoidal()),
    "rounded sines": (SINES + np.float32(2e-6), Sinusoidal(interleaved=False, endpoint=True)),
    # Near them, but others.
    "one number off": (-N - 1e-5 * (N == 8), Constant(-N - 1e-5 * (N == 8))),
    "two gates": (np.repeat([0, 1, 1, 0], 3), Constant(np.repeat([0, 1, 1, 0], 3))),
    "the first gate": (np.repeat([1.0, 0, 0, 0], 3), Constant(np.repeat([1.0, 0, 0, 0], 3))),
    "not finite": (np.array([0, np.inf] * 4), Constant(np.array([0, np.inf] * 4))),
    "sines moved": (SINES + np.float32(1e-4), Constant(SINES + np.float32(1e-4))),
    "narrow": (-N.astype(ml_dtypes.bfloat16), Constant(-N)),
    "complex": (np.zeros(3, "complex64"), "known values of a complex dtype"),
    "many": (np.arange(MOST_VALUES + 1.0), "4,097 known values: too many for a recipe"),
    "many sines": (Sinusoidal()((2000, 8)), Sinusoidal()),
}


@pytest.mark.parametrize("name", CASES)
def test_known_values_have_their_initializer(name: str) -> None:
    array, expected = CASES[name]
    found, reason = describe_values(array)
    if isinstance(expected, str):
        assert found is None
        assert reason.startswith(expected)
    else:
        assert (Rule(found), reason) == (Rule(expected), "")
