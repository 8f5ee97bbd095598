"""Published recipes: the initialization of well-known models, as their authors describe it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from .._arguments.checks import check_count, check_name
from .._classes.constants import Constant, Ones, Zeros
from .._classes.distributions import RandomNormal, RandomUniform, TruncatedNormal
from .._classes.orthogonal import Orthogonal
from .._classes.variance_scaling import GlorotUniform, LecunNormal, VarianceScaling
from . import _published_language as language
from . import _published_vision as vision
from ._rule import Rule
from ._sources import list_models

_STDDEV = 0.02


def make_published(name: str, numbers: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of the recipe of a name, which may be a model of `model_specs`."""
    check_name("name", name, list_recipes())
    family, given = _MODELS.get(name, (name, {}))
    parameters = inspect.signature(_RECIPES[family]).parameters
    for argument in numbers:
        if not parameters:
            raise TypeError(f"the recipe {name!r} takes no numbers, received: `{argument}`")
        if argument not in parameters:
            takes = ", ".join(f"`{known}`" for known in parameters)
            raise TypeError(
                f"the numbers of the recipe {name!r} must be among {takes}, received: `{argument}`"
            )
    known = {**given, **numbers}
    for argument, parameter in parameters.items():
        if parameter.default is parameter.empty and argument not in known:
            raise TypeError(f"the recipe {name!r} needs the number `{argument}`, received: none")
    return _RECIPES[family](**known)


def _gpt2(layers: int = 12) -> dict[str, Any]:
    return {
        "comment": """\
GPT-2, in the names of Hugging Face's transformers and of nanoGPT: normal, stddev 0.02; what
writes into the residual stream scaled down with the depth; biases 0, norms 1.
Radford et al. (2019), Language models are unsupervised multitask learners, section 2.3; nanoGPT,
model.py. OpenAI's own model.py has 0.01 for wpe, and does not scale.""",
        "convention": "keras",
        "rules": [
            Rule(Zeros(), "*.bias", optional=True),
            Rule(Ones(), "*ln_*.weight"),
            _scale_to_depth("*.c_proj.weight", layers),
            Rule(RandomNormal(stddev=_STDDEV), "*"),
        ],
    }


def _llama() -> dict[str, Any]:
    return {
        "comment": """\
Llama, Mistral, Mixtral, Qwen and models like them, in the names of Hugging Face's transformers:
normal, stddev 0.02; biases 0, norms 1.
transformers, LlamaConfig.initializer_range and PreTrainedModel._init_weights.""",
        "convention": "torch",
        "rules": [
            Rule(Zeros(), "*.bias", optional=True),
            Rule(Ones(), "*norm.weight"),
            Rule(RandomNormal(stddev=_STDDEV), "*"),
        ],
    }


def _megatron(layers: int) -> dict[str, Any]:
    *rules, last = _llama()["rules"]
    return {
        "comment": """\
Models with Llama's names, as Megatron-LM and OLMo start theirs: normal, stddev 0.02; what writes
into the residual stream scaled down with the depth; biases 0, norms 1.
Shoeybi et al. (2019), Megatron-LM, section 4.2 and scaled_init_method_normal in model/utils.py;
OLMo, initialization.py, `normal`.""",
        "convention": "torch",
        "rules": [
            *rules,
            _scale_to_depth(r".*\.(o_proj|down_proj|w2)\.weight", layers, regex=True),
            last,
        ],
    }


def _bert() -> dict[str, Any]:
    return {
        "comment": """\
BERT, in the names of Hugging Face's transformers: normal, stddev 0.02 before it is truncated at
two of them; biases 0, norms 1.
Devlin et al. (2019), google-research/bert, create_initializer in modeling.py. (transformers
draws without truncation.)""",
        "convention": "torch",
        "rules": [
            Rule(Zeros(), "*.bias"),
            Rule(Ones(), "*LayerNorm.weight"),
            Rule(TruncatedNormal(stddev=_STDDEV), "*"),
        ],
    }


def _vit() -> dict[str, Any]:
    return {
        "comment": """\
ViT, in timm's names: Glorot uniform, patches LeCun normal, the head 0.
Dosovitskiy et al. (2021), An image is worth 16x16 words, whose code is in big_vision,
models/vit.py; timm, vision_transformer.py, init_weights_vit_jax and init_weights.""",
        "convention": "torch",
        "rules": [
            Rule(Zeros(), "head.*", optional=True),
            Rule(Ones(), "*norm*.weight"),
            Rule(RandomNormal(stddev=1e-6), "*.mlp.*.bias"),
            Rule(Zeros(), "*.bias"),
            Rule(RandomNormal(stddev=1e-6), "*_token", optional=True),
            Rule(RandomNormal(stddev=0.02), "pos_embed", optional=True),
            Rule(LecunNormal(), "patch_embed.*weight"),
            Rule(GlorotUniform(), "*.weight"),
        ],
    }


_RESNET = """\
Goyal et al. (2017), Accurate, large minibatch SGD, section 5.1: kernels by He et al. (2015),
Delving deep into rectifiers, section 2.2, over fan_out; the classifier normal, stddev 0.01; the
last batch norm of each block 0, so that blocks begin as identities. torchvision, resnet.py, with
zero_init_residual=True, whose classifier is torch's default instead."""


