"""The literal types list exactly the names that the code accepts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import pytest

from initializers._arguments.conventions import CONVENTIONS
from initializers._arguments.types import Activation, Convention, Nonlinearity
from initializers._classes.fans import _GAINS
from initializers.propagation._activations import FUNCTIONS
from initializers.recipe import list_models
from initializers.recipe._published import list_recipes
from initializers.recipe._recipe import PlainName
from initializers.recipe._sources import ModelName

# Published recipes with numbers: `Recipe.for_model` has an overload for each.
WITH_NUMBERS = {"clip", "gpt2", "keras-resnet50", "megatron", "resnet", "swin", "t5"}


@pytest.mark.parametrize(
    ("literal", "names"),
    [
        (Activation, FUNCTIONS),
        (Convention, CONVENTIONS),
        (ModelName, list_models()),
        (Nonlinearity, _GAINS),
        (PlainName, {*list_recipes()} - WITH_NUMBERS),
    ],
    ids=["activation", "convention", "model", "nonlinearity", "recipe"],
)
def test_literals_list_the_accepted_names(literal: Any, names: Iterable[str]) -> None:
    assert sorted(get_args(literal)) == sorted(names)
