"""Reads names, shapes and dtypes of weights from mappings, files, models and trees."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from .._arguments.checks import check_count, check_name, check_path, show
from .._arguments.conventions import KERAS, TORCH, check_convention
from .._arguments.specs import Spec
from .._arguments.types import Convention
from .._arguments.unique_json import read_json
from .._frameworks import find_adapter, load_adapter

# Sources of names and shapes: a mapping or a list of them, a path, or a model of a framework.
SpecsLike: TypeAlias = Mapping[str, Any] | Sequence[Any] | str | PathLike[str] | Callable[..., Any]

ModelName: TypeAlias = Literal[
    "gpt2",
    "keras-convnexttiny",
    "keras-mobilenetv2",
    "keras-resnet50",
    "llama-3.1-8b",
    "llama-3.2-1b",
]

# Adapter → its module with `list_specs`: the name, shape, dtype and convention of each weight.
_LISTS = {"jax": "_tree", "keras": "_names", "torch": "_weights"}

_SHAPES = Path(__file__).parent.parent / "data" / "shapes"


def read_specs(source: SpecsLike) -> dict[str, Spec]:
    """Return the specs of the weights of `source`, in its order.

    Args:
        source: A mapping from names to `Spec`s, shapes, objects with `shape` and `dtype`, or
            mappings with these keys and `padding`; the path of a JSON file with such a mapping,
            with one under the key `"tensors"`, or with a list of `{"name", "shape", "dtype"}`; the
            path of a safetensors file, of a `*.safetensors.index.json` or of a folder with one; a
            built Keras model, with the names of `initializers.keras.name_variables`; a torch
            module, also on the device meta, with the names of its state dict (without the additions
            of wrappers and parametrizations, tied weights once); or a JAX tree of arrays or
            `ShapeDtypeStruct`s, with the names of `initializers.jax.init_tree`.

    Returns:
        A `Spec` for each name. Its convention depends on the source: `"torch"` for torch modules,
        tensors and safetensors files of the format "pt" (but `"keras"` for modules that store
        (inputs, outputs), such as transformers' `Conv1D`); `"keras"` for Keras models and JAX trees
        (but `"torch"` for layers of Equinox); the value of the key `"convention"` beside
        `"tensors"` in a JSON file. Plain shapes have no convention.

    Raises:
        TypeError: If `source` is something else.
        ValueError: If a name occurs twice, a shape or dtype is wrong, or a file is malformed.
        OSError: If a file cannot be read.

    Examples:
        >>> read_specs({"kernel": (3, 2)})
        {'kernel': Spec(shape=(3, 2), dtype=None, convention=None)}
    """
    if isinstance(source, (str, PathLike)):
        check_path("source", source)
        return _read_file(fspath(source))
    found = _read_framework(source)
    return _read_structure(source) if found is None else _collect(found)


def model_specs(name: ModelName, *, layers: int | None = None) -> dict[str, Spec]:
    """Return the weights of a well-known model.

    Args:
        name: `"gpt2"`, `"llama-3.2-1b"`, `"llama-3.1-8b"`, `"keras-resnet50"`,
            `"keras-mobilenetv2"` or `"keras-convnexttiny"`.
        layers: The number of layers, 1 to 100,000, each like the first; None for the model's own.
            Only for `"gpt2"` and Llama, whose layers are alike.

    Raises:
        TypeError: If `name` is not a string, or `layers` not an integer.
        ValueError: If `name` is none of them, or its layers are not alike.

    Examples:
        >>> model_specs("gpt2")["wte.weight"]
        Spec(shape=(50257, 768), dtype='float32', convention='keras')
        >>> len(model_specs("gpt2")), len(model_specs("gpt2", layers=24))
        (148, 292)
    """
    found = _read_file(str(_SHAPES / f"{check_name('name', name, list_models())}.json"))
    return found if layers is None else dict(_repeat_layers(name, found, layers))


_MOST_LAYERS = 100_000  # a number mistyped would fill all memory with names

# The number of a layer in the names of a transformer.
_LAYER = re.compile(r"(?<=\bh\.)\d+(?=\.)|(?<=\blayers\.)\d+(?=\.)")


def _repeat_layers(
    name: str, specs: Mapping[str, Spec], layers: object
) -> Iterator[tuple[str, Spec]]:
    """Yield the weights of a model with this number of layers, all like its first."""
    count = check_count("layers", layers, _MOST_LAYERS)
    first = {each: spec for each, spec in specs.items() if _number_of(each) == "0"}
    if not first:
        raise ValueError(
            f"`layers` must be None for {name!r}, whose layers are not alike, "
            f"received: {show(layers)}"
        )
    is_repeated = False
    for each, spec in specs.items():
        if _number_of(each) is None:
            yield each, spec
        elif not is_repeated:
            is_repeated = True
            for number in range(count):
                yield from ((_LAYER.sub(str(number), each), one) for each, one in first.items())


def _number_of(name: str) -> str | None:
    found = _LAYER.search(name)
    return None if found is None else found[0]


def list_models() -> list[ModelName]:
    """Return the names that `model_specs` accepts.

    Examples:
        >>> list_models()[-2:]
        ['llama-3.1-8b', 'llama-3.2-1b']
    """
    return sorted(cast(ModelName, path.stem) for path in _SHAPES.glob("*.json"))


def _read_file(path: str) -> dict[str, Spec]:
    if path.endswith((".safetensors", ".safetensors.index.json")) or Path(path).is_dir():
        from .._files.metadata import read_specs as read_headers

        specs: dict[str, Spec] = read_headers(path)
        return specs
    try:
        text = Path(path).read_text(encoding="utf-8")
        return _read_structure(read_json(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path!r} must be a JSON file of weights: {error}") from None


def _read_structure(source: Any) -> dict[str, Spec]:
    """Read the specs of a mapping or a list, from Python or JSON."""
    convention = None
    if isinstance(source, Mapping) and isinstance(source.get("tensors"), (Mapping, list)):
        convention = check_convention(source.get("convention"))
        source = source["tensors"]
    if isinstance(source, Mapping):
        return _collect((name, *_split(name, value, convention)) for name, value in source.items())
    if isinstance(source, Sequence) and not isinstance(source, (str, bytes)):
        return _collect(_split_entry(entry, convention) for entry in source)
    raise TypeError(
        "`specs` must be a mapping from names to shapes, a list of them, a path, a Keras model, a "
        f"torch module or a JAX tree, received: {show(source)}"
    )


def _split(
    name: object, value: Any, convention: Convention | None
) -> tuple[Any, Any, Convention | None, Any]:
    """Return the shape, dtype, convention and padding rows of a value of a mapping."""
    if isinstance(value, Mapping):
        unknown = [key for key in value if key not in ("shape", "dtype", "padding")]
        if unknown or "shape" not in value:
            raise ValueError(
                f"weight {show(name)} must have the key 'shape' and may have 'dtype' and "
                f"'padding', received: {show(value)}"
            )
        return value["shape"], value.get("dtype"), convention, value.get("padding", ())
    if isinstance(value, Spec):
        return value.shape, value.dtype, convention or value.convention, value.padding
    if hasattr(value, "shape"):
        return value.shape, getattr(value, "dtype", None), convention or _convention_of(value), ()
    return value, None, convention, ()


def _convention_of(value: Any) -> Convention | None:
    """Return the convention of an array's framework."""
    for place, kinds, convention in _ARRAYS:
        loaded = sys.modules.get(place)
        if loaded is not None and any(isinstance(value, getattr(loaded, kind)) for kind in kinds):
            return convention
    return None


# Keras's variables come first: on the torch backend they can look like tensors.
_ARRAYS: tuple[tuple[str, tuple[str, ...], Convention], ...] = (
    ("keras", ("Variable",), KERAS),
    ("flax.nnx", ("Variable",), KERAS),
    ("flax.core.meta", ("AxisMetadata",), KERAS),
    ("torch", ("Tensor",), TORCH),
    ("jax", ("Array", "ShapeDtypeStruct"), KERAS),
)


def _split_entry(entry: object, convention: Convention | None) -> tuple[Any, ...]:
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise ValueError(
            "a list of weights must hold mappings {'name', 'shape', 'dtype'}, "
            f"received in it: {show(entry)}"
        )
    rest = {key: value for key, value in entry.items() if key != "name"}
    return (entry["name"], *_split(entry["name"], rest, convention))


def _collect(weights: Iterable[tuple[Any, ...]]) -> dict[str, Spec]:
    return dict(_unique((weight[0], _make(*weight)) for weight in weights))


def _make(
    name: object, shape: Any, dtype: Any, convention: Convention | None, padding: Any = ()
) -> Spec:
    if not isinstance(name, str):
        raise TypeError(f"a weight's name must be a string, received: {show(name)}")
    if str(dtype).startswith("torch."):
        dtype = str(dtype).removeprefix("torch.")
    try:
        return Spec(shape, dtype, convention, padding)
    except (TypeError, ValueError) as error:
        raise type(error)(f"weight {name!r}: {error}") from None


def _unique(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for name, value in pairs:
        if name in seen:
            raise ValueError(f"a name must occur once, received twice: {show(name)}")
        seen.add(name)
        yield name, value


def _read_framework(source: Any) -> Iterable[tuple[Any, ...]] | None:
    """Read a model or a tree of arrays, or return None if `source` is neither."""
    adapter = find_adapter(source)
    if adapter is None and "jax" in sys.modules and not _is_flat(source):
        adapter = "jax"
    if adapter is None:
        return None
    return load_adapter(adapter, _LISTS[adapter]).list_specs(source) or None


def _is_flat(source: Any) -> bool:
    """Return whether `_read_structure` reads `source`, rather than a framework's tree."""
    if isinstance(source, Mapping):
        values = source.values()
        return all(not isinstance(value, Mapping) or "shape" in value for value in values)
    rows = source if isinstance(source, Sequence) else [None]
    return all(isinstance(row, Mapping) and "name" in row for row in rows)
