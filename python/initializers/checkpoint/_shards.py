"""The layout of a checkpoint: which file holds which weight, and where."""

from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._arguments.checks import check_path, show, to_integer
from .._arguments.dtypes import look_up
from .._arguments.shapes import Shape
from .._arguments.sizes import size_text
from .._classes.base import ArrayInitializer
from .._core import STREAM_VERSION
from .._files.direct_writer import ALIGNMENT
from .._files.metadata import CONVENTION_KEY, PADDING_KEY, encode_conventions, encode_padding
from .._files.safetensors import INDEX_SUFFIX, SUFFIX, encode_header
from .._filling import AnyFill, cut
from .._memory.limit import exceeds_memory
from ..recipe._plan import Weight

# The keys of a file's metadata.
VERSION_KEY = "initializers.stream_version"
SEED_KEY = "initializers.seed"
RECIPE_KEY = "initializers.recipe"

PARTIAL = ".partial"

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


@dataclass(frozen=True)
class Shard:
    """One file.

    Attributes:
        file: The file's path.
        weights: The weights in the file, in order.
        header: The bytes before the data.
        begin: The number of bytes of data in all files before this one.
        end: `begin` plus the bytes of data in this file.
    """

    file: Path
    weights: tuple[Weight, ...]
    header: bytes
    begin: int
    end: int

    @property
    def partial(self) -> Path:
        """The file's temporary path, until the whole checkpoint is on the disk."""
        return add_suffix(self.file, PARTIAL)

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return len(self.header) + self.end - self.begin


@dataclass(frozen=True)
class Layout:
    """The files of a checkpoint.

    Attributes:
        base: The path from which the names of all files are derived.
        shards: The files with weights.
        index: The path and text of the index; None for a single file.
    """

    base: Path
    shards: tuple[Shard, ...]
    index: tuple[Path, str] | None

    @property
    def target(self) -> Path:
        """The path of the index, or of the only file."""
        return self.index[0] if self.index else self.shards[0].file

    @property
    def total(self) -> int:
        """The size of all weights in bytes."""
        return self.shards[-1].end

    @property
    def files(self) -> set[Path]:
        """The paths of all files."""
        index = [self.index[0]] if self.index else []
        return {shard.file for shard in self.shards}.union(index)

    def find_existing(self, suffix: str = "") -> set[Path]:
        """Return the existing files of any checkpoint with this base, whatever its shards."""
        stem = self.base.name.removesuffix(SUFFIX)
        name = re.compile(
            rf"{re.escape(stem)}(-\d{{5,}}-of-\d{{5,}})?{re.escape(SUFFIX)}(\.index\.json)?"
            + re.escape(suffix)
        )
        folder = self.base.parent
        if not folder.is_dir():
            return set()
        return {path for path in folder.iterdir() if name.fullmatch(path.name)}


def add_suffix(path: Path, suffix: str) -> Path:
    """Return `path` with one more suffix."""
    return path.with_name(path.name + suffix)


def lay_out(
    recipe: Any,
    weights: Iterable[Weight],
    path: str | os.PathLike[str],
    most: int | str | None,
    conventions: Mapping[str, str | None],
) -> Layout:
    """Return the layout of a checkpoint.

    Weights go into the files in their order. No file exceeds `most` bytes of weights, unless a
    single weight does. Within a file the widest dtypes come first, so all tensors are aligned.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it has a wrong value, or the format lacks a dtype.
        OSError: If the parent folder is missing or not a folder.
    """
    base = find_base(path)
    metadata = {
        "format": "pt",  # transformers does not load a file without it
        VERSION_KEY: str(STREAM_VERSION),
        SEED_KEY: str(recipe.seed),
        RECIPE_KEY: recipe.to_json(),
        CONVENTION_KEY: encode_conventions(conventions),
    }
    weights = list(weights)
    padding = {weight.name: weight.padding for weight in weights if weight.padding}
    if padding:
        metadata[PADDING_KEY] = encode_padding(padding)
    groups = _split(weights, math.inf if most is None else parse_size(most))
    shards: list[Shard] = []
    begin = 0
    for number, group in enumerate(groups, 1):
        name = base.name.removesuffix(SUFFIX) + f"-{number:05}-of-{len(groups):05}{SUFFIX}"
        file = base if len(groups) == 1 else base.with_name(name)
        group.sort(key=lambda weight: -_itemsize(weight))
        entries = [(each.name, each.dtype, each.shape, each.nbytes) for each in group]
        end = begin + sum(entry[-1] for entry in entries)
        shards.append(
            Shard(file, tuple(group), encode_header(entries, metadata, ALIGNMENT), begin, end)
        )
        begin = end
    index = None
    if len(shards) > 1:
        files = {each.name: shard.file.name for shard in shards for each in shard.weights}
        text = json.dumps({"metadata": {"total_size": begin}, "weight_map": files}, indent=2)
        index = base.with_name(base.name.removesuffix(SUFFIX) + INDEX_SUFFIX), text + "\n"
    return Layout(base, tuple(shards), index)


