"""Weights that torch computes from other parameters: parametrizations and the older hooks.

A weight is initialized under its plain name, as if nothing computed it. Then the parameters and
buffers that compute it are derived. All of this happens on copies on the CPU: nothing is changed
before everything has succeeded, and the results do not depend on the device.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Module, Parameter
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from .._arguments.seeds import SeedGenerator, fold_in
from .._classes.distributions import RandomNormal
from ._fill import active, fill_
from ._tensor import is_distributed

# A module, the name of one of its parameters or buffers, and the tensor that belongs there.
Slot = tuple[Module, str]
Result = tuple[Module, str, Tensor]

# Power iterations: as many as torch runs when it constructs a spectral norm.
_ITERATIONS = 15


class Computed:
    """A weight that a module computes.

    Attributes:
        name: The weight's plain name in the model.
        module: The module that has the weight as an attribute.
        attribute: The attribute's name.
        originals: The parameters from which the weight is computed.
        buffers: The buffers that `solve` makes.
        keeps_values: Whether there is one original, with the values of the plain weight.
    """

    keeps_values: ClassVar[bool] = True

    def __init__(self, name: str, module: Module, attribute: str, originals: list[Slot]) -> None:
        self.name, self.module, self.attribute = name, module, attribute
        self.originals = originals
        self.buffers: list[Slot] = []

    @property
    def parameters(self) -> list[Parameter]:
        """The tensors of `originals`."""
        return [owner._parameters[name] for owner, name in self.originals]

    def find_problem(self) -> str | None:
        """Return why the weight cannot be made, or None."""
        if any(map(is_distributed, self.parameters)):
            return "is computed from DTensors; fill it before it is sharded"
        return None

    def describe(self) -> Tensor:
        """Return a tensor on meta of the weight's shape and dtype."""
        return self.parameters[-1].detach().to("meta")

    def solve(
        self, values: Tensor, rows: tuple[int, ...], seed: int, known: dict[int, Tensor]
    ) -> list[Result]:
        """Return the parameters and buffers from which the weight gets `values`.

        Args:
            values: The plain weight on the CPU. It may be changed.
            rows: Rows that must be zero: an embedding's padding rows.
            seed: The seed that belongs to the weight's name.
            known: The new tensors, by the identity of the tensors that they will replace.

        Raises:
            ValueError: If there are no such parameters.
        """
        raise NotImplementedError

    def refresh(self) -> None:
        """Compute the attribute again if torch keeps it as a tensor."""


