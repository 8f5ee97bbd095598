"""Saves and restores the random states of Python and NumPy, from which a model may draw."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def generators_kept() -> Iterator[None]:
    """Restore the random states after the call of a model.

    Use it around nothing longer: other threads draw from these generators too, and draw the same
    numbers again afterwards.
    """
    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
