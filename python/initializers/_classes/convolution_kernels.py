"""Convolution kernels that preserve norms (orthogonal) or values (Dirac).

Kernels follow Keras's convention: the spatial dimensions, then input and output channels. For
seeds see `random_base`. Further draws use seeds that `fold_in` derives from the first
(`docs/stream.md`, section 9).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arguments.checks import check_count, check_real, show
from .._arguments.dtypes import DType
from .._arguments.seeds import fold_in
from .._arguments.shapes import Array, Shape
from .._arguments.types import SeedLike
from .._memory.exact_cast import cast
from .base import ArrayInitializer
from .random_base import RandomInitializer, draw_words
from .writers import Law, Writer


class _OrthogonalKernel(RandomInitializer):
    """Base of convolution kernels that multiply norms by a gain."""

    _costly_blocks = True

    gain: float

    def __init__(self, gain: float = 1.0, seed: SeedLike = None) -> None:
        self._keep(gain=check_real("gain", gain))
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {"gain": self.gain, **super().get_config()}


class DeltaOrthogonal(_OrthogonalKernel):
    """Convolution kernel with an orthogonal matrix at its center and zeros elsewhere.

    A convolution with it multiplies the norm of its input by `gain`. Xiao et al. (2018), Dynamical
    isometry and a mean field theory of CNNs: how to train 10,000-layer vanilla convolutional neural
    networks. The center of k positions is position (k - 1) // 2, as in JAX.

    Args:
        gain: A finite number that multiplies the kernel.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it is out of range; on a call, if the shape does not have 3 to 5 dimensions,
            there are more input than output channels, or `gain` overflows the dtype.

    Examples:
        >>> DeltaOrthogonal(seed=1)((3, 3, 8, 16)).shape
        (3, 3, 8, 16)
    """

    _on_zeros = True

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        _check_kernel(self, shape)
        center = tuple((size - 1) // 2 for size in shape[:-2])
        law: Law = _core.fill_orthogonal, (self.gain,)
        self._check(law, dtype)
        fill = self._fill(law, shape[-2:], dtype, *self._draw())

        def write(out: Array, start: Shape | None) -> None:
            start = start or (0,) * out.ndim
            place = tuple(at - low for at, low in zip(center, start, strict=False))
            if all(0 <= at < size for at, size in zip(place, out.shape, strict=False)):
                fill(out[place], start[-2:])

        return write


class _ConvolutionOrthogonal(_OrthogonalKernel):
    """An orthogonal matrix convolved, in each spatial dimension, with k - 1 kernels of size two.

    Each of these kernels holds P and 1 - P. P projects onto about half of the columns of another
    random orthogonal matrix; the columns are chosen at random.
    """

    _dimensions: ClassVar[int]

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        _check_kernel(self, shape, self._dimensions)
        if len(set(shape[:-2])) > 1:
            raise ValueError(
                f"`shape` must have spatial dimensions of one size for {type(self).__name__}, "
                f"received: {shape}"
            )
        self._check((_core.fill_orthogonal, (self.gain,)), dtype)
        name = "float64" if dtype.name == "float64" else "float32"
        gain, zero = np.array([self.gain, 0.0], name)
        seed, stream = self._draw()

        def write(out: Array, start: Shape | None) -> None:
            if not out.size:
                return
            kernel = self._make(shape, name, seed, stream)
            starts = start or (0,) * out.ndim
            block = tuple(
                slice(low, low + size) for low, size in zip(starts, out.shape, strict=True)
            )
            out[...] = cast(gain * kernel[block] + zero, dtype, "gain")

        return write

    def _make(self, shape: Shape, name: str, seed: int, stream: int) -> NDArray[Any]:
        *places, inputs, outputs = shape
        kernel = _orthogonal((inputs, outputs), name, seed, stream)
        kernel = kernel.reshape((1,) * len(places) + kernel.shape)
        number = 0
        for _ in range(places[0] - 1):
            for axis in range(len(places)):
                purposed = fold_in(seed, "initializers", "matrix", number)
                half = _orthogonal((outputs, outputs), name, purposed, stream)
                mask = draw_words(outputs, fold_in(seed, "initializers", "mask", number), stream)
                half[:, mask >= 2**31] = 0
                projected = _core.multiply(
                    kernel.reshape(-1, outputs), _core.multiply(half, np.ascontiguousarray(half.T))
                ).reshape(kernel.shape)
                rest = kernel - projected
                pad = [(0, 0)] * kernel.ndim
                before, after = list(pad), list(pad)
                before[axis], after[axis] = (0, 1), (1, 0)
                kernel = np.pad(projected, before) + np.pad(rest, after)
                number += 1
        return kernel


class ConvolutionOrthogonal1D(_ConvolutionOrthogonal):
    """Orthogonal convolution kernel in one dimension, of shape (k, inputs, outputs).

    A convolution with it, circular or padded with zeros to the full, multiplies the norm of its
    input by `gain`. All its places are filled. Xiao et al. (2018), section 2.4; the initializer of
    the same name in TensorFlow 1. A block costs as much as the whole kernel. For the arguments and
    errors see `DeltaOrthogonal`; besides, the spatial dimensions must be of one size.

    Examples:
        >>> ConvolutionOrthogonal1D(seed=1)((3, 8, 16)).shape
        (3, 8, 16)
    """

    _dimensions = 1


class ConvolutionOrthogonal2D(_ConvolutionOrthogonal):
    """Orthogonal convolution kernel in two dimensions, of shape (k, k, inputs, outputs).

    A convolution with it, circular or padded with zeros to the full, multiplies the norm of its
    input by `gain`. All its places are filled. Xiao et al. (2018), section 2.4; the initializer of
    the same name in TensorFlow 1. A block costs as much as the whole kernel. For the arguments and
    errors see `DeltaOrthogonal`; besides, the spatial dimensions must be of one size.

    Examples:
        >>> ConvolutionOrthogonal2D(seed=1)((3, 3, 8, 16)).shape
        (3, 3, 8, 16)
    """

    _dimensions = 2


class ConvolutionOrthogonal3D(_ConvolutionOrthogonal):
    """Orthogonal convolution kernel in three dimensions, of shape (k, k, k, inputs, outputs).

    A convolution with it, circular or padded with zeros to the full, multiplies the norm of its
    input by `gain`. All its places are filled. Xiao et al. (2018), section 2.4; the initializer of
    the same name in TensorFlow 1. A block costs as much as the whole kernel. For the arguments and
    errors see `DeltaOrthogonal`; besides, the spatial dimensions must be of one size.

    Examples:
        >>> ConvolutionOrthogonal3D(seed=1)((2, 2, 2, 4, 4)).shape
        (2, 2, 2, 4, 4)
    """

    _dimensions = 3


class Dirac(ArrayInitializer):
    """Convolution kernel that passes its input through, group by group, in any dtype.

    In each of `groups` groups of output channels, output channel i equals input channel i. The
    kernel is 1 there, at the center (position k // 2 of k, as in `torch.nn.init.dirac_`), and 0
    elsewhere. Output channels beyond a group's input channels are 0. Zagoruyko and Komodakis
    (2017), DiracNets.

    Args:
        groups: The number of groups of the convolution, an integer >= 1.

    Raises:
        TypeError: If `groups` is not an integer.
        ValueError: If it is less than 1; on a call, if the shape does not have 3 to 5 dimensions,
            or `groups` does not divide the number of output channels.

    Examples:
        >>> Dirac()((3, 2, 2), "int8")[1].tolist()
        [[1, 0], [0, 1]]
    """

    _floats_only = False
    _on_zeros = True

    groups: int

    def __init__(self, groups: int = 1) -> None:
        number = check_count("groups", groups)
        if number >= 2**63:  # Python refuses to print very long integers
            raise ValueError(f"`groups` must be an integer < 2**63, received: {show(groups)}")
        self._keep(groups=number)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {"groups": self.groups}

    def _plan(self, shape: Shape, dtype: DType) -> Writer:
        _check_rank(self, shape)
        if shape[-1] % self.groups:
            raise ValueError(
                f"`shape` must have a multiple of `groups` = {self.groups} output channels, "
                f"received: {shape}"
            )
        center = tuple(size // 2 for size in shape[:-2])

        def write(out: Array, start: Shape | None) -> None:
            start = start or (0,) * out.ndim
            place = tuple(at - low for at, low in zip(center, start, strict=False))
            if not all(0 <= at < size for at, size in zip(place, out.shape, strict=False)):
                return
            outputs = np.arange(out.shape[-1])
            inputs = (outputs + start[-1]) % max(shape[-1] // self.groups, 1) - start[-2]
            here = (inputs >= 0) & (inputs < out.shape[-2])
            out[place][inputs[here], outputs[here]] = 1

        return write


def _orthogonal(shape: Shape, name: str, seed: int, stream: int) -> NDArray[Any]:
    matrix = np.empty(shape, name)
    _core.fill_orthogonal(matrix, name, seed, stream, None, 1.0)
    return matrix


def _check_rank(initializer: ArrayInitializer, shape: Shape, dimensions: int | None = None) -> None:
    low, high = (3, 5) if dimensions is None else (dimensions + 2, dimensions + 2)
    if not low <= len(shape) <= high:
        wanted = f"{low} to {high}" if low < high else f"{low}"
        raise ValueError(
            f"`shape` must have {wanted} dimensions (spatial ones, input and output channels) "
            f"for {type(initializer).__name__}, received: {shape}"
        )


def _check_kernel(
    initializer: ArrayInitializer, shape: Shape, dimensions: int | None = None
) -> None:
    _check_rank(initializer, shape, dimensions)
    if shape[-2] > shape[-1]:
        raise ValueError(
            f"`shape` must have no more input than output channels for "
            f"{type(initializer).__name__}, received: {shape}"
        )
