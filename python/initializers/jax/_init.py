"""The factories of `jax.nn.initializers` with the same names, arguments and meaning.

Each returns `init(key, shape, dtype, out_sharding=None)`:

- `key` is a key of `jax.random`. Its words, most significant first, are the seed: `key(42)`,
  `PRNGKey(42)` and the integer 42 are equivalent with JAX's default generator, threefry. Use
  `jax.vmap` for a batch of keys.
- `dtype` is one of the float dtypes; None means the factory's dtype, or else JAX's default.
- `out_sharding` is a sharding, or a `PartitionSpec` under `jax.set_mesh`. Each process makes only
  the blocks of its own devices, also inside `jax.jit`. Without it the array is whole on every
  device of the current mesh, or on one device; inside `jax.jit` each device makes its elements of
  the sharding that the program gives the array.

Scales (`scale`, `stddev`) and the `value` of `constant` may be traced numbers. The program then
multiplies the values by them, in float32 or wider, before it rounds to the dtype. Traced numbers
are not checked: a negative `stddev` changes signs, a negative `scale` of `variance_scaling` gives
NaN.

`init` raises TypeError for an argument of a wrong type and ValueError for a wrong value: a batch of
keys, a dtype that cannot hold the values, a sharding that does not divide the shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer

from .._arguments.checks import check_name, check_nonnegative, show, to_integer
from .._arguments.shapes import Shape, check_shape
from .._arguments.types import Distribution, Mode
from .._classes.constants import Constant, Ones, Zeros
from .._classes.convolution_kernels import DeltaOrthogonal
from .._classes.distributions import RandomNormal, RandomUniform, TruncatedNormal
from .._classes.orthogonal import Orthogonal
from .._classes.variance_scaling import VarianceScaling
from ._array import Maker, look_up_canonical, make_array
from ._traced import broadcast

Axes: TypeAlias = "int | Sequence[int]"

_DISTRIBUTIONS: dict[str, Distribution] = {
    "truncated_normal": "truncated_normal",
    "normal": "untruncated_normal",
    "uniform": "uniform",
}


def zeros(key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> Any:
    """Return zeros; `key` is ignored.

    Examples:
        >>> print(zeros(0, (3,)))
        [0. 0. 0.]
    """
    return make_array(lambda shape, seed: Zeros(), 0, shape, dtype, out_sharding)


def ones(key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> Any:
    """Return ones; `key` is ignored.

    Examples:
        >>> print(ones(0, (3,)))
        [1. 1. 1.]
    """
    return make_array(lambda shape, seed: Ones(), 0, shape, dtype, out_sharding)


zeros.maker = lambda shape, seed: Zeros()  # type: ignore[attr-defined]
ones.maker = lambda shape, seed: Ones()  # type: ignore[attr-defined]


def constant(value: Any, dtype: Any = None) -> Initializer:
    """One number, or an array that broadcasts to the shape; the key is ignored.

    Examples:
        >>> print(constant([1, 2])(0, (3, 2)))
        [[1. 2.]
         [1. 2.]
         [1. 2.]]
    """
    if isinstance(value, jax.core.Tracer):
        given = dtype

        def init(key: Any, shape: Any, dtype: Any = given, out_sharding: Any = None) -> Any:
            return broadcast(value, check_shape(shape), look_up_canonical(dtype), out_sharding)

        return init
    fixed = Constant(value)
    return _returning(lambda shape, seed: fixed, dtype, keyed=False)


def uniform(scale: float = 1e-2, dtype: Any = None) -> Initializer:
    """Values uniform on [0, scale), scale >= 0.

    Examples:
        >>> print(uniform(1.0)(42, (3,)))
        [0.33323026 0.33787692 0.3998961 ]
    """
    scale, factor = _split_traced("scale", scale)
    high = check_nonnegative("scale", scale)
    return _returning(lambda shape, seed: RandomUniform(0.0, high, seed), dtype, factor=factor)


def normal(stddev: float = 1e-2, dtype: Any = None) -> Initializer:
    """Normal values of mean 0 and standard deviation `stddev` >= 0.

    Examples:
        >>> print(normal(0.02)(42, (3,)))
        [-0.0011854   0.01929271  0.00496506]
    """
    stddev, factor = _split_traced("stddev", stddev)
    width = check_nonnegative("stddev", stddev)
    return _returning(lambda shape, seed: RandomNormal(0.0, width, seed), dtype, factor=factor)


def truncated_normal(
    stddev: float = 1e-2, dtype: Any = None, lower: float = -2.0, upper: float = 2.0
) -> Initializer:
    """Normal values, truncated at `lower` and `upper` times `stddev` >= 0, without correction.

    Examples:
        >>> print(truncated_normal(1.0, lower=-0.5, upper=0.5)(42, (3,)))
        [-0.16076379 -0.1562473  -0.09623311]
    """
    for argument, bound in (("lower", lower), ("upper", upper)):
        if isinstance(bound, jax.core.Tracer):
            raise TypeError(
                f"`{argument}` must be a number that is known when the function is traced, "
                f"received: {show(bound)}"
            )
    stddev, factor = _split_traced("stddev", stddev)
    width = check_nonnegative("stddev", stddev)
    base = TruncatedNormal(0.0, width, 0, (lower, upper))
    return _returning(lambda shape, seed: base.with_seed(seed), dtype, factor=factor)


def variance_scaling(
    scale: float,
    mode: Mode,
    distribution: Literal["truncated_normal", "normal", "uniform"],
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
) -> Initializer:
    """Values of mean 0 and variance scale / n, where n is a number of inputs or outputs.

    Args:
        scale: A finite number > 0.
        mode: n: `"fan_in"`, `"fan_out"`, their mean `"fan_avg"` or their geometric mean
            `"fan_geo_avg"`; at least 1.
        distribution: `"truncated_normal"` (at two standard deviations, with the variance
            corrected), `"normal"` (not truncated) or `"uniform"`.
        in_axis: The axes of inputs, one or several.
        out_axis: The axes of outputs.
        batch_axis: Axes that are neither. All other axes are the kernel's and multiply both fans:
            fan_in = size / (out · batch), fan_out = size / (in · batch), where each name is the
            product of its axes. So one axis may have two roles, as in Flax's default for embeddings
            (`out_axis=0` beside the default `in_axis=-2`: fan_in is the number of features).
        dtype: The default dtype of `init`.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value; of `init`, if an axis is not one of the shape's.

    Examples:
        >>> init = variance_scaling(1.0, "fan_in", "normal", out_axis=0)
        >>> round(float(init(42, (1000, 64)).std()), 3)
        0.126
    """
    scale, factor = _split_traced("scale", scale)
    name = check_name("distribution", distribution, _DISTRIBUTIONS)
    base = VarianceScaling(scale, mode, _DISTRIBUTIONS[name], 0)
    axes = _check_axes(in_axis=in_axis, out_axis=out_axis, batch_axis=batch_axis)

    def make(shape: Shape, seed: int) -> VarianceScaling:
        scale, inputs, outputs = _count(shape, axes, base)
        return VarianceScaling(scale, base.mode, base.distribution, seed, inputs, outputs)

    return _returning(make, dtype, factor=None if factor is None else jnp.sqrt(factor))


def glorot_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Uniform on [-l, l), l = √(6 / (fan_in + fan_out)), so of variance 2 / (fan_in + fan_out).

    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural
    networks. For the arguments see `variance_scaling`. Also called `xavier_uniform`.

    Examples:
        >>> print(glorot_uniform()(42, (2, 3)))
        [[-0.3653742  -0.3551939  -0.21931672]
         [ 0.30031967 -0.05575776 -0.43196088]]
    """
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis, dtype)


