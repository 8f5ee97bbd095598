"""Padding rows are zero everywhere: modules, recipes, files, verification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations

from initializers import Recipe, checkpoint
from initializers.recipe import Spec, read_specs
from initializers.torch import init_module_

RECIPE = Recipe({"*": "he_normal"}, seed=7, convention="torch")


class Model(nn.Module):  # type: ignore[misc]  # Any where torch is not installed
    """Padding through a tie whose first name is not the embedding's, and in a bag."""

    def __init__(self, wrap: Any = lambda module: module) -> None:
        super().__init__()
        self.head = nn.Linear(3, 5, bias=False)
        self.embed = nn.Embedding(5, 3, padding_idx=-1)
        self.head.weight = self.embed.weight
        self.bag = wrap(nn.EmbeddingBag(6, 2, padding_idx=0))


@pytest.fixture(params=[False, True])
def build(request: pytest.FixtureRequest) -> Any:
    wrap = parametrizations.weight_norm if request.param else (lambda module: module)
    return lambda: Model(wrap)


def test_recipes_leave_padding_rows_zero(build: Any) -> None:
    model, values = init_module_(build(), RECIPE), RECIPE.init(build())
    assert values.keys() == {"head.weight", "bag.weight"}
    assert torch.equal(torch.from_numpy(values["head.weight"]), model.head.weight)
    assert torch.allclose(torch.from_numpy(values["bag.weight"]), model.bag.weight, rtol=1e-5)
    assert values["head.weight"][4].tolist() == [0, 0, 0]
    assert values["bag.weight"][0].tolist() == [0, 0]
    assert (values["head.weight"][:4] != 0).all()


@pytest.mark.parametrize("most", [None, 16])
def test_checkpoints_leave_padding_rows_zero(build: Any, tmp_path: Path, most: int | None) -> None:
    with torch.device("meta"):
        model = build()
    path = checkpoint.write(RECIPE, model, tmp_path, max_shard_size=most)
    for specs in (None, model, path, tmp_path):  # the files record the padding
        report = checkpoint.verify(path, specs=specs)
        assert report.ok, report
        assert report.tensors == 2
    specs = read_specs(path)
    assert specs["head.weight"].padding == (4,)
    assert specs["bag.weight"].padding == (0,)
    assert checkpoint.write(RECIPE, path, tmp_path / "again.safetensors").exists()
    assert checkpoint.verify(tmp_path / "again.safetensors", specs=model).ok


def test_a_file_of_a_module_is_verified(tmp_path: Path) -> None:
    model = init_module_(Model(), RECIPE)
    path = tmp_path / "model.safetensors"
    save_file({"head.weight": model.head.weight, "bag.weight": model.bag.weight}, path)
    assert checkpoint.verify(path, RECIPE, model).ok
    model.bag.weight.data[0, 1] = 1
    save_file({"head.weight": model.head.weight, "bag.weight": model.bag.weight}, path)
    report = checkpoint.verify(path, RECIPE, model)
    assert [(each.name, each.index, each.expected) for each in report.differences] == [
        ("bag.weight", (0, 1), 0)
    ]


def test_plans_show_padding() -> None:
    plan = RECIPE.plan(Model())
    assert plan.weights["bag.weight"].padding == (0,)
    assert "rows 0 zero" in str(plan)


def test_specs_hold_padding_rows() -> None:
    wrong: Any = [4, 0, 4]  # becomes sorted and distinct
    spec = Spec((5, 3), padding=wrong)
    assert spec.padding == (0, 4)
    assert "padding=(0, 4)" in repr(spec)
    listed = read_specs({"a": spec, "b": {"shape": [5, 3], "padding": [1]}, "c": (5, 3)})
    assert [each.padding for each in listed.values()] == [(0, 4), (1,), ()]
    assert not RECIPE.init({"b": {"shape": [5, 3], "padding": [1]}})["b"][1].any()
    cases: Any = (([5], ValueError), ([-1], ValueError), (1, TypeError), ([0.5], TypeError))
    for rows, error in cases:
        with pytest.raises(error, match="`padding` must"):
            Spec((5, 3), padding=rows)
    with pytest.raises(ValueError, match="must name rows of shape"):
        Spec((), padding=(0,))


def test_padding_under_a_function_and_a_transposed_rule() -> None:
    layer = nn.Embedding(5, 3, padding_idx=2)
    for rule in (lambda shape, dtype: torch.ones(shape).numpy(), "orthogonal"):
        init_module_(layer, {"*": rule}, 1)
        assert layer.weight[2].tolist() == [0, 0, 0]
        assert layer.weight[[0, 1, 3, 4]].any(1).all()
