"""Untrusted headers: errors name the place of the mistake, in bounded memory and time."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import deserialize
from safetensors.numpy import save

from initializers._files.metadata import read_specs
from initializers._files.safetensors import read

FILE = "w.safetensors"
TENSOR = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
FLAT = {"dtype": "U8", "shape": [8], "data_offsets": [24, 32]}


def pack(header: object, data: int = 24, *, length: int | None = None) -> bytes:
    """Return a file: a header (bytes, or an object written as JSON) and `data` bytes of data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(data)


def with_(**changes: Any) -> dict[str, Any]:
    return {"a": {**TENSOR, **changes}}


# Malformed files, and the text of their errors.
MALFORMED: list[tuple[bytes, str]] = [
    (b"", "is empty: a safetensors file begins with a header"),
    (b"1234567", "is not a safetensors file: .*, received: b'1234567'"),
    (pack({}, 0, length=3), "is truncated: 10 of 11 bytes of its header"),
    (pack({}, 0, length=2**64 - 1), "is not a safetensors file: it must begin with 8 bytes that"),
    (pack({}, 0, length=100_000_001), "is not a safetensors file"),
    (pack(b" {}", 0), r"is not a safetensors file: .* and with '{', received: b'.* '"),
    (pack(b"[]", 0), "is not a safetensors file"),
    (pack(b"", 0), "is not a safetensors file"),
    (pack(b'{"a": \xff}', 0), "in UTF-8, received bytes that are not at its byte 6"),
    (pack(b'{"a": 1,}', 0), r"header of JSON: .* line 1 column \d+ \(char \d+\)"),
    (pack(b'{"a":' * 100_000, 0), "of few levels, received too many"),
    (pack(b'{"a":' + b"[" * 100_000, 0), "of few levels, received too many"),
    (pack(b'{"a": {}, "a": {}}', 0), "the key 'a' must occur once"),
    (pack(b'{"__metadata__": {"k": "1", "k": "2"}}', 0), "the key 'k' must occur once"),
    (pack(b'{"\\ud800": {}}', 0), "must have a header of JSON: .*surrogates not allowed"),
    (pack({"__metadata__": {"k": 1}}, 0), "must map strings in __metadata__, received: {'k': 1}"),
    (pack({"__metadata__": []}, 0), "must map strings in __metadata__"),
    (pack({"a": 3}, 0), "tensor 'a' must have the keys 'dtype', .*, received: 3"),
    (pack({"a": {"dtype": "F32"}}, 0), "tensor 'a' must have the keys"),
    (pack(with_(more=1)), "tensor 'a' must have the keys"),
    (pack(with_(dtype="F33")), "tensor 'a' must have one of the dtypes BOOL, .*, received: 'F33'"),
    (pack(with_(dtype=[])), r"one of the dtypes .*, received: \[\]"),
    (pack(with_(shape=[2, -3])), r"a shape of integers >= 0, received: \[2, -3\]"),
    (pack(with_(shape=[2, 3.0])), "a shape of integers >= 0"),
    (pack(with_(shape=[True, 6])), "a shape of integers >= 0"),
    (pack(with_(shape="23")), "a shape of integers >= 0, received: '23'"),
    (pack(with_(shape=[2, 4])), r"as many bytes as \(2, 4\) of F32 take, received: 24"),
    (pack(with_(shape=[2**63, 2**63])), "as many bytes as"),
    (pack(with_(shape=[10**19] * 64)), "as many bytes as"),
    (pack(with_(shape=[1] * 65)), "a shape of at most 64 dimensions, received: 65"),
    (pack(with_(shape=[1] * 10**6)), "a shape of at most 64 dimensions, received: 1000000"),
    (pack(b'{"a":[' + b"0," * 4_000_000 + b"0]}", 0), "a header of at most 4000000 values"),
    (pack(b'{"a": ' + b"9" * 10_000 + b"}", 0), "a number has 10000 digits"),
    (pack(with_(data_offsets=[0])), r"data_offsets of two integers in ascending order, .*: \[0\]"),
    (pack(with_(data_offsets=[24, 0])), "in ascending order"),
    (pack(with_(data_offsets=[-8, 16])), "data_offsets of two integers"),
    (
        pack(with_(data_offsets=[0, 2**64])),
        r"as many bytes as \(2, 3\) of F32 take, received: 18446744073709551616",
    ),
    (pack(with_(), 23), r"is truncated: \d+ of \d+ bytes"),
    (pack(with_(), 25), r"must end with the last tensor, at byte \d+, received \d+ bytes"),
    (pack(with_(data_offsets=[1, 25]), 25), "without gap .*: 'a' must begin at byte 0 .*: 1"),
    (
        pack({"a": TENSOR, "b": {**FLAT, "data_offsets": [16, 24]}}),
        "without gap or overlap: 'b' must begin at byte 24 of the data, received: 16",
    ),
    (
        pack({"a": TENSOR, "b": {**FLAT, "data_offsets": [25, 33]}}, 33),
        "without gap or overlap: 'b' must begin at byte 24 of the data, received: 25",
    ),
    (
        pack({"a": {**TENSOR, "dtype": "F4", "shape": [5], "data_offsets": [0, 3]}}, 3),
        "as many bytes",
    ),
]