def glorot_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Truncated normal of variance 2 / (fan_in + fan_out).

    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural
    networks. For the arguments see `variance_scaling`. Also called `xavier_normal`.

    Examples:
        >>> print(glorot_normal()(42, (2, 3)))
        [[ 0.29466882  0.29902118 -0.35825318]
         [-0.6155819   0.43298396  0.26645762]]
    """
    return variance_scaling(
        1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis, dtype
    )


def lecun_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Uniform on [-l, l), l = √(3 / fan_in), so of variance 1 / fan_in.

    LeCun et al. (1998), Efficient backprop. For the arguments see `variance_scaling`.

    Examples:
        >>> print(lecun_uniform()(42, (2, 3)))
        [[-0.4085008  -0.39711887 -0.2452035 ]
         [ 0.33576763 -0.06233907 -0.482947  ]]
    """
    return variance_scaling(1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def lecun_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Truncated normal of variance 1 / fan_in.

    LeCun et al. (1998), Efficient backprop. For the arguments see `variance_scaling`.

    Examples:
        >>> print(lecun_normal()(42, (2, 3)))
        [[ 0.32944977  0.33431584 -0.40053922]
         [-0.68824154  0.4840908   0.2979087 ]]
    """
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def he_uniform(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Uniform on [-l, l), l = √(6 / fan_in), so of variance 2 / fan_in.

    He et al. (2015), Delving deep into rectifiers: surpassing human-level performance on ImageNet
    classification. For the arguments see `variance_scaling`. Also called `kaiming_uniform`.

    Examples:
        >>> print(he_uniform()(42, (2, 3)))
        [[-0.5777073  -0.5616108  -0.34677017]
         [ 0.4748472  -0.08816075 -0.6829901 ]]
    """
    return variance_scaling(2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def he_normal(
    in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = None
) -> Initializer:
    """Truncated normal of variance 2 / fan_in.

    He et al. (2015), Delving deep into rectifiers: surpassing human-level performance on ImageNet
    classification. For the arguments see `variance_scaling`. Also called `kaiming_normal`.

    Examples:
        >>> print(he_normal()(42, (2, 3)))
        [[ 0.4659123   0.472794   -0.56644803]
         [-0.9733205   0.68460774  0.4213065 ]]
    """
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


# JAX's other names of the same factories.
xavier_uniform = glorot_uniform
xavier_normal = glorot_normal
kaiming_uniform = he_uniform
kaiming_normal = he_normal


def orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """`scale` times an orthogonal matrix whose columns are `column_axis`.

    All other axes together are the rows. Any float dtype and any sharding are possible; a block may
    cost as much as the whole matrix.

    Examples:
        >>> matrix = orthogonal()(42, (2, 2))
        >>> print(abs((matrix @ matrix.T).round(5)))
        [[1. 0.]
         [0. 1.]]
    """
    scale, factor = _split_traced("scale", scale)
    base = Orthogonal(scale, 0, column_axis)
    return _returning(lambda shape, seed: base.with_seed(seed), dtype, factor=factor)


def delta_orthogonal(scale: float = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """A convolution kernel (*kernel, inputs, outputs), orthogonal at its center and zero elsewhere.

    It needs at least as many outputs as inputs. `column_axis` is -1 or -2. In JAX it changes the
    values of square matrices, but not their distribution; here it changes nothing.

    Examples:
        >>> kernel = delta_orthogonal()(42, (3, 1, 2))
        >>> print(kernel[0], round(float((kernel[1] ** 2).sum()), 5))
        [[0. 0.]] 1.0
    """
    scale, factor = _split_traced("scale", scale)
    base = DeltaOrthogonal(scale, 0)
    if to_integer(column_axis) not in (-1, -2):
        raise ValueError(f"`column_axis` must be -1 or -2, received: {show(column_axis)}")
    return _returning(lambda shape, seed: base.with_seed(seed), dtype, factor=factor)


def _returning(maker: Maker, dtype: Any, *, keyed: bool = True, factor: Any = None) -> Initializer:
    given = dtype

    def init(key: Any, shape: Any, dtype: Any = given, out_sharding: Any = None) -> Any:
        return make_array(maker, key if keyed else 0, shape, dtype, out_sharding, factor)

    if factor is None:
        init.maker = maker  # type: ignore[attr-defined]  # rules use it with seeds by name
    return init


def _split_traced(argument: str, value: Any) -> tuple[Any, Any]:
    """Return a number for the initializer, and a traced factor for its values or None."""
    if not isinstance(value, jax.core.Tracer):
        return value, None
    if value.shape != ():
        raise ValueError(f"`{argument}` must be one number, received: {show(value)}")
    return 1.0, value


def _check_axes(**arguments: object) -> dict[str, tuple[int, ...]]:
    checked = {}
    for argument, value in arguments.items():
        single = to_integer(value)
        sequence = value if isinstance(value, Sequence) else (None,)
        axes = tuple(map(to_integer, sequence)) if single is None else (single,)
        if None in axes:
            raise TypeError(
                f"`{argument}` must be an integer or a sequence of them, received: {show(value)}"
            )
        checked[argument] = tuple(axis for axis in axes if axis is not None)
    return checked


def _count(
    shape: Shape, arguments: dict[str, tuple[int, ...]], base: VarianceScaling
) -> tuple[float, list[int], list[int]]:
    """Return the scale, the axes whose sizes make fan_in, and those that make fan_out."""
    rank = len(shape)
    for argument, axes in arguments.items():
        for axis in axes:
            if not -rank <= axis < rank:
                hint = " (it must be at least 2-D, or name the axes)" if rank < 2 else ""
                raise ValueError(
                    f"`{argument}` must name axes of the shape {shape}{hint}, received: {axis}"
                )
    places = {name: [axis % rank for axis in axes] for name, axes in arguments.items()}
    # JAX's formula as powers of the sizes: an axis with two roles divides twice.
    divided = [places[name] + places["batch_axis"] for name in ("out_axis", "in_axis")]
    if all(len(axes) == len(set(axes)) for axes in divided):
        inputs, outputs = ([i for i in range(rank) if i not in axes] for axes in divided)
        return base.scale, inputs, outputs
    sizes = [math.prod(shape[i] for i in axes) for axes in divided]
    if 0 in sizes:
        return base.scale, [], []  # the array has no elements
    fan_in, fan_out = (math.prod(shape) / size for size in sizes)
    fans = {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": math.sqrt(fan_in * fan_out),
    }
    return base.scale / fans[base.mode], [], []  # a fraction, which no axes give