class Parametrized(Computed):
    """A weight with a parametrization of `torch.nn.utils.parametrize`."""

    def __init__(
        self, name: str, module: Module, attribute: str, parts: parametrize.ParametrizationList
    ) -> None:
        count = 1 if parts.is_tensor else parts.ntensors
        names = ["original"] if parts.is_tensor else [f"original{i}" for i in range(count)]
        super().__init__(name, module, attribute, [(parts, each) for each in names])
        self.parts = parts
        for part in parts:
            if isinstance(part, parametrizations._SpectralNorm):
                self.buffers += [(part, "_u"), (part, "_v")]
            elif isinstance(part, parametrizations._Orthogonal):
                self.buffers.append((part, "base"))

    @property
    def keeps_values(self) -> bool:  # type: ignore[override]
        """Whether the one original has the values of the plain weight."""
        return all(isinstance(part, parametrizations._SpectralNorm) for part in self.parts)

    def find_problem(self) -> str | None:
        """Return why the weight cannot be made, or None."""
        for part in self.parts:
            if not hasattr(part, "right_inverse"):
                return (
                    f"its parametrization {type(part).__name__} has no `right_inverse`, which "
                    "would find the parameters that give a weight; leave it by a rule None"
                )
        return super().find_problem()

    def describe(self) -> Tensor:
        """Return a tensor on meta of the weight's shape and dtype."""
        try:
            found = self._compute(self._copy(lambda tensor: tensor.detach().to("meta")))
        except Exception:  # a parametrization may look at values
            found = self._compute(self._copy(lambda tensor: tensor.detach().clone()))
        return found.to("meta")

    def solve(
        self, values: Tensor, rows: tuple[int, ...], seed: int, known: dict[int, Tensor]
    ) -> list[Result]:
        """Return the parameters and buffers that give the weight `values`."""
        parts = self._copy(lambda tensor: _to_cpu(known.get(id(tensor), tensor)))
        originals = self._invert(parts, values.clone(), rows, seed)
        olds = self.parameters
        for old, new in zip(olds, originals, strict=True):
            if (old.shape, old.dtype) != (new.shape, new.dtype):
                raise ValueError(
                    "`right_inverse` must keep the shapes and dtypes of what it gave before, "
                    f"received: {tuple(new.shape)} {new.dtype} for {tuple(old.shape)} {old.dtype}"
                )
        result = originals
        for place, part in enumerate(parts):
            if isinstance(part, parametrizations._SpectralNorm) and result[0].dim() > 1:
                matrix = part._reshape_weight_to_matrix(result[0])
                _iterate_power(matrix, part._u, part._v, part.eps, fold_in(seed, place))
            result = [part(*result)]
        _check(result[0], values, rows)
        return [
            *((*slot, new) for slot, new in zip(self.originals, originals, strict=True)),
            *_list_changes(self.parts, parts),
        ]

    def _invert(self, parts: Any, values: Tensor, rows: tuple[int, ...], seed: int) -> list[Tensor]:
        if len(parts) == 1 and isinstance(parts[0], parametrizations._WeightNorm):
            return _split_norm(values, parts[0].dim, rows)
        values[list(rows)] = 0
        found: Any = values
        # torch completes a basis with random vectors.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(fold_in(seed, "right_inverse") >> 1)
            active.generators.append(
                SeedGenerator(seed)
            )  # an outer `patch` must not count draws here
            try:
                for part in reversed(parts):
                    found = part.right_inverse(found)
            except RuntimeError as error:  # includes NotImplementedError
                raise ValueError(f"`right_inverse` cannot be computed: {error}") from error
            finally:
                active.generators.pop()
        return [found] if isinstance(found, Tensor) else list(found)

    def _copy(self, replace: Any) -> Any:
        """Copy the parametrizations with their tensors replaced."""
        tensors = (*self.parts.parameters(), *self.parts.buffers())
        memo = {id(tensor): replace(tensor) for tensor in tensors}
        return copy.deepcopy(
            self.parts, memo
        ).eval()  # in training mode, computing the weight changes buffers

    def _compute(self, parts: Any) -> Tensor:
        with torch.no_grad():
            found: Tensor = parts()
        return found


class WeightNormHook(Computed):
    """A weight with the old `torch.nn.utils.weight_norm`."""

    keeps_values = False

    def __init__(self, name: str, module: Module, hook: WeightNorm) -> None:
        originals = [(module, hook.name + end) for end in ("_g", "_v")]
        super().__init__(name, module, hook.name, originals)
        self.hook = hook

    def solve(
        self, values: Tensor, rows: tuple[int, ...], seed: int, known: dict[int, Tensor]
    ) -> list[Result]:
        """Return the parameters that give the weight `values`."""
        g, v = _split_norm(values.clone(), self.hook.dim, rows)
        _check(torch._weight_norm(v, g, self.hook.dim), values, rows)
        return [(*slot, new) for slot, new in zip(self.originals, (g, v), strict=True)]

    def refresh(self) -> None:
        """Compute the attribute again."""
        setattr(self.module, self.attribute, self.hook.compute_weight(self.module))


class SpectralNormHook(Computed):
    """A weight with the old `torch.nn.utils.spectral_norm`."""

    def __init__(self, name: str, module: Module, hook: SpectralNorm) -> None:
        super().__init__(name, module, hook.name, [(module, hook.name + "_orig")])
        self.buffers = [(module, hook.name + end) for end in ("_u", "_v")]
        self.hook = hook

    def solve(
        self, values: Tensor, rows: tuple[int, ...], seed: int, known: dict[int, Tensor]
    ) -> list[Result]:
        """Return the parameter and the buffers that give the weight `values`."""
        values[list(rows)] = 0
        matrix = self.hook.reshape_weight_to_matrix(values)
        u, v = matrix.new_empty(matrix.shape[0]), matrix.new_empty(matrix.shape[1])
        _iterate_power(matrix, u, v, self.hook.eps, fold_in(seed, 0))
        _check(values / torch.dot(u, matrix.mv(v)), values, rows)
        slots = [*self.originals, *self.buffers]
        return [(*slot, new) for slot, new in zip(slots, (values, u, v), strict=True)]

    def refresh(self) -> None:
        """Set the attribute as torch does at construction."""
        setattr(self.module, self.attribute, self.parameters[0].data)


