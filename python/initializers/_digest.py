"""One line that tells whether two sets of weights are the same bits."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._checks import show

_IS_BIG = sys.byteorder == "big"


def digest(weights: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of named weights, in their order, as 64 hexadecimal digits.

    It covers names, dtypes, shapes and every bit of the values, and is the same on every machine
    (`docs/stream.md`, section 10).

    Args:
        weights: Arrays by name; their order counts.

    Raises:
        TypeError: If `weights` is no mapping, a name is not a string or a weight not a NumPy array.

    Examples:
        >>> digest({"kernel": RandomNormal(seed=1)((3, 3))})[:12]
        '851d97d62417'
    """
    import hashlib  # milliseconds, so only for those who use it

    if not isinstance(weights, Mapping):
        raise TypeError(f"`weights` must map names to NumPy arrays, received: {show(weights)}")
    total = hashlib.sha256()
    for name, array in weights.items():
        if not isinstance(name, str) or not isinstance(array, np.ndarray):
            raise TypeError(
                "`weights` must map names to NumPy arrays, "
                f"received: {name!r} for {type(array).__name__}"
            )
        big = array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and _IS_BIG)
        values = np.ascontiguousarray(array.byteswap() if big else array)
        shape = b"".join(size.to_bytes(8, "little") for size in array.shape)
        data = values.reshape(-1).view(np.uint8).data
        for part in (name.encode(), array.dtype.name.encode(), shape, data):
            total.update(len(part).to_bytes(8, "little"))
            total.update(part)
    return total.hexdigest()
