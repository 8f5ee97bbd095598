"""Buffers on meta, memory left uninitialized by `to_empty`, and ties broken by it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from transformer import digest_module

from initializers.torch import init_module_


def rules(name: str, shape: Any) -> str:
    return "zeros" if name.endswith("bias") else "he_normal"


class Rotary(nn.Module):  # type: ignore[misc]  # Any where torch is not installed
    def __init__(self) -> None:
        super().__init__()
        frequencies = 10000.0 ** (-torch.arange(0, 8, 2) / 8)
        self.register_buffer("inv_freq", frequencies, persistent=False)
        self.original = self.inv_freq


class Model(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight
        self.blocks = nn.ModuleList(Rotary() for _ in range(2))
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("position_ids", torch.arange(5).expand(1, -1))
        mask = torch.full((3, 3), float("-inf")).triu(1)
        self.register_buffer("mask", mask, persistent=False)
        self.all_tied_weights_keys = {"head.weight": "embed.weight"}


def build_on_meta() -> nn.Module:
    with torch.device("meta"):
        return Model()


def same_buffers(model: nn.Module, other: nn.Module) -> bool:
    pairs = zip(model.named_buffers(), other.named_buffers(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


def test_all_buffers_on_meta_are_listed() -> None:
    model = build_on_meta()
    names = "position_ids, mask, blocks.0.inv_freq, blocks.1.inv_freq"
    with pytest.raises(ValueError, match=f"{names}; give their values as `buffers=`"):
        init_module_(model, rules, 1)
    assert all(parameter.is_meta for parameter in model.parameters())


@pytest.mark.parametrize("inside", [False, True])
def test_a_function_gives_buffers(inside: bool) -> None:
    model = build_on_meta()
    if inside:
        with torch.device("meta"):  # the function builds on the CPU nevertheless
            init_module_(model, rules, 1, buffers=Model)
    else:
        init_module_(model, rules, 1, buffers=Model)
    wanted = init_module_(Model(), rules, 1)
    assert digest_module(model) == digest_module(wanted)
    assert same_buffers(model, wanted)
    assert model.head.weight is model.embed.weight


def test_a_mapping_gives_buffers() -> None:
    model = build_on_meta()
    wanted = Model()
    init_module_(
        model,
        rules,
        1,
        buffers={
            "position_ids": np.arange(5)[None],
            "mask": wanted.mask,
            "blocks.0.inv_freq": wanted.blocks[0].inv_freq.double(),
            "blocks.1.inv_freq": wanted.blocks[0].inv_freq.tolist(),
        },
    )
    assert same_buffers(model, wanted)
    # A buffer with memory keeps its memory and gets the given values.
    mask = model.mask
    init_module_(model, rules, 1, buffers={"mask": torch.zeros(3, 3)})
    assert model.mask is mask
    assert not mask.any()


def test_buffers_have_the_dtype_of_the_module() -> None:
    model = build_on_meta().to(torch.bfloat16)
    init_module_(model, rules, 1, buffers=Model)
    assert same_buffers(model, Model().to(torch.bfloat16))


def test_wrong_buffers_change_nothing() -> None:
    model = build_on_meta()
    good = {name: value for name, value in Model().named_buffers() if "norm" not in name}
    cases: list[Any] = [
        ({**good, "maks": 1}, ValueError, r"'maks' \(did you mean 'mask'\?\)"),
        (
            {**good, "mask": torch.zeros(3)},
            ValueError,
            r"'mask': shape \(3,\), dtype torch.float32",
        ),
        ({**good, "mask": torch.zeros(3, 3, dtype=torch.bool)}, ValueError, "dtype torch.bool"),
        ({**good, "mask": "zeros"}, TypeError, "for 'mask': 'zeros'"),
        ({**good, "mask": torch.zeros(3, 3, device="meta")}, ValueError, "tensor on meta"),
        (build_on_meta, ValueError, "tensor on meta"),
        (lambda: nn.Linear(2, 2), ValueError, "received: position_ids, mask"),
        (lambda: 1, TypeError, "must return a torch.nn.Module"),
        (Model(), TypeError, "must be a mapping from names"),
        (1, TypeError, "must be a mapping from names"),
    ]
    for buffers, error, message in cases:
        with pytest.raises(error, match=message):
            init_module_(model, rules, 1, buffers=buffers)
        assert all(each.is_meta for each in (*model.parameters(), *model.buffers()))


def test_uninitialized_memory_warns() -> None:
    model = Model()
    init_module_(model, rules, 1)  # no warning: infinity and zero are normal
    before = digest_module(model)
    for number in (float("nan"), 1e-41):
        model.blocks[1].inv_freq[2] = number
        with pytest.warns(UserWarning, match=r"as after `to_empty`: blocks.1.inv_freq;"):
            init_module_(model, rules, 1)
        assert digest_module(model) == before
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            init_module_(model, rules, 1, buffers=Model)
        assert same_buffers(model, Model())
    model.norm.running_var[0] = -1
    with pytest.warns(UserWarning, match=r"as after `to_empty`: norm.running_var;"):
        init_module_(model, rules, 1)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.complex64])
def test_small_normal_numbers_do_not_warn(dtype: Any) -> None:
    module = nn.Module()
    module.register_buffer("scale", torch.full((2,), 1e-6, dtype=dtype), persistent=False)
    init_module_(module, {}, 1)
    module.scale[0] = float("nan")
    with pytest.warns(UserWarning, match="scale"):
        init_module_(module, {}, 1)


def test_broken_ties_warn() -> None:
    model = build_on_meta().to_empty(device="cpu")
    assert model.head.weight is not model.embed.weight
    with pytest.warns(UserWarning, match=r"not tied, as after `to_empty`: head.weight and embed."):
        init_module_(model, rules, 1, buffers=Model)
    model.head.weight = model.embed.weight
    init_module_(model, rules, 1, buffers=Model)
    assert digest_module(model) == digest_module(init_module_(Model(), rules, 1))


def test_an_averaged_model_on_meta_is_filled() -> None:
    with torch.device("meta"):
        model = AveragedModel(nn.BatchNorm1d(2))
    init_module_(model, {"*": "ones"}, 1)
    assert model.n_averaged == 0
    assert model.module.running_var.tolist() == [1, 1]
