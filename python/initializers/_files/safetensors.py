"""Reads and writes headers of safetensors files. Headers are untrusted input.

The format: 8 bytes with the length n of the header, little-endian; n bytes of JSON with each
tensor's dtype, shape, first and last byte; then the data, little-endian and in C order, without
gaps (https://github.com/huggingface/safetensors). Large models have several files and an index that
lists the file of each tensor.

Reading takes memory in proportion to the header, which must fit into the file. It checks all that
the `safetensors` library checks, and that no key repeats.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._arguments.checks import check_path, show
from .._arguments.dtypes import NUMBERS
from .._arguments.shapes import Shape
from .._arguments.sizes import part_text
from .._arguments.unique_json import read_json

SUFFIX = ".safetensors"
INDEX_SUFFIX = ".safetensors.index.json"
# The limit of the `safetensors` library, in bytes.
_LONGEST_HEADER = 100_000_000
# Limits the time and memory of reading a header or index. No model has so many values.
_MOST_VALUES = 4_000_000
# NumPy's limit.
_MOST_DIMENSIONS = 64
# Digits of 2**64.
_LONGEST_NUMBER = 20

# The format's dtype → our name (or that of `ml_dtypes`) and the size in bits.
_DTYPES = {
    "BOOL": ("bool", 8),
    "U8": ("uint8", 8),
    "I8": ("int8", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
    "F4": ("float4_e2m1fn", 4),
    "F6_E2M3": ("float6_e2m3fn", 6),
    "F6_E3M2": ("float6_e3m2fn", 6),
    "I16": ("int16", 16),
    "U16": ("uint16", 16),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "I32": ("int32", 32),
    "U32": ("uint32", 32),
    "F32": ("float32", 32),
    "F64": ("float64", 64),
    "I64": ("int64", 64),
    "U64": ("uint64", 64),
    "C64": ("complex64", 64),
}
_CODES = {name: code for code, (name, _) in _DTYPES.items()}


@dataclass(frozen=True)
class StoredTensor:
    """Position of a tensor in a file.

    Attributes:
        dtype: The name of its dtype in NumPy or `ml_dtypes`.
        shape: Its shape.
        file: The file.
        offset: The position of its first byte in the file.
        size: Its size in bytes.
    """

    dtype: str
    shape: Shape
    file: Path
    offset: int
    size: int


@dataclass(frozen=True)
class Stored:
    """The contents of a checkpoint's headers.

    Attributes:
        tensors: All tensors by name, within each file in the order of their data.
        metadata: The metadata strings that all files have in common.
        listed: The index: tensor name → file. None for a single file without index.
    """

    tensors: dict[str, StoredTensor]
    metadata: dict[str, str]
    listed: dict[str, Path] | None = None


def find(path: str | os.PathLike[str]) -> Path:
    """Return `path`; for a folder its `model.safetensors`, or else its index.

    Raises:
        FileNotFoundError: If the folder has neither.
    """
    path = check_path("path", path)
    if not path.is_dir():
        return path
    for suffix in (SUFFIX, INDEX_SUFFIX):
        if (path / f"model{suffix}").exists():
            return path / f"model{suffix}"
    raise FileNotFoundError(
        f"`path` must be a safetensors file, its index or a folder with model{SUFFIX} or "
        f"model{INDEX_SUFFIX}, received: {str(path)!r}"
    )


def read(path: str | os.PathLike[str]) -> Stored:
    """Read the headers of a safetensors file, or of all files of an index or a folder.

    Raises:
        ValueError: If a file is malformed. The message names the file and the place.
        OSError: If a file cannot be read.
    """
    path = find(path)
    if not path.name.endswith(INDEX_SUFFIX):
        return _read_file(path)
    listed = _read_index(path)
    files = {file: _read_file(file) for file in dict.fromkeys(listed.values())}
    tensors: dict[str, StoredTensor] = {}
    for file, stored in files.items():
        for name, tensor in stored.tensors.items():
            if name in tensors:
                raise malformed(file, f"must not have {show(name)}, which another file has too")
            tensors[name] = tensor
    first, *others = [stored.metadata.items() for stored in files.values()] or [{}.items()]
    return Stored(
        tensors, dict(item for item in first if all(item in each for each in others)), listed
    )


def check_dtype(name: str, tensor: StoredTensor) -> None:
    """Raise ValueError if a tensor has a dtype that cannot be filled."""
    if tensor.dtype not in NUMBERS:
        raise ValueError(
            f"tensor {show(name)} of {str(tensor.file)!r} must have one of the dtypes "
            f"{', '.join(NUMBERS)}, received: {tensor.dtype}"
        )


def encode_header(
    tensors: Iterable[tuple[str, str, Shape, int]], metadata: Mapping[str, str], alignment: int = 8
) -> bytes:
    """Return the bytes before the data, for tensors (name, dtype, shape, bytes) in their order.

    They are padded with spaces so that the data begins at a multiple of `alignment`. The format
    demands a multiple of 8.

    Raises:
        ValueError: If the format lacks the dtype, a name is invalid, or there are too many tensors.
    """
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, dtype, shape, size in tensors:
        if name == "__metadata__":
            raise ValueError("a weight of a safetensors file must not have the name '__metadata__'")
        if dtype not in _CODES:
            raise ValueError(
                f"weight {show(name)} must have one of the dtypes of safetensors files, "
                f"{', '.join(_CODES)}, received: {dtype}"
            )
        offsets = [end, end := end + size]
        entries[name] = {"dtype": _CODES[dtype], "shape": shape, "data_offsets": offsets}
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False)
    try:
        header = text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"a weight's name must be Unicode text, received: {show(text[error.start : error.end])}"
        ) from None
    header += b" " * (-(len(header) + 8) % alignment)
    if len(header) > _LONGEST_HEADER:
        raise ValueError(
            f"the header of a safetensors file must have at most {_LONGEST_HEADER} bytes, "
            f"received weights for {len(header)}"
        )
    return len(header).to_bytes(8, "little") + header


def _read_file(path: Path) -> Stored:
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise malformed(path, "is empty: a safetensors file begins with a header")
        begin = file.read(9)
        length = int.from_bytes(begin[:8], "little")
        if begin[8:] != b"{" or length > _LONGEST_HEADER:
            raise malformed(
                path,
                "is not a safetensors file: it must begin with 8 bytes that give the length of its "
                f"header and with '{{', received: {show(begin)}",
            )
        if length > size - 8:
            raise malformed(path, f"is truncated: {part_text(size, 8 + length)} of its header")
        header = begin[8:] + file.read(length - 1)
    entries = _parse(path, header, "a header")
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise malformed(path, f"must map strings in __metadata__, received: {show(metadata)}")
    tensors = [(name, *_check_tensor(path, name, entry)) for name, entry in entries.items()]
    tensors.sort(key=lambda tensor: tensor[3:])
    found: dict[str, StoredTensor] = {}
    at = 0
    for name, dtype, shape, begin, end in tensors:
        if begin != at:
            raise malformed(
                path,
                f"must have tensors without gap or overlap: {show(name)} must begin at byte {at} "
                f"of the data, received: {begin}",
            )
        found[name] = StoredTensor(dtype, shape, path, 8 + length + begin, end - begin)
        at = end
    whole = 8 + length + at
    if size < whole:
        raise malformed(path, f"is truncated: {part_text(size, whole)}")
    if size > whole:
        raise malformed(
            path, f"must end with the last tensor, at byte {whole}, received {size} bytes"
        )
    return Stored(found, metadata)


def _check_tensor(path: Path, name: str, entry: object) -> tuple[str, Shape, int, int]:
    """Return the dtype, shape, first and last byte of a tensor from its entry in the header."""

    def fail(wanted: str, received: object) -> ValueError:
        return malformed(path, f"tensor {show(name)} must have {wanted}, received: {received}")

    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise fail("the keys 'dtype', 'shape' and 'data_offsets'", show(entry))
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in _DTYPES:
        raise fail(f"one of the dtypes {', '.join(_DTYPES)}", show(code))
    if isinstance(shape, list) and len(shape) > _MOST_DIMENSIONS:
        raise fail(f"a shape of at most {_MOST_DIMENSIONS} dimensions", len(shape))
    if not _are_sizes(shape):
        raise fail("a shape of integers >= 0", show(shape))
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise fail("data_offsets of two integers in ascending order", show(offsets))
    begin, end = offsets
    dtype, bits = _DTYPES[code]
    # Stops early: the product of untrusted numbers can have as many digits as the file.
    elements = 0 if 0 in shape else 1
    for extent in shape:
        elements *= extent
        if elements * bits > 8 * (end - begin):
            break
    if elements * bits != 8 * (end - begin):
        raise fail(f"as many bytes as {show(tuple(shape))} of {code} take", end - begin)
    return dtype, tuple(shape), begin, end


def _are_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)


def _read_index(path: Path) -> dict[str, Path]:
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > _LONGEST_HEADER:
            raise malformed(path, f"must have at most {_LONGEST_HEADER} bytes, received {size}")
        index = _parse(path, file.read(), "an index")
    names = index.get("weight_map")
    if not isinstance(names, dict):
        raise malformed(path, f"must have a mapping 'weight_map', received: {show(names)}")
    for name, file_name in names.items():
        # An index must not make us open files outside the folder.
        plain = isinstance(file_name, str) and not {"/", "\\", "\0"} & set(file_name)
        if not plain or not file_name.endswith(SUFFIX):
            raise malformed(
                path,
                f"must give the plain name of a {SUFFIX} file for {show(name)}, "
                f"received: {show(file_name)}",
            )
    return {name: path.with_name(file_name) for name, file_name in names.items()}


def _open(path: Path) -> Any:
    if path.exists() and not path.is_file():  # reading a pipe would wait forever
        raise malformed(path, "must be a file")
    return path.open("rb")


def _parse(path: Path, data: bytes, part: str) -> dict[str, Any]:
    values = data.count(b",") + 1
    if values > _MOST_VALUES:
        raise malformed(
            path, f"must have {part} of at most {_MOST_VALUES} values, received about {values}"
        )
    try:
        parsed = read_json(data.decode(), _parse_integer)
    except UnicodeDecodeError as error:
        raise malformed(
            path,
            f"must have {part} in UTF-8, received bytes that are not at its byte {error.start}",
        ) from None
    except RecursionError:
        raise malformed(path, f"must have {part} of few levels, received too many") from None
    except ValueError as error:
        raise malformed(path, f"must have {part} of JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise malformed(path, f"must have {part} that is a mapping, received: {show(parsed)}")
    return parsed


def _parse_integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def malformed(path: Path, what: str) -> ValueError:
    """Return the error for a file that violates a condition."""
    return ValueError(f"{str(path)!r} {what}")
