"""Errors come before the first write; each module is visited once."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch
from test_init import bits
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim.swa_utils import AveragedModel
from torch.testing._internal.two_tensor import TwoTensor
from transformer import digest_module

from initializers import RandomNormal, fold_in
from initializers.torch import init_module_, normal_


def rules(name: str, shape: Any) -> str:
    return "zeros" if name.endswith("bias") else "he_normal"


def refuse(model: nn.Module, chosen: Any, error: type[Exception], message: str) -> None:
    """Check that a call raises and leaves the first layer unchanged."""
    before = model[0].weight.clone()
    with pytest.raises(error, match=message):
        init_module_(model, chosen, 1)
    assert torch.equal(model[0].weight, before)


def two() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_wrapper_subclasses_are_refused(device: str) -> None:
    model = two()
    part = torch.zeros(2, 2, device=device)
    model[1].weight = nn.Parameter(TwoTensor(part, part))
    refuse(model, rules, ValueError, r"'1\.weight' cannot be filled: .*TwoTensor")
    with pytest.raises(ValueError, match="memory of its own, not an instance of TwoTensor"):
        normal_(TwoTensor(torch.zeros(2), torch.zeros(2)), seed=1)


def test_fake_tensors_are_refused() -> None:
    model = two()
    with FakeTensorMode():
        model[1] = nn.Linear(2, 2)
    refuse(model, rules, ValueError, r"'1\.weight' cannot be filled: .*instance of FakeTensor")


def test_freed_memory_is_refused() -> None:
    model = two()
    model[1].weight.untyped_storage().resize_(0)
    refuse(model, rules, ValueError, r"'1\.weight' cannot be filled: .* memory of its own")


def test_initializers_of_users_run_before_the_first_write() -> None:
    def wrong(shape: Any, dtype: Any) -> Any:
        return np.zeros((9, 9), dtype)

    def failing(shape: Any, dtype: Any) -> Any:
        raise KeyError("mine")

    def right(shape: Any, dtype: Any) -> Any:
        return np.full(shape, 5, dtype)

    message = r"'1\.weight' cannot be filled: .* must return an array of shape \(2, 2\)"
    refuse(two(), {"1.weight": wrong, "*": "ones"}, ValueError, message)
    refuse(two(), {"1.weight": failing, "*": "ones"}, KeyError, "mine")
    model = two()
    weight = model[1].weight
    init_module_(model, {"1.weight": right, "*": "ones"}, 1)
    assert model[1].weight is weight
    assert weight.tolist() == [[5, 5], [5, 5]]
    with torch.device("meta"):
        model = two()
    with pytest.raises(ValueError, match=message):
        init_module_(model, {"1.weight": wrong, "*": "ones"}, 1)
    assert all(parameter.is_meta for parameter in model.parameters())


def test_placeholders_of_zero_3_are_refused() -> None:
    model = two()
    model[1].weight = nn.Parameter(torch.empty(0))
    model[1].weight.ds_shape = torch.Size((2, 2))  # set by deepspeed.zero.Init
    refuse(model, rules, ValueError, r"'1\.weight' .*inside deepspeed\.zero\.GatheredParameters")
    with pytest.raises(ValueError, match="GatheredParameters"):
        normal_(model[1].weight, seed=1)
    weight = model[1].weight
    weight.data = torch.empty(2, 2)  # gathered
    init_module_(model, rules, 1)


def test_modules_with_cycles_are_filled() -> None:
    parent = nn.Linear(3, 2)
    parent.child = nn.Linear(2, 2)
    parent.child.parent = parent
    init_module_(parent, rules, 1)
    assert bits(parent.child.bias) == bytes(8)


def test_deeply_nested_modules_are_filled() -> None:
    module: nn.Module = nn.Linear(2, 2)
    for _ in range(3000):
        outer = nn.Module()
        outer.a = module
        module = outer
    init_module_(module, rules, 1)


def test_shared_modules_are_visited_once() -> None:
    module: nn.Module = nn.Linear(2, 2)
    for _ in range(60):  # 2**60 names
        module = nn.Sequential(module, module)
    start = time.process_time()
    init_module_(module, lambda name, shape: "random_normal", 1)
    assert time.process_time() - start < 10
    name = ".".join(["0"] * 60) + ".weight"
    inner = next(module.parameters())
    assert bits(inner) == RandomNormal(seed=fold_in(1, name))((2, 2)).tobytes()


def test_averaged_models_are_filled() -> None:
    model = two()
    averaged = AveragedModel(two())
    assert digest_module(init_module_(averaged, rules, 1)) == digest_module(
        init_module_(model, rules, 1)
    )


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_parameters_that_share_memory_are_refused(device: str) -> None:
    message = r"share no memory, received: '0\.weight' and '1\.weight'; tie them"
    with torch.device(device):
        model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = nn.Parameter(model[0].weight.data)
    for chosen in (rules, {"1.weight": None, "*": "zeros"}):
        with pytest.raises(ValueError, match=message):
            init_module_(model, chosen, 1)
    init_module_(model, {"*.weight": None, "*": "zeros"}, 1)
    model[1].weight = nn.Parameter(model[0].weight.data.flatten()[2:5])
    with pytest.raises(ValueError, match=message):
        init_module_(model, {"*": "zeros"}, 1)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_disjoint_views_of_one_buffer_are_filled(device: str) -> None:
    """Views of one buffer without a common element, as FSDP and cuDNN create them."""
    flat = torch.ones(4, 4, device=device)
    model = nn.ParameterList(
        [nn.Parameter(flat[:, :2]), nn.Parameter(flat[:, 2:3]), nn.Parameter(flat[:, 3])]
    )
    init_module_(model, {"0": "zeros", "1": "ones", "2": "zeros"}, 1)
    assert [float(each.detach().sum()) for each in model] == [0, 4, 0]


def test_two_names_of_one_parameter_are_no_conflict() -> None:
    model = two()
    model.again = model[0].weight
    init_module_(model, rules, 1)
    assert model.again is model[0].weight