def _resnet(layers: int = 50, names: str = "torchvision") -> dict[str, Any]:
    is_bottleneck = check_count("layers", layers) >= 50
    kernels = VarianceScaling(2.0, "fan_out", "untruncated_normal")
    if check_name("names", names, ("keras", "torchvision")) == "keras":
        return {
            "comment": f"ResNet of 50 or more layers, in Keras's names.\n{_RESNET}",
            "convention": "keras",
            "rules": [
                Rule(Zeros(), r".*_block\d+_3_bn/gamma", regex=True),
                Rule(Ones(), "*/gamma"),
                Rule(Zeros(), "*/beta"),
                Rule(Zeros(), "*/moving_mean", optional=True),
                Rule(Ones(), "*/moving_variance", optional=True),
                Rule(RandomNormal(stddev=0.01), "predictions/kernel", optional=True),
                Rule(Zeros(), "*/bias", optional=True),
                Rule(kernels, "*/kernel"),
            ],
        }
    last = "*.bn3.weight" if is_bottleneck else "*.bn2.weight"
    return {
        "comment": f"ResNet, in torchvision's names.\n{_RESNET}",
        "convention": "torch",
        "rules": [
            Rule(Zeros(), last, comment=f"the last of a block, layers = {layers}"),
            Rule(Ones(), "*bn?.weight"),
            Rule(Ones(), "*.downsample.1.weight", optional=True),
            Rule(RandomNormal(stddev=0.01), "fc.weight", optional=True),
            Rule(Zeros(), "*.bias"),
            Rule(Zeros(), "*.running_mean", optional=True),
            Rule(Ones(), "*.running_var", optional=True),
            Rule(Zeros(), "*.num_batches_tracked", optional=True),
            Rule(kernels, "*.weight"),
        ],
    }


def _t5(width: int = 512, head_width: int = 64) -> dict[str, Any]:
    check_count("width", width)
    check_count("head_width", head_width)
    return {
        "comment": """\
T5, in the names of Hugging Face's transformers: normal of variance 1 / fan_in; embeddings of
variance 1; norms 1; queries smaller, in place of the division by sqrt(head_width) in attention.
Raffel et al. (2020), Exploring the limits of transfer learning, whose code is Mesh TensorFlow;
transformers, T5PreTrainedModel._init_weights.""",
        "convention": "torch",
        "rules": [
            Rule(Ones(), "*layer_norm.weight"),
            Rule(
                RandomNormal(stddev=width**-0.5),
                "*.relative_attention_bias.weight",
                comment=f"stddev = 1 / sqrt(width), width = {width}",
            ),
            Rule(RandomNormal(stddev=1.0), "shared.weight"),
            Rule(RandomNormal(stddev=1.0), "lm_head.weight", optional=True),
            Rule(
                VarianceScaling(1 / head_width, "fan_in", "untruncated_normal"),
                "*Attention.q.weight",
                comment=f"scale = 1 / head_width, head_width = {head_width}",
            ),
            Rule(VarianceScaling(1.0, "fan_in", "untruncated_normal"), "*.weight"),
        ],
    }


def _keras() -> dict[str, Any]:
    defaults = {
        "*/kernel": GlorotUniform(),
        "*wise_kernel": GlorotUniform(),
        "*/recurrent_kernel": Orthogonal(),
        "*/embeddings": RandomUniform(),
        "*/gamma": Ones(),
        "*/moving_variance": Ones(),
        "*/beta": Zeros(),
        "*/bias": Zeros(),
        "*/moving_mean": Zeros(),
        "*layer_scale/variable*": Constant(1e-6),
    }
    return {
        "comment": """\
What Keras's layers do that are not told otherwise, in the names of name_variables; but an LSTM's
forget gates, which begin with bias 1 there, have 0 as the other gates.
keras.layers, the defaults of the constructors; keras.applications, ConvNeXt's LayerScale.""",
        "convention": "keras",
        "rules": [
            Rule(initializer, pattern, optional=True) for pattern, initializer in defaults.items()
        ],
    }


def _scale_to_depth(pattern: str, layers: int, regex: bool = False) -> Rule:
    check_count("layers", layers)
    stddev = _STDDEV / math.sqrt(2 * layers)
    comment = f"stddev = {_STDDEV} / sqrt(2 * layers), layers = {layers}"
    return Rule(RandomNormal(stddev=stddev), pattern, regex=regex, comment=comment)


def list_recipes() -> list[str]:
    """Return the names that `Recipe.for_model` accepts."""
    return sorted({*_RECIPES, *list_models()})


_RECIPES: dict[str, Callable[..., dict[str, Any]]] = {
    "bert": _bert,
    "clip": vision.make_clip,
    "convnext": vision.make_convnext,
    "deepseek-v3": language.make_deepseek_v3,
    "dinov2": vision.make_dinov2,
    "efficientnet": vision.make_efficientnet,
    "gemma3": language.make_gemma3,
    "gpt2": _gpt2,
    "keras": _keras,
    "llama": _llama,
    "mamba2": language.make_mamba2,
    "megatron": _megatron,
    "mixtral": _llama,
    "olmo2": language.make_olmo2,
    "qwen3": language.make_qwen3,
    "resnet": _resnet,
    "swin": vision.make_swin,
    "t5": _t5,
    "vit": _vit,
    "whisper": language.make_whisper,
}

# Model of `model_specs` → its recipe and numbers, if the recipe has another name.
_MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "keras-convnexttiny": ("keras", {}),
    "keras-mobilenetv2": ("keras", {}),
    "keras-resnet50": ("resnet", {"names": "keras"}),
    "llama-3.1-8b": ("llama", {}),
    "llama-3.2-1b": ("llama", {}),
}
