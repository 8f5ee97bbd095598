"""Initializers for sequence models against the code of their authors, as transformers has it."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp  # type: ignore[import-untyped]

from initializers import S4D, LstmBias, RingRadius, Rotary, Sinusoidal, TimeStepBias

# The share of false alarms of a two-sample test, with fixed seeds.
ALPHA = 0.001


@pytest.fixture(scope="module")
def stock() -> Any:
    """Return classes and functions of transformers, whose import takes seconds."""
    with warnings.catch_warnings():  # of the modules that it imports
        warnings.simplefilter("ignore")
        from transformers import LlamaConfig, MambaConfig, RecurrentGemmaConfig
        from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
        from transformers.models.mamba.modeling_mamba import MambaMixer
        from transformers.models.recurrent_gemma.modeling_recurrent_gemma import RecurrentGemmaModel
        from transformers.models.roformer import modeling_roformer
        from transformers.models.whisper.modeling_whisper import sinusoids
    return SimpleNamespace(
        llama=(LlamaConfig, LlamaRotaryEmbedding),
        mamba=(MambaConfig, MambaMixer),
        recurrent_gemma=(RecurrentGemmaConfig, RecurrentGemmaModel),
        roformer=modeling_roformer.RoFormerSinusoidalPositionalEmbedding,
        whisper=sinusoids,
    )


def ulps(ours: Any, theirs: Any) -> float:
    """Return the largest difference in units of the last place of float32."""
    theirs = theirs.detach().numpy()
    assert ours.dtype == theirs.dtype == np.float32
    return float((np.abs(ours.astype(np.float64) - theirs) / np.spacing(np.abs(theirs))).max())


@pytest.mark.long
def test_mamba(stock: Any) -> None:
    config, mixer = stock.mamba
    torch.manual_seed(2019)
    made = mixer(config(hidden_size=4096), 0)
    assert ulps(S4D()(tuple(made.A_log.shape)), made.A_log) <= 1
    theirs = made.dt_proj.bias.detach().numpy()
    values = TimeStepBias(seed=2019)(theirs.shape)
    assert ks_2samp(values, theirs).pvalue > ALPHA
    assert ks_2samp(values + 0.15, theirs).pvalue < ALPHA


@pytest.mark.long
def test_recurrent_gemma(stock: Any) -> None:
    config, model = stock.recurrent_gemma
    torch.manual_seed(2019)
    sizes = {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 8}
    weights = dict(model(config(**sizes, lru_width=8192, num_hidden_layers=1)).named_parameters())
    (name,) = (name for name in weights if name.endswith("recurrent_param"))
    theirs = weights[name].detach().numpy()
    values = RingRadius(0.9, 0.999, softplus=True, seed=2019)(theirs.shape)
    assert ks_2samp(values, theirs).pvalue > ALPHA
    assert ks_2samp(RingRadius(0.9, 0.99, True, seed=2019)(theirs.shape), theirs).pvalue < ALPHA


@pytest.mark.long
def test_whisper_and_roformer(stock: Any) -> None:
    """Whisper's angles are float32 numbers, which err by half a unit; RoFormer's are float64."""
    theirs = stock.whisper(1500, 384)
    table = Sinusoidal(interleaved=False, endpoint=True)((1500, 384))
    assert np.abs(table - theirs.numpy()).max() < 2 * np.spacing(np.float32(1500))
    exact = stock.roformer(512, 64).create_weight()
    assert ulps(Sinusoidal(interleaved=False)((512, 64)), exact) <= 1


@pytest.mark.long
def test_llama(stock: Any) -> None:
    config, embedding = stock.llama
    made = embedding(config(hidden_size=512, num_attention_heads=4))
    assert ulps(Rotary()((64,)), made.inv_freq) <= 2  # a power in float32, then a division
    cos, sin = made(torch.zeros(1), torch.arange(300)[None])
    for part, theirs in (("cos", cos), ("sin", sin)):
        values = Rotary(part)((300, 128))  # type: ignore[arg-type]
        assert np.abs(values - theirs[0].numpy()).max() < 2 * np.spacing(np.float32(300))


def test_the_order_of_gates_is_that_of_torch() -> None:
    """A cell whose forget gate is open keeps its state; any other open gate changes it."""
    cell = torch.nn.LSTMCell(1, 3)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias_ih.copy_(torch.from_numpy(LstmBias(100.0)((12,))))
        _, state = cell(torch.zeros(1, 1), (torch.zeros(1, 3), torch.full((1, 3), 0.5)))
    assert state.tolist() == [[0.5, 0.5, 0.5]]
