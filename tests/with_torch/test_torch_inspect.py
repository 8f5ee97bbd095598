"""`initializers.inspect` of modules and state dicts, and the hint for an initializer alone."""

from __future__ import annotations

import pytest
import torch

from initializers import HeNormal, inspect
from initializers.torch import init_module_


def make_model(dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    model = torch.nn.Sequential(torch.nn.Linear(300, 200, dtype=dtype), torch.nn.BatchNorm1d(200))
    return init_module_(model, {"0.weight": "he_normal", "1.weight": "ones", "*": "zeros"}, 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_module_is_inspected(dtype: torch.dtype) -> None:
    model = make_model(dtype)
    found = {row.name: row for row in inspect(model)}
    assert set(found) == set(model.state_dict())
    assert found["0.weight"].guess.name.split(" or ")[0] == "he_normal"
    assert found["0.weight"].dtype == str(dtype).removeprefix("torch.")
    assert found["0.bias"].guess.name == "zeros"
    assert found["1.running_var"].guess.name == "ones"
    named = {row.name: row.to_dict() for row in inspect(model.state_dict())}
    assert {name: str(row) for name, row in named.items()} == {
        row.name: str(row.to_dict()) for row in found.values()
    }


def test_tensors_with_grad_or_on_meta_are_inspected() -> None:
    weight = torch.from_numpy(HeNormal(seed=1)((300, 200))).T.requires_grad_()
    rows = inspect({"w": weight, "meta": torch.empty(3, device="meta")}).rows
    assert rows[0].guess.name == "he_normal"
    assert rows[1].found is None
    assert rows[1].guess.because == "it is on the device meta, and has no values yet"


def test_an_initializer_alone_is_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match=r"received: 'he_normal' \(for every weight: {'\*': 'he_n"):
        init_module_(make_model(), "he_normal", 1)  # type: ignore[arg-type]
