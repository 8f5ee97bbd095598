"""Conventions and padding rows in the metadata of safetensors files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any, cast

from .._arguments.checks import show
from .._arguments.conventions import CONVENTIONS, TORCH
from .._arguments.specs import Spec
from .._arguments.types import Convention
from .safetensors import Stored, check_dtype, find, malformed, read

# Key of the conventions in files of this package: JSON lists of weight names by convention. The
# format of such files is always "pt", which says nothing about their convention.
CONVENTION_KEY = "initializers.convention"
# Key of the padding rows, which are zero: JSON lists of rows by weight name.
PADDING_KEY = "initializers.padding"


def read_specs(path: str | os.PathLike[str]) -> dict[str, Spec]:
    """Return the names, shapes and dtypes of the tensors in a file, or in the files of an index.

    Raises:
        ValueError: If a file is malformed, index and files differ, or a dtype cannot be filled.
        OSError: If a file cannot be read.

    Examples:
        >>> import tempfile
        >>> from initializers import Recipe, checkpoint
        >>> recipe = Recipe({"*": "ones"}, seed=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = checkpoint.write(recipe, {"scale": (3,)}, f"{folder}/model.safetensors")
        ...     specs = read_specs(path)
        >>> specs["scale"].shape, specs["scale"].dtype
        ((3,), 'float32')
    """
    stored = read(path)
    names = stored.tensors if stored.listed is None else stored.listed
    for name in {*names, *stored.tensors}:
        tensor = stored.tensors.get(name)
        if tensor is None or (stored.listed and stored.listed.get(name) != tensor.file):
            raise malformed(find(path), f"must list {show(name)} for the file that it lies in")
        check_dtype(name, tensor)
    return list_specs(stored, names)


def list_specs(stored: Stored, names: Iterable[str]) -> dict[str, Spec]:
    """Return the specs of the named tensors, including what the metadata says of them.

    Raises:
        ValueError: If the metadata is malformed.
    """
    conventions, padding = find_conventions(stored), _find_padding(stored)
    specs = {}
    for name in names:
        tensor = stored.tensors[name]
        try:
            specs[name] = Spec(
                tensor.shape, tensor.dtype, conventions.get(name), padding.get(name, ())
            )
        except (TypeError, ValueError) as error:
            raise ValueError(f"weight {show(name)} of {str(tensor.file)!r}: {error}") from None
    return specs


def _find_padding(stored: Stored) -> dict[str, Any]:
    text = stored.metadata.get(PADDING_KEY)
    try:
        found = {} if text is None else json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(
            f"{PADDING_KEY!r} in the metadata of a file must be lists of rows by name, received: "
            f"{show(text)}"
        )
    return found


def encode_padding(padding: Mapping[str, tuple[int, ...]]) -> str:
    """Encode padding rows by weight name as text."""
    return json.dumps(padding, ensure_ascii=False)


def find_conventions(stored: Stored) -> dict[str, Convention]:
    """Return the convention of every tensor whose convention is known.

    Raises:
        ValueError: If the metadata is malformed.
    """
    text = stored.metadata.get(CONVENTION_KEY)
    if text is None:
        is_ours = any(key.startswith("initializers.") for key in stored.metadata)
        is_torch = stored.metadata.get("format") == "pt" and not is_ours
        return dict.fromkeys(stored.tensors, TORCH) if is_torch else {}
    try:
        return _decode_conventions(text, stored.tensors)
    except (ValueError, RecursionError):
        raise ValueError(
            f"{CONVENTION_KEY!r} in the metadata of a file must be a convention or lists of names "
            f"by convention, received: {show(text)}"
        ) from None


def encode_conventions(conventions: Mapping[str, str | None]) -> str:
    """Encode the conventions of weights as text: one for all, or JSON lists of names."""
    if len(set(conventions.values())) == 1:
        return next(iter(conventions.values())) or "none"
    named = {
        convention: [name for name, own in conventions.items() if own == convention]
        for convention in CONVENTIONS
    }
    return json.dumps(named, ensure_ascii=False)


def _decode_conventions(text: str, names: Iterable[str]) -> dict[str, Convention]:
    if text == "none":
        return {}
    if text in CONVENTIONS:
        return dict.fromkeys(names, cast(Convention, text))
    found = json.loads(text)
    if not isinstance(found, dict) or not {*found} <= {*CONVENTIONS}:
        raise ValueError
    listed: dict[str, Convention] = {}
    for convention, group in found.items():
        if not isinstance(group, list) or not all(isinstance(name, str) for name in group):
            raise ValueError
        listed.update(dict.fromkeys(group, convention))
    return {name: listed[name] for name in names if name in listed}
