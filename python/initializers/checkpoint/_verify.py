"""Verifies a checkpoint: compares every byte with the values of its recipe."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._arguments.checks import show
from .._arguments.dtypes import look_up
from .._arguments.shapes import Shape
from .._arguments.specs import Spec
from .._arguments.types import Convention
from .._core import STREAM_VERSION
from .._files.metadata import find_conventions, list_specs
from .._files.safetensors import Stored, StoredTensor, check_dtype, find, read
from .._files.workers import Workers
from .._filling import AnyFill
from ..recipe import Recipe
from ..recipe._plan import Weight
from ..recipe._sources import SpecsLike, read_specs
from ._shards import RECIPE_KEY, VERSION_KEY, Shard, is_made_whole, list_pieces, piece_size, plan

Kind: TypeAlias = tuple[Shape, str]

# The number of pieces that are compared at the same time, and the most bytes of a piece.
_JOBS = 4
_PIECE = 8 << 20


@dataclass(frozen=True)
class Difference:
    """The first element of a tensor that differs from the recipe.

    Attributes:
        name: The tensor's name.
        index: The index of the element.
        expected: The recipe's value.
        found: The file's value.

    Examples:
        >>> print(Difference("kernel", (0, 1), 0.5, 0.25))
        kernel[0, 1] must be 0.5, found: 0.25
    """

    name: str
    index: tuple[int, ...]
    expected: Any
    found: Any

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        return f"{self.name}[{place}] must be {self.expected}, found: {self.found}"


@dataclass(frozen=True)
class Report:
    """The result of `verify`.

    Attributes:
        path: The file, or the index of several.
        tensors: The number of tensors that were compared byte by byte.
        bytes: The number of bytes that were compared.
        missing: The names of tensors that the file lacks.
        extra: The names of tensors that do not belong to the model.
        mismatched: The expected and the found shape and dtype of each tensor where they differ, in
            the order of the model.
        differences: The first differing element of each other tensor that differs.

    Examples:
        >>> from pathlib import Path
        >>> report = Report(Path("model.safetensors"), 2, 804, (), (), {}, ())
        >>> report.ok
        True
        >>> print(report)
        model.safetensors: 2 of 2 tensors compared are what the recipe says
    """

    path: Path
    tensors: int
    bytes: int
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    mismatched: dict[str, tuple[Kind, Kind]]
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether the checkpoint equals the recipe."""
        return not (self.missing or self.extra or self.mismatched or self.differences)

    def __str__(self) -> str:
        lines = [
            *(f"{name} is missing" for name in self.missing),
            *(f"{name} should not be there" for name in self.extra),
            *(
                f"{name} must have shape {wanted[0]} and dtype {wanted[1]}, "
                f"found: {found[0]} and {found[1]}"
                for name, (wanted, found) in self.mismatched.items()
            ),
            *map(str, self.differences),
        ]
        same = self.tensors - len(self.differences)
        end = f"{same} of {self.tensors} tensors compared are what the recipe says"
        return "\n".join([*lines, f"{self.path}: {end}"])


