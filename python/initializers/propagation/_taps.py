"""Counts the kernel positions that meet the input if a convolution pads it with zeros."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def count_taps(
    inputs: Sequence[int],
    outputs: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    before: Sequence[int],
    dilation: Sequence[int],
) -> float:
    """Return the number of kernel positions inside the input, averaged over all outputs.

    Without padding it is the kernel's size. All arguments have one entry for each spatial axis.

    Args:
        inputs: The sizes of the input.
        outputs: The sizes of the output.
        kernel: The sizes of the kernel.
        strides: The steps between outputs.
        before: The zeros before the input.
        dilation: The steps between the kernel's places.

    Examples:
        >>> count_taps([4], [4], [3], [1], [1], [1])
        2.5
    """
    mean = 1.0
    axes = zip(inputs, outputs, kernel, strides, before, dilation, strict=True)
    for size, count, width, stride, pad, step in axes:
        places = np.arange(count)[:, None] * stride + np.arange(width) * step - pad
        mean *= float(((places >= 0) & (places < size)).sum()) / max(count, 1)
    return mean


def same_padding(
    inputs: Sequence[int],
    outputs: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> list[int]:
    """Return the zeros before the input for the padding `"same"`, as TensorFlow and JAX have it."""
    axes = zip(inputs, outputs, kernel, strides, dilation, strict=True)
    return [
        max((count - 1) * stride + (width - 1) * step + 1 - size, 0) // 2
        for size, count, width, stride, step in axes
    ]
