"""More targets of `fuzz_python.py`: every public function, and folders of checkpoints."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import initializers
from fuzz_targets import RECIPES, SPECS, anything, make, mutate
from initializers import Recipe, checkpoint, propagation, recipe
from initializers._classes.registry import CLASSES
from initializers.recipe import Spec

Pick = random.Random
MODULES = (initializers, recipe, checkpoint, propagation)
# Results, which the package makes; bases; the classes that the target `initializers` constructs.
LEFT_OUT = {"Initializer", "ArrayInitializer", "Inspection", "Preview", "Plan", "Weight"}
LEFT_OUT |= {"Difference", "Report", "Layer", "Propagation", "CaptureReport", "OpaqueWeight"}

LONG = ("n" * 10_000, "a.b/" * 500, "\u00e9" * 5000, "*" * 300, "\n", "layers.*.weight")
PATHS = ("w.safetensors", "w", "a/b/c", "", ".", "..", "\0", "x" * 300, "w.safetensors.index.json")


def list_public() -> dict[str, Callable[..., Any]]:
    """Return the public functions and classes that users call, by module and name."""
    found = {}
    for module in MODULES:
        for name in module.__all__:
            item = getattr(module, name)
            if callable(item) and item not in CLASSES and name not in LEFT_OUT:
                found[f"{module.__name__}.{name}"] = item
    return found


PUBLIC = list_public()


def guess(pick: Pick, name: str) -> Any:
    """Return a value that a parameter of this name may have."""
    matrix = np.array([[pick.gauss(0, 1) for _ in range(3)] for _ in range(4)], "float32")
    models = recipe.list_models()
    choices: dict[str, Callable[[], Any]] = {
        "activation": lambda: pick.choice(("relu", "tanh", "linear", "gelu")),
        "depth": lambda: pick.choice((1, 2, 20)),
        "identifier": lambda: pick.choice(("he_normal", "zeros", None, {"class_name": "Ones"})),
        "initializer": lambda: pick.choice(("zeros", make(pick, 0.0))),
        "input_axes": lambda: pick.choice((None, [0], [-2])),
        "inputs": lambda: pick.choice((None, matrix)),
        "layers": lambda: pick.choice((None, 1, 2)),
        "loss": lambda: None,
        "matrix": lambda: pick.choice((matrix, matrix.T, matrix * np.nan)),
        "max_shard_size": lambda: pick.choice((None, 64, "1 KB", "0.1 MB")),
        "model": lambda: pick.choice(({"w": matrix}, [matrix], [(3, 4), (4, 2)])),
        "n": lambda: pick.choice((1, 2, 3)),
        "name": lambda: pick.choice((*models, *LONG)),
        "nonlinearity": lambda: pick.choice(("relu", "tanh", "leaky_relu", "selu")),
        "output_axes": lambda: pick.choice((None, [1], [-1])),
        "path": lambda: pick.choice((*PATHS, "layers", 3)),
        "pattern": lambda: pick.choice((None, "*", "*.bias", *LONG)),
        "progress": lambda: None,
        "recipe": lambda: Recipe.from_toml(pick.choice(RECIPES)),
        "rules": lambda: {"*.bias": "zeros", "*": make(pick, 0.0)},
        "seed": lambda: pick.choice((0, 5, pick.getrandbits(120))),
        "shape": lambda: pick.choice(((2, 3), (), (5,), (3, 3, 4, 5))),
        "source": lambda: pick.choice((SPECS, *models)),
        "specs": lambda: pick.choice((SPECS, {pick.choice(LONG): (2, 2)}, {"a": Spec((2, 3))})),
        "weights": lambda: {pick.choice(LONG): matrix},
        "widths": lambda: pick.choice((4, [3, 5, 2])),
    }
    return choices[name]() if name in choices else anything(pick)


def fuzz_functions(pick: Pick, folder: Path) -> None:
    """Call a public function, one argument in five of any kind; files stay in the folder."""
    function = PUBLIC[pick.choice(list(PUBLIC))]
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is not parameter.empty and pick.random() < 0.6:
            continue
        value = anything(pick) if pick.random() < 0.2 else guess(pick, name)
        if name in ("rules", "model", "loss") and callable(value):
            value = guess(pick, name)  # the errors of a user's function are its own
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += [value, pick.choice(LONG)]
        elif parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = value
        else:
            positional.append(value)
    with within(folder):
        result = function(*positional, **named)
        if not inspect.isfunction(result):
            repr(result)
    initializers.set_num_threads(2)


@contextlib.contextmanager
def within(folder: Path) -> Iterator[None]:
    """Make the folder, empty, the current one."""
    before = Path.cwd()
    place = folder / "here"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    os.chdir(place)
    try:
        yield
    finally:
        os.chdir(before)


NAMES = {f"layers.{k}.weight": (4, 6) for k in range(3)} | {"n" * 200: (5,), "\u00e9": (2, 2)}
CHECKPOINT = Recipe({"*.weight": "he_normal", "*": "zeros"}, seed=7, convention="keras")


def damage(pick: Pick, path: Path) -> None:
    """Damage a file of a checkpoint, or put something else in its place."""
    data = path.read_bytes()
    act = pick.randrange(10)
    if act < 3:
        place = pick.randrange(len(data) + 1)
        path.write_bytes(data[:place] + pick.choice((b"", b"\0" * 9, data)) + data[place + 1 :])
        return
    if act == 3 and path.suffix == ".json":
        path.write_text(json.dumps(mutate(pick, json.loads(data))))
        return
    path.unlink()
    if act == 4:
        path.mkdir()
    elif act == 5:
        path.symlink_to(pick.choice(("/etc/passwd", path.name, "/dev/null", "..", "missing")))
    elif act == 6:
        os.mkfifo(path)
    elif act == 7:
        path.with_name("z" * 240 + path.suffix).write_bytes(data)
    elif act == 8:
        path.write_bytes(b"")


def fuzz_folders(pick: Pick, folder: Path) -> None:
    """Damage a checkpoint and use it: a result, or an error that says what is wrong."""
    place = folder / "checkpoint"
    shutil.rmtree(place, ignore_errors=True)
    size = pick.choice((None, 200))
    path = place / "w" if size else place / "w.safetensors"
    place.mkdir()
    checkpoint.write(CHECKPOINT, NAMES, path, max_shard_size=size)
    for _ in range(pick.choice((1, 1, 2))):
        files = [one for one in place.rglob("*") if one.is_file() and not one.is_symlink()]
        if files:
            damage(pick, pick.choice(sorted(files)))
    act = pick.randrange(5)
    if act == 0:
        checkpoint.read_recipe(path)
    elif act == 1:
        checkpoint.read_specs(path)
    elif act == 2:
        str(checkpoint.verify(path))
    else:
        resume, overwrite = pick.choice(((True, False), (False, True), (False, False)))
        checkpoint.write(
            *(CHECKPOINT, NAMES, path), max_shard_size=size, resume=resume, overwrite=overwrite
        )
        assert checkpoint.verify(path, CHECKPOINT, NAMES).ok


TARGETS: dict[str, Callable[[Pick, Path], None]] = {
    "functions": fuzz_functions,
    "folders": fuzz_folders,
}