def verify(
    path: str | os.PathLike[str],
    recipe: Recipe | None = None,
    specs: SpecsLike | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    convention: Convention | None = None,
    partial: bool = False,
) -> Report:
    """Compare every byte of a checkpoint with the values of a recipe, piece by piece.

    Args:
        path: A safetensors file, an index of several, or a folder with `model.safetensors` or
            `model.safetensors.index.json`.
        recipe: The `Recipe`; None: the recipe in the file's metadata.
        specs: The model, as for `Recipe.plan`: finds tensors that are missing or have another shape
            or dtype. None: the tensors, shapes and dtypes of the files and the index.
        progress: Called as `progress(done, total)` with numbers of bytes.
        convention: The convention of the weights, if neither the recipe, `specs` nor the file state
            it. Must be None for the recipe in the file: the file records its convention.
        partial: Whether `specs` is part of a model: rules may then match no weight.

    Returns:
        A report; its `ok` is True if the checkpoint matches.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If a file is malformed, lacks a recipe or was written with another version of
            the stream, or the recipe does not fit the tensors.
        OSError: If a file cannot be read.
        MemoryError: If there is not enough memory for a weight that must be made whole.

    Examples:
        >>> import tempfile
        >>> from initializers import Recipe, checkpoint
        >>> recipe = Recipe({"*": "ones"}, seed=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = checkpoint.write(recipe, {"scale": (3,)}, f"{folder}/model.safetensors")
        ...     report = verify(path)
        >>> report.ok, report.tensors, report.bytes
        (True, 1, 12)
    """
    if recipe is not None:
        check_recipe(recipe)
    check_progress(progress)
    stored = read(path)
    version = stored.metadata.get(VERSION_KEY, str(STREAM_VERSION))
    if version != str(STREAM_VERSION):
        raise ValueError(
            f"{str(path)!r} must have values of version {STREAM_VERSION} of the stream, "
            f"received: {show(version)}"
        )
    recorded = find_conventions(stored)
    found = _list_specs(stored) if specs is None else read_specs(specs)
    if recipe is None:
        if convention is not None:
            raise ValueError(
                "`convention` must be None for the recipe of the file, which records how it was "
                f"laid out, received: {show(convention)}"
            )
        recipe = _parse_recipe(path, stored)
        known = {name: recorded.get(name, spec.convention) for name, spec in found.items()}
    else:
        known = {name: spec.convention or recorded.get(name) for name, spec in found.items()}
    found = {name: replace(spec, convention=known[name]) for name, spec in found.items()}
    # A single shard may lack the weights of some rules.
    weights = recipe.plan(found, convention, partial or specs is None).weights
    # A tensor that is not in the file that the index names counts as missing.
    listed = {each: tensor.file for each, tensor in stored.tensors.items()} | (stored.listed or {})
    tensors = {each: it for each, it in stored.tensors.items() if listed[each] == it.file}
    mismatched: dict[str, tuple[Kind, Kind]] = {}
    same: list[tuple[Weight, StoredTensor]] = []
    for name, weight in weights.items():
        if name not in tensors:
            continue
        tensor = tensors[name]
        if (weight.shape, weight.dtype) == (tensor.shape, tensor.dtype):
            same.append((weight, tensor))
        else:
            mismatched[name] = (weight.shape, weight.dtype), (tensor.shape, tensor.dtype)
    same.sort(key=lambda pair: (pair[1].file, pair[1].offset))
    differing: dict[str, Difference] = {}
    for difference in _compare_all(same, progress):
        differing.setdefault(difference.name, difference)
    return Report(
        path=find(path),
        tensors=len(same),
        bytes=sum(tensor.size for _, tensor in same),
        missing=tuple(name for name in {**weights, **listed} if name not in tensors),
        extra=tuple(name for name in tensors if name not in weights),
        mismatched=mismatched,
        differences=tuple(differing[each.name] for each, _ in same if each.name in differing),
    )


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Return the recipe that `write` recorded in a checkpoint.

    Args:
        path: A safetensors file, an index of several, or a folder with `model.safetensors` or
            `model.safetensors.index.json`.

    Returns:
        The recipe, with its seed.

    Raises:
        TypeError: If `path` is not a path.
        ValueError: If a file is malformed, lacks a recipe or has one of another version of the
            stream, or the files of an index have different recipes.
        OSError: If a file cannot be read.

    Examples:
        >>> from initializers import Recipe, checkpoint
        >>> recipe = Recipe({"*": "he_normal"}, seed=2024, convention="torch")
        >>> path = checkpoint.write(recipe, {"up.weight": (64, 256)}, "example.safetensors")
        >>> checkpoint.read_recipe(path)
        Recipe([Rule('HeNormal', '*')], seed=2024, convention='torch')
        >>> path.unlink()
    """
    return _parse_recipe(path, read(path))


def _parse_recipe(path: str | os.PathLike[str], stored: Stored) -> Recipe:
    text = stored.metadata.get(RECIPE_KEY)
    if text is None:
        raise ValueError(
            f"{str(path)!r} must have one recipe in the metadata of its files, as "
            "`initializers.checkpoint.write` records it, received none; give `recipe`"
        )
    return Recipe.from_json(text)


def check_recipe(recipe: object) -> Recipe:
    """Return `recipe` if it is a `Recipe`."""
    if not isinstance(recipe, Recipe):
        raise TypeError(
            "`recipe` must be a Recipe (`Recipe.for_model` returns published ones), "
            f"received: {show(recipe)}"
        )
    return recipe


def check_progress(progress: object) -> None:
    """Raise TypeError if `progress` cannot be called."""
    if progress is not None and not callable(progress):
        raise TypeError(f"`progress` must be a callable or None, received: {show(progress)}")


def is_whole(path: Path, shard: Shard, progress: Callable[[int, int], None] | None = None) -> bool:
    """Return whether a file holds the contents of a shard, byte for byte."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            is_same_size = os.fstat(file.fileno()).st_size == shard.size
            if not is_same_size or file.read(len(shard.header)) != shard.header:
                return False
        pairs, offset = [], len(shard.header)
        for weight in shard.weights:
            tensor = StoredTensor(weight.dtype, weight.shape, path, offset, weight.nbytes)
            pairs.append((weight, tensor))
            offset += tensor.size
        return next(_compare_all(pairs, progress), None) is None
    except OSError:
        return False


