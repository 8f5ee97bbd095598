"""Types of the package, with expected errors: read by mypy and basedpyright, never run.

Each `# type: ignore` marks an error that both must find; an unused one is an error itself.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import initializers
from initializers import (
    S4D,
    STFT,
    ArrayInitializer,
    Constant,
    HeNormal,
    Hippo,
    Initializer,
    Recipe,
    Rotary,
    Rule,
    VarianceScaling,
    calculate_gain,
    checkpoint,
    deserialize,
    get,
    propagate,
)
from initializers.recipe import Plan, Spec, model_specs, read_specs
from initializers.typing import Convention, RulesLike, SeedLike, ShapeLike, SpecsLike


def own(shape: tuple[int, ...], dtype: Any = None) -> NDArray[np.float64]:
    """Return zeros: a function may be an initializer."""
    return np.zeros(shape, dtype)


def names_and_configurations() -> None:
    """A name gives an initializer; a callable stays itself."""
    assert_type(get("he_normal"), Initializer)
    assert_type(get({"class_name": "HeNormal"}), Initializer)
    assert_type(get(None), None)
    assert_type(get(HeNormal), HeNormal)
    assert_type(get(HeNormal()), HeNormal)
    assert_type(get(np.ones(3)), Constant)
    assert get(own)((2, 3)).dtype == np.float64
    assert_type(deserialize("ones"), Initializer)
    assert_type(deserialize(None), None)
    get(3)  # type: ignore[call-overload]
    deserialize(own)  # type: ignore[call-overload]


def calls(out: NDArray[np.float16], dtype: str) -> None:
    """The dtype argument decides the result's dtype; `out` keeps its own type."""
    initializer = HeNormal(seed=1)
    assert_type(initializer((2, 3)), NDArray[np.float32])
    assert_type(initializer(3, None, index=(slice(0, 2),)), NDArray[np.float32])
    assert_type(initializer((2, 3), np.float64), NDArray[np.float64])
    assert_type(initializer((2, 3), np.dtype(np.float16)), NDArray[np.float16])
    assert_type(initializer((2, 3), "bfloat16"), NDArray[Any])
    assert_type(initializer((2, 3), dtype), NDArray[Any])
    assert_type(initializer((2, 3), out=out), NDArray[np.float16])
    assert_type(initializer.with_seed(3), HeNormal)
    assert_type(initializer.clone(), HeNormal)
    base: ArrayInitializer = initializer
    assert_type(base.with_seed(3)((2, 3)), NDArray[np.float32])
    initializer("ab")  # type: ignore[arg-type]
    initializer((2, 3), out=[0.0])  # type: ignore[call-overload]


def choices() -> None:
    """A misspelled choice is an error."""
    VarianceScaling(2.0, "fan_avg", "untruncated_normal")
    VarianceScaling(2.0, mode="fan_inn")  # type: ignore[arg-type]
    VarianceScaling(2.0, distribution="gauss")  # type: ignore[arg-type]
    STFT("imag", scaling="spectrum")
    STFT("imaginary")  # type: ignore[arg-type]
    STFT("real", scaling="power")  # type: ignore[arg-type]
    S4D("imaginary")
    S4D("imag")  # type: ignore[arg-type]
    Hippo("C")  # type: ignore[arg-type]
    Rotary("cos", 500000.0)
    Rotary("tan")  # type: ignore[arg-type]
    calculate_gain("leaky_relu", 0.2)
    calculate_gain("relu6")  # type: ignore[arg-type]
    propagate("he_normal", activation="gelu")
    propagate("he_normal", activation="swish")  # type: ignore[arg-type]
    Spec((2, 3), "float32", "torch")
    Spec((2, 3), "float32", "jax")  # type: ignore[arg-type]
    HeNormal("1")  # type: ignore[arg-type]


def rules() -> None:
    """Rules in all their forms."""
    mixed = {"*.bias": "zeros", "a": Rule("ones", stack=1), "b": own, "*": HeNormal()}
    recipe = Recipe(mixed, seed=1, convention="torch")
    Recipe([Rule("ones", "*")], seed=1)
    Recipe([(re.compile("a+"), "ones"), ("*", own), Rule("ones", "a")], seed=1)
    Recipe({re.compile("a+"): "ones"}, seed=1)
    assert_type(recipe.rules, "tuple[Rule, ...]")
    assert_type(recipe.plan({"a": (2, 3)}), Plan)
    assert_type(Rule("ones", "a").matches("a"), bool)
    assert_type(initializers.Rule("ones", "a").pattern, "str | None")
    Recipe("zeros", seed=1)  # type: ignore[arg-type]
    Recipe({1: "zeros"}, seed=1)  # type: ignore[arg-type]
    Recipe({"*": "zeros"}, seed=1, convention="jax")  # type: ignore[arg-type]
    Recipe({"*": "zeros"})  # type: ignore[call-arg]
    Rule("ones", (1, 0))  # type: ignore[arg-type]
    Rule("ones", "a", True)  # type: ignore[call-arg]
    Rule("ones", "a", convention="jax")  # type: ignore[arg-type]
    recipe.plan(3)  # type: ignore[arg-type]


def annotated(
    specs: SpecsLike, seed: SeedLike, shape: ShapeLike, convention: Convention
) -> RulesLike:
    """Functions of users pass arguments of these types on."""
    assert_type(read_specs(specs), dict[str, Spec])
    assert_type(HeNormal(seed)(shape), NDArray[np.float32])
    Spec((2, 3), convention=convention)
    if convention == "torch":
        return 3  # type: ignore[return-value]
    return {"*.bias": "zeros", "*": "he_normal"}


def published_recipes() -> None:
    """Names and numbers of published recipes are checked."""
    assert_type(Recipe.for_model("gpt2", layers=24, seed=1), Recipe)
    assert_type(Recipe.for_model("megatron", layers=24), Recipe)
    assert_type(Recipe.for_model("resnet", layers=18, names="keras"), Recipe)
    assert_type(Recipe.for_model("t5", width=512, head_width=64), Recipe)
    assert_type(Recipe.for_model("clip", layers=24, text_layers=12, width=1024), Recipe)
    assert_type(Recipe.for_model("swin", patch=4), Recipe)
    assert_type(Recipe.for_model("llama-3.2-1b"), Recipe)
    assert_type(model_specs("gpt2"), "dict[str, Spec]")
    Recipe.for_model("gtp2")  # type: ignore[call-overload]
    Recipe.for_model("gpt2", layer=24)  # type: ignore[call-overload]
    Recipe.for_model("gpt2", layers="24")  # type: ignore[call-overload]
    Recipe.for_model("megatron")  # type: ignore[call-overload]
    Recipe.for_model("resnet", names="flax")  # type: ignore[call-overload]
    model_specs("gpt-2")  # type: ignore[arg-type]


def checkpoints(recipe: Recipe) -> None:
    """Checkpoints accept a model's weights in every form."""
    checkpoint.write(recipe, {"a": (2, 3)}, "a.safetensors")
    checkpoint.write(recipe, "specs.json", "a.safetensors", convention="keras")
    checkpoint.write(recipe, 3, "a.safetensors")  # type: ignore[arg-type]
    read_specs([{"name": "a", "shape": [2]}])
    read_specs(None)  # type: ignore[arg-type]
