"""Comparison of JAX's arrays with NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np


def same(array: Any, expected: Any) -> bool:
    """Whether an array has the dtype and the bytes of another."""
    values = np.asarray(array)
    return bool(values.dtype == expected.dtype) and values.tobytes() == expected.tobytes()
