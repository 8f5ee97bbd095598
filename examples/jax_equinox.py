"""JAX with Equinox, whose layers have no initializer arguments: a whole model by name.

Equinox stores a matrix as (outputs, inputs); `init_tree` counts fans accordingly. Run it with
equinox, optax and scikit-learn installed, as in `.envs/jax/bin/python`.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from sklearn.datasets import load_digits

from initializers.jax import init_tree

SEED = 2024
RULES = {"*/bias": "zeros", "*/weight": "he_normal"}


def main() -> None:
    """Train for 200 steps; print the loss and the test accuracy."""
    images, labels = load_digits(return_X_y=True)
    x, y = jnp.asarray(images / 16, jnp.float32), jnp.asarray(labels)
    train, test = slice(0, 1500), slice(1500, None)

    shapes = eqx.filter_eval_shape(eqx.nn.MLP, 64, 10, 128, 1, key=jax.random.key(0))
    model = init_tree(shapes, RULES, SEED)
    # `equinox.tree_at` replaces single weights of an existing model:
    model = eqx.tree_at(lambda model: model.layers[-1].bias, model, jnp.full(10, 0.1))

    def compute_loss(model: Any) -> Any:
        logits = jax.vmap(model)(x[train])
        return optax.softmax_cross_entropy_with_integer_labels(logits, y[train]).mean()

    optimizer = optax.adam(3e-3)

    @eqx.filter_jit  # type: ignore[untyped-decorator]
    def step(model: Any, state: Any) -> Any:
        loss, gradients = eqx.filter_value_and_grad(compute_loss)(model)
        updates, state = optimizer.update(gradients, state)
        return eqx.apply_updates(model, updates), state, loss

    state = optimizer.init(eqx.filter(model, eqx.is_array))
    for _ in range(200):
        model, state, loss = step(model, state)
    accuracy = (jax.vmap(model)(x[test]).argmax(1) == y[test]).mean()
    print(f"loss {loss:.3f}, test accuracy {accuracy:.1%}")


if __name__ == "__main__":
    main()
