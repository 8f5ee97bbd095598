"""All-or-nothing changes: a module's new tensors are made first, and put in place at the end."""

from __future__ import annotations

import sys

import torch
from torch import Tensor
from torch.nn import Module, Parameter

from .._arguments.seeds import fold_in
from .._filling import AnyFill
from ._buffers import home_of
from ._names import named_modules
from ._parametrizations import Result, Slot
from ._tensor import has_shared_elements, is_abstract, write
from ._weights import Weight


class Planned:
    """A weight and the fill that makes its values.

    Attributes:
        weight: The weight.
        fill: The fill.
        is_made_apart: Whether the values are made in new memory first, before anything is changed.
    """

    __slots__ = ("fill", "is_made_apart", "weight")

    def __init__(self, weight: Weight, fill: AnyFill) -> None:
        self.weight, self.fill = weight, fill
        self.is_made_apart = not weight.computed and (
            weight.tensor.is_meta or fill.is_foreign or weight.is_inside
        )


class naming:
    """Name the weight in errors about its values, which foreign code may raise."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, (TypeError, ValueError)):
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"parameter {self._name!r} cannot be filled: {error}") from error.__cause__
        if isinstance(error, Exception) and sys.version_info >= (3, 11):
            error.add_note(f"parameter {self._name!r} was being made")


class Changes:
    """Replacements for a module's tensors: all are created first, then put in place.

    Args:
        module: The module.
        buffers: New buffers by the identity of the old ones.
        device: The device for tensors on meta; None: the default.
    """

    def __init__(
        self, module: Module, buffers: dict[int, Tensor], device: torch.device | None
    ) -> None:
        self._device = device
        self._new = dict(buffers)  # new tensors by the identity of the old ones
        self._added: list[Result] = []
        self._module = module

    def make(self, planned: Planned) -> None:
        """Make a parameter's values in new memory."""
        old = planned.weight.tensor
        home = (self._device or home_of(old)) if old.is_meta else old.device
        with torch.no_grad():
            new = torch.empty_like(old, device=home)
        with naming(planned.weight.name):
            write(new, planned.fill)
        self._new[id(old)] = new

    def solve(self, planned: Planned, seed: int) -> None:
        """Make the parameters and buffers of a computed weight."""
        weight = planned.weight
        values = torch.empty(weight.shape, dtype=weight.tensor.dtype, device="cpu")
        first = weight.parameters[0]
        home = (self._device or "cpu") if first.is_meta else first.device
        with naming(weight.name), torch.no_grad(), torch.device("cpu"):
            write(values, planned.fill)
            own = fold_in(seed, weight.name)
            for computed in weight.computed:
                results = computed.solve(values.clone(), weight.padding, own, self._new)
                for owner, name, new in results:
                    old = owner._parameters.get(name, owner._buffers.get(name))
                    if old is None:
                        self._added.append((owner, name, new.to(home)))
                    else:
                        self._new[id(old)] = new.to(home if old.is_meta else old.device)

    def _list_places(self) -> dict[int, list[Slot]]:
        """Return all places of each tensor of the module, by the tensor's identity."""
        places: dict[int, list[Slot]] = {}
        for _, owner in named_modules(self._module):
            for name, tensor in (*owner._parameters.items(), *owner._buffers.items()):
                if tensor is not None:
                    places.setdefault(id(tensor), []).append((owner, name))
        return places

    def commit(self) -> None:
        """Put everything into the module: copy into existing memory, or replace tensors."""
        with torch.no_grad():
            self._commit()

    def _commit(self) -> None:
        places = self._list_places() if self._new else {}
        for key, new in self._new.items():
            slots = places[key]
            owner, name = slots[0]
            old = owner._parameters.get(name)
            is_parameter = old is not None
            old = old if is_parameter else owner._buffers[name]
            if not is_abstract(old) and not has_shared_elements(old):
                old.copy_(new)
            elif is_parameter:
                parameter = Parameter(new, requires_grad=old.requires_grad)
                parameter.__dict__.update(old.__dict__)
                for owner, name in slots:
                    setattr(
                        owner, name, parameter
                    )  # recurrent layers keep a list of their parameters
            else:
                for owner, name in slots:
                    owner._buffers[name] = new
        for owner, name, new in self._added:
            owner._buffers[name] = new
