"""The memory of a model under construction: which law each part of a storage has."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from .laws import Const, Empty, Law, Mixed, Normal, Uniform, Values

# Known values are computed for storages of at most this many elements.
LARGEST = 1 << 24
# A storage with more parts than this is written anew as one, where its values are known.
_MOST_PARTS = 32


@dataclass(frozen=True)
class Region:
    """Elements of a storage: an offset, and pairs of sizes and strides, without axes of size 1."""

    offset: int
    axes: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, tensor: Tensor) -> Region:
        """Return the elements that a tensor has."""
        return cls.make(tensor.storage_offset(), tuple(tensor.shape), tensor.stride())

    @classmethod
    def make(cls, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Region:
        """Return the elements of a shape with strides."""
        pairs = [pair for pair in zip(shape, strides, strict=True) if pair[0] != 1]
        merged: list[tuple[int, int]] = []
        for size, stride in sorted(pairs, key=lambda pair: (-pair[1], pair[0])):
            if merged and merged[-1][1] == size * stride:
                merged[-1] = (merged[-1][0] * size, stride)
            else:
                merged.append((size, stride))
        return cls(offset, tuple(merged))

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(size for size, _ in self.axes)

    @property
    def stop(self) -> int:
        """One more than the last element."""
        return self.offset + 1 + sum((size - 1) * stride for size, stride in self.axes)

    @property
    def is_dense(self) -> bool:
        """Whether it has no gaps and no repetitions."""
        return self.stop - self.offset == self.size

    def covers(self, other: Region) -> bool:
        """Return whether all elements of another are among these, as far as can be told."""
        if self == other:
            return True
        return self.is_dense and self.offset <= other.offset and other.stop <= self.stop

    def misses(self, other: Region) -> bool:
        """Return whether no element of another is among these, as far as can be told."""
        if self.stop <= other.offset or other.stop <= self.offset:
            return True
        if self.axes and len(self.axes) == len(other.axes) == 2:  # columns of one matrix
            (_, row), (here, step) = self.axes
            (_, other_row), (there, other_step) = other.axes
            if (row, step) == (other_row, other_step) and step == 1:
                low, high = self.offset % row, other.offset % row
                return low + here <= high or high + there <= low
        return False


@dataclass
class Memory:
    """A storage: what was written where, the latest last.

    Attributes:
        size: The number of elements.
        dtype: The dtype of its first tensor.
        parts: The regions with their laws; the first is the whole.
    """

    size: int
    dtype: torch.dtype
    parts: list[tuple[Region, Law]] = field(default_factory=list)

    def write(self, region: Region, law: Law) -> None:
        """Note that a region was written."""
        if region.covers(self._whole):
            self.parts = [(region, law)]
            return
        if self.read(region) == law and not isinstance(law, (Values, Mixed)):
            return
        self.parts = [part for part in self.parts if not region.covers(part[0])]
        self.parts.append((region, law))
        if len(self.parts) > _MOST_PARTS and self.is_known:
            array = self.compute()
            if array is not None:
                self.parts = [(self._whole, Values(array, origin=law.origin))]

    @property
    def _whole(self) -> Region:
        return Region(0, ((self.size, 1),) if self.size != 1 else ())

    @property
    def is_known(self) -> bool:
        """Whether no value depends on a generator."""
        return all(law.is_known or isinstance(law, Empty) for _, law in self.parts)

    def list_laws(self, region: Region) -> list[tuple[Region, Law]]:
        """Return the parts that a region has elements of, the earliest first."""
        found = []
        for place, law in reversed(self.parts):
            if place.misses(region):
                continue
            found.append((place, law))
            if place.covers(region):
                return found[::-1]
        return [(self._whole, Empty()), *found[::-1]]  # memory that nothing has written to

    def read(self, region: Region) -> Law:
        """Return the law of a region; `Mixed` if its parts have several."""
        found = self.list_laws(region)
        laws = [law for _, law in found]
        if len(laws) == 1 and found[0][0].covers(region):
            law = laws[0]
            if found[0][0] != region:
                if isinstance(law, Values):
                    return Mixed("a part of known values", origin=law.origin)
                # Fans are those of the whole.
                return replace(law, fans=None) if isinstance(law, (Normal, Uniform)) else law
            return law
        if all(type(law) is not Values and law == laws[0] for law in laws):
            return laws[-1]
        kinds = ", ".join(dict.fromkeys(type(law).__name__.lower() for law in laws))
        return Mixed(f"parts of several laws ({kinds})", origin=laws[-1].origin)

    def compute(self) -> Tensor | None:
        """Return all values on the CPU, or None if they are not known or too many.

        What was never written is NaN.
        """
        if self.size > LARGEST or not self.is_known:
            return None
        flat = torch.zeros(self.size, dtype=self.dtype)
        if self.dtype.is_floating_point:
            flat.fill_(math.nan)
        for region, law in self.parts:
            sizes = [size for size, _ in region.axes]
            part = flat.as_strided(sizes, [step for _, step in region.axes], region.offset)
            if isinstance(law, Const):
                part.fill_(law.value)
            elif isinstance(law, Values):
                part.copy_(law.array.reshape(part.shape))
        return flat

    def compute_tensor(self, tensor: Tensor) -> Tensor | None:
        """Return the values that a tensor in this storage has, on the CPU, or None."""
        if tensor.dtype != self.dtype:
            return None
        flat = self.compute()
        if flat is None:
            return None
        return flat.as_strided(tuple(tensor.shape), tensor.stride(), tensor.storage_offset())


def sort_axes(tensor: Any, array: Tensor) -> Tensor:
    """Return an array of a tensor's shape with the axes in the order that `Region` has them."""
    pairs = list(zip(tensor.shape, tensor.stride(), range(tensor.dim()), strict=True))
    order = [axis for _, _, axis in sorted(pairs, key=lambda pair: (-pair[1], pair[0]))]
    return array.permute(order).contiguous()
