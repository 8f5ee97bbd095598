"""JAX with Flax nnx: initializers as arguments of layers, or a whole model by name.

Run it with flax, optax and scikit-learn installed, as in `.envs/jax/bin/python`.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax
from flax import nnx
from sklearn.datasets import load_digits

from initializers.jax import he_normal, init_tree

SEED = 2024
RULES = {"*bias": "zeros", "*kernel": "he_normal"}


class Classifier(nnx.Module):  # type: ignore[misc]  # Any where Flax is not installed
    """Two linear layers."""

    def __init__(self, rngs: Any) -> None:
        # As always in nnx, the values then depend on the order in which layers are created.
        self.hidden = nnx.Linear(64, 128, kernel_init=he_normal(), rngs=rngs)
        self.out = nnx.Linear(128, 10, kernel_init=he_normal(), rngs=rngs)

    def __call__(self, x: Any) -> Any:
        """Return the logits of a batch of images."""
        return self.out(nnx.relu(self.hidden(x)))


def initialize() -> Any:
    """Return a model whose values depend on the seed and the names alone."""
    abstract = nnx.eval_shape(lambda: Classifier(nnx.Rngs(0)))
    definition, weights = nnx.split(abstract)
    return nnx.merge(definition, init_tree(weights, RULES, SEED))


def main() -> None:
    """Train both ways for 200 steps; print the loss and the test accuracy."""
    images, labels = load_digits(return_X_y=True)
    x, y = jnp.asarray(images / 16, jnp.float32), jnp.asarray(labels)
    train, test = slice(0, 1500), slice(1500, None)

    def compute_loss(model: Any) -> Any:
        logits = model(x[train])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y[train]).mean()

    @nnx.jit  # type: ignore[untyped-decorator]
    def step(model: Any, optimizer: Any) -> Any:
        loss, gradients = nnx.value_and_grad(compute_loss)(model)
        optimizer.update(model, gradients)
        return loss

    for title, model in (("layers", Classifier(nnx.Rngs(SEED))), ("names", initialize())):
        optimizer = nnx.Optimizer(model, optax.adam(3e-3), wrt=nnx.Param)
        for _ in range(200):
            loss = step(model, optimizer)
        accuracy = (model(x[test]).argmax(1) == y[test]).mean()
        print(f"by {title}: loss {loss:.3f}, test accuracy {accuracy:.1%}")


if __name__ == "__main__":
    main()
