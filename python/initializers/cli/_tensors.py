"""Tensors in files, read block by block: safetensors (shards too), .npy and .npz.

Files are not trusted: sizes are checked before anything is read, pickles are refused, and what
cannot be read is said with the file and the tensor.
"""

from __future__ import annotations

import math
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from .._arguments.dtypes import NUMBERS, look_up
from .._arguments.shapes import Array, Shape
from .._charts.statistics import BLOCK
from .._files import safetensors
from ._errors import Mistake

# A tensor of more bytes is never held or mapped whole.
_LARGEST_WHOLE = 1 << 28


@dataclass(frozen=True)
class Tensor:
    """One tensor in a file.

    Attributes:
        name: Its name; for an .npy file, the file's.
        shape: Its shape.
        dtype: The name of its dtype.
        blocks: Yields its elements in the order of the file, in arrays of one dimension.
        read: Returns it, or a memory map of it, or None if it is too large to be had at once.
        problem: Why it has no statistics, or None.
    """

    name: str
    shape: Shape
    dtype: str
    blocks: Callable[[], Iterator[Array]]
    read: Callable[[], Array | None]
    problem: str | None = None

    @property
    def size(self) -> int:
        """The number of bytes that its statistics are made of."""
        if self.problem is not None:
            return 0
        return math.prod(self.shape) * look_up(self.dtype).numpy.itemsize


def open_tensors(path: Path) -> list[Tensor]:
    """Return the tensors of a file, or of a directory with a checkpoint.

    Raises:
        Mistake: If it is of no known kind, or malformed.
        OSError: If it cannot be read.
    """
    if path.exists() and not (path.is_dir() or path.is_file()):  # a pipe could be waited for
        raise Mistake(f"{path}: must be a regular file or a folder, received: a pipe or a device")
    if path.is_dir() or path.name.endswith((safetensors.SUFFIX, safetensors.INDEX_SUFFIX)):
        return _open_safetensors(path)
    if path.suffix == ".npy":
        return [_open_npy(path)]
    if path.suffix == ".npz":
        return list(_open_npz(path))
    raise Mistake(f"{path}: a file must end in .safetensors, .safetensors.index.json, .npy or .npz")


def _open_safetensors(path: Path) -> list[Tensor]:
    try:
        stored = safetensors.read(path)
    except (ValueError, FileNotFoundError) as error:
        raise Mistake(str(error)) from None
    return [_of_stored(name, tensor) for name, tensor in stored.tensors.items()]


def _of_stored(name: str, tensor: safetensors.StoredTensor) -> Tensor:
    if tensor.dtype not in NUMBERS:
        problem = f"dtype {tensor.dtype} has no statistics"
        return Tensor(name, tensor.shape, tensor.dtype, _nothing, lambda: None, problem)
    dtype = look_up(tensor.dtype).numpy
    # Little-endian, as the format is; bfloat16 and float8 have no order of their own.
    stored = dtype if dtype.kind == "V" else dtype.newbyteorder("<")
    return _of_file(name, tensor.file, tensor.offset, tensor.shape, stored)


def _nothing() -> Iterator[Array]:
    yield from ()


def _open_npy(path: Path) -> Tensor:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an overflow, which is an error after that
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, TypeError, OverflowError) as error:
        raise Mistake(f"{path}: no .npy file of numbers: {error}") from None
    if not isinstance(array, np.memmap):
        raise Mistake(f"{path}: no .npy file: it is an archive (.npz)")
    order: Literal["C", "F"] = (
        "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    )
    return _of_file(path.name, path, array.offset, array.shape, array.dtype, order)


def _of_file(
    name: str,
    path: Path,
    offset: int,
    shape: Shape,
    stored: np.dtype[Any],
    order: Literal["C", "F"] = "C",
) -> Tensor:
    """Return a tensor that lies in a file without gaps."""
    dtype, problem = _name_dtype(stored)
    count = math.prod(shape)

    # Read, and not mapped: what is mapped counts as this process's memory.
    def blocks() -> Iterator[Array]:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            for low in range(0, count, BLOCK):
                block = np.fromfile(file, stored, min(BLOCK, count - low))
                if block.size < min(BLOCK, count - low):
                    raise Mistake(f"{path} has become shorter while it was read")
                yield block.astype(stored.newbyteorder("="), copy=False)

    def read() -> Array | None:
        if not 0 < count * stored.itemsize <= _LARGEST_WHOLE:
            return None
        memory = np.memmap(path, np.uint8, "r", offset, (count * stored.itemsize,))
        return memory.view(stored).reshape(shape, order=order)

    return Tensor(name, shape, dtype, blocks, read, problem)


def _name_dtype(dtype: np.dtype[Any]) -> tuple[str, str | None]:
    """Return a dtype's name, and why it has no statistics."""
    try:
        kind = look_up(dtype.newbyteorder("="))
    except (TypeError, ValueError):
        return dtype.name, f"dtype {dtype.str} has no statistics"
    return kind.name, "complex numbers have no order" if kind.kind == "c" else None


def _open_npz(path: Path) -> Iterator[Tensor]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            for member in members:
                where = f"{path}: {member.filename!r}"
                with archive.open(member) as file:
                    shape, dtype = _read_header(file, where)
                    size = member.file_size - file.tell()
                if math.prod(shape) * dtype.itemsize != size:
                    raise Mistake(f"{where} has {size} bytes of values, not those of {shape}")
                yield _of_member(path, member, shape, dtype)
    except _UNREADABLE as error:
        raise Mistake(f"{path}: no .npz file: {error}") from None


# Errors of reading an untrusted archive.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def _read_header(file: IO[bytes], where: str) -> tuple[Shape, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    except (ValueError, TypeError, EOFError, struct.error, OverflowError) as error:
        raise Mistake(f"{where} is no array: {error}") from None
    if min(shape, default=0) < 0:
        raise Mistake(f"{where} is no array: its shape is {shape}")
    if dtype.hasobject:
        raise Mistake(f"{where} holds Python objects, which are never loaded")
    return tuple(map(int, shape)), dtype


def _of_member(path: Path, member: zipfile.ZipInfo, shape: Shape, dtype: np.dtype[Any]) -> Tensor:
    where = f"{path}: {member.filename!r}"
    name, problem = _name_dtype(dtype)

    def blocks() -> Iterator[Array]:
        try:
            with zipfile.ZipFile(path) as archive, archive.open(member) as file:
                _read_header(file, where)
                for low in range(0, math.prod(shape), BLOCK):
                    count = min(BLOCK, math.prod(shape) - low) * dtype.itemsize
                    data = file.read(count)
                    if len(data) != count:
                        raise Mistake(f"{where} ends too early")
                    yield np.frombuffer(data, dtype).astype(dtype.newbyteorder("="), copy=False)
        except _UNREADABLE as error:
            raise Mistake(f"{where} cannot be read: {error}") from None

    def read() -> Array | None:
        if member.file_size > _LARGEST_WHOLE:
            return None
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            array: Array = np.lib.format.read_array(file, allow_pickle=False)
        return array

    return Tensor(member.filename.removesuffix(".npy"), shape, name, blocks, read, problem)
