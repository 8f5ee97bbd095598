"""Follows the law of every storage through the operations of a constructor."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_map_only

from .laws import (
    Const,
    Empty,
    Law,
    Mixed,
    Opaque,
    Values,
    recognize,
    to_mapped,
)
from .memory import LARGEST, Memory, Region, sort_axes
from .operations import (
    describe,
    find_bounds,
    find_draw,
    find_fresh,
    has_repeats,
    is_fake,
    keep,
    list_mutated,
    list_tensors,
    name_law,
    on_cpu,
    show_call,
)
from .places import find_origin

# After so many new storages, those are freed that only the follower holds.
_MOST_FORGOTTEN = 64
_FACTORIES = {
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros", "zero_", "zero"), 0.0),
    **dict.fromkeys(("ones", "ones_like", "new_ones"), 1.0),
}
_UNWRITTEN = frozenset(
    ("empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided")
)
_COPIES = frozenset(("clone", "_to_copy", "contiguous", "lift_fresh", "lift_fresh_copy"))
_FUNCTIONS = frozenset(("erfinv", "exp", "expm1", "log", "log1p", "sqrt"))


class Follower(TorchDispatchMode):  # type: ignore[misc]  # Any where torch is not installed
    """Notes the law of what each operation writes.

    Operations on known values (constants, `arange`, sines) are computed for real, on the CPU, while
    the model itself may be without memory.

    Attributes:
        reads: Where the constructor read values that a generator had drawn.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self._memories: dict[int, Memory] = {}
        self._holders: dict[int, Tensor] = {}
        self._draws = itertools.count(1)
        self._is_quiet = False

    # Reading laws.

    def knows(self, tensor: Tensor) -> bool:
        """Return whether an operation that was followed made the storage."""
        memory = self._memories.get(tensor.untyped_storage()._cdata)
        return memory is not None and bool(memory.parts)

    def memory_of(self, tensor: Tensor) -> Memory:
        """Return the storage's parts; those of a tensor from elsewhere are its values."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        memory = self._memories.get(key)
        if memory is None:
            size = storage.nbytes() // max(1, tensor.element_size())
            memory = self._memories[key] = Memory(size, tensor.dtype)
            # The key is an address: a tensor of ours keeps it from being used again.
            with _disable_current_modes():
                self._holders[key] = tensor.detach()
            if len(self._holders) % _MOST_FORGOTTEN == 0:
                self._forget()
        return memory

    def _forget(self) -> None:
        """Free storages that nobody else holds: temporary ones of a constructor on the CPU."""
        for key in [key for key in self._holders if torch._C._storage_Use_Count(key) == 1]:
            del self._holders[key], self._memories[key]

    def read(self, tensor: Tensor) -> Law:
        """Return the law of a tensor's elements."""
        if not self.knows(tensor):
            return Empty() if is_fake(tensor) else self._read_foreign(tensor)
        memory = self.memory_of(tensor)
        if tensor.element_size() != memory.dtype.itemsize:
            return Opaque(f"values of {memory.dtype} read as {tensor.dtype}")
        law = memory.read(Region.of(tensor))
        if isinstance(law, (Mixed, Values)) and memory.is_known:
            values = memory.compute_tensor(tensor)
            return law if values is None else Values(values, origin=law.origin)
        return law

    def compute(self, tensor: Tensor) -> Tensor | None:
        """Return the values of a tensor on the CPU, or None if they depend on a generator."""
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
            return None
        law = self.read(tensor)
        if tensor.numel() > LARGEST:
            return None
        if isinstance(law, Const):
            return torch.full(tuple(tensor.shape), law.value, dtype=tensor.dtype)
        return law.array.clone() if isinstance(law, Values) else None

    def _read_foreign(self, tensor: Tensor) -> Law:
        """Read a tensor with values that was made outside of what is followed, as by NumPy."""
        if tensor.is_meta or tensor.numel() > LARGEST:
            return Opaque("made before or outside of the constructor")
        values = tensor.detach().cpu().clone()
        return describe(values, find_origin("values from outside of torch"))

    # Writing laws.

    def write(self, tensor: Tensor, law: Law) -> None:
        """Note that a tensor was written."""
        is_new = not self.knows(tensor)
        memory = self.memory_of(tensor)
        if is_new and not is_fake(tensor):  # what was there before, if this is a part
            whole = Region(0, ((memory.size, 1),))
            memory.write(whole, Opaque("made before or outside of the constructor"))
        if tensor.element_size() != memory.dtype.itemsize:
            whole = Region(0, ((memory.size, 1),))
            memory.write(whole, Opaque(f"written as {tensor.dtype}", origin=law.origin))
            return
        if isinstance(law, Values):
            law = replace(law, array=sort_axes(tensor, law.array))
        memory.write(Region.of(tensor), law)

    def next_draw(self) -> int:
        """Return a number for a new draw."""
        return next(self._draws)

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Follow nothing in this block."""
        before, self._is_quiet = self._is_quiet, True
        try:
            yield
        finally:
            self._is_quiet = before

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._is_quiet:
            return func(*args, **kwargs)
        name = func._schema.name.partition("::")[2]
        if name in ("_local_scalar_dense", "is_nonzero", "equal"):
            return self._read_scalar(func, args, kwargs)
        with _disable_current_modes():
            before = [self.read(each) for each in list_tensors((args, kwargs))]
        result = func(*args, **kwargs)
        with _disable_current_modes(), torch.no_grad():  # what is computed here is real
            self._follow(name, func, args, kwargs, result, before)
        return result

    def _read_scalar(self, func: Any, args: Any, kwargs: Any) -> Any:
        with _disable_current_modes():
            values = [self.compute(each) for each in list_tensors(args)]
            if all(each is not None for each in values):
                remaining = iter(values)
                return func(*tree_map_only(Tensor, lambda _: next(remaining), args), **kwargs)
        self.reads.append(find_origin(func._schema.name).place)
        return func(*args, **kwargs)

    def _follow(
        self, name: str, func: Any, args: Any, kwargs: Any, result: Any, before: list[Law]
    ) -> None:
        if name == "lift_fresh" and not self.knows(args[0]):
            self.write(args[0], before[0])  # on the CPU the result is the tensor itself
        mutated = list_mutated(func, args, kwargs)
        fresh = [] if mutated else find_fresh(args, kwargs, result)
        written = mutated or [list_tensors(result)[place] for place in fresh]
        if not written:
            return
        if name == "set_":  # the tensor now has the memory of another
            return
        if name in _UNWRITTEN:
            self.write(written[0], Empty(origin=find_origin(name)))
            return
        law = self._find_law(name, func, args, kwargs, before)
        if law is not None:
            law = recognize(law)
            if law.origin is None or isinstance(law, Const) or law.draw is None:
                law = replace(law, origin=find_origin(show_call(name, args)))
            for each in written:
                self.write(each, law)
            return
        if self._copy_parts(name, args, written) or self._join(name, args, kwargs, written):
            return
        self._compute(name, func, args, kwargs, written, fresh, before)

    def _find_law(
        self, name: str, func: Any, args: Any, kwargs: Any, before: list[Law]
    ) -> Law | None:
        """Return the law of the result by arithmetic on laws, or None if there is none."""
        if name in _FACTORIES:
            return Const(_FACTORIES[name])
        if name in ("full", "full_like", "new_full", "fill", "fill_", "scalar_tensor"):
            value = args[{"new_full": 2, "scalar_tensor": 0}.get(name, 1)]
            if isinstance(value, Tensor):
                return self.read(value) if isinstance(self.read(value), Const) else None
            return Const(value)
        draw = find_draw(name, args, kwargs)
        if draw is not None:
            return replace(draw, draw=self.next_draw(), origin=find_origin(show_call(name, args)))
        if torch.Tag.nondeterministic_seeded in func.tags:
            return Opaque(f"drawn by {name}")
        tensors = [each for each in args if isinstance(each, Tensor)]
        if name in _COPIES and not has_repeats(tensors[0]):
            return keep(self.read(tensors[0]))
        if name == "copy_" and args[0].shape == args[1].shape and not has_repeats(args[1]):
            return keep(self.read(args[1]))
        if name == "copy_" and isinstance(self.read(args[1]), Const):
            return self.read(args[1])
        if all(law.is_known for law in before):
            return self._combine_constants(func, args, kwargs, before)
        plain = name.rstrip("_")
        if plain in ("mul", "div", "add", "sub", "rsub", "neg"):
            return self._combine(plain, func, args, kwargs)
        mapped = to_mapped(self.read(tensors[0])) if tensors else None
        if mapped is None or len(tensors) > 1:
            return None
        if plain in _FUNCTIONS:
            return replace(mapped, tree=(plain, mapped.tree))
        if plain in ("clamp", "clamp_min"):
            low, high = find_bounds(func, args, kwargs)
            return replace(mapped, tree=("clamp", low, high, mapped.tree))
        return None

    def _combine_constants(
        self, func: Any, args: Any, kwargs: Any, before: list[Law]
    ) -> Law | None:
        """Compute an element-wise operation on constants for one element: it rounds as torch."""
        if not before or not all(isinstance(law, Const) for law in before):
            return None
        if torch.Tag.pointwise not in func.tags:
            return None
        numbers = (
            torch.full((), law.value, dtype=each.dtype)  # type: ignore[attr-defined]
            for each, law in zip(list_tensors((args, kwargs)), before, strict=True)
        )
        given = tree_map_only(Tensor, lambda _: next(numbers), (args, on_cpu(kwargs)))
        result = func(*given[0], **given[1])
        return Const(result.item()) if isinstance(result, Tensor) else None

    def _combine(self, name: str, func: Any, args: Any, kwargs: Any) -> Law | None:
        """Return the law of a sum or a product of a draw and a number, or of two of one draw."""
        if name == "neg":
            return self.read(args[0]).scaled(-1.0, 0.0)
        if kwargs.get("rounding_mode") is not None:
            return None
        alpha = kwargs.get("alpha", args[2] if len(args) > 2 else 1)
        left, right = args[0], args[1]
        if name == "rsub":
            name, left, right = "sub", right, left
        first, second = self._number(left), self._number(right)
        if second is not None:
            law = self.read(left)
            if name in ("mul", "div"):
                return law.scaled(second if name == "mul" else 1 / second, 0.0)
            return law.scaled(1.0, alpha * second if name == "add" else -alpha * second)
        if first is not None and name != "div":
            law = self.read(right)
            if name == "mul":
                return law.scaled(first, 0.0)
            return law.scaled(alpha if name == "add" else -alpha, first)
        if isinstance(left, Tensor) and isinstance(right, Tensor) and name in ("add", "sub"):
            ours, theirs = to_mapped(self.read(left)), to_mapped(self.read(right))
            if ours is not None and theirs is not None and ours.draw == theirs.draw:
                sign = alpha if name == "add" else -alpha
                return replace(ours, tree=("add", ours.tree, ("affine", sign, 0.0, theirs.tree)))
        return None

    def _number(self, value: Any) -> float | None:
        """Return a number, or the one that a tensor has everywhere."""
        if isinstance(value, (int, float)):
            return float(value)
        if not isinstance(value, Tensor):
            return None
        law = self.read(value)
        if isinstance(law, Const) and not isinstance(law.value, complex):
            return float(law.value)
        return None

    def _copy_parts(self, name: str, args: Any, written: list[Tensor]) -> bool:
        """Copy the parts of a storage of several laws, where both tensors are laid out alike."""
        source = args[0] if name in _COPIES else args[1] if name == "copy_" else None
        if source is None or not isinstance(source, Tensor):
            return False
        target = written[0]
        memory, place = self.memory_of(source), Region.of(source)
        same = source.shape == target.shape and source.stride() == target.stride()
        if not same or not place.is_dense or len(memory.list_laws(place)) < 2:
            return False
        shift = target.storage_offset() - source.storage_offset()
        for region, law in memory.list_laws(place):
            inside = region if place.covers(region) else place
            moved = Region(inside.offset + shift, inside.axes)
            self.memory_of(target).write(moved, law)
        return True

    def _join(self, name: str, args: Any, kwargs: Any, written: list[Tensor]) -> bool:
        """Give each part of `cat` and `stack` the law of the tensor that it comes from."""
        if name not in ("cat", "stack") or not args:
            return False
        laws = [self.read(each) for each in args[0]]
        if all(law.is_known for law in laws):
            return False
        out, start = written[0], 0
        axis = (args[1] if len(args) > 1 else kwargs.get("dim", 0)) % max(1, out.dim())
        for each, law in zip(args[0], laws, strict=True):
            shape = list(out.shape)
            shape[axis] = 1 if name == "stack" else each.shape[axis]
            offset = out.storage_offset() + start * out.stride(axis)
            region = Region.make(offset, tuple(shape), out.stride())
            if isinstance(law, (Mixed, Values)):
                law = Opaque(
                    f"{name} of drawn values and {name_law(law)}", origin=find_origin(name)
                )
            self.memory_of(out).write(region, law)
            start += shape[axis]
        return True

    def _compute(
        self,
        name: str,
        func: Any,
        args: Any,
        kwargs: Any,
        written: list[Tensor],
        fresh: list[int],
        before: list[Law],
    ) -> None:
        """Compute an operation on known values for real; else what it writes is opaque."""
        done = self._run(func, args, kwargs, before)
        if done is not None:
            origin = find_origin(name)
            results = [list_tensors(done[2])[place] for place in fresh]
            for target, result in zip(
                written, results or list_mutated(func, *done[:2]), strict=True
            ):
                self.write(target, describe(result, origin))
            return
        kinds = sorted({name_law(law) for law in before}) or ["nothing"]
        inner = next((law.reason for law in before if isinstance(law, Opaque)), None)
        reason = inner or f"{name} of {' and '.join(kinds)}"
        for target in written:
            self.write(target, Opaque(reason, origin=find_origin(name)))

    def _run(self, func: Any, args: Any, kwargs: Any, before: list[Law]) -> Any:
        if not all(law.is_known or isinstance(law, Empty) for law in before):
            return None
        tensors = list_tensors((args, kwargs))
        values = []
        for each, law in zip(tensors, before, strict=True):
            value = self._compute_empty(each) if isinstance(law, Empty) else self.compute(each)
            if value is None:
                return None
            values.append(value)
        remaining = iter(values)
        given = tree_map_only(Tensor, lambda _: next(remaining), (args, on_cpu(kwargs)))
        try:
            result = func(*given[0], **given[1])
        except (RuntimeError, TypeError, NotImplementedError):  # of devices, or too much memory
            return None
        return (*given, result)

    def _compute_empty(self, tensor: Tensor) -> Tensor | None:
        if tensor.numel() > LARGEST:
            return None
        empty = torch.zeros(tuple(tensor.shape), dtype=tensor.dtype)
        return empty.fill_(torch.nan) if tensor.dtype.is_floating_point else empty
