"""Published recipes of vision models and of CLIP, in the names of timm and of transformers."""

from __future__ import annotations

from typing import Any

from .._arguments.checks import check_count
from .._arguments.types import Mode
from .._classes.constants import Constant, Ones, Zeros
from .._classes.distributions import RandomNormal, RandomUniform
from .._classes.variance_scaling import VarianceScaling
from ._rule import Rule

_NORMAL = RandomNormal(stddev=0.02)


def make_convnext() -> dict[str, Any]:
    """Return the recipe of ConvNeXt."""
    return {
        "comment": """\
ConvNeXt, in the names of timm or of Hugging Face's transformers: normal, stddev 0.02; the scale of
each block 1e-6; biases 0, norms 1.
Liu et al. (2022), A ConvNet for the 2020s, table 5; facebookresearch/ConvNeXt, convnext.py,
_init_weights: its trunc_normal_(std=.02) cuts at 2, a hundred deviations away.""",
        "convention": "torch",
        "rules": [
            Rule(Zeros(), "*.bias"),
            Rule(Constant(1e-6), "*.gamma", optional=True),
            Rule(Constant(1e-6), "*.layer_scale_parameter", optional=True),
            Rule(Ones(), "*norm.weight"),
            Rule(Ones(), "*.downsampl*.0.weight"),
            Rule(Ones(), "stem.1.weight", optional=True),
            Rule(_NORMAL, "*"),
        ],
    }


def make_swin(patch: int = 4) -> dict[str, Any]:
    """Return the recipe of Swin."""
    inputs = 3 * check_count("patch", patch) ** 2
    limit = inputs**-0.5
    return {
        "comment": """\
Swin, in timm's names: normal, stddev 0.02, also the tables of relative positions; biases 0, norms
1; the patches as torch's convolutions.
Liu et al. (2021), Swin Transformer; microsoft/Swin-Transformer, swin_transformer.py,
_init_weights, whose trunc_normal_(std=.02) cuts at 2; timm, swin_transformer.py. (transformers has
0 in the tables, and 0.02 for the patches.)""",
        "convention": "torch",
        "rules": [
            Rule(
                RandomUniform(-limit, limit),
                "patch_embed.proj.bias",
                comment=f"±1 / sqrt(3 * patch**2), patch = {patch}",
            ),
            Rule(VarianceScaling(1 / 3, "fan_in", "uniform"), "patch_embed.proj.weight"),
            Rule(Zeros(), "*.bias"),
            Rule(Ones(), "*norm*.weight"),
            Rule(_NORMAL, "*"),
        ],
    }


def make_efficientnet() -> dict[str, Any]:
    """Return the recipe of EfficientNet."""
    return {
        "comment": """\
EfficientNet, in timm's names: kernels normal of variance 2 / fan_out, where the outputs of a
depthwise kernel are one; the classifier uniform of variance 1 / (3 * outputs); norms 1.
Tan and Le (2019), EfficientNet, whose code is tensorflow/tpu, efficientnet_model.py,
conv_kernel_initializer and dense_kernel_initializer; timm, _efficientnet_builder.py. (torchvision
counts all outputs of a depthwise kernel.)""",
        "convention": "torch",
        "rules": [
            Rule(Zeros(), "*.bias"),
            Rule(Ones(), "*bn*.weight"),
            Rule(Zeros(), "*.running_mean", optional=True),
            Rule(Ones(), "*.running_var", optional=True),
            Rule(Zeros(), "*.num_batches_tracked", optional=True),
            Rule(VarianceScaling(1 / 3, "fan_out", "uniform"), "classifier.weight", optional=True),
            Rule(VarianceScaling(2.0, "fan_in", "untruncated_normal"), "*.conv_dw.weight"),
            Rule(VarianceScaling(2.0, "fan_out", "untruncated_normal"), "*"),
        ],
    }


def make_dinov2() -> dict[str, Any]:
    """Return the recipe of DINOv2."""
    return {
        "comment": """\
DINOv2, in the names of Hugging Face's transformers: normal, stddev 0.02; the scales of the blocks
1; the mask token and biases 0, norms 1.
Oquab et al. (2023), DINOv2; transformers, Dinov2PreTrainedModel._init_weights and
Dinov2Config.layerscale_value. facebookresearch/dinov2, vision_transformer.py, has 1e-6 for the
class token, and its training starts the scales at 1e-5.""",
        "convention": "torch",
        "rules": [
            Rule(Zeros(), "*.bias"),
            Rule(Ones(), "*norm*.weight"),
            Rule(Ones(), "*.lambda1"),
            Rule(Zeros(), "*mask_token", optional=True),
            Rule(_NORMAL, "*"),
        ],
    }


def make_clip(layers: int = 12, text_layers: int = 12, width: int = 768) -> dict[str, Any]:
    """Return the recipe of CLIP."""
    check_count("layers", layers)
    check_count("text_layers", text_layers)
    check_count("width", width)
    modes: tuple[tuple[Mode, str], ...] = (("fan_in", "[qkv]_proj"), ("fan_out", "fc2"))
    depths = (("text_model", "text_layers", text_layers), ("vision_model", "layers", layers))
    scaled = [
        Rule(
            VarianceScaling(1 / (2 * count), mode, "untruncated_normal"),
            rf"(.*\.)?{model}\..*\.{layer}\.weight",
            regex=True,
            comment=f"scale = 1 / (2 * {name}), {name} = {count}",
        )
        for model, name, count in depths
        for mode, layer in modes
    ]
    return {
        "comment": """\
CLIP with a vision Transformer, in the names of Hugging Face's transformers: normal, of variance
1 / width, in the first layer of an MLP half of it; queries, keys, values and what an MLP writes
scaled down with the depth; embeddings of stddev 0.02; the scale of the logits log(1 / 0.07).
Radford et al. (2021), Learning transferable visual models from natural language supervision;
transformers, CLIPPreTrainedModel._init_weights. OpenAI's model.py, initialize_parameters, scales
the output of attention with the depth, not its inputs, and has 0.01 for positions of text.""",
        "convention": "torch",
        "rules": [
            Rule(Zeros(), "*.bias"),
            Rule(Ones(), "*norm*.weight"),
            Rule(Ones(), "*layrnorm.weight", optional=True),
            Rule(Constant(2.6592), "logit_scale", optional=True),
            Rule(
                RandomNormal(stddev=width**-0.5),
                "*class_embedding",
                comment=f"stddev = 1 / sqrt(width), width = {width}",
            ),
            *scaled,
            Rule(VarianceScaling(0.5, "fan_in", "untruncated_normal"), "*.fc1.weight"),
            Rule(VarianceScaling(1.0, "fan_in", "untruncated_normal"), "*.out_proj.weight"),
            Rule(
                VarianceScaling(1.0, "fan_in", "untruncated_normal"),
                "*_projection.weight",
                optional=True,
            ),
            Rule(_NORMAL, "*"),
        ],
    }
