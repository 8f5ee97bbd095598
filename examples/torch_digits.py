"""PyTorch: initialize a classifier from one seed, by name, and train it on handwritten digits.

Run it with torch and scikit-learn installed, as in `.envs/torch/bin/python`. The digest is the same
on every machine; the accuracy is too, except for rounding in torch's arithmetic.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import nn

import initializers
from initializers.torch import init_module_

SEED = 2024
# torch stores a matrix as (outputs, inputs); its fans are counted accordingly.
RULES = {"*.bias": "zeros", "*.weight": "he_normal"}


def build() -> nn.Module:
    """Return the classifier on the meta device, without memory."""
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def main() -> None:
    """Train for 200 steps; print the digest, the loss and the test accuracy."""
    model = init_module_(build(), RULES, SEED)
    weights = {name: value.detach().numpy() for name, value in model.named_parameters()}
    print(f"digest of the weights, seed {SEED}: {initializers.digest(weights)[:16]}")

    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
    train, test = slice(0, 1500), slice(1500, None)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(200):
        loss = nn.functional.cross_entropy(model(x[train]), y[train])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    accuracy = (model(x[test]).argmax(1) == y[test]).float().mean()
    print(f"loss {loss:.3f}, test accuracy {accuracy:.1%}")


if __name__ == "__main__":
    main()
