"""`init_module_`: names, ties, meta, padding, buffers, and weights that it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from test_init import bits
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from transformer import RULES, SEED, Tiny, digest_module

from initializers import HeNormal, Orthogonal, RandomNormal, Zeros, fold_in
from initializers.torch import Rule, init_module_
from initializers.torch._names import join, named_modules

NORMAL = {"*": RandomNormal()}


def names(module: nn.Module) -> list[str]:
    return [
        join(prefix, owner, name)
        for prefix, owner in named_modules(module)
        for name, parameter in owner._parameters.items()
        if parameter is not None
    ]


def test_each_parameter_has_the_seed_of_its_name() -> None:
    model = init_module_(Tiny(), RULES, SEED)
    assert [name for name, _ in model.named_parameters()] == [
        n for n in names(model) if n != "head.weight"
    ]
    for name, parameter in model.named_parameters():
        seed = fold_in(SEED, name)
        if name.endswith(".bias"):
            expected = torch.zeros(parameter.shape)
        elif "norm" in name:
            expected = torch.ones(parameter.shape)
        elif "down" in name or "up" in name:
            law = "glorot_uniform" if "down" in name else "orthogonal"
            values = Rule(law).seeded(SEED, name)(tuple(parameter.shape[::-1]))
            expected = torch.from_numpy(values.T.copy())
        elif "out" in name:
            expected = torch.from_numpy(Orthogonal(seed=seed)(tuple(parameter.shape)))
        else:
            expected = torch.from_numpy(HeNormal(seed)(tuple(parameter.shape)))
            if name == "embed.weight":
                expected[20] = 0  # the row padding_idx
        assert torch.equal(parameter, expected), name


def test_rules_may_be_a_recipe_or_a_function() -> None:
    def choose(name: str, shape: Any) -> Any:
        return None if name.endswith("bias") else Rule(RandomNormal(), name="all")

    class Recipe:
        def choose(self, name: str, shape: Any) -> Any:
            return choose(name, shape)

    layer = nn.Linear(3, 2)
    bias = layer.bias.detach().clone()
    for recipe in (choose, Recipe()):
        init_module_(layer, recipe, 1)
        assert bits(layer.weight) == RandomNormal(seed=fold_in(1, "all"))((2, 3)).tobytes()
        assert torch.equal(layer.bias, bias)


def test_errors_change_nothing() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    before = digest_module(model)
    recipe: Any
    for recipe, error, message in [
        ({"*.weight": "ones"}, ValueError, r"matches 2 weights.*: '{0-1}.bias'"),
        ({"0.*": "ones", "*": Rule("ones", permute=(1, 0))}, ValueError, "1 axes of its shape"),
        ({"0.*": "ones", "*": "bananas"}, ValueError, "bananas"),
        ({"*.weight": "ones", "0.*": "identity", "*": "ones"}, ValueError, "'0.bias' cannot be"),
        (HeNormal(), TypeError, "`rules` must be a Recipe"),
        ("he_normal", TypeError, "`rules` must be a Recipe"),
    ]:
        with pytest.raises(error, match=message):
            init_module_(model, recipe, 1)
        assert digest_module(model) == before
    with pytest.raises(TypeError, match=r"`module` must be a torch\.nn\.Module"):
        init_module_(nn.Parameter(torch.zeros(3)), NORMAL, 1)
    with pytest.raises(TypeError, match="`seed` must be an integer"):
        init_module_(model, NORMAL, None)
    with pytest.raises(ValueError, match="no uninitialized parameters, received: weight"):
        init_module_(nn.LazyLinear(3), NORMAL, 1)
    integers = nn.Module()
    integers.register_parameter("codes", nn.Parameter(torch.zeros(3, dtype=torch.int8), False))
    with pytest.raises(ValueError, match="'codes' cannot be filled: RandomNormal needs one of"):
        init_module_(integers, NORMAL, 1)
    with pytest.raises(ValueError, match="`device` must be one with memory"):
        init_module_(model, NORMAL, 1, device="meta")


def test_an_overflow_in_a_later_dtype_changes_nothing() -> None:
    module = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2).half())
    before = [parameter.clone() for parameter in module.parameters()]
    with pytest.raises(ValueError, match=r"1\.weight.*cannot fill float16"):
        init_module_(module, {"0.*": "zeros", "*": RandomNormal(stddev=1e5)}, seed=1)
    assert all(map(torch.equal, before, module.parameters()))


def test_wrappers_do_not_change_names() -> None:
    plain = init_module_(Tiny(), RULES, SEED)
    compiled = torch.compile(Tiny())
    assert "_orig_mod.embed.weight" in dict(compiled.named_parameters())
    checkpointed = Tiny()
    checkpointed.blocks[1] = checkpoint_wrapper(checkpointed.blocks[1])
    assert any("_checkpoint_wrapped" in name for name, _ in checkpointed.named_parameters())
    for model in (compiled, nn.DataParallel(Tiny()), checkpointed, torch.compile(checkpointed)):
        assert names(model) == names(plain)
        assert digest_module(init_module_(model, RULES, SEED)) == digest_module(plain)


def test_a_child_named_like_a_wrapper_keeps_its_name() -> None:
    model = nn.Module()
    model.module = nn.Linear(3, 2)
    model._orig_mod = nn.Linear(3, 2)
    assert names(model) == ["module.weight", "module.bias", "_orig_mod.weight", "_orig_mod.bias"]


@pytest.mark.parametrize("device", [None, "cpu"])
def test_modules_on_meta_get_memory(device: Any) -> None:
    with torch.device("meta"):
        model = Tiny()
    model.blocks[0].norm.weight.marked = True
    model.norm.weight.requires_grad_(False)
    init_module_(model, RULES, SEED, device)
    assert digest_module(model) == digest_module(init_module_(Tiny(), RULES, SEED))
    assert model.head.weight is model.embed.weight
    assert model.blocks[0].norm.weight.marked
    assert not model.norm.weight.requires_grad
    assert all(type(p) is nn.Parameter and p.device.type == "cpu" for p in model.parameters())


def test_buffers_keep_their_values() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    init_module_(model, {"*": "ones"}, 1)
    assert model[1].running_mean.tolist() == [0] * 4
    assert model[1].running_var.tolist() == [1] * 4
    assert model[1].num_batches_tracked.item() == 0
    model[1].running_mean.fill_(5)
    model.register_buffer("table", torch.arange(3))
    init_module_(model, {"*": "zeros"}, 1)
    assert model[1].running_mean.tolist() == [5] * 4
    assert model.table.tolist() == [0, 1, 2]
    with torch.device("meta"):
        other = nn.Sequential(nn.Linear(2, 2), nn.Module())
        other[1].register_buffer("angles", torch.empty(3))
    other.register_buffer("order", torch.empty(2, device="meta"))
    with pytest.raises(ValueError, match=r"on the device meta .* received: order, 1\.angles; give"):
        init_module_(other, NORMAL, 1)
    assert other[0].weight.is_meta


def test_padding_rows_are_zero() -> None:
    for layer in (nn.Embedding(5, 3, padding_idx=-1), nn.EmbeddingBag(5, 3, padding_idx=4)):
        init_module_(layer, NORMAL, 1)
        assert layer.weight[4].tolist() == [0, 0, 0]
        assert (layer.weight[:4] != 0).all()


def test_weights_of_a_checkpoint_are_left_alone() -> None:
    layer = nn.Linear(3, 2)
    nn.init.constant_(layer.weight, 5.0)
    layer.weight._is_hf_initialized = True
    init_module_(layer, NORMAL, 1)
    assert (layer.weight == 5).all()
    assert bits(layer.bias) == RandomNormal(seed=fold_in(1, "bias"))((2,)).tobytes()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_permute_transposes_the_values(dtype: Any) -> None:
    layer = nn.Conv2d(6, 8, (3, 5)).to(dtype)
    rule = Rule("lecun_normal", permute=(2, 3, 1, 0), name="kernel")
    init_module_(layer, {"weight": rule, "bias": Zeros()}, 1)
    kernel = rule.seeded(1, "weight")((3, 5, 6, 8), str(dtype).removeprefix("torch."))
    assert bits(layer.weight.permute(2, 3, 1, 0)) == kernel.tobytes()


def test_large_weights_are_permuted_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    from initializers import _filling

    monkeypatch.setattr(_filling, "_PIECE", 1000)
    layer = nn.Linear(300, 200, bias=False)
    init_module_(layer, {"*": Rule("he_normal", permute=(1, 0))}, 1)
    assert bits(layer.weight.t()) == HeNormal(fold_in(1, "weight"))((300, 200)).tobytes()


def test_bad_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="`permute` must name each axis once"):
        Rule("ones", permute=(0, 2))
    with pytest.raises(TypeError, match="`permute` must name each axis once"):
        Rule("ones", permute=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`name` must be a string"):
        Rule("ones", name=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`initializer` must be an initializer"):
        Rule(None)
    assert Rule("ones", permute=[1, 0]) == Rule("ones", permute=(1, 0))  # type: ignore[arg-type]