@pytest.mark.parametrize(("data", "text"), MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_files_are_refused(tmp_path: Path, data: bytes, text: str) -> None:
    (tmp_path / FILE).write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ValueError, match=rf"'[^']*{FILE}' .*({text})") as info:
        read(tmp_path / FILE)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(str(info.value)) < 1000
    assert most < 100_000 + 60 * len(data)


def test_a_length_beyond_the_file_allocates_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(pack({}, 0, length=99_999_999))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"is truncated: 0\.0 of 100 MB of its header"):
        read(tmp_path / FILE)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100_000


VALID = save(
    {
        "a": np.zeros((2, 3), np.float32),
        "b/ä": np.ones(5, np.float16),
        "c": np.array(7),
        "d": np.zeros((0, 3), np.uint8),
    },
    {"format": "np", "note": 'braces { and "quotes"'},
)


def accepts(data: bytes) -> bool:
    """Whether the `safetensors` library reads the file."""
    try:
        deserialize(data)  # type: ignore[no-untyped-call]
    except Exception:
        return False
    return True


def check_like_the_library(path: Path, data: bytes) -> None:
    """Check that the file is refused in bounded memory, or read as the library reads it."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        found = read(path).tensors
    except ValueError:
        return
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 200_000 + 60 * len(data)
    wanted = dict(deserialize(data))  # type: ignore[no-untyped-call]
    assert set(found) == set(wanted)
    for name, tensor in found.items():
        assert list(tensor.shape) == list(wanted[name]["shape"])
        assert data[tensor.offset : tensor.offset + tensor.size] == bytes(wanted[name]["data"])


no_limit = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@no_limit
@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=4))
def test_changed_bytes_are_read_as_by_the_library(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(VALID)
    for place, byte in changes:
        data[place] = byte
    check_like_the_library(tmp_path / FILE, bytes(data))


@no_limit
@given(st.integers(0, len(VALID)), st.integers(0, len(VALID)), st.binary(max_size=20))
def test_removed_and_inserted_bytes_are_read_as_by_the_library(
    tmp_path: Path, low: int, high: int, new: bytes
) -> None:
    data = VALID[:low] + new + VALID[high:]
    check_like_the_library(tmp_path / FILE, data)


sizes = st.one_of(st.integers(0, 40), st.integers(-1, 2**70), st.none(), st.text(max_size=2))
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "BF16", "F8_E4M3", "F4", "BOOL", "I64", "X", 3]),
        "shape": st.lists(st.integers(0, 5) | sizes, max_size=4),
        "data_offsets": st.lists(sizes, min_size=1, max_size=3),
    },
    optional={"other": st.integers()},
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | entries,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@pytest.mark.slow
@no_limit
@given(
    st.dictionaries(st.text(max_size=6) | st.just("__metadata__"), values, max_size=4),
    st.integers(0, 60),
)
def test_any_json_header_is_read_as_by_the_library(
    tmp_path: Path, header: dict[str, Any], data: int
) -> None:
    check_like_the_library(tmp_path / FILE, pack(header, data))


@pytest.mark.slow
@no_limit
@given(st.data())
def test_headers_with_one_wrong_offset_are_read_as_by_the_library(
    tmp_path: Path, data: st.DataObject
) -> None:
    """Tensors follow one another, except for one wrong offset."""
    widths = {"F32": 4, "BF16": 2, "U8": 1, "F64": 8}
    header: dict[str, Any] = {}
    at = 0
    for number in range(data.draw(st.integers(1, 4))):
        code = data.draw(st.sampled_from(sorted(widths)))
        shape = data.draw(st.lists(st.integers(0, 3), max_size=3))
        end = at + int(np.prod(shape)) * widths[code]
        header[str(number)] = {"dtype": code, "shape": shape, "data_offsets": [at, end]}
        at = end
    changed = data.draw(st.sampled_from(sorted(header)))
    place, by = data.draw(st.integers(0, 1)), data.draw(st.integers(-2, 2))
    header[changed]["data_offsets"][place] += by
    packed = pack(header, at)
    check_like_the_library(tmp_path / FILE, packed)
    if by == 0:
        assert accepts(packed)
        read(tmp_path / FILE)


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (b"{", "must have an index of JSON"),
        (b"[]", r"must have an index that is a mapping, received: \[\]"),
        (b"{}", "must have a mapping 'weight_map', received: None"),
        (b'{"weight_map": {"a": 3}}', "the plain name of a .safetensors file for 'a', received: 3"),
        (b'{"weight_map": {"a": "../w.safetensors"}}', "the plain name"),
        (b'{"weight_map": {"a": "/etc/w.safetensors"}}', "the plain name"),
        (b'{"weight_map": {"a": "x\\\\w.safetensors"}}', "the plain name"),
        (b'{"weight_map": {"a": "passwd"}}', "the plain name"),
        (
            b'{"weight_map": {"a": "w.safetensors", "a": "w.safetensors"}}',
            "the key 'a' must occur once",
        ),
        (
            b'{"weight_map": {"b": "w.safetensors"}}',
            "must list '[ab]' for the file that it lies in",
        ),
        (b'{"weight_map": {"a": "w.safetensors", "b": "w.safetensors"}}', "must list 'b'"),
        (
            b'{"weight_map": {"a": "v.safetensors", "b": "w.safetensors"}}',
            "'a', which another file",
        ),
    ],
)
def test_malformed_indices_are_refused(tmp_path: Path, index: bytes, text: str) -> None:
    for name in (FILE, "v.safetensors"):
        (tmp_path / name).write_bytes(pack(with_()))
    path = tmp_path / "w.safetensors.index.json"
    path.write_bytes(index)
    with pytest.raises(ValueError, match=text):
        read_specs(path)


def test_an_index_with_a_missing_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors.index.json"
    path.write_text('{"weight_map": {"a": "gone.safetensors"}}')
    with pytest.raises(FileNotFoundError, match=r"gone\.safetensors"):
        read_specs(path)


def test_paths_without_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(FileNotFoundError, match="or a folder with"):
        read(tmp_path / FILE)
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(ValueError, match="must be a file"):
        read(tmp_path / "pipe.safetensors")


def test_dtypes_without_a_numpy_dtype_are_refused(tmp_path: Path) -> None:
    entry = {"dtype": "F4", "shape": [6], "data_offsets": [0, 3]}
    (tmp_path / FILE).write_bytes(pack({"a": entry}, 3))
    assert read(tmp_path / FILE).tensors["a"].dtype == "float4_e2m1fn"
    with pytest.raises(ValueError, match=r"tensor 'a' of .* received: float4_e2m1fn"):
        read_specs(tmp_path / FILE)
