"""JAX with Flax linen: a classifier initialized by name, trained on handwritten digits.

`init_tree` needs only the shapes, so nothing is made twice or compiled. Run it with flax, optax and
scikit-learn installed, as in `.envs/jax/bin/python`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen
from sklearn.datasets import load_digits

import initializers
from initializers.jax import init_tree

SEED = 2024
RULES = {"*/bias": "zeros", "*/kernel": "he_normal"}


class Classifier(linen.Module):  # type: ignore[misc]  # Any where Flax is not installed
    """Two dense layers."""

    @linen.compact  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        """Return the logits of a batch of images."""
        return linen.Dense(10)(linen.relu(linen.Dense(128)(x)))


def main() -> None:
    """Train for 200 steps; print the digest, the loss and the test accuracy."""
    images, labels = load_digits(return_X_y=True)
    x, y = jnp.asarray(images / 16, jnp.float32), jnp.asarray(labels)
    train, test = slice(0, 1500), slice(1500, None)
    model, optimizer = Classifier(), optax.adam(3e-3)

    shapes = jax.eval_shape(model.init, jax.random.key(0), x[:1])
    weights = init_tree(shapes, RULES, SEED)
    named = {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_flatten_with_path(weights)[0]
    }
    print(f"digest of the weights, seed {SEED}: {initializers.digest(named)[:16]}")

    def compute_loss(weights: Any) -> Any:
        logits: Any = model.apply(weights, x[train])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y[train]).mean()

    def step(weights: Any, state: Any) -> Any:
        loss, gradients = jax.value_and_grad(compute_loss)(weights)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(weights, updates), state, loss

    step, state = jax.jit(step), optimizer.init(weights)
    for _ in range(200):
        weights, state, loss = step(weights, state)
    logits: Any = model.apply(weights, x[test])
    accuracy = (logits.argmax(1) == y[test]).mean()
    print(f"loss {loss:.3f}, test accuracy {accuracy:.1%}")


if __name__ == "__main__":
    main()
