"""Conventions: adapters know which axes are inputs; for plain shapes the user must say it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import initializers
from cases import same_bits
from initializers import (
    STFT,
    Constant,
    DeltaOrthogonal,
    Dirac,
    Initializer,
    Recipe,
    Sparse,
    VarianceScaling,
    checkpoint,
    fold_in,
)
from initializers._classes.registry import CLASSES
from initializers._files.metadata import CONVENTION_KEY
from initializers._files.safetensors import read
from initializers.recipe import Rule, Spec, list_models, model_specs, read_specs

WITHOUT_LAYOUT = ["constant", "identity", "normal", "ones", "truncated_normal", "uniform", "zeros"]
WITHOUT_LAYOUT += ["log_of_uniform", "ring_radius", "s4d", "hippo", "rotary", "time_step_bias"]
# The same, of shapes whose last dimension is a multiple of 4.
EVEN = ["lstm_bias", "sinusoidal"]
# An initializer, and a weight that it fills in torch's convention.
WITH_LAYOUT: list[tuple[Any, tuple[int, ...]]] = [
    *((name, (4, 6)) for name in ("he_normal", "he_uniform", "glorot_normal", "glorot_uniform")),
    *((name, (4, 6)) for name in ("lecun_normal", "lecun_uniform", "variance_scaling")),
    *(("kaiming_normal", (4, 6)), ("xavier_normal", (4, 6))),
    ("orthogonal", (4, 4)),
    ("he_normal", (4, 3, 5, 2)),
    (Sparse(0.5), (6, 8)),
    (Dirac(), (4, 3, 5)),
    (DeltaOrthogonal(), (4, 3, 5)),
    ("convolution_orthogonal1d", (4, 3, 5)),
    ("convolution_orthogonal2d", (4, 3, 2, 2)),
    ("convolution_orthogonal3d", (4, 3, 2, 2, 2)),
]


def make(law: Any, shape: Any, **arguments: Any) -> Any:
    return Recipe({"*": law}, seed=1).init({"w": shape}, **arguments)["w"]


@pytest.mark.parametrize(("law", "shape"), WITH_LAYOUT)
def test_plain_shapes_need_a_convention_where_values_depend_on_it(
    law: Any, shape: tuple[int, ...], tmp_path: Path
) -> None:
    recipe = Recipe({"*": law}, seed=1)
    specs = {"w": shape}
    message = (
        r"`convention` \(on the command line --convention\) must be 'torch' for a weight "
        r"\(outputs, inputs, \*kernel\) or 'keras' for \(\*kernel, inputs, outputs\)"
    )
    for call in (
        lambda: recipe.init(specs),
        lambda: recipe.plan(specs),
        lambda: recipe.weight("w", shape),
        lambda: recipe.choose("w", shape),
        lambda: recipe.init([{"name": "w", "shape": shape}]),
        lambda: recipe.init({"w": np.zeros(shape, np.float32)}),
        lambda: checkpoint.write(recipe, specs, tmp_path / "w.safetensors"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert list(tmp_path.iterdir()) == []
    # Wherever the convention is given, the values are the kernel's, transposed.
    axes = (*range(2, len(shape)), 1, 0)
    made = initializers.get(law)
    seeded = made.with_seed(fold_in(1, "w"))
    expected = seeded(tuple(shape[axis] for axis in axes))
    stated = Recipe({"*": law}, seed=1, convention="torch")
    by_rule = Recipe([Rule(law, "*", convention="torch")], seed=1, convention="keras")
    for values in (
        recipe.init(specs, convention="torch")["w"],
        recipe.weight("w", shape, convention="torch").make(),
        recipe.init({"w": Spec(shape, None, "torch")})["w"],
        recipe.init({"convention": "torch", "tensors": specs})["w"],
        stated.init(specs)["w"],
        by_rule.init(specs)["w"],
    ):
        assert same_bits(np.ascontiguousarray(values.transpose(axes)), expected)
    kernel = tuple(shape[axis] for axis in axes)
    assert same_bits(make(law, kernel, convention="keras"), expected)


@pytest.mark.parametrize("law", WITHOUT_LAYOUT)
@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (3, 3)])
def test_laws_without_axes_need_no_convention(law: str, shape: tuple[int, ...]) -> None:
    """The transpose of a rectangular identity is the identity of the transposed shape."""
    values = make(law, shape)
    assert same_bits(values, make(law, shape, convention="torch"))
    assert same_bits(values, make(law, shape, convention="keras"))


@pytest.mark.parametrize("law", EVEN)
def test_laws_of_even_shapes_need_no_convention(law: str) -> None:
    assert same_bits(make(law, (3, 8)), make(law, (3, 8), convention="torch"))


def test_every_class_is_listed_as_with_or_without_layout() -> None:
    known = {type(initializers.get(law)) for law, _ in WITH_LAYOUT}
    known |= {type(initializers.get(law)) for law in [*WITHOUT_LAYOUT, *EVEN]}
    # Left out: base classes, and STFT kernels, whose definition includes Keras's layout.
    assert {*CLASSES} - known == {Initializer, STFT}
    for law in (VarianceScaling(input_axes=[1], output_axes=[0]), Constant(np.ones((2, 3)))):
        assert make(law, (2, 3)).shape == (2, 3)
    with pytest.raises(ValueError, match="`convention`"):
        make(STFT("real", "hann"), (5, 1, 3))
    # Vectors and scalars have no input and output axes.
    assert make("he_normal", (5,)).shape == (5,)
    assert make("he_normal", ()).shape == ()


def test_conflicting_and_bad_conventions_are_refused(tmp_path: Path) -> None:
    recipe = Recipe({"*": "he_normal"}, seed=1, convention="torch")
    for call in (recipe.plan, recipe.init):
        with pytest.raises(ValueError, match="must be the recipe's, 'torch', received: 'keras'"):
            call({"w": (2, 3)}, convention="keras")
        with pytest.raises(ValueError, match="`convention` must be one of 'keras', 'torch'"):
            call({"w": (2, 3)}, convention="jax")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be the recipe's"):
        checkpoint.write(recipe, {"w": (2, 3)}, tmp_path / "a.safetensors", convention="keras")
    with pytest.raises(ValueError, match="`convention` must be one of"):
        Spec((2, 3), None, "jax")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`convention` must be one of"):
        read_specs({"convention": "jax", "tensors": {"w": (2, 3)}})
    with pytest.raises(TypeError, match="`partial` must be a bool"):
        recipe.plan({"w": (2, 3)}, partial=1)  # type: ignore[arg-type]
    path = checkpoint.write(recipe, {"w": (2, 3)}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="must be None for the recipe of the file"):
        checkpoint.verify(path, convention="torch")


def test_published_recipes_state_their_convention() -> None:
    from initializers.recipe._published import list_recipes

    make: Any = Recipe.for_model
    for name in list_recipes():
        numbers = {"layers": 2} if name == "megatron" else {}
        assert make(name, **numbers).convention in ("keras", "torch")
    for name in list_models():
        assert {spec.convention for spec in model_specs(name).values()} == {
            Recipe.for_model(name).convention
        }


def test_a_file_records_its_convention(tmp_path: Path) -> None:
    recipe = Recipe({"*": "he_normal"}, seed=3)
    specs = {"a": Spec((4, 6), None, "torch"), "b": Spec((4, 6), None, "keras"), "c": Spec((4,))}
    convention: Any
    for convention, given, recorded in (
        ("torch", {"a": (4, 6)}, "torch"),
        ("keras", {"a": (4, 6)}, "keras"),
        (None, {"a": (4,)}, "none"),
        (None, specs, json.dumps({"keras": ["b"], "torch": ["a"]})),
    ):
        path = tmp_path / "a.safetensors"
        checkpoint.write(recipe, given, path, convention=convention, overwrite=True)
        metadata = read(path).metadata
        assert (metadata["format"], metadata[CONVENTION_KEY]) == ("pt", recorded)
        assert checkpoint.verify(path).ok
        # The recorded convention counts, whatever the format says.
        for name, spec in read_specs(path).items():
            wanted = getattr(given[name], "convention", convention)
            assert spec.convention == wanted
        again = checkpoint.write(recipe, path, tmp_path / "b.safetensors", overwrite=True)
        assert again.read_bytes() == path.read_bytes()
        assert checkpoint.verify(path, recipe).ok
    # A recipe's own convention is recorded too; shards hold the same record.
    stated = Recipe({"*": "he_normal"}, seed=3, convention="keras")
    big = {"a": (64, 6), "b": (64, 6)}
    checkpoint.write(stated, big, tmp_path / "many", max_shard_size=64 * 6 * 4)
    assert {spec.convention for spec in read_specs(tmp_path / "many").values()} == {"keras"}
    assert checkpoint.verify(tmp_path / "many" / "model-00002-of-00002.safetensors").ok


def test_foreign_files_need_a_convention(tmp_path: Path) -> None:
    recipe = Recipe({"*": "he_normal"}, seed=3)
    path = tmp_path / "a.safetensors"
    save_file({"w": np.zeros((4, 6), np.float32)}, path, {"format": "pt"})
    assert read_specs(path)["w"].convention == "torch"
    torch = Recipe({"*": "he_normal"}, seed=3, convention="torch")
    assert same_bits(recipe.init(path)["w"], torch.init({"w": (4, 6)})["w"])
    # Files of another format, of no format, and written before this package recorded conventions.
    for metadata in ({"format": "np"}, None, {"format": "pt", "initializers.seed": "3"}):
        save_file({"w": np.zeros((4, 6), np.float32)}, path, metadata)
        assert read_specs(path)["w"].convention is None
        with pytest.raises(ValueError, match="`convention`"):
            recipe.init(path)
        with pytest.raises(ValueError, match="`convention`"):
            checkpoint.verify(path, recipe)
        assert not checkpoint.verify(path, recipe, convention="torch").ok
    for text in ("jax", "[]", '{"jax": []}', '{"torch": "w"}', '{"torch": [1]}', "[" * 99999, "1"):
        save_file({"w": np.zeros((4, 6), np.float32)}, path, {CONVENTION_KEY: text})
        with pytest.raises(ValueError, match="must be a convention or lists of names"):
            read_specs(path)


def test_functions_get_the_shape_as_given(fresh_registry: None) -> None:
    @initializers.register("tests")
    def ramp(shape: Any, dtype: Any = None) -> Any:
        return np.arange(np.prod(shape)).reshape(shape).astype(dtype)

    assert make(ramp, (2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    stated = Recipe({"*": ramp}, seed=1, convention="torch")
    assert stated.init({"w": (2, 3)})["w"].tolist() == [[0, 2, 4], [1, 3, 5]]
