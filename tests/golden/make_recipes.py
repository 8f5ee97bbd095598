"""Write recipes.json, or compare it: recipes as text, and the digests of their weights.

    python tests/golden/make_recipes.py [--check]

The Rust crate reads it. With `rows`, the digest covers only the last rows of every weight.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import initializers
from initializers import Recipe, Rule
from initializers.recipe import Spec, model_specs

PATH = Path(__file__).parent / "recipes.json"

# Every initializer, and every option of a rule.
EVERY = Recipe(
    [
        Rule("zeros", "*.bias", optional=True),
        Rule("kaiming_normal", r"torch\.[0-9]+\.weight", regex=True, convention="torch"),
        Rule("he_uniform", "permuted", permute=(2, 0, 1)),
        Rule("glorot_normal", "stack/kernel", stack=1),
        Rule("orthogonal", "named/kernel", stack=2, name="layer{i}.{j}/kernel", convention="torch"),
        Rule(initializers.Orthogonal(0.5, axis=0), "axis"),
        Rule(initializers.DeltaOrthogonal(0.7), "delta"),
        Rule(initializers.ConvolutionOrthogonal2D(), "convolution", convention="torch"),
        Rule(initializers.Sparse(0.4, 0.3), "sparse"),
        Rule(initializers.Dirac(2), "dirac", dtype="float16"),
        Rule(initializers.Identity(2), "identity"),
        Rule(initializers.Constant(1e-6), "[l-n]ayer_scale"),
        Rule(initializers.TruncatedNormal(0.1, 0.2, bounds=(-1, np.inf)), "truncated"),
        Rule(initializers.RandomUniform(-0.1, 0.3), "uniform.?"),
        Rule(
            initializers.VarianceScaling(
                0.3, "fan_geo_avg", "uniform", input_axes=[0], output_axes=[1, -1]
            ),
            "heads",
        ),
        Rule("lecun_normal", "*", dtype="float64"),
    ],
    seed=-(2**100),
    convention="keras",
)
SHAPES: dict[str, tuple[int, ...]] = {
    "dense.bias": (3,),
    "torch.0.weight": (5, 4, 3),
    "torch.12.weight": (2, 70),
    "permuted": (4, 3, 5),
    "stack/kernel": (3, 4, 5),
    "named/kernel": (2, 3, 4, 5),
    "axis": (6, 3, 2),
    "delta": (3, 3, 2, 4),
    "convolution": (4, 3, 2, 2),
    "sparse": (11, 4),
    "dirac": (3, 2, 4),
    "identity": (3, 4),
    "layer_scale": (5,),
    "truncated": (9, 8),
    "uniform.1": (7,),
    "heads": (6, 2, 4),
    "last": (5, 6),
    "scalar": (),
}

# Initializers without randomness: transforms, arrays, integers.
EXACT = Recipe(
    [
        Rule(initializers.STFT(), "stft.hann"),
        Rule(
            initializers.STFT("imag", "hamming", "spectrum", periodic=True),
            "stft.imaginary",
            dtype="float64",
        ),
        Rule(initializers.STFT(window=None, scaling=None), "stft.plain", dtype="bfloat16"),
        Rule(
            initializers.STFT("imag", [0.5, 1.25, -3e-5, 1 / 3], None), "stft.list", dtype="float16"
        ),
        Rule(
            initializers.STFT(window=np.array([0.1, 0.7, 0.3], "float32")),
            "stft.array",
            convention="torch",
        ),
        Rule(initializers.Constant([[0.1], [-2.5]]), "array.rows", dtype="float8_e4m3fn"),
        Rule(initializers.Constant(np.array([0.1, 0.2, 0.3], "float16")), "array.half"),
        Rule(initializers.Constant([1, -2, 3]), "array.permuted", permute=(1, 0), dtype="int16"),
        Rule(initializers.Constant(2**60 + 2**36 + 1), "long.f32"),
        Rule(initializers.Constant(2**64 - 1), "long.u64", dtype="uint64"),
        Rule(initializers.Constant([True, False, True]), "truth", dtype="bool"),
        Rule(initializers.Identity(-3), "identity", dtype="int8"),
        Rule("ones", "steps", stack=1, dtype="int64"),
        Rule(initializers.Constant(float("-inf")), "mask", dtype="float16"),
    ],
    seed=0,
    convention="keras",
)
EXACT_SHAPES: dict[str, tuple[int, ...]] = {
    "stft.hann": (7, 1, 5),
    "stft.imaginary": (8, 1, 4),
    "stft.plain": (3, 1, 6),
    "stft.list": (4, 1, 3),
    "stft.array": (5, 1, 3),
    "array.rows": (4, 2, 3),
    "array.half": (2, 3),
    "array.permuted": (3, 2),
    "long.f32": (2,),
    "long.u64": (),
    "truth": (2, 3),
    "identity": (3, 4),
    "steps": (2, 3),
    "mask": (3,),
}


# Initializers for sequence models, with and without their defaults.
SEQUENCES = Recipe(
    [
        Rule(initializers.TimeStepBias(), "dt_bias"),
        Rule(initializers.TimeStepBias(0.01, 2.0, 0.05), "slow.dt_bias", dtype="bfloat16"),
        Rule(initializers.LogOfUniform(), "A_log", stack=1),
        Rule(initializers.LogOfUniform(0, 6.28), "theta_log", dtype="float64"),
        Rule(initializers.RingRadius(0.9, 0.999), "nu_log"),
        Rule(initializers.RingRadius(softplus=True), "recurrent_param", dtype="float64"),
        Rule(initializers.LstmBias(), "bias_ih"),
        Rule(initializers.LstmBias(-0.5, "ijfo"), "bias", dtype="float16"),
        Rule("s4d", "mamba.A_log", permute=(1, 0)),
        Rule(initializers.S4D("imaginary"), "A_imag", dtype="float64"),
        Rule("hippo", "A"),
        Rule(initializers.Hippo("B"), "B", dtype="float8_e4m3fn"),
        Rule("sinusoidal", "positions"),
        Rule(initializers.Sinusoidal(500.0, False, True), "whisper", dtype="float16"),
        Rule("rotary", "inv_freq"),
        Rule(initializers.Rotary("cos", 5e5, True), "cos", dtype="bfloat16"),
    ],
    seed=22,
)
SEQUENCES_SHAPES: dict[str, tuple[int, ...]] = {
    "dt_bias": (70,),
    "slow.dt_bias": (3, 5),
    "A_log": (2, 24),
    "theta_log": (9,),
    "nu_log": (9,),
    "recurrent_param": (70,),
    "bias_ih": (12,),
    "bias": (2, 8),
    "mamba.A_log": (16, 5),
    "A_imag": (4, 8),
    "A": (2, 6, 6),
    "B": (12,),
    "positions": (30, 8),
    "whisper": (25, 6),
    "inv_freq": (16,),
    "cos": (20, 8),
}


def take_rows(recipe: Recipe, specs: dict[str, Spec], rows: int) -> dict[str, Any]:
    """Return the last rows of every weight of a model."""
    taken = {}
    for each, weight in recipe.plan(specs).weights.items():
        count = min(rows, weight.shape[0])
        start = (weight.shape[0] - count, *(0,) * (len(weight.shape) - 1))
        index = tuple(
            slice(low, low + size)
            for low, size in zip(start, (count, *weight.shape[1:]), strict=True)
        )
        taken[each] = weight.initializer(weight.shape, weight.dtype, index=index)
    return taken


def list_recipes() -> list[dict[str, Any]]:
    """Return the recipes; GPT-2's digest is the one in `tests/pages.py`."""
    shapes = {name: [*shape] for name, shape in SHAPES.items()}
    every = initializers.digest(EVERY.init(SHAPES))
    text = {"toml": EVERY.to_toml(), "json": EVERY.to_json()}
    exact = {
        "json": EXACT.to_json(),  # TOML has no null, as for a window
        "shapes": {name: [*shape] for name, shape in EXACT_SHAPES.items()},
        "digest": initializers.digest(EXACT.init(EXACT_SHAPES)),
    }
    llama = Recipe.for_model("llama-3.2-1b", seed=7)
    rows = initializers.digest(take_rows(llama, model_specs("llama-3.2-1b"), 8))
    return [
        {"name": "every", **text, "shapes": shapes, "digest": every},
        {
            "name": "gpt2",
            "toml": Recipe.for_model("gpt2", seed=2019).to_toml(),
            "model": "gpt2",
            "digest": "c4031cb44022f27db52bfc32008f0a9f15714f87b290a3b3596695017e8f113c",
        },
        {
            "name": "llama",
            "toml": llama.to_toml(),
            "model": "llama-3.2-1b",
            "rows": 8,
            "digest": rows,
        },
        {"name": "exact", **exact},
        {
            "name": "sequences",
            "toml": SEQUENCES.to_toml(),
            "json": SEQUENCES.to_json(),
            "shapes": {name: [*shape] for name, shape in SEQUENCES_SHAPES.items()},
            "digest": initializers.digest(SEQUENCES.init(SEQUENCES_SHAPES)),
        },
    ]


def make_text() -> str:
    """Return the text of the file."""
    return json.dumps(list_recipes(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(PATH.read_text(encoding="utf-8") != make_text())
    PATH.write_text(make_text(), encoding="utf-8")
