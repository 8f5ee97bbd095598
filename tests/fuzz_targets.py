"""The targets of `fuzz_python.py`: each makes one random case and uses the package with it."""

from __future__ import annotations

import difflib  # noqa: F401  (imported here: its first import evaluates text)
import inspect
import json
import random
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import scipy.signal  # type: ignore[import-untyped]  # noqa: F401  (as difflib)

import initializers
from initializers import Constant, Initializer, Recipe, SeedGenerator, deserialize, serialize
from initializers._classes.registry import CLASSES
from initializers._files.metadata import read_specs
from initializers._files.safetensors import encode_header, read

Pick = random.Random


class Caught(BaseException):
    """Signals a failure; no code under test catches it."""


def nest(depth: int) -> list[Any]:
    """Return nested lists."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def loop() -> list[Any]:
    """Return a list that contains itself."""
    found: list[Any] = []
    found.append(found)
    return found


# Values of JSON, most of them of TOML too.
PLAIN: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 2**31, 2**63, 2**64, -(2**127), 2**127, 10**400),
    *(0.0, -0.0, 0.5, 1.0, -1.5, 1e-320, 1e300, 65504.0, float("nan"), float("inf"), -float("inf")),
    *(
        "",
        "x",
        "float32",
        "bfloat16",
        "fan_in",
        "uniform",
        "hann",
        "he_normal",
        "\ud800",
        "\0",
        "é",
    ),
    *("__import__('os').system('true')", "os>system", "builtins>eval", "function", "x" * 300),
    *([], [0], [1, 2], [0, 0], [-1], [0.5, "x"], [[1], [2, 3]], [None], nest(70), nest(300)),
    *({}, {"a": 1}, {"class_name": "HeNormal", "config": {}}, {"class_name": "eval"}),
    {"class_name": "SeedGenerator", "config": {"seed": 3, "name": None}},
    {"class_name": "__numpy__", "config": {"value": [[1, 2]], "dtype": "int8"}},
    {"class_name": "__numpy__", "config": {"value": [1, [2]], "dtype": "complex64"}},
)
OBJECTS: tuple[Any, ...] = (
    *(1j, b"x", (), (1, 2), (2.0, -2.0), {1, 2}, range(3), slice(None), slice(0, 1), ..., object()),
    *(int, float, np.float32, np.dtype(">f4"), np.dtype("M8[s]"), np.dtype([("a", int)]), len),
    *(np.float32(2), np.int8(-3), np.array(3), np.array([1.0, 2]), np.array("x"), np.array([None])),
    *(np.zeros((2, 3), ">f8"), np.zeros((0, 3)), np.float16("nan"), np.bool_(True)),
    *(ml_dtypes.bfloat16(1), Decimal("0.5"), Fraction(1, 3), 10**5000, nest(100_000), loop()),
    *(SeedGenerator(3), Constant(2), Constant, np.longdouble(1), np.datetime64(0, "s")),
)
NOT_JSON = (*PLAIN, nest(3000), 1j, (1, 2), np.array([1, 2]), np.float32(2))
# Either small or beyond any memory; sizes between would take too long.
SIZES = (0, 1, 1, 2, 2, 3, 3, 5, 8, 70, 2**46, 2**62, 2**63)
DTYPES: tuple[Any, ...] = (
    None,
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "float8_e4m3fn",
    "float8_e5m2",
    "int8",
)
DTYPES += ("bool", "complex64", "uint64", float, np.float16, ml_dtypes.bfloat16)


def anything(pick: Pick) -> Any:
    """Return a value of any type."""
    return pick.choice(PLAIN if pick.random() < 0.5 else OBJECTS)


def sensible(pick: Pick, name: str) -> Any:
    """Return a valid value for an argument of this name."""
    number = pick.choice(
        (0.0, 0.05, 0.5, 1.0, 2.0, 1e-40, 1e30, pick.uniform(-3, 3), pick.random())
    )
    choices: dict[str, tuple[Any, ...]] = {
        "seed": (None, 0, pick.getrandbits(126), -5, SeedGenerator(pick.randrange(9))),
        "mode": ("fan_in", "fan_out", "fan_avg", "fan_geo_avg"),
        "distribution": ("uniform", "normal", "truncated_normal", "untruncated_normal"),
        "input_axes": (None, 0, [0], (0, 1), (-2,)),
        "output_axes": (None, 1, [1], (2,), (-1,)),
        "bounds": ((-2, 2), (-1.0, float("inf")), (30, 36), (pick.uniform(-5, 0), pick.random())),
        "value": (3, -1.5, [1, 2], np.ones((2, 1)), True, 1j, float("inf")),
        "window": (None, "hann", "hamming", "boxcar", ("kaiser", 3.0), [1.0, 2.0], "nonsense"),
        "scaling": (None, "density", "spectrum"),
        "side": ("real", "imag"),
        "periodic": (True, False),
        "groups": (1, 2, 3),
        "axis": (0, 1, -1),
        "maxval": (3.5, 1e31),
        "dt_max": (0.1, 3.0, 1e31),
        "min_radius": (0.0, 0.5),
        "max_radius": (0.5, 1.0),
        "softplus": (True, False),
        "gates": ("ifgo", "ijfo"),
        "part": ("A", "B", "real", "imaginary", "cos", "frequencies"),
        "base": (1.0, 10000, 1e300),
        "interleaved": (True, False),
        "endpoint": (True, False),
    }
    return pick.choice(choices.get(name, (number,)))


def make(pick: Pick, chance: float) -> Any:
    """Construct an initializer; one argument in `chance` has any type."""
    cls = pick.choice(CLASSES)
    parameters = PARAMETERS[cls].items()
    names = [name for name, needed in parameters if needed or pick.random() < 0.6]
    arguments = {
        name: anything(pick) if pick.random() < chance else sensible(pick, name) for name in names
    }
    return cls(**arguments)


# Class → its arguments, with whether they are required.
PARAMETERS = {
    cls: {name: x.default is x.empty for name, x in inspect.signature(cls).parameters.items()}
    for cls in CLASSES
}


def call(pick: Pick, initializer: Any) -> None:
    """Make a tensor or a block of one, and check the result."""
    shape: Any = tuple(
        pick.choice(SIZES[:10]) for _ in range(pick.choice((0, 1, 2, 2, 2, 3, 4, 5)))
    )
    if np.prod(shape, dtype=float) > 1e5:
        shape = shape[:2]
    if pick.random() < 0.1:
        shape = tuple(pick.choice((*SIZES[:9], *SIZES[10:])) for _ in shape)
    if type(initializer).__name__ == "STFT" and pick.random() < 0.7:
        shape = (pick.randrange(5), 1, pick.randrange(9))
    dtype: Any = pick.choice(DTYPES)
    options: dict[str, Any] = {}
    if pick.random() < 0.4:
        bounds = [sorted((pick.randint(0, min(n, 99)), pick.randint(0, min(n, 99)))) for n in shape]
        options["index"] = tuple(slice(*pair) for pair in bounds)
    if pick.random() < 0.3:
        extent = tuple(x.stop - x.start for x in options["index"]) if options else shape
        if np.prod([float(n) for n in extent]) < 1e5 and max(extent, default=0) < 1e5:
            options["out"] = np.empty(extent, dtype or "float32")
            dtype = None
    if pick.random() < 0.2:
        what = pick.choice(("shape", "dtype", "index", "out"))
        if what == "shape":
            shape = anything(pick)
        elif what == "dtype":
            dtype = anything(pick)
        else:
            options[what] = anything(pick)
    result = initializer(shape, dtype, **options)
    if isinstance(result, np.ndarray) and options.get("out") is not None:
        assert result is options["out"]


def fuzz_initializers(pick: Pick, folder: Path) -> None:
    """Construct an initializer and call it."""
    initializer = make(pick, 0.15)
    if type(initializer) is Initializer:
        return  # the base class has no values
    repr(initializer), hash(initializer)
    call(pick, initializer)


def mutate(pick: Pick, value: Any, pool: tuple[Any, ...] = PLAIN) -> Any:
    """Return plain data with one random change."""
    if isinstance(value, dict) and value and pick.random() < 0.85:
        key = pick.choice(list(value))
        changed = dict(value)
        act = pick.random()
        if act < 0.7:
            changed[key] = mutate(pick, value[key], pool)
        elif act < 0.8:
            del changed[key]
        elif act < 0.9:
            changed[pick.choice(("", "x", "seed", "config", "__class__", key + "s"))] = changed.pop(
                key
            )
        else:
            changed[pick.choice(("extra", "self", "seed", "value"))] = pick.choice(pool)
        return changed
    if isinstance(value, list) and value and pick.random() < 0.7:
        place = pick.randrange(len(value))
        part = mutate(pick, value[place], pool)
        return value[:place] + pick.choice(([part], [], [part, part])) + value[place + 1 :]
    return pick.choice(pool)


def fuzz_configs(pick: Pick, folder: Path) -> None:
    """Change a configuration and read it; the result can be called and written again."""
    config: Any = serialize(make(pick, 0.0))
    config.setdefault("config", {})
    for _ in range(pick.choice((1, 1, 1, 2, 3))):
        config = mutate(pick, config, NOT_JSON)
    act = pick.randrange(4)
    if act == 0 and isinstance(config, dict):
        initializer = pick.choice(CLASSES).from_config(config.get("config"))  # type: ignore[arg-type]
    elif act == 1:
        initializer = initializers.get(config)
    else:
        initializer = deserialize(config)
    if isinstance(initializer, Initializer) and type(initializer) is not Initializer:
        again = deserialize(json.loads(json.dumps(serialize(initializer))))
        seed = getattr(initializer, "_init_seed", 0)
        if isinstance(seed, int):
            assert repr(again) == repr(initializer), (again, initializer)
        call(pick, initializer)


RECIPES = [
    Recipe.for_model("gpt2").to_toml(),
    Recipe.for_model("t5").to_toml(),
    Recipe(
        {"*.bias": "zeros", "*.k": Constant([1, 2.5]), "*": initializers.VarianceScaling(2.0)},
        seed=-7,
        dtype="bfloat16",
        convention="torch",
        comment="of two\nlines",
    ).to_toml(),
    "# A comment\nseed = 3\n\n# Of a rule\n[[rules]]\nregex = 'a\\.(b|c)+'\n"
    'initializer = "orthogonal"\n'
    'config = { gain = 1.5 }\npermute = [1, 0]\nconvention = "torch"\noptional = true\n',
]
TOKENS: tuple[str, ...] = (
    "[[rules]]",
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    "\\",
    "\\u",
    "\\ud800",
    "= ",
    "\n",
    "\r",
    "\0",
)
TOKENS += (
    "#",
    ",",
    "null",
    "true",
    "nan",
    "inf",
    "-",
    "0x",
    "1e999",
    "9" * 5000,
    "1979-05-27",
    "é",
)
TOKENS += (
    "seed",
    "seed = 1\n",
    "rules = []\n",
    "initializer",
    "config",
    '"""',
    ".",
    "\ud800",
    "\ufeff",
)
TOKENS += ("glob", "regex = '('\n", "(?P<a>", "*" * 40, "[" * 2000, "a." * 2000, '"stream_version"')
SPECS = {"a.b": (3, 4), "h.0.attn.c_proj.weight": (2, 3), "x.bias": (2,), "y.k": (3, 2)}


