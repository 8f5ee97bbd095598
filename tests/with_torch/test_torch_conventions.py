"""Fans of torch's layers are those of `torch.nn.init`, without a convention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from initializers import HeNormal, Orthogonal, Recipe, checkpoint, digest, fold_in, propagate
from initializers.recipe import Spec, read_specs
from initializers.torch import Rule, fill_, init_module_

RULES = {"*": Rule("he_normal")}

# (module, its parameter, number of inputs of each output).
LAYERS: list[tuple[Any, str, int]] = [
    (lambda: nn.Linear(784, 300), "weight", 784),
    (lambda: nn.Conv1d(64, 96, 5), "weight", 64 * 5),
    (lambda: nn.Conv2d(16, 128, 3), "weight", 16 * 9),
    (lambda: nn.Conv3d(8, 64, 3), "weight", 8 * 27),
    (lambda: nn.Conv2d(64, 128, 3, groups=4), "weight", 16 * 9),  # inputs of one group
    (lambda: nn.Conv2d(512, 512, 5, groups=512), "weight", 25),
    (lambda: nn.Embedding(1000, 64), "weight", 64),
    (lambda: nn.EmbeddingBag(1000, 64), "weight", 64),
    (lambda: nn.MultiheadAttention(128, 4), "in_proj_weight", 128),
    (lambda: nn.MultiheadAttention(128, 4), "out_proj.weight", 128),
    (lambda: nn.MultiheadAttention(128, 4, kdim=300, vdim=200), "k_proj_weight", 300),
    (lambda: nn.LSTM(200, 64), "weight_ih_l0", 200),
    (lambda: nn.LSTM(200, 64), "weight_hh_l0", 64),
    (lambda: nn.GRU(200, 64), "weight_ih_l0", 200),
    (lambda: nn.RNNCell(200, 64), "weight_ih", 200),
    (lambda: nn.Bilinear(10, 20, 80), "weight", 10 * 20),
    # Transposed convolutions (inputs, outputs, *kernel), with the fans of torch.nn.init.
    (lambda: nn.ConvTranspose1d(128, 32, 5), "weight", 32 * 5),
    (lambda: nn.ConvTranspose2d(64, 32, 3), "weight", 32 * 9),
    (lambda: nn.ConvTranspose3d(64, 8, 3), "weight", 8 * 27),
]


@pytest.mark.parametrize(("build", "name", "inputs"), LAYERS)
def test_every_layer_has_the_fans_of_torch(build: Any, name: str, inputs: int) -> None:
    fan, _ = nn.init._calculate_fan_in_and_fan_out(dict(build().named_parameters())[name])
    assert fan == inputs
    std = math.sqrt(2 / inputs)
    recipe = Recipe(RULES, seed=1)
    made = [
        init_module_(build(), RULES, 1),
        init_module_(build(), {"*": "he_normal"}, 1),
        init_module_(build(), recipe),
        init_module_(build(), lambda name, shape: "he_normal", 1),
    ]
    values = [dict(module.named_parameters())[name].detach() for module in made]
    assert values[0].std().item() == pytest.approx(std, rel=0.03)
    assert all(torch.equal(values[0], each) for each in values)
    # Recipes and single tensors give the same values.
    assert np.array_equal(recipe.init(build())[name], values[0].numpy())
    alone = fill_(torch.empty_like(values[0]), "he_normal", fold_in(1, name))
    assert torch.equal(alone, values[0])
    # A recipe that states torch's convention, whose values are frozen, gives them too.
    stated = Recipe(RULES, seed=1, convention="torch").init({name: tuple(values[0].shape)})
    assert np.array_equal(stated[name], values[0].numpy())


def test_the_first_example_of_the_page_holds() -> None:
    """A linear layer of 784 inputs had std 0.445 where He et al. want 0.0505."""
    module = init_module_(nn.Linear(784, 10), {"weight": "he_normal", "*": "zeros"}, seed=1)
    assert module.weight.std().item() == pytest.approx(0.0505, rel=0.02)
    tensor = fill_(torch.empty(256, 128), HeNormal(), seed=7)
    assert tensor.std().item() == pytest.approx(math.sqrt(2 / 128), rel=0.02)
    assert (tensor.numpy() == HeNormal(seed=7)((128, 256)).T).all()
    keras = fill_(torch.empty(256, 128), HeNormal(), seed=7, convention="keras")
    assert (keras.numpy() == HeNormal(seed=7)((256, 128))).all()


def test_orthogonal_kernels_are_oriented_as_in_torch() -> None:
    weight = fill_(torch.empty(8, 3, 2, 2), Orthogonal(), seed=1)
    rows = weight.permute(0, 2, 3, 1).reshape(8, 12)
    assert torch.allclose(rows @ rows.T, torch.eye(8), atol=1e-5)


def test_the_keras_convention_is_opt_in() -> None:
    expected = HeNormal(fold_in(1, "weight"))((64, 32))
    for rules in (
        {"bias": "zeros", "*": Rule("he_normal", convention="keras")},
        Recipe({"bias": "zeros", "*": "he_normal"}, seed=1, convention="keras"),
        Recipe([("bias", "zeros"), Rule("he_normal", "*", convention="keras")], seed=1),
    ):
        module = init_module_(nn.Linear(32, 64), rules, 1)
        assert module.weight.detach().numpy().tobytes() == expected.tobytes()
    recipe = Recipe({"bias": "zeros", "*": "he_normal"}, seed=1)
    made = recipe.init(nn.Linear(32, 64), convention="keras")
    assert made["weight"].tobytes() == expected.tobytes()


def make_conv1d() -> Any:
    """Return a class like transformers' `Conv1D`, with its name and module."""

    class Conv1D(nn.Module):  # type: ignore[misc]
        def __init__(self, outputs: int, inputs: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.empty(inputs, outputs))
            self.bias = nn.Parameter(torch.zeros(outputs))

    Conv1D.__module__ = "transformers.pytorch_utils"
    return Conv1D


