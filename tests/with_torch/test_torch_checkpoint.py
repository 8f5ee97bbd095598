"""Checkpoints in torch: `safetensors` and torch load the values that the adapter makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from safetensors import safe_open
from safetensors.torch import load_file, load_model
from torch import nn
from torch.distributed.checkpoint import HuggingFaceStorageReader

from initializers import Recipe, checkpoint
from initializers.torch import init_module_

RULES = {
    "*.bias": "zeros",
    "*norm*": "ones",
    "*attention*": "orthogonal",
    "*.down.*": "he_normal",
    "*": "random_normal",
}


class Block(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = nn.Linear(width, width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)


class Model(nn.Module):  # type: ignore[misc]
    """A model in bfloat16 with norms in float32 and one odd weight in float8."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.embed = nn.Embedding(1001, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(3))
        self.to(torch.bfloat16)
        for block in self.blocks:
            block.norm.to(torch.float32)
        self.odd = nn.Parameter(torch.empty(7, 3, dtype=torch.float8_e4m3fn), requires_grad=False)


RECIPE = Recipe(RULES, seed=2024, convention="torch")


def same(found: dict[str, Any], wanted: nn.Module) -> None:
    state = wanted.state_dict()
    assert set(found) == set(state)
    for name, tensor in state.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name].view(torch.uint8), tensor.view(torch.uint8)), name


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return init_module_(Model(), RECIPE)


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")
@pytest.mark.parametrize("most", [None, "100kB"])
def test_loaders_read_the_values_of_the_adapter(
    tmp_path: Path, model: nn.Module, most: str | None
) -> None:
    with torch.device("meta"):
        specs = Model()  # `specs` has no memory
    path = checkpoint.write(RECIPE, specs, tmp_path, max_shard_size=most)
    files = [path] if most is None else sorted(tmp_path.glob("*-of-*.safetensors"))
    assert len(files) > 1 or most is None
    same({name: each for file in files for name, each in load_file(file).items()}, model)

    found: dict[str, Any] = {}
    for file in files:
        with safe_open(file, framework="pt") as opened:
            assert opened.metadata()["format"] == "pt"
            found |= {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    same(found, model)

    loaded = Model()
    state = loaded.state_dict()
    dcp.load(state, storage_reader=HuggingFaceStorageReader(path=str(tmp_path)), no_dist=True)
    loaded.load_state_dict(state)
    same(loaded.state_dict(), model)
    if most is None:
        load_model(again := Model(), path)
        same(again.state_dict(), model)
    assert checkpoint.verify(path, specs=specs).ok


def test_a_checkpoint_of_the_library_is_verified(tmp_path: Path, model: nn.Module) -> None:
    """The values count, whoever wrote the file."""
    from safetensors.torch import save_file

    save_file(model.state_dict(), tmp_path / "theirs.safetensors")
    assert checkpoint.verify(tmp_path / "theirs.safetensors", RECIPE).ok
    state = model.state_dict() | {"odd": torch.zeros(7, 3, dtype=torch.float8_e4m3fn)}
    save_file(state, tmp_path / "changed.safetensors")
    report = checkpoint.verify(tmp_path / "changed.safetensors", RECIPE)
    assert [(each.name, each.found) for each in report.differences] == [("odd", 0.0)]
