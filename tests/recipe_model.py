"""One model for all frameworks: its weights, a recipe, and the digest of the result."""

from __future__ import annotations

from initializers import Orthogonal, RandomNormal, Recipe, VarianceScaling

SHAPES = {
    "conv/kernel": (3, 3, 3, 5),
    "conv/bias": (5,),
    "norm/gamma": (5,),
    "norm/beta": (5,),
    "norm/moving_mean": (5,),
    "norm/moving_variance": (5,),
    "dense/kernel": (20, 6),
    "dense/bias": (6,),
    "head/kernel": (6, 4),
    "head/bias": (4,),
}
RECIPE = Recipe(
    {
        "dense/kernel": Orthogonal(0.5),
        "*/kernel": VarianceScaling(2.0, "fan_out", "untruncated_normal"),
        "conv/bias": RandomNormal(stddev=0.01),
        "*/gamma": "ones",
        "*variance": "ones",
        "*": "zeros",
    },
    seed=-3,
    convention="keras",
)
# Digest of the weights that `RECIPE` gives, in the order of `SHAPES`, in float32.
DIGEST = "cce6ac237c67830b2e8eb7a33a3845ee7300b5b41b4a2d9f0d954044a58b2e0c"