def list_pieces(weight: Weight, most: int) -> Iterator[tuple[Shape, Shape, int, int]]:
    """Yield start, shape, first byte and size of pieces of at most `most` bytes, in C order."""
    itemsize = _itemsize(weight)
    for place in cut(weight.shape, max(most // itemsize, 1)):
        start = tuple(part.start for part in place)
        extent = tuple(part.stop - part.start for part in place)
        first = int(np.ravel_multi_index(start, weight.shape)) if start else 0
        yield start, extent, first * itemsize, math.prod(extent) * itemsize


def piece_size(weight: Weight, most: int) -> int:
    """Return the most bytes of a piece: all of a weight (or stacked tensor) that is made whole."""
    if not is_made_whole(weight):
        return most
    return weight.parts[0].nbytes if weight.parts else weight.nbytes


def is_made_whole(weight: Weight) -> bool:
    """Return whether a weight is made whole: each of its pieces would cost as much as all of it."""
    initializer = weight.initializer
    return not isinstance(initializer, ArrayInitializer) or initializer._costly_blocks


def plan(weight: Weight) -> AnyFill:
    """Return the fill of a weight.

    Raises:
        ValueError: If its initializer has no values for its shape or dtype.
        MemoryError: If it must be made whole, which takes more memory than there is.
    """
    fill = weight.plan_fill()
    if is_made_whole(weight):
        one = weight.parts[0] if weight.parts else weight  # a stack is made tensor by tensor
        work = (8 if one.dtype == "float64" else 4) * one.size
        needed = one.nbytes * (2 if one.permute else 1) + work
        if exceeds_memory(needed):
            raise MemoryError(
                f"no memory for weight {show(weight.name)}: {weight.initializer!r} makes it whole, "
                f"which takes {size_text(needed)}"
            )
    return fill


def parse_size(size: int | str) -> int:
    """Return a number of bytes from an integer or a text such as `"5GB"`, `"500MB"` or `"2GiB"`.

    Raises:
        TypeError: If it is neither an integer nor a string.
        ValueError: If it is less than 1, or has an unknown unit.
    """
    wanted = "`max_shard_size` must be an integer >= 1 of bytes or a size such as '5GB' or '2GiB'"
    number = to_integer(size)
    if isinstance(size, str):
        found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]i?|)B?\s*", size, re.IGNORECASE)
        if found:
            units = {key.casefold(): unit for key, unit in (_UNITS | _BINARY_UNITS).items()}
            number = int(float(found[1]) * units[found[2].casefold()])
    elif number is None:
        raise TypeError(f"{wanted}, received: {show(size)}")
    if number is None or number < 1:
        raise ValueError(f"{wanted}, received: {show(size)}")
    return number


def find_base(path: str | os.PathLike[str]) -> Path:
    """Return the path of a checkpoint's single file: for a folder, `model.safetensors` in it.

    Raises:
        TypeError: If `path` is not a path.
        ValueError: If it is a file with another suffix, or an index.
        OSError: If the parent folder is missing or not a folder.
    """
    found = check_path("path", path)
    is_folder = found.is_dir() or not found.name.endswith(SUFFIX)
    if is_folder and (found.name.endswith(INDEX_SUFFIX) or (found.exists() and not found.is_dir())):
        raise ValueError(f"`path` must end with {SUFFIX} or be a folder, received: {show(path)}")
    folder = found.parent
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "`path` must lie in a folder", str(folder))
    if not folder.exists():
        raise FileNotFoundError(
            errno.ENOENT, "the folder does not exist: create it, or correct `path`", str(folder)
        )
    return found / f"model{SUFFIX}" if is_folder else found


def _split(weights: list[Weight], most: float) -> list[list[Weight]]:
    groups: list[list[Weight]] = [[]]
    room = most
    for weight in weights:
        size = weight.nbytes
        if size > room and groups[-1]:
            groups.append([])
            room = most
        groups[-1].append(weight)
        room -= size
    return groups


def _itemsize(weight: Weight) -> int:
    return look_up(weight.dtype).numpy.itemsize