def test_modules_that_store_inputs_first_are_recognized(tmp_path: Any) -> None:
    kind = make_conv1d()
    subclass = type("Own", (kind,), {})
    model = nn.Sequential(kind(300, 100), nn.Linear(100, 300), subclass(300, 100))
    rules = {"*.bias": "zeros", "*": "he_normal"}
    init_module_(model, rules, 1)
    for layer in model:
        assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 100), rel=0.02)
    expected = HeNormal(fold_in(1, "0.weight"))((100, 300))
    assert model[0].weight.detach().numpy().tobytes() == expected.tobytes()
    specs = read_specs(model)
    assert [specs[f"{i}.weight"].convention for i in range(3)] == ["keras", "torch", "keras"]
    # The file records the convention of each weight.
    recipe = Recipe(rules, seed=1)
    state = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    assert digest(recipe.init(model)) == digest(state)
    path = checkpoint.write(recipe, model, tmp_path / "a.safetensors")
    for report in (checkpoint.verify(path), checkpoint.verify(path, recipe, model)):
        assert report.ok, report
    assert read_specs(path)["0.weight"].convention == "keras"
    assert digest(recipe.init(path)) == digest(state)
    # A recipe's own convention has priority.
    stated = init_module_(model, Recipe(rules, seed=1, convention="torch"))
    assert stated[0].weight.std().item() == pytest.approx(math.sqrt(2 / 300), rel=0.02)


def test_tensors_by_name_have_torch_s_layout() -> None:
    recipe = Recipe({"*": "he_normal"}, seed=1)
    state = nn.Linear(32, 64, bias=False).state_dict()
    assert read_specs(state) == {"weight": Spec((64, 32), "float32", "torch")}
    assert recipe.init(state)["weight"].std() == pytest.approx(math.sqrt(2 / 32), rel=0.03)


def test_propagation_by_an_initializer_and_by_a_mapping_agree() -> None:
    net = nn.Sequential(
        *(nn.Linear(256, 64, bias=False), nn.ReLU(), nn.Linear(64, 16, bias=False)),
    )
    one = propagate(net, rules="he_normal", seed=3)
    assert one == propagate(net, rules={"*": "he_normal"}, seed=3)
    assert one == propagate(net, rules=Recipe({"*": "he_normal"}, seed=3), seed=3)
    assert one[0].theory == pytest.approx(math.sqrt(2), rel=0.1)
    biased = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
    vectors: dict[str, Any] = {"*.bias": None, "*": "he_normal"}
    one = propagate(biased, (8, 3, 9, 9), rules="he_normal", seed=3)
    assert one == propagate(biased, (8, 3, 9, 9), rules=vectors, seed=3)


