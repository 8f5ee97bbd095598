"""The law of each weight of a module that was constructed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ...recipe._capture.rules import Origin
from .._weights import Buffer, Weight, list_buffers, list_weights
from .build import Build
from .follow import Follower
from .laws import Const, Empty, Law, Mixed, Opaque, Values, recognize
from .memory import LARGEST, Region


@dataclass(frozen=True, eq=False)
class Found:
    """A weight or a buffer with its law.

    Attributes:
        name: Its name.
        shape: Its shape.
        dtype: The name of its dtype.
        law: Its law.
        is_buffer: Whether it is a buffer.
        tied: Further names that lead to it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    law: Law
    is_buffer: bool = False
    tied: tuple[str, ...] = ()

    @property
    def origin(self) -> Origin | None:
        """The call that wrote it, if it is known."""
        return self.law.origin


def find_all(build: Build) -> list[Found]:
    """Return the law of every weight, and of every buffer that a checkpoint holds."""
    names: dict[int, list[str]] = {}
    for name, parameter in build.module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    found = []
    for weight in list_weights(build.module):
        law = _find_law(weight, build.follower)
        others = names.get(id(weight.tensor), ())
        tied = tuple(name for name in others if name != weight.name)
        found.append(Found(weight.name, weight.shape, _name(weight.tensor), law, tied=tied))
    for buffer in list_buffers(build.module):
        if buffer.is_kept and not buffer.is_added:
            found.append(_find_buffer(buffer, build.follower))
    return found


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _find_buffer(buffer: Buffer, follower: Follower) -> Found:
    law = _find_whole(buffer.tensor, follower, ())
    return Found(buffer.name, tuple(buffer.tensor.shape), _name(buffer.tensor), law, is_buffer=True)


def _find_law(weight: Weight, follower: Follower) -> Law:
    if not weight.computed:
        return _find_whole(weight.tensor, follower, weight.padding)
    # The parameter that was the weight itself before something computed it.
    like = [each for each in weight.parameters if tuple(each.shape) == weight.shape]
    laws = [_find_whole(each, follower, ()) for each in like]
    if len(laws) != 1:
        return Opaque("computed from parameters of other shapes")
    for each in weight.parameters:
        if each is not like[0] and not _is_derived(each, follower):
            return Opaque("computed from parameters with laws of their own")
    return laws[0]


def _is_derived(parameter: Tensor, follower: Follower) -> bool:
    """Whether a parameter is a norm of the weight, which the weight determines."""
    law = follower.read(parameter)
    return isinstance(law, Opaque) and "norm" in law.reason


def _find_whole(tensor: Tensor, follower: Follower, padding: tuple[int, ...]) -> Law:
    if tensor.numel() == 0:
        return Const(0.0)
    if not follower.knows(tensor):
        return Opaque("it existed before `build` was called")
    law = follower.read(tensor)
    if isinstance(law, Mixed):
        law = _join_parts(tensor, follower, padding, law)
    if isinstance(law, Values):
        return _check_values(tensor, follower, law)
    if isinstance(law, Empty):
        return Opaque("never written", origin=law.origin)
    return recognize(law)


def _check_values(tensor: Tensor, follower: Follower, law: Values) -> Law:
    values = follower.compute(tensor)
    if values is None:
        reason = f"known values of more than {LARGEST} elements"
        return Opaque(reason, origin=law.origin)
    if values.is_floating_point() and bool(values.isnan().any()):
        return Opaque("written in part only, or NaN", origin=law.origin)
    first: Any = values.reshape(-1)[0]
    if bool((values == first).all()):
        return Const(first.item(), origin=law.origin)
    return Values(values.contiguous(), origin=law.origin)


def _join_parts(
    tensor: Tensor, follower: Follower, padding: tuple[int, ...], otherwise: Law
) -> Law:
    """Return one law for a weight of several parts.

    Rows of padding are zero in any recipe, so they are left out.
    """
    whole = Region.of(tensor)
    parts = follower.memory_of(tensor).list_laws(whole)
    rows = {
        Region.make(
            tensor.storage_offset() + row % tensor.shape[0] * tensor.stride(0),
            tuple(tensor.shape[1:]),
            tensor.stride()[1:],
        )
        for row in padding
    }
    rest = [(region, law) for region, law in parts if not (region in rows and law == Const(0.0))]
    laws = [law for _, law in rest]
    if not laws:
        return otherwise
    own = sum(region.size for region, _ in rest[1:])
    if isinstance(laws[0], Empty) and own + len(rows) * math.prod(tensor.shape[1:]) >= whole.size:
        laws = laws[1:]
    if all(law == laws[0] and not isinstance(law, Values) for law in laws):
        return laws[-1]
    return otherwise
