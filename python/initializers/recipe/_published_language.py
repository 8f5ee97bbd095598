"""Published recipes of language models, in the names of Hugging Face's transformers."""

from __future__ import annotations

from typing import Any

from .._classes.constants import Ones, Zeros
from .._classes.distributions import RandomNormal
from .._classes.positions import Sinusoidal
from .._classes.state_space import S4D, TimeStepBias
from .._classes.variance_scaling import VarianceScaling
from ._rule import Rule


def make_qwen3() -> dict[str, Any]:
    """Return the recipe of Qwen 3."""
    return {
        "comment": """\
Qwen 3, dense or with experts, in the names of Hugging Face's transformers: normal, stddev 0.02;
norms 1, also those of queries and keys; no biases.
transformers, Qwen3Config.initializer_range and PreTrainedModel._init_weights. The technical
report of Yang et al. (2025) gives no numbers.""",
        "convention": "torch",
        "rules": _make_normal(0.02, norms=Ones()),
    }


def make_gemma3() -> dict[str, Any]:
    """Return the recipe of Gemma 3."""
    return {
        "comment": """\
Gemma 3, its text models, in the names of Hugging Face's transformers: normal, stddev 0.02; norms
0, as they multiply by 1 + weight.
transformers, Gemma3PreTrainedModel._init_weights. google-deepmind/gemma, layers.py, draws by
Flax's normal(), stddev 0.01; its norms are 0 too.""",
        "convention": "torch",
        "rules": _make_normal(0.02, norms=Zeros()),
    }


def make_deepseek_v3() -> dict[str, Any]:
    """Return the recipe of DeepSeek-V3."""
    return {
        "comment": """\
DeepSeek-V3, in the names of Hugging Face's transformers: normal, stddev 0.006; norms 1; the
router's corrections 0.
DeepSeek-AI (2024), DeepSeek-V3 technical report, section 4.2: stddev 0.006. transformers'
DeepseekV3Config.initializer_range is 0.02 unless it is set.""",
        "convention": "torch",
        "rules": [
            Rule(Zeros(), "*.e_score_correction_bias", optional=True),
            *_make_normal(0.006, norms=Ones()),
        ],
    }


def make_olmo2() -> dict[str, Any]:
    """Return the recipe of OLMo 2."""
    return {
        "comment": """\
OLMo 2, in the names of Hugging Face's transformers: normal, stddev 0.02, at any depth; norms 1.
OLMo et al. (2024), 2 OLMo 2 Furious, on initialization; OLMo, initialization.py, whose
init_normal truncates where a configuration has an init_cutoff_factor. transformers does not.""",
        "convention": "torch",
        "rules": _make_normal(0.02, norms=Ones()),
    }


def make_mamba2() -> dict[str, Any]:
    """Return the recipe of Mamba 2."""
    linear = VarianceScaling(1 / 3, distribution="uniform")
    return {
        "comment": """\
Mamba 2, in the names of Hugging Face's transformers: time steps log-uniform in [0.001, 0.1], A_log
the logarithms of 1, 2, …, D 1; convolutions and output projections as torch's layers; the rest
normal, stddev 0.1; norms 1.
transformers, Mamba2PreTrainedModel._init_weights and Mamba2Config. The authors' mamba_ssm has
LogOfUniform(1, 16) for A_log (Dao and Gu, 2024), stddev 0.02 for the embedding, torch's layers for
the input projections, and scales the output projections down with the depth.""",
        "convention": "torch",
        "rules": [
            Rule(TimeStepBias(), "*.dt_bias"),
            Rule(S4D(), "*.A_log"),
            Rule(Ones(), "*.D"),
            Rule(linear, "*.conv1d.weight"),
            Rule(linear, "*.out_proj.weight"),
            Rule(Ones(), "*norm_f.weight"),
            *_make_normal(0.1, norms=Ones()),
        ],
    }


def make_whisper() -> dict[str, Any]:
    """Return the recipe of Whisper."""
    return {
        "comment": """\
Whisper, in the names of Hugging Face's transformers: normal, stddev 0.02; the encoder's positions
are a table of sines; biases 0, norms 1.
transformers, WhisperPreTrainedModel._init_weights; for the table also OpenAI's whisper, model.py.
The paper, Radford et al. (2022), gives no numbers.""",
        "convention": "torch",
        "rules": [
            Rule(
                Sinusoidal(interleaved=False, endpoint=True),
                "*encoder.embed_positions.weight",
                optional=True,
            ),
            *_make_normal(0.02, norms=Ones()),
        ],
    }


def _make_normal(stddev: float, norms: Ones | Zeros) -> list[Rule]:
    return [
        Rule(Zeros(), "*.bias", optional=True),
        Rule(norms, "*norm.weight"),
        Rule(RandomNormal(stddev=stddev), "*"),
    ]