def _list_specs(stored: Stored) -> dict[str, Spec]:
    for name, tensor in stored.tensors.items():
        check_dtype(name, tensor)
    return list_specs(stored, stored.tensors)


def _compare_all(
    pairs: list[tuple[Weight, StoredTensor]], progress: Callable[[int, int], None] | None
) -> Iterator[Difference]:
    """Compare all tensors, several pieces at a time; yield the first difference of each piece.

    Tensors that must be made whole come last.
    """
    done, total = 0, sum(tensor.size for _, tensor in pairs)
    waiting: deque[tuple[Future[Difference | None], int]] = deque()
    workers = Workers(_JOBS)

    def take() -> Iterator[Difference]:
        nonlocal done
        future, size = waiting.popleft()
        difference = future.result()
        done += size
        if progress is not None:
            progress(done, total)
        if difference is not None:
            yield difference

    def compare(weight: Weight, tensor: StoredTensor, at_once: int) -> Iterator[Difference]:
        fill = plan(weight)
        for piece in list_pieces(weight, piece_size(weight, _PIECE)):
            while len(waiting) >= at_once:
                yield from take()
            job = workers.submit(_compare, weight, tensor, fill, *piece)
            waiting.append((job, piece[-1]))

    try:
        for weight, tensor in pairs:
            if not is_made_whole(weight):
                yield from compare(weight, tensor, _JOBS + 1)
        for weight, tensor in pairs:
            if is_made_whole(weight):  # one at a time, as each may take much memory
                yield from compare(weight, tensor, 1)
        while waiting:
            yield from take()
    finally:
        workers.close()


def _compare(
    weight: Weight,
    tensor: StoredTensor,
    fill: AnyFill,
    start: Shape,
    extent: Shape,
    at: int,
    size: int,
) -> Difference | None:
    """Return the first difference in one piece."""
    kind = look_up(weight.dtype)
    values = np.empty(extent, kind.numpy)
    fill(values, start)
    if sys.byteorder == "big":
        values.byteswap(inplace=True)
    expected = values.reshape(-1).view(np.uint8)
    with open(tensor.file, "rb", buffering=0) as file:
        file.seek(tensor.offset + at)
        for low in range(0, size, _PIECE):
            wanted = expected[low : low + _PIECE]
            found = np.empty_like(wanted)
            got = 0
            while got < found.size:
                count = file.readinto(found[got:].data)
                if not count:
                    raise ValueError(f"{str(tensor.file)!r} has become shorter while it was read")
                got += count
            if not np.array_equal(wanted, found):
                byte = int(np.flatnonzero(wanted != found)[0])
                return _describe(weight, at + low + byte, wanted, found, byte)
    return None


def _describe(
    weight: Weight, place: int, wanted: NDArray[np.uint8], found: NDArray[np.uint8], byte: int
) -> Difference:
    dtype = look_up(weight.dtype).numpy
    low = byte - byte % dtype.itemsize  # no element crosses the border of two pieces

    def value(data: NDArray[np.uint8]) -> Any:
        return data[low : low + dtype.itemsize].view(dtype.newbyteorder("<"))[0].item()

    index = np.unravel_index(place // dtype.itemsize, weight.shape) if weight.shape else ()
    return Difference(weight.name, tuple(map(int, index)), value(wanted), value(found))
