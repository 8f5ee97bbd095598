"""Types of the adapters: read by basedpyright where JAX and Keras are installed, never run.

Each `# type: ignore` marks an error that it must find; an unused one is an error itself.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from typing import Any

import jax
import jax.nn.initializers as theirs
import keras
from typing_extensions import assert_type

import initializers.jax
import initializers.keras
from initializers import Recipe, Rule
from initializers.jax import init_tree
from initializers.keras import init_model


def factories_of_jax(key: jax.Array) -> None:
    """Factories return JAX's own protocol."""
    init = initializers.jax.he_normal()
    assert_type(init, theirs.Initializer)
    assert_type(init(key, (2, 3)), jax.Array)
    given: theirs.Initializer = initializers.jax.variance_scaling(1.0, "fan_in", "normal")
    assert given
    plain: theirs.Initializer = initializers.jax.zeros
    assert plain
    initializers.jax.variance_scaling(1.0, "fan", "normal")  # type: ignore[arg-type]


def names_in_keras() -> None:
    """The names of `initializers.keras` are visible, with Keras's arguments."""
    assert_type(initializers.keras.HeNormal(seed=1), initializers.keras.HeNormal)
    assert_type(initializers.keras.he_normal(seed=1), initializers.keras.HeNormal)
    assert_type(initializers.keras.uniform(-1.0, 1.0), initializers.keras.RandomUniform)
    initializers.keras.HeNromal()  # type: ignore[attr-defined]


def rules(layer: keras.layers.Layer, tree: Any) -> None:
    """Rules have the forms of a `Recipe`'s rules, or are functions."""
    recipe = Recipe({"*": "zeros"}, seed=1)
    init_model(layer, recipe)
    init_model(layer, [Rule("ones", "*"), ("a", None)], 1)
    init_tree(tree, {"*": initializers.jax.he_normal()}, 1)
    init_tree(tree, lambda name, shape: None if len(shape) < 2 else "he_normal", 1)
    init_tree(tree, "he_normal", 1)  # type: ignore[arg-type]
    init_model(layer, 3, 1)  # type: ignore[arg-type]
