"""The generators of Python and NumPy, from which a model may draw when it is called."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def generators_kept() -> Iterator[None]:
    """Put their states back after a model's own call, and after nothing longer than that.

    Other threads draw from them too: what they draw in that time, they draw again later.
    """
    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
