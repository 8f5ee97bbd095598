"""The models of `torch_zoo.py`: architectures of public libraries, small, built by configuration.

Nothing is downloaded: transformers gets configurations with few layers and small widths, timm and
torchvision their smallest variants.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch


class Model(NamedTuple):
    """An architecture: its library, its name there, and what builds it."""

    library: str
    name: str
    build: Callable[[], Any]


# Settings of a small model; a configuration gets those that it has.
SMALL = {
    **dict.fromkeys(("vocab_size", "max_position_embeddings", "n_positions"), 96),
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "embed_dim", "emb_dim"), 32),
    **dict.fromkeys(("hidden_dim", "embedding_size"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 2),
    **dict.fromkeys(("encoder_layers", "decoder_layers", "num_decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 4),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 4),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "d_ff", "n_inner"), 48),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim", "ffn_size"), 48),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 16),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    **{"num_key_value_heads": 2, "num_experts_per_tok": 2, "d_kv": 8, "head_dim": 8},
    **{"image_size": 32, "patch_size": 8, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
}

# Types of transformers' configurations, and what `SMALL` does not say.
_STAGES = {"depths": [1, 1], "num_heads": [2, 4], "embed_dim": 16}
_CONVOLUTIONS = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
_SPEECH = {"conv_dim": [16, 16], "conv_kernel": [10, 3], "conv_stride": [5, 2]} | {
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
_PLAIN = """
    albert audio-spectrogram-transformer bart beit bert big_bird biogpt blip bloom camembert
    canine clip codegen cohere convbert cpmant ctrl data2vec-text deberta deberta-v2
    decision_transformer deit dinov2 distilbert dpt electra ernie exaone4 falcon falcon_mamba
    flava fnet gemma gemma2 gemma3_text git glm4 gpt2 gpt_bigcode gpt_neox gpt_oss gptj granite
    helium ibert ijepa imagegpt jamba layoutlm layoutlmv3 led lfm2 llama llava longformer lxmert
    m2m_100 mamba marian mbart mistral mixtral mobilebert mobilenet_v2 modernbert moshi mpnet
    mpt nllb-moe nystromformer olmo2 openai-gpt opt owlvit patchtsmixer patchtst pegasus
    persimmon phi phi3 prophetnet qwen2 qwen3 qwen3_moe recurrent_gemma rembert roberta roformer
    rwkv sam siglip smollm3 speech_to_text speecht5 splinter stablelm starcoder2
    switch_transformers t5 tapas timesformer umt5 videomae vilt visual_bert vit vit_mae vitdet
    vivit whisper xglm xlm-roberta xlnet xlstm xmod yolos
"""
TRANSFORMERS: dict[str, dict[str, Any]] = {
    **{name: {} for name in _PLAIN.split()},
    **dict.fromkeys(("convnext", "convnextv2", "regnet", "resnet"), _CONVOLUTIONS),
    **dict.fromkeys(("focalnet", "swin"), _STAGES),
    **dict.fromkeys(("hubert", "unispeech", "wav2vec2", "wavlm"), _SPEECH),
    "mamba2": {"num_heads": 8, "head_dim": 8, "state_size": 16, "n_groups": 1},
}

TIMM = """
    cait_xxs24_224 coat_lite_tiny convit_tiny crossvit_9_240 deit_tiny_patch16_224
    edgenext_xx_small efficientformerv2_s0 efficientvit_b0 efficientvit_m0
    eva02_tiny_patch14_224 fastvit_t8 gcvit_xxtiny ghostnet_050 gmixer_12_224 hgnetv2_b0
    lambda_resnet26rpt_256 levit_128s mobilenetv3_small_050 mobilevit_xxs mobilevitv2_050
    pit_ti_224 poolformer_s12 pvt_v2_b0 regnetx_002 repvit_m0_9 starnet_s050
    swin_tiny_patch4_window7_224 swinv2_cr_tiny_224 test_byobnet test_coatnet test_convnext
    test_efficientnet test_efficientnet_gn test_mambaout test_maxvit test_nfnet test_resnet
    test_vit test_vit2 test_vit_relpos tiny_vit_5m_224 volo_d1_224 xcit_nano_12_p16_224
"""

# Models of torchvision, and settings that it asks for.
_PLAIN_VISION = """
    convnext_tiny densenet121 efficientnet_b0 maxvit_t mnasnet0_5 mobilenet_v2 mobilenet_v3_small
    mvit_v2_s r2plus1d_18 r3d_18 raft_small regnet_x_400mf regnet_y_400mf resnet18 s3d
    shufflenet_v2_x0_5 squeezenet1_1 swin_t swin_v2_t
"""
TORCHVISION: dict[str, dict[str, Any]] = {
    **{name: {} for name in _PLAIN_VISION.split()},
    "googlenet": {"init_weights": True},
    "ssdlite320_mobilenet_v3_large": {"weights_backbone": None},
}

SHORT = """
    bert clip gpt2 llama mamba mixtral swin t5 wav2vec2 whisper
    mobilenetv3_small_050 test_convnext test_efficientnet test_vit_relpos
    mobilenet_v3_small shufflenet_v2_x0_5 squeezenet1_1
"""


def list_models() -> Iterator[Model]:
    """Yield every model, library by library."""
    for name, settings in TRANSFORMERS.items():
        yield Model("transformers", name, partial(_build_transformer, name, settings))
    for name in TIMM.split():
        yield Model("timm", name, partial(_build_timm, name))
    for name, settings in TORCHVISION.items():
        yield Model("torchvision", name, partial(_build_torchvision, name, settings))


def list_constructions() -> Iterator[Model]:
    """Yield every way in which torch's own tests construct a module that has parameters."""
    from torch.testing._internal.common_modules import module_db

    for info in module_db:
        if info.is_lazy:  # without shapes until a first input
            continue
        inputs = info.module_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
        )
        for sample in inputs:
            given = sample.constructor_input
            build = partial(_construct, info.module_cls, given.args, given.kwargs)
            if next(build().parameters(), None) is not None:
                yield Model("torch", info.name, build)


def _construct(cls: Any, args: Any, kwargs: Any) -> Any:
    # Arguments can be modules, of which each construction needs its own.
    return cls(*copy.deepcopy(args), **copy.deepcopy(kwargs))


def _build_transformer(name: str, settings: dict[str, Any]) -> Any:
    from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, AutoModel
    from transformers import AutoModelForCausalLM as CausalLM

    config = _shrink(CONFIG_MAPPING[name](), settings)
    # With a head, where there is one: it is often tied.
    return (CausalLM if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING else AutoModel).from_config(
        config
    )


def _shrink(config: Any, settings: dict[str, Any]) -> Any:
    from transformers import PreTrainedConfig

    present = config.to_dict()
    small = {key: value for key, value in SMALL.items() if type(present.get(key)) is int}
    parts = {
        key: _shrink(value, settings).to_dict()
        for key, value in vars(config).items()
        if isinstance(value, PreTrainedConfig)
    }
    return type(config)(**(small | parts | settings))


def _build_timm(name: str) -> Any:
    import timm

    return timm.create_model(name, pretrained=False, num_classes=10)


def _build_torchvision(name: str, settings: dict[str, Any]) -> Any:
    import torchvision

    return torchvision.models.get_model(name, weights=None, **settings)
