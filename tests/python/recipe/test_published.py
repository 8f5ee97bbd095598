"""The published recipes cover their models and follow their sources."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from initializers import (
    GlorotUniform,
    LecunNormal,
    Ones,
    RandomNormal,
    Recipe,
    TruncatedNormal,
    Zeros,
    digest,
    fold_in,
)
from initializers.recipe import list_models, model_specs
from pages import GPT2

FAMILIES = (
    "bert",
    "clip",
    "convnext",
    "deepseek-v3",
    "dinov2",
    "efficientnet",
    "gemma3",
    "gpt2",
    "keras",
    "llama",
    "mamba2",
    "megatron",
    "mixtral",
    "olmo2",
    "qwen3",
    "resnet",
    "swin",
    "t5",
    "vit",
    "whisper",
)


@pytest.mark.parametrize("name", list_models())
def test_recipes_cover_the_models_of_the_package(name: Any) -> None:
    recipe, specs = Recipe.for_model(name, seed=5), model_specs(name)
    plan = recipe.plan(specs)
    assert list(plan.weights) == list(specs)
    assert recipe.seed == 5
    assert recipe.comment
    assert {weight.dtype for weight in plan.weights.values()} == {
        spec.dtype for spec in specs.values()
    }


@pytest.mark.parametrize("name", FAMILIES)
def test_recipes_cite_and_survive_files(name: str) -> None:
    make: Any = Recipe.for_model
    recipe = make(name, **({"layers": 2} if name == "megatron" else {}))
    assert recipe.seed == 0
    assert recipe.comment
    assert all(len(line) <= 103 for line in recipe.to_toml().splitlines())
    again = Recipe.from_toml(recipe.to_toml())
    assert again == recipe
    assert again.to_json() == recipe.to_json()


def test_gpt2_follows_its_source() -> None:
    recipe = Recipe.for_model("gpt2", seed=2019)
    assert digest(recipe.init(model_specs("gpt2"))) == GPT2
    deep = Recipe.for_model("gpt2", layers=48)
    assert "# stddev = 0.02 / sqrt(2 * layers), layers = 48\n[[rules]]" in deep.to_toml()
    weight = deep.weight("transformer.h.7.mlp.c_proj.weight", (4, 3))
    assert weight.initializer.stddev == 0.02 / math.sqrt(96)


LLAMA = {
    "model.embed_tokens.weight": (11, 8),
    "model.layers.0.self_attn.q_proj.weight": (8, 8),
    "model.layers.0.self_attn.o_proj.weight": (8, 8),
    "model.layers.0.mlp.down_proj.weight": (8, 12),
    "model.layers.0.input_layernorm.weight": (8,),
    "model.norm.weight": (8,),
}
BERT = {
    "bert.embeddings.word_embeddings.weight": (9, 4),
    "bert.embeddings.LayerNorm.weight": (4,),
    "bert.embeddings.LayerNorm.bias": (4,),
    "bert.encoder.layer.0.attention.self.query.weight": (4, 4),
    "cls.predictions.bias": (9,),
}
VIT = {
    "cls_token": (1, 1, 6),
    "pos_embed": (1, 5, 6),
    "patch_embed.proj.weight": (6, 3, 2, 2),
    "patch_embed.proj.bias": (6,),
    "blocks.0.norm1.weight": (6,),
    "blocks.0.norm1.bias": (6,),
    "blocks.0.attn.qkv.weight": (18, 6),
    "blocks.0.mlp.fc1.weight": (24, 6),
    "blocks.0.mlp.fc1.bias": (24,),
    "norm.weight": (6,),
    "head.weight": (10, 6),
    "head.bias": (10,),
}
RESNET = {
    "conv1.weight": (8, 3, 7, 7),
    "bn1.weight": (8,),
    "bn1.bias": (8,),
    "bn1.running_var": (8,),
    "bn1.num_batches_tracked": (),
    "layer1.0.conv1.weight": (8, 8, 1, 1),
    "layer1.0.bn1.weight": (8,),
    "layer1.0.bn2.weight": (8,),
    "layer1.0.bn3.weight": (8,),
    "layer1.0.downsample.0.weight": (8, 8, 1, 1),
    "layer1.0.downsample.1.weight": (8,),
    "fc.weight": (10, 8),
    "fc.bias": (10,),
}
T5 = {
    "shared.weight": (30, 8),
    "encoder.block.0.layer.0.SelfAttention.q.weight": (16, 8),
    "encoder.block.0.layer.0.SelfAttention.k.weight": (16, 8),
    "encoder.block.0.layer.0.SelfAttention.o.weight": (8, 16),
    "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": (32, 4),
    "encoder.block.0.layer.0.layer_norm.weight": (8,),
    "decoder.block.0.layer.2.DenseReluDense.wo.weight": (8, 40),
}


def laws(recipe: Recipe, shapes: dict[str, Any]) -> dict[str, Any]:
    """Return the initializer of each weight; random ones have the seed 0."""
    weights = recipe.plan(shapes).weights.values()
    return {weight.name: weight.initializer.with_seed(0) for weight in weights}


def test_llama_and_megatron_follow_their_sources() -> None:
    normal, scaled = RandomNormal(stddev=0.02, seed=0), RandomNormal(stddev=0.005, seed=0)
    found = laws(Recipe.for_model("llama"), LLAMA)
    assert list(found.values()) == [normal] * 4 + [Ones()] * 2
    found = laws(Recipe.for_model("megatron", layers=8), LLAMA)
    assert list(found.values()) == [normal] * 2 + [scaled] * 2 + [Ones()] * 2
    # The convention changes nothing: this law needs no fans.
    plan = Recipe.for_model("llama").plan(LLAMA)
    assert {weight.permute for weight in plan.weights.values()} == {None}


def test_bert_follows_its_source() -> None:
    truncated = TruncatedNormal(stddev=0.02, seed=0)
    found = laws(Recipe.for_model("bert"), BERT)
    assert list(found.values()) == [truncated, Ones(), Zeros(), truncated, Zeros()]


def test_vit_follows_its_sources() -> None:
    found = laws(Recipe.for_model("vit"), VIT)
    tiny, glorot = RandomNormal(stddev=1e-6, seed=0), GlorotUniform(0)
    assert list(found.values()) == [
        tiny,
        RandomNormal(stddev=0.02, seed=0),
        LecunNormal(0),
        *[Zeros(), Ones(), Zeros()],
        *[glorot, glorot, tiny],
        *[Ones(), Zeros(), Zeros()],
    ]
    patches = Recipe.for_model("vit").weight("patch_embed.proj.weight", (64, 3, 16, 16)).make()
    assert patches.std() == pytest.approx((3 * 16 * 16) ** -0.5, rel=0.01)


def test_resnet_follows_its_sources() -> None:
    for layers, last, other in ((50, "bn3", "bn2"), (18, "bn2", "bn3")):
        weights = Recipe.for_model("resnet", layers=layers).init(RESNET)
        assert not weights[f"layer1.0.{last}.weight"].any()
        for name in (f"layer1.0.{other}.weight", "bn1.weight", "layer1.0.downsample.1.weight"):
            assert (weights[name] == 1).all()
    assert (weights["bn1.running_var"] == 1).all()
    recipe = Recipe.for_model("resnet")
    kernel = recipe.weight("layer4.0.conv2.weight", (256, 128, 3, 3)).make()
    assert kernel.std() == pytest.approx(math.sqrt(2 / (256 * 9)), rel=0.01)
    same = Recipe.for_model("resnet", names="keras")
    expected = same.weight("layer4.0.conv2.weight/kernel", (3, 3, 128, 256)).make()
    assert kernel.std() == pytest.approx(expected.std(), rel=0.01)
    assert recipe.weight("fc.weight", (1000, 512)).make().std() == pytest.approx(0.01, rel=0.01)


def test_t5_follows_its_source() -> None:
    recipe = Recipe.for_model("t5", width=512, head_width=64)
    recipe.plan(T5)
    sizes = {
        "shared.weight": ((1000, 512), 1.0),
        "encoder.block.0.layer.0.SelfAttention.q.weight": ((384, 512), (512 * 64) ** -0.5),
        "encoder.block.0.layer.0.SelfAttention.k.weight": ((384, 512), 512**-0.5),
        "decoder.block.0.layer.1.EncDecAttention.o.weight": ((512, 384), 384**-0.5),
        "decoder.block.0.layer.2.DenseReluDense.wo.weight": ((512, 2048), 2048**-0.5),
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": (
            (320, 512),
            512**-0.5,
        ),
    }
    for name, (shape, stddev) in sizes.items():
        values = recipe.weight(name, shape).make()
        assert values.std() == pytest.approx(stddev, rel=0.01), name
        assert np.abs(values).max() > 3.5 * stddev  # not truncated


def test_numbers_of_clip_and_swin() -> None:
    recipe = Recipe.for_model("clip", layers=8, text_layers=2, width=64)
    for name, shape, stddev in (
        ("text_model.encoder.layers.0.self_attn.q_proj.weight", (256, 256), 1 / 32),
        ("vision_model.encoder.layers.0.self_attn.v_proj.weight", (256, 256), 1 / 64),
        ("vision_model.encoder.layers.0.mlp.fc2.weight", (256, 1024), 1 / 64),
        ("text_model.encoder.layers.0.mlp.fc1.weight", (1024, 256), 1 / math.sqrt(512)),
        ("vision_model.embeddings.class_embedding", (50_000,), 1 / 8),
    ):
        assert recipe.weight(name, shape).make().std() == pytest.approx(stddev, rel=0.02), name
    bias = Recipe.for_model("swin", patch=2).weight("patch_embed.proj.bias", (50_000,)).make()
    assert np.abs(bias).max() == pytest.approx(12**-0.5, rel=1e-3)


def test_bad_names_and_numbers_are_refused() -> None:
    cases: list[tuple[str, dict[str, Any], type[Exception], str]] = [
        ("gpt3", {}, ValueError, r"`name` must be one of .*'gpt3' \(did you mean 'gpt2'\?\)"),
        ("gpt2", {"layers": 0}, ValueError, "`layers` must be an integer >= 1, received: 0"),
        ("gpt2", {"layers": 1.5}, TypeError, "`layers` must be an integer >= 1"),
        ("gpt2", {"layers": 10**400}, ValueError, r"`layers` must be an integer < 2\*\*63"),
        (
            "gpt2",
            {"width": 3},
            TypeError,
            "'gpt2' must be among `layers`, received: `width`",
        ),
        (
            "llama",
            {"layers": 3},
            TypeError,
            "the recipe 'llama' takes no numbers, received: `layers`",
        ),
        ("megatron", {}, TypeError, "recipe 'megatron' needs the number `layers`"),
        ("resnet", {"names": "flax"}, ValueError, "`names` must be one of 'keras', 'torchvision'"),
        ("clip", {"width": 0}, ValueError, "`width` must be an integer >= 1"),
        ("swin", {"patch": 0}, ValueError, "`patch` must be an integer >= 1"),
        ("t5", {"width": -1}, ValueError, "`width` must be an integer >= 1"),
        ("t5", {"width": 10**400}, ValueError, r"`width` must be an integer < 2\*\*63"),
        ("gpt2", {"seed": "1"}, TypeError, "`seed` must be an integer"),
    ]
    make: Any = Recipe.for_model
    for name, numbers, error, message in cases:
        with pytest.raises(error, match=message):
            make(name, **numbers)
    with pytest.raises(TypeError, match="`name` must be one of"):
        Recipe.for_model(3)  # type: ignore[call-overload]


def test_seeds_follow_from_names() -> None:
    weight = Recipe.for_model("llama", seed=9).weight("model.norm.weight", (8,))
    assert weight.initializer == Ones()
    weight = Recipe.for_model("llama", seed=9).weight("lm_head.weight", (9, 8))
    assert weight.initializer.seed == fold_in(9, "lm_head.weight")