class PruningHook(Computed):
    """A weight with `torch.nn.utils.prune`: an original and a mask, which is kept."""

    def __init__(self, name: str, module: Module, hook: prune.BasePruningMethod) -> None:
        attribute = hook._tensor_name
        super().__init__(name, module, attribute, [(module, f"{attribute}_orig")])
        self.hook = hook

    def solve(
        self, values: Tensor, rows: tuple[int, ...], seed: int, known: dict[int, Tensor]
    ) -> list[Result]:
        """Return the parameter that gives the weight `values` under the mask."""
        values[list(rows)] = 0
        return [(*self.originals[0], values)]

    def refresh(self) -> None:
        """Compute the attribute again."""
        setattr(self.module, self.attribute, self.hook.apply_mask(self.module))


def find_computed(prefix: str, module: Module) -> Iterator[Computed]:
    """Yield the weights that a module computes; `prefix` is its name."""
    if not (module._forward_pre_hooks or "parametrizations" in module._modules):
        return
    start = f"{prefix}." if prefix else ""
    if parametrize.is_parametrized(module):
        for name, parts in module.parametrizations.items():
            found = Parametrized(start + name, module, name, parts)
            if all(name in owner._parameters for owner, name in found.originals):  # not buffers
                yield found
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):
            yield WeightNormHook(start + hook.name, module, hook)
        elif isinstance(hook, SpectralNorm):
            yield SpectralNormHook(start + hook.name, module, hook)
        elif isinstance(hook, prune.BasePruningMethod):
            yield PruningHook(start + hook._tensor_name, module, hook)


def _split_norm(values: Tensor, dim: int, rows: tuple[int, ...]) -> list[Tensor]:
    """Return the norms and directions of a weight, as in `torch.nn.utils.weight_norm`."""
    if dim != 0:
        values[list(rows)] = 0
    norms = torch.norm_except_dim(values, 2, dim)
    if dim == 0:
        norms[list(rows)] = 0  # the direction stays, as that of a zero row would be NaN
    return [norms, values]


def _iterate_power(matrix: Tensor, u: Tensor, v: Tensor, eps: float, seed: int) -> None:
    """Compute the singular vectors of the largest singular value, from vectors seeded by name."""
    for vector, label in ((u, "u"), (v, "v")):
        fill_(vector, RandomNormal(), fold_in(seed, label))
        vector.copy_(F.normalize(vector, dim=0, eps=eps))
    for _ in range(_ITERATIONS):
        u.copy_(F.normalize(matrix.mv(v), dim=0, eps=eps))
        v.copy_(F.normalize(matrix.t().mv(u), dim=0, eps=eps))


def _check(result: Tensor, values: Tensor, rows: tuple[int, ...]) -> None:
    if values.isfinite().all() and not result.isfinite().all():
        raise ValueError(
            "what computes it makes numbers that are not finite of the rule's values (a row of "
            "zeros has no direction, a matrix of zeros no singular vectors)"
        )
    if rows and result[list(rows)].any():
        raise ValueError("what computes it cannot make the rows of `padding_idx` zero")


def _list_changes(old: Module, new: Module) -> Iterator[Result]:
    """Yield the buffers of a copied module that differ from those of the module."""
    for owner, changed in zip(old.modules(), new.modules(), strict=True):
        for name, buffer in changed._buffers.items():
            if buffer is None:
                continue
            before = owner._buffers[name]
            if before is None or before.is_meta or not torch.equal(before.cpu(), buffer):
                yield owner, name, buffer


def _to_cpu(tensor: Tensor) -> Tensor:
    if tensor.is_meta:
        return torch.empty_like(tensor, device="cpu")
    return tensor.detach().to("cpu", copy=True)
