"""The model and the recipe of the checkpoint tests, and how they are written and checked."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors import deserialize

from initializers import Recipe, checkpoint
from initializers._files import direct_writer, filesystem, workers
from initializers._files.safetensors import read
from initializers.checkpoint import _verify, _write

SEED = 2024
MOST = 250_000  # bytes of a shard: three files
DTYPES = {
    **{"BF16": ml_dtypes.bfloat16, "F8_E4M3": ml_dtypes.float8_e4m3fn},
    **{"F8_E5M2": ml_dtypes.float8_e5m2, "F16": np.float16, "F32": np.float32, "F64": np.float64},
    **{"I64": np.int64, "BOOL": np.bool_, "C64": np.complex64},
}
SPECS = {
    "embed.weight": ((513, 100), "bfloat16"),
    "norm.weight": ((100,), "float32"),
    "up.weight": ((300, 100), "float32"),
    "up.bias": ((301,), "float16"),
    "down.weight": ((100, 300), "float64"),
    "square.weight": ((200, 60), "float32"),
    "eight": ((77, 3), "float8_e4m3fn"),
    "five": ((5,), "float8_e5m2"),
    "steps": ((), "int64"),
    "mask": ((7,), "bool"),
    "phase": ((3, 2), "complex64"),
    "nothing": ((0, 4), "float32"),
    "head.weight": ((100, 513), "bfloat16"),
}
RULES = {
    "*norm.weight": "ones",
    "square.*": "orthogonal",
    "*.bias": "zeros",
    "steps": "zeros",
    "mask": "ones",
    "phase": "ones",
    "up.weight": "he_normal",
    "*": "random_normal",
}


def make_specs() -> dict[str, Any]:
    """Return the specs in a form that `read_specs` accepts."""
    return {name: {"shape": shape, "dtype": dtype} for name, (shape, dtype) in SPECS.items()}


def make_recipe(seed: int = SEED) -> Recipe:
    """Return the recipe, in PyTorch's convention: `up.weight` is transposed."""
    return Recipe(RULES, seed=seed, convention="torch")


# (module, constant, bytes) of what is written, recorded and compared at once.
SMALL_PIECES = [
    (direct_writer, "BUFFER", 1 << 14),
    (_write, "BUFFER", 1 << 14),
    (_verify, "_PIECE", 1 << 12),
]


def use_small_pieces() -> None:
    """Shrink pieces in this process, so that every event happens often."""
    for module, name, size in SMALL_PIECES:
        assert isinstance(vars(module)[name], int)
        vars(module)[name] = size


def load(path: Path) -> dict[str, NDArray[Any]]:
    """Return all tensors as the `safetensors` library reads them."""
    return {
        name: np.frombuffer(part["data"], DTYPES[part["dtype"]]).reshape(part["shape"])
        for name, part in deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    }


def check_whole(path: Path, recipe: Recipe | None = None) -> None:
    """Check that the `safetensors` library reads from the files the values of the recipe."""
    files = [path]
    if path.name.endswith(".json"):
        files = sorted(path.parent.glob("*-of-*.safetensors"))
    found = {name: values for file in files for name, values in load(file).items()}
    wanted = (recipe or make_recipe()).init(make_specs())
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        assert found[name].dtype == values.dtype, name
        assert found[name].shape == values.shape, name
        assert found[name].tobytes() == values.tobytes(), name


def write(path: Path, **arguments: Any) -> Path:
    """Write the model to a checkpoint."""
    return checkpoint.write(make_recipe(), make_specs(), path, **arguments)


def write_shards(path: Path, **arguments: Any) -> Path:
    """Write the model to a checkpoint of three files."""
    return write(path, max_shard_size=MOST, **arguments)


def find_readable(folder: Path) -> list[Path]:
    """Return the files that a reader opens first: the index, or the file of a model without one."""
    files = (folder / "model.safetensors.index.json", folder / "model.safetensors")
    return [path for path in files if path.exists()]


def flip(path: Path, name: str, byte: int) -> None:
    """Change the lowest bit of one byte of a tensor."""
    data = bytearray(path.read_bytes())
    data[read(path).tensors[name].offset + byte] ^= 1
    path.write_bytes(data)


def is_readable(path: Path) -> bool:
    """Whether the `safetensors` library reads the file as a checkpoint."""
    try:
        load(path)
    except Exception:
        return False
    return True


def write_and_die(folder: str, kill_at: int, resume: bool, overwrite: bool = False) -> None:
    """Write a checkpoint; kill this process at call number `kill_at` of our file functions.

    With 0, print the number of calls instead.
    """
    import signal
    import threading

    use_small_pieces()
    recipe, specs = make_recipe(), make_specs()
    modules = (direct_writer, filesystem, workers, _write)
    ours = tuple(str(module.__file__) for module in modules)
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        # Calls and returns count: the moments before and after every change of a file or a name.
        if frame.f_code.co_filename in ours:
            calls += 1
            if calls == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(count)
    sys.setprofile(count)
    checkpoint.write(recipe, specs, folder, max_shard_size=MOST, resume=resume, overwrite=overwrite)
    sys.setprofile(None)
    print(calls)


if __name__ == "__main__":
    write_and_die(sys.argv[1], int(sys.argv[2]), "resume" in sys.argv, "overwrite" in sys.argv)
