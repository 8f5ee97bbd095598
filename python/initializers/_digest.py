"""A digest of weights: equal digests mean equal bits."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arguments.checks import is_masked, show

_IS_BIG = sys.byteorder == "big"


def digest(weights: Mapping[str, NDArray[Any]], *, sort: bool = False) -> str:
    """Return the SHA-256 of named weights as 64 hexadecimal digits.

    The digest covers names, dtypes, shapes and every bit of the values, and is the same on every
    machine (`docs/stream.md`, section 11).

    Args:
        weights: Arrays by name. Their order counts, unless `sort` is True.
        sort: Whether to sort the weights by name (code points): frameworks that list the same
            weights in different orders then get the same digest.

    Raises:
        TypeError: If `weights` is not a mapping, a name is not a string, a weight is not a NumPy
            array or is a masked one, or `sort` is not a bool.

    Examples:
        >>> digest({"kernel": RandomNormal(seed=1)((3, 3))})[:12]
        '851d97d62417'
        >>> weights = {"b": Zeros()((2,)), "a": Ones()((2,))}
        >>> digest(weights, sort=True) == digest(dict(sorted(weights.items())))
        True
    """
    import hashlib  # takes milliseconds: imported on first use

    if not isinstance(weights, Mapping):
        raise TypeError(f"`weights` must map names to NumPy arrays, received: {show(weights)}")
    if not isinstance(sort, (bool, np.bool_)):
        raise TypeError(f"`sort` must be a bool, received: {show(sort)}")
    for name, array in weights.items():
        if not isinstance(name, str) or not isinstance(array, np.ndarray) or is_masked(array):
            raise TypeError(
                "`weights` must map names to NumPy arrays, "
                f"received: {show(name)} for {type(array).__name__}"
            )
    total = hashlib.sha256()
    for name, array in sorted(weights.items()) if sort else weights.items():
        big = array.dtype.byteorder == ">" or (array.dtype.byteorder == "=" and _IS_BIG)
        values = np.ascontiguousarray(array.byteswap() if big else array)
        shape = b"".join(size.to_bytes(8, "little") for size in array.shape)
        data = values.reshape(-1).view(np.uint8).data
        for part in (name.encode(), array.dtype.name.encode(), shape, data):
            total.update(len(part).to_bytes(8, "little"))
            total.update(part)
    return total.hexdigest()
