"""Checkpoints: write the weights of a recipe to safetensors files of any size, and verify them.

>>> from initializers import Recipe, checkpoint
>>> recipe = Recipe({"*.bias": "zeros", "*": "he_normal"}, seed=2024, convention="torch")
>>> specs = {"up.weight": (64, 256), "up.bias": (256,)}
>>> path = checkpoint.write(recipe, specs, "example.safetensors", overwrite=True)
>>> checkpoint.verify(path).ok
True
>>> path.unlink()
"""

from .._files.metadata import read_specs
from .._public import publish
from ._verify import Difference, Report, read_recipe, verify
from ._write import write

__all__ = ["Difference", "Report", "read_recipe", "read_specs", "verify", "write"]

publish(__name__, globals())
