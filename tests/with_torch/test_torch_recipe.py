"""A recipe for a torch module: the same bits as NumPy's in torch's layout; specs of modules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from initializers import GlorotUniform, HeNormal, Orthogonal, RandomNormal, Recipe, digest, fold_in
from initializers.recipe import Spec, read_specs
from initializers.torch import Rule, init_module_
from pages import ROOT, SCANNED
from recipe_model import DIGEST, RECIPE, SHAPES

Parameter = nn.Parameter


class Convolutions(nn.Module):  # type: ignore[misc]
    def __init__(self, dtype: Any = torch.float32) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4, dtype=dtype)
        self.conv = nn.Conv2d(3, 5, (3, 2), dtype=dtype)
        self.norm = nn.BatchNorm2d(5, dtype=dtype)
        self.up = nn.ConvTranspose2d(5, 4, 2, dtype=dtype)
        self.head = nn.Linear(4, 6, dtype=dtype)


LAWS = {
    "*.bias": "zeros",
    "*running_mean": "zeros",
    "*tracked": "zeros",
    "norm.*": "ones",
    "embed.*": RandomNormal(stddev=0.02),
    "up.*": Orthogonal(),
    "*": "glorot_uniform",
}


def to_arrays(module: nn.Module) -> dict[str, Any]:
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def test_a_module_has_the_digest_of_all_frameworks() -> None:
    module = nn.Module()
    for name, shape in SHAPES.items():
        module.register_parameter(name, Parameter(torch.empty(shape)))
    assert init_module_(module, RECIPE) is module
    assert digest(to_arrays(module)) == DIGEST
    expected = {name: Spec(shape, "float32", "torch") for name, shape in SHAPES.items()}
    assert read_specs(module) == expected
    other = init_module_(module, RECIPE, 9)
    assert digest(to_arrays(other)) == digest(RECIPE.with_seed(9).init(SHAPES)) != DIGEST


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_kernels_are_transposed_to_torchs_layout(dtype: str) -> None:
    recipe = Recipe(LAWS, seed=4, convention="torch")
    module = init_module_(Convolutions(getattr(torch, dtype)), recipe)
    made = recipe.init(module)
    assert list(made) == [*dict(module.named_parameters()), *dict(module.named_buffers())]
    for name, tensor in module.state_dict().items():
        expected = torch.from_numpy(made[name].view(f"i{made[name].itemsize}")).view(tensor.dtype)
        assert torch.equal(expected, tensor), name
        assert expected.dtype == tensor.dtype
    # The values are the kernel's in Keras's layout, and so are the fans.
    glorot = GlorotUniform(fold_in(4, "conv.weight"))((3, 2, 3, 5), dtype)
    assert made["conv.weight"].tobytes() == glorot.transpose(3, 2, 0, 1).tobytes()
    up = Orthogonal(seed=fold_in(4, "up.weight"))((2, 2, 4, 5), dtype)
    assert made["up.weight"].tobytes() == up.transpose(3, 2, 0, 1).tobytes()
    # A weight with one distribution everywhere is filled in its own order, without transposition.
    embed = RandomNormal(stddev=0.02, seed=fold_in(4, "embed.weight"))((7, 4), dtype)
    assert made["embed.weight"].tobytes() == embed.tobytes()


def test_a_recipe_and_its_rules_are_equivalent() -> None:
    linear, conv = Rule("he_normal", permute=(1, 0)), Rule("he_normal", permute=(2, 3, 1, 0))
    rules = {"*.bias": "zeros", "0.weight": conv, "1.weight": linear}
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 5))
    expected = to_arrays(init_module_(model, rules, 3))
    recipe = Recipe({"*.bias": "zeros", "*": "he_normal"}, seed=3, convention="torch")
    assert digest(expected) == digest(to_arrays(init_module_(model, recipe)))
    assert digest(expected) == digest(to_arrays(init_module_(model, Recipe(rules, seed=3))))
    std = HeNormal(fold_in(3, "1.weight"))((4, 5)).std()
    assert expected["1.weight"].std() == pytest.approx(std)


def test_specs_are_read_from_modules() -> None:
    with torch.device("meta"):
        model: Any = nn.Module()
        model.embed = nn.Embedding(5, 3, dtype=torch.bfloat16)
        model.head = nn.Linear(3, 5, bias=False, dtype=torch.bfloat16)
        model.head.weight = model.embed.weight
        model.norm = nn.BatchNorm1d(3)
        model.scaled = parametrizations.weight_norm(nn.Linear(3, 2))
        model.register_buffer("kept", torch.empty(2, dtype=torch.int64))
        model.register_buffer("dropped", torch.empty(2), persistent=False)
    assert read_specs(nn.Sequential(model)) == {
        "0.embed.weight": Spec((5, 3), "bfloat16", "torch"),
        "0.norm.weight": Spec((3,), "float32", "torch"),
        "0.norm.bias": Spec((3,), "float32", "torch"),
        "0.scaled.bias": Spec((2,), "float32", "torch"),
        "0.scaled.weight": Spec((2, 3), "float32", "torch"),
        "0.kept": Spec((2,), "int64", "torch"),
        "0.norm.running_mean": Spec((3,), "float32", "torch"),
        "0.norm.running_var": Spec((3,), "float32", "torch"),
        "0.norm.num_batches_tracked": Spec((), "int64", "torch"),
    }


def test_a_missing_rule_changes_nothing() -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    before = digest(to_arrays(model))
    with pytest.raises(ValueError, match=r"matches the weight '0\.weight'"):
        init_module_(model, Recipe({"*.bias": "zeros"}, seed=1))
    assert digest(to_arrays(model)) == before


def test_weights_of_the_scanned_transformer_equal_those_of_jax() -> None:
    """The weights of examples/jax_scanned_transformer.py: names and shapes, stacked or apart."""
    layer = {
        "attention.query.kernel": (32, 4, 8),
        "attention.key.kernel": (32, 4, 8),
        "attention.value.kernel": (32, 4, 8),
        "attention.out.kernel": (4, 8, 32),
        "mlp.up.kernel": (32, 128),
        "mlp.down.kernel": (128, 32),
        "norm1.scale": (32,),
        "norm2.scale": (32,),
    }
    others = {"embed.embedding": (64, 32), "norm.scale": (32,), "head.kernel": (32, 64)}
    recipe = Recipe.load(ROOT / "examples" / "scanned_transformer.toml")
    model = nn.Module()
    for name, shape in (*others.items(), *((f"layers.{n}", (4, *s)) for n, s in layer.items())):
        add_parameter(model, name, shape)
    init_module_(model, recipe)
    weights = to_arrays(model)
    assert digest({name: weights[name] for name in sorted(weights)}) == SCANNED
    apart = nn.Module()
    for i in range(4):
        for name, shape in layer.items():
            add_parameter(apart, f"layers.{i}.{name}", shape)
    rules = [
        replace(rule, stack=0, pattern=str(rule.pattern).replace("layers.", "layers.*."))
        for rule in recipe.rules
    ]
    init_module_(apart, Recipe(rules, seed=recipe.seed, convention="keras"), partial=True)
    for name, values in to_arrays(apart).items():
        first, number, rest = name.split(".", 2)
        assert values.tobytes() == weights[f"{first}.{rest}"][int(number)].tobytes()


def add_parameter(module: nn.Module, name: str, shape: Any) -> None:
    """Add a parameter below modules that are made as needed."""
    first, dot, rest = name.partition(".")
    if not dot:
        module.register_parameter(first, Parameter(torch.empty(shape)))
        return
    if first not in dict(module.named_children()):
        module.add_module(first, nn.Module())
    add_parameter(getattr(module, first), rest, shape)
