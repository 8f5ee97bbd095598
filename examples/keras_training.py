"""Train a small CNN and an LSTM on handwritten digits with this package's initializers and Keras's.

Data: the 1797 digits of 8 × 8 pixels that ship with scikit-learn, every fourth for testing. Adam,
no augmentation. Both runs have the same seeds and the same order of batches; only the initial
weights differ. Prints the accuracy for each seed and draws the curves.

    python examples/keras_training.py [--seeds 5] [--plot curves.png]
"""

from __future__ import annotations

import argparse
import os
from contextlib import nullcontext
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from sklearn.datasets import load_digits

from initializers.keras import install

EPOCHS = {"CNN": 6, "LSTM": 14}
WANTED = {"CNN": 0.97, "LSTM": 0.93}
KINDS = {"here": install, "Keras's": nullcontext}


def build(name: str) -> Any:
    """Return a new, untrained model."""
    layers = keras.layers
    if name == "CNN":
        body = [
            layers.Reshape((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu", kernel_initializer="he_normal"),
            layers.Conv2D(32, 3, activation="relu", kernel_initializer="he_normal"),
            layers.MaxPooling2D(),
            layers.Flatten(),
        ]
    else:
        body = [layers.LSTM(48)]  # reads the rows in order
    return keras.Sequential([keras.Input((8, 8)), *body, layers.Dense(10, activation="softmax")])


def train(name: str, seeds: Any, data: Any) -> dict[str, Any]:
    """Return kind of initializer → test accuracy, of shape (seeds, epochs)."""
    model = build(name)  # compiled once; its initial weights are replaced below
    model.compile(
        keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.optimizer.build(model.trainable_variables)
    fresh_optimizer = [keras.ops.convert_to_numpy(each) for each in model.optimizer.variables]

    x, y, x_test, y_test = data
    curves: dict[str, Any] = {kind: [] for kind in KINDS}
    for seed in seeds:
        for kind, scope in KINDS.items():
            keras.utils.set_random_seed(seed)
            with scope():
                model.set_weights(build(name).get_weights())
            for variable, value in zip(model.optimizer.variables, fresh_optimizer, strict=True):
                variable.assign(value)
            keras.utils.set_random_seed(seed)  # the same order of the batches
            history = model.fit(
                x, y, 32, EPOCHS[name], verbose=0, validation_data=(x_test, y_test)
            ).history
            curves[kind].append(history["val_accuracy"])
    return {kind: np.array(values) for kind, values in curves.items()}


def plot(curves: dict[str, dict[str, Any]], path: str) -> None:
    """Draw the mean and the range of the curves of all seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(curves), figsize=(10, 4), sharey=True)
    for axis, (name, kinds) in zip(axes, curves.items(), strict=True):
        for kind, values in kinds.items():
            epochs = np.arange(1, EPOCHS[name] + 1)
            axis.plot(epochs, values.mean(0), label=f"initializers: {kind}")
            axis.fill_between(epochs, values.min(0), values.max(0), alpha=0.2)
        axis.set(title=name, xlabel="epoch", ylabel="accuracy on test digits", ylim=(0.5, 1.0))
        axis.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Train all; print a row for each model and kind."""
    parser = argparse.ArgumentParser(description="Train on digits with both kinds of initializers.")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 on")
    parser.add_argument("--plot", default="keras_training.png", help="where the curves go")
    arguments = parser.parse_args()

    digits: Any = load_digits()
    x, y = (digits.images / 16).astype("float32"), digits.target
    test = np.arange(len(x)) % 4 == 0
    data = x[~test], y[~test], x[test], y[test]
    seeds = range(arguments.seeds)

    print(f"Accuracy on 450 test digits after training, seeds 0 to {arguments.seeds - 1}")
    curves = {name: train(name, seeds, data) for name in EPOCHS}
    for name in EPOCHS:
        for kind, values in curves[name].items():
            last = values[:, -1]
            each = " ".join(f"{value:.3f}" for value in last)
            print(f"{name:<6}{kind:<9}mean {last.mean():.3f} (wanted {WANTED[name]})   {each}")
    plot(curves, arguments.plot)
    print(f"curves: {arguments.plot}")


if __name__ == "__main__":
    main()