def scramble(pick: Pick, text: str) -> str:
    """Return the text with pieces removed, inserted, repeated or moved."""
    for _ in range(pick.choice((1, 1, 2, 4))):
        low = pick.randint(0, len(text))
        high = min(len(text), low + pick.choice((0, 1, 1, 2, 5, 30)))
        piece = pick.choice(
            ("", pick.choice(TOKENS), text[low:high] * 2, chr(pick.randrange(0x300)))
        )
        text = text[:low] + piece + text[high:]
    return text


def fuzz_recipes(pick: Pick, folder: Path) -> None:
    """Change a recipe, as text or as data, and read it; the result can be written and used."""
    text = pick.choice(RECIPES)
    read_text: Callable[[str], Recipe] = Recipe.from_toml
    if pick.random() < 0.5:
        read_text = Recipe.from_json
        text = (
            Recipe.from_toml(text).to_json(pick.choice((None, 2)))
            if text not in JSON
            else JSON[text]
        )
        if pick.random() < 0.6:
            text = json.dumps(mutate(pick, json.loads(text)))
        else:
            text = scramble(pick, text)
    else:
        text = scramble(pick, text)
    recipe = read_text(text)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    repr(recipe)
    str(recipe.plan(SPECS))


JSON = {text: Recipe.from_toml(text).to_json() for text in RECIPES}
TENSORS = [("a", "float32", (2, 3), 24), ("b/ä", "float16", (5,), 10), ("c", "int64", (), 8)]
FILE = encode_header(TENSORS, {"note": 'braces { and "quotes"'}) + bytes(range(42))
HEADER = json.loads(FILE[8 : 8 + int.from_bytes(FILE[:8], "little")])


def fuzz_headers(pick: Pick, folder: Path) -> None:
    """Change a safetensors file, its bytes or the content of its header, and read it."""
    if pick.random() < 0.5:
        data = bytearray(FILE)
        for _ in range(pick.choice((1, 1, 2, 3))):
            low = pick.choice((pick.randrange(8), pick.randrange(len(data) + 1)))
            high = low + pick.choice((0, 1, 1, 4, 20))
            data[low:high] = pick.choice((b"", pick.randbytes(high - low), data[low:high] * 2))
    else:
        text = json.dumps(mutate(pick, HEADER), ensure_ascii=pick.random() < 0.5)
        header = text.encode(errors="surrogatepass")
        length = len(header) + pick.choice((0, 0, 0, 1, -1, 2**40))
        data = bytearray(
            max(length, 0).to_bytes(8, "little") + header + bytes(pick.choice((42, 42, 0, 50)))
        )
    path = folder / "w.safetensors"
    path.write_bytes(data)
    read(path)
    read_specs(path)


TARGETS: dict[str, Callable[[Pick, Path], None]] = {
    "initializers": fuzz_initializers,
    "configs": fuzz_configs,
    "recipes": fuzz_recipes,
    "headers": fuzz_headers,
}
