"""The functions of `torch.nn.init`, with the same names, arguments and meaning.

Random functions also accept `seed=`, an integer or a `SeedGenerator`. Without it the seed is drawn
from `generator`, or else from torch's default generator, which `torch.manual_seed` seeds.

Fans follow torch's convention (outputs, inputs, *kernel). Standard deviations and limits are
computed by torch's own expressions, in float64 and in the same order.
"""

from __future__ import annotations

import math
import warnings
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .._arguments.checks import (
    check_name,
    check_nonnegative,
    check_real,
    check_real_where,
    show,
    to_float,
)
from .._arguments.seeds import SeedGenerator
from .._arguments.shapes import Array, Shape
from .._arguments.types import Nonlinearity
from .._classes.constants import Constant, Identity, Ones, Zeros
from .._classes.convolution_kernels import Dirac
from .._classes.distributions import RandomNormal, RandomUniform, TruncatedNormal
from .._classes.fans import calculate_gain as calculate_gain
from .._classes.orthogonal import Orthogonal
from .._classes.sparse import Sparse
from .._memory.exact_cast import cast
from ._fill import fill, fill_seeded
from ._tensor import check_tensor, dtype_of

FanMode: TypeAlias = Literal["fan_in", "fan_out"]
Generator: TypeAlias = "torch.Generator | None"
Seed: TypeAlias = "int | SeedGenerator | None"

# No sample is as many standard deviations away from its mean, in any dtype.
_REACH = 9.0


def uniform_(
    tensor: Tensor,
    a: float = 0.0,
    b: float = 1.0,
    generator: Generator = None,
    *,
    seed: Seed = None,
) -> Tensor:
    """Fill with values uniform on [a, b), a <= b.

    Examples:
        >>> import torch
        >>> uniform_(torch.empty(3), -1, 1, seed=1)
        tensor([-0.1435,  0.1047, -0.8254])
    """
    low = check_real("a", a)
    high = check_real_where("b", b, f">= `a` = {low}", lambda x: x >= low)
    return fill_seeded(tensor, lambda s: RandomUniform(low, high, s), seed, generator)


def normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    generator: Generator = None,
    *,
    seed: Seed = None,
) -> Tensor:
    """Fill with normal values with mean `mean` and standard deviation `std` >= 0.

    Examples:
        >>> import torch
        >>> normal_(torch.empty(3), std=0.02, seed=1)
        tensor([-0.0164,  0.0202, -0.0151])
    """
    center, width = check_real("mean", mean), check_nonnegative("std", std)
    return fill_seeded(tensor, lambda s: RandomNormal(center, width, s), seed, generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator = None,
    *,
    seed: Seed = None,
) -> Tensor:
    """Fill with normal values (`std` > 0) restricted to [a, b]: absolute bounds, a < b.

    Unlike in `TruncatedNormal`, bounds are not in standard deviations: with `std=0.02` the default
    bounds cut nothing off. Values are finally clamped to `a` and `b`, rounded to the tensor's
    dtype. The interval must begin or end within 37 standard deviations of the mean.

    Examples:
        >>> import torch
        >>> trunc_normal_(torch.empty(3), std=2, a=-1, b=1, seed=1)
        tensor([-0.1379,  0.1006, -0.8142])
    """
    center = check_real("mean", mean)
    width = check_real_where("std", std, "> 0", lambda x: x > 0)
    low = to_float("a", a, "a number")
    high = to_float("b", b, "a number")
    if not low < high:
        raise ValueError(f"`b` must be a number > `a` = {low}, received: {show(b)}")
    bounds = (low - center) / width, (high - center) / width
    try:
        TruncatedNormal(center, width, 0, bounds)
    except ValueError:
        raise ValueError(
            "`a` and `b` must have numbers between them that are at most 37 standard deviations "
            f"from the mean, received: a={low}, b={high}, mean={center}, std={width}"
        ) from None

    def clamp(block: Array | Tensor, start: Shape) -> None:
        kind = dtype_of(tensor)
        least = cast(np.array(low), kind, "a") if bounds[0] > -_REACH else None
        most = cast(np.array(high), kind, "b") if bounds[1] < _REACH else None
        if isinstance(block, Tensor):
            _clamp_on_device(block, least, most)
            return
        if least is not None:
            np.maximum(block, least, out=block)
        if most is not None:
            np.minimum(block, most, out=block)

    return fill_seeded(
        tensor, lambda s: TruncatedNormal(center, width, s, bounds), seed, generator, clamp
    )


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number, which the tensor's dtype must be able to represent.

    Examples:
        >>> import torch
        >>> constant_(torch.empty(3), 0.5)
        tensor([0.5000, 0.5000, 0.5000])
    """
    return fill(tensor, lambda: Constant(val))


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    Examples:
        >>> import torch
        >>> ones_(torch.empty(3))
        tensor([1., 1., 1.])
    """
    return fill(tensor, Ones)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros.

    Examples:
        >>> import torch
        >>> zeros_(torch.empty(3))
        tensor([0., 0., 0.])
    """
    return fill(tensor, Zeros)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on its diagonal and zeros elsewhere.

    Examples:
        >>> import torch
        >>> eye_(torch.empty(2, 3))
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """
    _check_rank(tensor, (2,))
    return fill(tensor, Identity)


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution kernel of 3 to 5 dimensions so that it passes its input through.

    Each of `groups` groups of output channels passes the first input channels through, at the
    kernel's center; `groups` must divide the output channels.

    Examples:
        >>> import torch
        >>> dirac_(torch.empty(1, 1, 5))
        tensor([[[0., 0., 1., 0., 0.]]])
    """
    _check_rank(tensor, (3, 4, 5))
    dirac = Dirac(groups)
    return fill(tensor, lambda: dirac, permute=(*range(2, tensor.dim()), 1, 0))


def orthogonal_(
    tensor: Tensor, gain: float = 1, generator: Generator = None, *, seed: Seed = None
) -> Tensor:
    """Fill with `gain` times an orthogonal matrix (outputs, all other axes).

    Its columns are orthonormal, or its rows if there are more columns than rows. All dtypes are
    computed in float32 (float64 in float64) and rounded once. Saxe et al. (2014), Exact solutions
    to the nonlinear dynamics of learning in deep linear neural networks.

    Examples:
        >>> import torch
        >>> matrix = orthogonal_(torch.empty(2, 2), seed=1)
        >>> torch.allclose(matrix @ matrix.T, torch.eye(2), atol=1e-6)
        True
    """
    check_tensor(tensor)
    if tensor.dim() < 2:
        raise ValueError(
            f"`tensor` must have 2 or more dimensions, received: shape {tuple(tensor.shape)}"
        )
    # The outputs of a kernel (axis 0) are orthonormal. For a matrix both axes give the same law.
    axis = -1 if tensor.dim() == 2 else 0
    factor = check_real("gain", gain)
    return fill_seeded(tensor, lambda s: Orthogonal(factor, s, axis), seed, generator)


def sparse_(
    tensor: Tensor,
    sparsity: float,
    std: float = 0.01,
    generator: Generator = None,
    *,
    seed: Seed = None,
) -> Tensor:
    """Fill a matrix with normal values, and ceil(sparsity · rows) zeros in each column.

    Martens (2010), Deep learning via Hessian-free optimization.

    Examples:
        >>> import torch
        >>> sparse_(torch.empty(4, 3), sparsity=0.5, seed=1)
        tensor([[-0.0082,  0.0101,  0.0000],
                [ 0.0000,  0.0000, -0.0063],
                [-0.0075, -0.0048,  0.0000],
                [ 0.0000,  0.0000,  0.0171]])
    """
    _check_rank(tensor, (2,))
    width = check_nonnegative("std", std)
    return fill_seeded(tensor, lambda s: Sparse(sparsity, width, s), seed, generator)


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator = None, *, seed: Seed = None
) -> Tensor:
    """Fill with values uniform on [-l, l), l = gain · √(6 / (fan_in + fan_out)).

    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural
    networks.

    Examples:
        >>> import torch
        >>> xavier_uniform_(torch.empty(2, 3), seed=1)
        tensor([[-0.1572,  0.1147, -0.9042],
                [ 0.2198, -0.9370,  0.5111]])
    """
    scale = check_nonnegative("gain", gain)
    fan_in, fan_out = _compute_fans(tensor)
    if fan_in + fan_out == 0:
        return tensor
    bound = math.sqrt(3.0) * (scale * math.sqrt(2.0 / float(fan_in + fan_out)))
    return uniform_(tensor, -bound, bound, generator, seed=seed)


def xavier_normal_(
    tensor: Tensor, gain: float = 1.0, generator: Generator = None, *, seed: Seed = None
) -> Tensor:
    """Fill with normal values with standard deviation gain · √(2 / (fan_in + fan_out)).

    Not truncated, unlike `GlorotNormal`. Glorot and Bengio (2010), as above.

    Examples:
        >>> import torch
        >>> xavier_normal_(torch.empty(2, 3), seed=1)
        tensor([[-0.5198,  0.6403, -0.4778],
                [ 0.6170,  1.1175, -0.3983]])
    """
    scale = check_nonnegative("gain", gain)
    fan_in, fan_out = _compute_fans(tensor)
    if fan_in + fan_out == 0:
        return tensor
    std = scale * math.sqrt(2.0 / float(fan_in + fan_out))
    return normal_(tensor, 0.0, std, generator, seed=seed)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: FanMode = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
    generator: Generator = None,
    *,
    seed: Seed = None,
) -> Tensor:
    """Fill with values uniform on [-l, l), l = gain · √(3 / fan).

    The gain is `calculate_gain(nonlinearity, a)`. `mode` selects the fan: `"fan_in"` or
    `"fan_out"`. He et al. (2015), Delving deep into rectifiers: surpassing human-level performance
    on ImageNet classification.

    Examples:
        >>> import torch
        >>> kaiming_uniform_(torch.empty(2, 3), nonlinearity="relu", seed=1)
        tensor([[-0.2029,  0.1481, -1.1673],
                [ 0.2838, -1.2097,  0.6598]])
    """
    std = _compute_kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator, seed=seed)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: FanMode = "fan_in",
    nonlinearity: Nonlinearity = "leaky_relu",
    generator: Generator = None,
    *,
    seed: Seed = None,
) -> Tensor:
    """Fill with normal values with standard deviation gain / √fan; see `kaiming_uniform_`.

    Not truncated, unlike `HeNormal`.

    Examples:
        >>> import torch
        >>> kaiming_normal_(torch.empty(2, 3), nonlinearity="relu", seed=1)
        tensor([[-0.6710,  0.8266, -0.6168],
                [ 0.7966,  1.4426, -0.5142]])
    """
    std = _compute_kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator, seed=seed)


def _clamp_on_device(block: Tensor, least: Array | None, most: Array | None) -> None:
    if least is None and most is None:
        return
    # GPUs cannot compare float8. All its values, and the bounds, are exact in float32.
    wide = block.to(torch.float64 if block.dtype == torch.float64 else torch.float32)
    wide.clamp_(*(None if bound is None else float(bound) for bound in (least, most)))
    block.copy_(wide)


def _compute_kaiming_std(
    tensor: Tensor, a: float, mode: FanMode, nonlinearity: Nonlinearity
) -> float | None:
    """Return the standard deviation, or None for a tensor without elements."""
    lower = mode.lower() if isinstance(mode, str) else mode
    fan = check_name("mode", lower, ("fan_in", "fan_out"))
    gain = calculate_gain(nonlinearity, a)
    fan_in, fan_out = _compute_fans(tensor)
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    return gain / math.sqrt(fan_in if fan == "fan_in" else fan_out)


def _compute_fans(tensor: Tensor) -> tuple[int, int]:
    """Return the fans in torch's convention (outputs, inputs, *kernel), from the global shape."""
    check_tensor(tensor)
    if tensor.dim() < 2:
        raise ValueError(
            "`tensor` must have 2 or more dimensions for fans to be counted, "
            f"received: shape {tuple(tensor.shape)}"
        )
    outputs, inputs, *kernel = tensor.shape
    size = math.prod(kernel)
    return inputs * size, outputs * size


def _check_rank(tensor: Tensor, ranks: tuple[int, ...]) -> None:
    check_tensor(tensor)
    if tensor.dim() not in ranks:
        raise ValueError(
            f"`tensor` must have {' or '.join(map(str, ranks))} dimensions, "
            f"received: shape {tuple(tensor.shape)}"
        )
