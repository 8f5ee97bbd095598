"""Finds initializers by name.

There are three kinds of names: names of this package (`"HeNormal"`, `"he_normal"` and a few
aliases, as in Keras, and `"kaiming_normal"` and the like, as in torch), keys `"package>name"` of
registered objects, and names in the `custom_objects` of one call. A name in a configuration never
causes an import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, TypeVar

from .._arguments.checks import hint, show
from .base import Initializer
from .constants import Constant, Identity, Ones, Zeros
from .convolution_kernels import (
    ConvolutionOrthogonal1D,
    ConvolutionOrthogonal2D,
    ConvolutionOrthogonal3D,
    DeltaOrthogonal,
    Dirac,
)
from .distributions import RandomNormal, RandomUniform, TruncatedNormal
from .lstm_bias import LstmBias
from .orthogonal import Orthogonal
from .positions import Rotary, Sinusoidal
from .sparse import Sparse
from .state_space import S4D, Hippo, LogOfUniform, RingRadius, TimeStepBias
from .stft import STFT
from .variance_scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)

T = TypeVar("T", bound="Callable[..., Any]")

CLASSES: tuple[type[Initializer], ...] = (
    Initializer,
    Constant,
    ConvolutionOrthogonal1D,
    ConvolutionOrthogonal2D,
    ConvolutionOrthogonal3D,
    DeltaOrthogonal,
    Dirac,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Hippo,
    Identity,
    LecunNormal,
    LecunUniform,
    LogOfUniform,
    LstmBias,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    RingRadius,
    Rotary,
    S4D,
    STFT,
    Sinusoidal,
    Sparse,
    TimeStepBias,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
_ALIASES: dict[str, type[Initializer]] = {
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
    "STFTInitializer": STFT,
    "normal": RandomNormal,
    "one": Ones,
    "uniform": RandomUniform,
    "zero": Zeros,
}


def to_snake_case(name: str) -> str:
    """Return `"he_normal"` for `"HeNormal"`; a run of capitals is one word."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


BUILT_IN: dict[str, type[Initializer]] = {
    **{cls.__name__: cls for cls in CLASSES},
    **{to_snake_case(cls.__name__): cls for cls in CLASSES},
    **_ALIASES,
}

# Names of `torch.nn.init`, whose normal distributions are not truncated: class and arguments.
TORCH_NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "kaiming_normal": (
        "VarianceScaling",
        {"scale": 2.0, "mode": "fan_in", "distribution": "untruncated_normal"},
    ),
    "kaiming_uniform": ("HeUniform", {}),
    "xavier_normal": (
        "VarianceScaling",
        {"scale": 1.0, "mode": "fan_avg", "distribution": "untruncated_normal"},
    ),
    "xavier_uniform": ("GlorotUniform", {}),
}

PACKAGE = "initializers"

# Registered objects by key, and keys by object.
_objects: dict[str, Callable[..., Any]] = {f"{PACKAGE}>{cls.__name__}": cls for cls in CLASSES}
_keys: dict[object, str] = {cls: key for key, cls in _objects.items()}


def register(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Register a class or function, so that configurations can name it as `"package>name"`.

    Args:
        package: Usually the name of your package; `"initializers"` is reserved.
        name: The name; None: the name of the class or function.

    Returns:
        A decorator that returns its argument unchanged.

    Raises:
        TypeError: If a name is not a string, or the decorated object is neither a class with a
            `get_config` method nor a function.
        ValueError: If a name is empty, reserved or contains `">"`, or another definition has the
            key. A definition of the same module and qualified name replaces the old one, as when a
            cell of a notebook runs again.

    Examples:
        >>> @register("my_package")
        ... def thirds(shape, dtype=None):
        ...     return Constant(1 / 3)(shape, dtype)
        >>> get("my_package>thirds")((2,), "float64").tolist()
        [0.3333333333333333, 0.3333333333333333]
    """
    for argument, value in (("package", package), ("name", name)):
        if not isinstance(value, str) and (argument == "package" or value is not None):
            raise TypeError(f"`{argument}` must be a string, received: {show(value)}")
        if value is not None and (not value or ">" in value):
            raise ValueError(
                f"`{argument}` must be a non-empty string without '>', received: {value!r}"
            )
    if package == PACKAGE:
        raise ValueError(f"`package` must not be {PACKAGE!r}, which is reserved")

    def decorate(thing: T) -> T:
        is_class = isinstance(thing, type)
        if is_class and not hasattr(thing, "get_config"):
            raise TypeError(
                f"a class must have a `get_config` method to be registered, received: {show(thing)}"
            )
        if not is_class and not isinstance(thing, FunctionType):
            raise TypeError(
                f"only classes and functions can be registered, received: {show(thing)}"
            )
        key = f"{package}>{name or thing.__name__}"
        known = _objects.setdefault(key, thing)
        if _place_of(known) != _place_of(thing):
            raise ValueError(
                f"{key!r} must be registered only once, received: {show(thing)} after {show(known)}"
            )
        _objects[key] = thing
        _keys[thing] = key
        return thing

    return decorate


def _place_of(thing: Any) -> tuple[str, str]:
    return thing.__module__, thing.__qualname__


def key_of(thing: object, otherwise: str) -> str:
    """Return the key under which `thing` itself is registered, or `otherwise`."""
    return _keys.get(thing, otherwise)


def find(name: str, custom: Mapping[str, Any], *, only_custom: bool = False) -> Any:
    """Return the object of a name. `only_custom` excludes this package's plain names."""
    if name in custom:
        return custom[name]
    if name in _objects:
        return _objects[name]
    if name in BUILT_IN and not only_custom:
        return BUILT_IN[name]
    if only_custom or ">" in name:
        raise ValueError(
            f"{name!r} is not registered{hint(name, [*_objects, *custom])}: import the module that "
            "registers it with `initializers.register`, or pass it in `custom_objects`"
        )
    raise ValueError(
        f"an initializer must be named by one of `initializers` or registered, "
        f"received: {show(name)}{hint(name, [*BUILT_IN, *TORCH_NAMES, *_objects, *custom])}"
    )
