# %% [markdown]
# # A PyTorch model, trained from a recipe
#
# A network of 21 layers learns handwritten digits, or does not: that depends on one line of the recipe. The data are the
# 1797 digits of 8 × 8 pixels that scikit-learn brings along.

# %% tags=["hidden"]
import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats

plt.style.use("docs/pictures.mplstyle")
set_matplotlib_formats("svg")

# %%
import numpy as np
import torch
from sklearn.datasets import load_digits

from initializers import RandomNormal, Recipe, digest
from initializers.torch import init_module_

torch.set_num_threads(1)
images, labels = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(images))
x = torch.tensor(images[order] / 8 - 1, dtype=torch.float32)
y = torch.tensor(labels[order])
TRAIN, TEST = slice(0, 1500), slice(1500, None)

# %% [markdown]
# The model is built on the device meta: it has names and shapes, but no memory.


# %%
def build():
    with torch.device("meta"):
        layers = [torch.nn.Linear(64, 64)]
        for _ in range(19):
            layers += [torch.nn.ReLU(), torch.nn.Linear(64, 64)]
        return torch.nn.Sequential(
            *layers, torch.nn.ReLU(), torch.nn.Linear(64, 10)
        )


# %% [markdown]
# Three recipes that differ in the initializer of the matrices. This is the whole text of the first one:

# %%
kinds = {
    "HeNormal": "he_normal",
    "GlorotUniform": "glorot_uniform",
    "RandomNormal(0.05)": RandomNormal(stddev=0.05),
}
recipes = {
    name: Recipe({"*.bias": "zeros", "*.weight": kind}, seed=2024)
    for name, kind in kinds.items()
}
print(recipes["HeNormal"].to_toml())

# %% [markdown]
# Each model trains for 200 steps of Adam on the same batches.


# %%
def train(recipe):
    model = init_module_(build(), recipe)
    first = digest(
        {name: value.numpy() for name, value in model.state_dict().items()}
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    batches = np.random.default_rng(1).integers(0, 1500, (200, 64))
    losses = []
    for batch in batches:
        loss = torch.nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    accuracy = (model(x[TEST]).argmax(1) == y[TEST]).float().mean().item()
    return first, losses, accuracy


results = {name: train(recipe) for name, recipe in recipes.items()}
for name, (first, losses, accuracy) in results.items():
    print(
        f"{name:20} digest {first[:12]}  loss {losses[-1]:.3f}  accuracy {accuracy:6.1%}"
    )

# %% [markdown]
# Ten digits guessed blindly give a loss of ln 10 ≈ 2.303 and an accuracy of 10 %.

# %% tags=["hidden"]
for name, (_, losses, _) in results.items():
    plt.plot(losses, label=name)
plt.xlabel("step")
plt.ylabel("loss")
plt.legend(fontsize=8)
plt.show()

# %% [markdown]
# The recipe and the seed say all about the start: a second run begins with the same bits. On the same machine, with one
# thread, it also ends with the same loss.

# %%
first, losses, _ = train(recipes["HeNormal"])
print("same first weights:", first == results["HeNormal"][0])
print("same losses:       ", losses == results["HeNormal"][1])

# %% [markdown]
# `initializers.propagate` predicts which of the three can learn, before any training: see
# [Signal propagation](../../propagation/).