def test_unmatched_rules_and_weights_are_refused() -> None:
    """`Recipe.init` refused these while `init_module_` filled the bias with random values."""
    module = nn.Linear(4, 4)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    rules = {"*.bias": "zeros", "*": "he_normal"}  # the bias has no dot in its name
    for given in (Recipe(rules, seed=1), rules):
        with pytest.raises(
            ValueError, match=r"rule 1 .*, `\*\.bias`, matches no weight \(nearest: 'bias'\)"
        ):
            init_module_(module, given, 1)
    with pytest.raises(
        ValueError, match=r"rule 2 .*, `bias`, matches only weights that earlier rules"
    ):
        init_module_(module, {"*": "ones", "bias": "zeros"}, 1)
    many = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"matches 2 weights.*: '\{0-1\}.weight'"):
        init_module_(many, {"*.bias": "zeros", "2.*": "ones"}, 1)
    with pytest.raises(ValueError, match=r"matches 3 weights.*: '\{0-2\}.bias'"):
        init_module_(many, {"*.weight": "ones"}, 1)
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])
    with pytest.raises(TypeError, match="`pattern` must be a string, received: 1"):
        init_module_(module, {1: "ones"}, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"rule '\*': .*did you mean 'he_normal'"):
        init_module_(module, {"weight": "ones", "*": "he_norml"}, 1)
    # Two ways to accept them.
    optional = {"*.bias": Rule("zeros", optional=True), "*": "he_normal"}
    init_module_(module, optional, 1)
    init_module_(module, Recipe(optional, seed=1))
    init_module_(module, rules, 1, partial=True)
    init_module_(module, lambda name, shape: "ones", 1)


def test_a_recipe_may_have_rules_for_buffers() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    recipe = Recipe(
        {"*.running_*": "zeros", "*.num_*": "zeros", "*.bias": "zeros", "*": "ones"}, seed=1
    )
    assert init_module_(model, recipe)[1].running_var.tolist() == [1.0, 1.0]
    assert recipe.init(model)["1.running_var"].tolist() == [0.0, 0.0]


def test_partial_accepts_stages_of_a_pipeline() -> None:
    model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 4), nn.LayerNorm(4))
    rules = {"0.*": "normal", "2.weight": "ones", "*.bias": "zeros", "*": "he_normal"}
    whole = init_module_(model, rules, 1).state_dict()
    for i in range(3):
        stage = nn.Module()
        stage.add_module(f"{i}", nn.Sequential(*model)[i])
        with pytest.raises(ValueError, match=r"(?s)matches no weight.*`partial=True`"):
            init_module_(stage, rules, 1)
        for name, tensor in init_module_(stage, rules, 1, partial=True).state_dict().items():
            assert torch.equal(tensor, whole[name])
        made = Recipe(rules, seed=1).init(stage, partial=True)
        assert all(np.array_equal(made[name], whole[name].numpy()) for name in made)
    # In a part of a model, too, every weight needs a rule.
    with pytest.raises(ValueError, match=r"no rule of .* matches"):
        init_module_(model, {"0.*": "normal"}, 1, partial=True)


def test_stacked_weights_equal_separate_ones() -> None:
    """Stacked expert weights equal those of separate experts."""
    block = nn.Module()
    block.w = nn.Parameter(torch.empty(4, 32, 16))
    holder = nn.Module()
    holder.experts = block
    init_module_(holder, {"*": Rule("he_normal", stack=1)}, 1)
    alone = nn.Module()
    alone.experts = nn.ModuleList()
    for _ in range(4):
        one = nn.Module()
        one.w = nn.Parameter(torch.empty(32, 16))
        alone.experts.append(one)
    init_module_(alone, {"*": "he_normal"}, 1)
    for i in range(4):
        assert torch.equal(holder.experts.w[i], alone.experts[i].w)
        assert holder.experts.w[i].std().item() == pytest.approx(math.sqrt(2 / 16), rel=0.1)
    turned = torch.empty(16, 32, 4).permute(2, 1, 0)
    block.w = nn.Parameter(turned)
    init_module_(holder, {"*": Rule("he_normal", stack=1, name="experts.{i}.w")}, 1)
    assert all(torch.equal(block.w[i], alone.experts[i].w) for i in range(4))
