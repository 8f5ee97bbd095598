"""Records what the functions of `torch.nn.init` write, by their names and arguments."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from .._intercept import Handler
from .follow import Follower
from .laws import Const, Empty, Fans, Law, Matrix, Normal, Truncated, Uniform
from .operations import is_fake
from .places import find_origin

# Arguments that say nothing of the law.
_SILENT = ("tensor", "generator")


def make_recorder(follower: Follower) -> Handler:
    """Return a handler that notes the law of each call, and lets torch do it."""

    def record(
        name: str, theirs: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        bound = inspect.signature(theirs).bind(*args, **kwargs)
        given = {key: value for key, value in bound.arguments.items() if key not in _SILENT}
        bound.apply_defaults()
        tensor = bound.arguments["tensor"]
        if name == "trunc_normal_" and isinstance(tensor, Tensor) and is_fake(tensor):
            result = tensor  # torch rejects values, which are not there
        else:
            with follower.quietly():  # also torch's own checks of the arguments
                result = theirs(*args, **kwargs)
        if isinstance(tensor, Tensor) and tensor.layout == torch.strided and tensor.numel():
            call = f"{name}({', '.join(f'{key}={_show(value)}' for key, value in given.items())})"
            law = _find_law(name, bound.arguments, tensor)
            draw = None if isinstance(law, Const) else follower.next_draw()
            with _disable_current_modes():
                follower.write(tensor, replace(law, origin=find_origin(call), draw=draw))
        return result

    return record


def _find_law(name: str, given: dict[str, Any], tensor: Tensor) -> Law:
    match name:
        case "zeros_":
            return Const(0.0)
        case "ones_":
            return Const(1.0)
        case "constant_":
            return Const(given["val"])
        case "uniform_":
            return Uniform(float(given["a"]), float(given["b"]))
        case "normal_":
            return Normal(float(given["mean"]), float(given["std"]))
        case "trunc_normal_":
            return Truncated(*(float(given[key]) for key in ("mean", "std", "a", "b")))
    shape = tuple(tensor.shape)
    match name:
        case "eye_":
            return Matrix(name, (1.0,), shape)
        case "dirac_":
            return Matrix(name, (given["groups"],), shape)
        case "orthogonal_":
            return Matrix(name, (float(given["gain"]),), shape)
        case "sparse_":
            return Matrix(name, (float(given["sparsity"]), float(given["std"])), shape)
    return _find_scaled(name, given, shape)


def _find_scaled(name: str, given: dict[str, Any], shape: tuple[int, ...]) -> Law:
    kernel = math.prod(shape[2:])
    fans = {"fan_in": shape[1] * kernel, "fan_out": shape[0] * kernel}
    if name.startswith("xavier"):
        gain, mode = float(given["gain"]), "fan_avg"
        count = (fans["fan_in"] + fans["fan_out"]) / 2
    else:
        gain = torch.nn.init.calculate_gain(given["nonlinearity"], given["a"])
        mode = given["mode"]
        count = fans[mode]
    if not count:
        return Empty()
    scale = to_simple(gain * gain)
    stddev = gain / math.sqrt(count)
    if "normal" in name:
        return Normal(0.0, stddev, Fans(scale, mode))
    return Uniform(-math.sqrt(3) * stddev, math.sqrt(3) * stddev, Fans(scale, mode))


def to_simple(number: float) -> float:
    """Return the simple fraction that a number is but for rounding, or the number."""
    simple = Fraction(number).limit_denominator(1000)
    return float(simple) if math.isclose(simple, number, rel_tol=1e-12) else number


def _show(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
