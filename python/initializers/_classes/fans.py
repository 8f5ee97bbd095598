"""Fans (the numbers of inputs and outputs of a weight), and gains of nonlinearities."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .._arguments.checks import check_name, check_real, show, to_integer
from .._arguments.shapes import Shape, check_shape
from .._arguments.types import Nonlinearity, ShapeLike

_LINEAR = (
    "linear",
    *("conv1d", "conv2d", "conv3d"),
    *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
)
_GAINS = {
    **dict.fromkeys(_LINEAR, 1.0),
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2.0),
    "leaky_relu": math.nan,  # depends on `param`
    "selu": 3 / 4,
}


def compute_fans(
    shape: ShapeLike,
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:
    """Return the numbers of inputs and outputs of a weight, as Keras counts them.

    With axes, fan_in is the product of the sizes of `input_axes`, fan_out that of `output_axes`.
    Without axes, the shape is in Keras's convention: (inputs, outputs) for a matrix, (*kernel,
    inputs, outputs) for a convolution, whose kernel size multiplies both fans. A vector of n
    elements has the fans (n, n), a scalar (1, 1).

    Args:
        shape: The shape of the weight.
        input_axes: The axes that the layer sums over. Negative axes count from the end.
        output_axes: The axes of the layer's output.

    Returns:
        (fan_in, fan_out), exact integers.

    Raises:
        TypeError: If the shape or an axis is not an integer.
        ValueError: If only one of the two arguments is given, or an axis is out of range or listed
            twice.

    Examples:
        >>> compute_fans((3, 3, 64, 128))
        (576, 1152)
        >>> compute_fans((512, 8, 64), input_axes=[0], output_axes=[1, 2])
        (512, 512)
    """
    axes = check_axes(input_axes, output_axes)
    return fans_of(check_shape(shape), *axes)


def check_axes(
    input_axes: object, output_axes: object
) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """Return both arguments as tuples of Python ints, or as None."""
    if (input_axes is None) != (output_axes is None):
        raise ValueError(
            "`input_axes` and `output_axes` must be given together, received: "
            f"input_axes={show(input_axes)}, output_axes={show(output_axes)}"
        )
    return _check_axis_list("input_axes", input_axes), _check_axis_list("output_axes", output_axes)


def _check_axis_list(argument: str, axes: object) -> tuple[int, ...] | None:
    if axes is None:
        return None
    wanted = f"`{argument}` must be a list of different integers, received: {show(axes)}"
    if not isinstance(axes, Sequence) or isinstance(axes, (str, bytes)):
        raise TypeError(wanted)
    checked = tuple(axis for axis in map(to_integer, axes) if axis is not None)
    if len(checked) != len(axes):
        raise TypeError(wanted)
    # The bound keeps integers printable: Python refuses to print very long ones.
    if len(set(checked)) != len(axes) or any(abs(axis) >= 2**63 for axis in checked):
        raise ValueError(wanted)
    return checked


def fans_of(
    shape: Shape, input_axes: tuple[int, ...] | None, output_axes: tuple[int, ...] | None
) -> tuple[int, int]:
    """Return the result of `compute_fans`, for checked arguments."""
    if input_axes is not None and output_axes is not None:
        return (
            _multiply("input_axes", input_axes, shape),
            _multiply("output_axes", output_axes, shape),
        )
    if len(shape) == 2:
        return shape
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    kernel = math.prod(shape[:-2])
    return shape[-2] * kernel, shape[-1] * kernel


def _multiply(argument: str, axes: tuple[int, ...], shape: Shape) -> int:
    rank = len(shape)
    for axis in axes:
        if not -rank <= axis < rank:
            raise ValueError(
                f"`{argument}` must name axes of shape {shape}, received: {axis} in {[*axes]}"
            )
    places = {axis % rank for axis in axes}
    if len(places) != len(axes):
        raise ValueError(
            f"`{argument}` must name different axes of shape {shape}, received: {[*axes]}"
        )
    return math.prod(shape[axis] for axis in places)


def calculate_gain(nonlinearity: Nonlinearity, param: float | None = None) -> float:
    """Return the factor by which the standard deviation should grow to balance a nonlinearity.

    The values are PyTorch's: 1 for linear and convolutional layers and sigmoid, 5/3 for tanh, √2
    for relu, √(2 / (1 + param²)) for leaky_relu, 3/4 for selu.

    Args:
        nonlinearity: `"linear"`, `"conv1d"` to `"conv3d"`, `"conv_transpose1d"` to
            `"conv_transpose3d"`, `"sigmoid"`, `"tanh"`, `"relu"`, `"leaky_relu"` or `"selu"`.
        param: The negative slope of leaky_relu, by default 0.01. Other nonlinearities ignore it.

    Returns:
        The gain.

    Raises:
        TypeError: If `nonlinearity` is not a string, or `param` is not a number.
        ValueError: If `nonlinearity` is unknown or `param` not finite.

    Examples:
        >>> calculate_gain("leaky_relu", 1)
        1.0
    """
    name = check_name("nonlinearity", nonlinearity, _GAINS)
    # Refused as in torch: Python would take True for the number 1.
    if isinstance(param, bool) or str(getattr(param, "dtype", "")).endswith("bool"):
        raise TypeError(f"`param` must be a finite number, received: {show(param)}")
    slope = 0.01 if param is None else check_real("param", param)
    return math.sqrt(2.0 / (1.0 + slope * slope)) if name == "leaky_relu" else _GAINS[name]
