# %% [markdown]
# # A Keras model, trained from a recipe
#
# Does one more convolution help? To answer that, the two models should differ in that layer only. With one random generator
# for the whole model they do not: the new layer shifts every draw after it. With a recipe each weight depends on the seed
# and its own name, so all other weights begin with the same bits.

# %% tags=["hidden"]
import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats

plt.style.use("docs/pictures.mplstyle")
set_matplotlib_formats("svg")

# %%
import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from sklearn.datasets import load_digits

from initializers import Recipe, digest
from initializers.keras import init_model, name_variables

images, labels = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(images))
x, y = images[order].reshape(-1, 8, 8, 1).astype("float32") / 16, labels[order]
x_train, y_train, x_test, y_test = x[:1500], y[:1500], x[1500:], y[1500:]

# %% [markdown]
# The data are the 1797 digits of 8 × 8 pixels that scikit-learn brings along. The layers have names, because weights are
# initialized by name.


# %%
def build(more=False):
    layers = [keras.layers.Conv2D(16, 3, activation="relu", name="conv")]
    if more:
        layers.append(
            keras.layers.Conv2D(
                16, 3, padding="same", activation="relu", name="more"
            )
        )
    layers += [
        keras.layers.MaxPooling2D(name="pool"),
        keras.layers.Flatten(name="flat"),
        keras.layers.Dense(10, name="logits"),
    ]
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


recipe = Recipe(
    {"*/bias": "zeros", "logits/*": "lecun_normal", "*": "he_normal"}, seed=2024
)
print(recipe.to_toml())

# %% [markdown]
# `keras.utils.set_random_seed`, then the recipe: which kernels does the additional layer leave alone?


# %%
def seed_globally(more):
    keras.utils.set_random_seed(2024)
    return build(more)


def by_recipe(more):
    return init_model(lambda: build(more), recipe)


for make in (seed_globally, by_recipe):
    small, large = (
        {
            name: np.asarray(variable.value)
            for name, variable in name_variables(make(more)).items()
        }
        for more in (False, True)
    )
    for name in ("conv/kernel", "logits/kernel"):
        print(
            f"{make.__name__:14} {name:14} same bits: {np.array_equal(small[name], large[name])}"
        )

# %% [markdown]
# Both models, trained for six epochs on the same batches:


# %%
def train(more):
    model = by_recipe(more)
    weights = {
        name: np.asarray(v.value) for name, v in name_variables(model).items()
    }
    model.compile(
        keras.optimizers.Adam(3e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    keras.utils.set_random_seed(1)  # the order of the batches
    history = model.fit(
        x_train, y_train, 50, 6, verbose=0, validation_data=(x_test, y_test)
    ).history
    return digest(weights), history


results = {"one convolution": train(False), "two convolutions": train(True)}
for name, (first, history) in results.items():
    accuracy = history["val_accuracy"][-1]
    print(
        f"{name:17} digest {first[:12]}  loss {history['loss'][-1]:.3f}  accuracy {accuracy:.1%}"
    )

# %% tags=["hidden"]
for name, (_, history) in results.items():
    plt.plot(range(1, 7), history["val_accuracy"], marker="o", label=name)
plt.xlabel("epoch")
plt.ylabel("accuracy on 297 unseen digits")
plt.legend(fontsize=8)
plt.show()

# %% [markdown]
# The digests of the first weights are those of `recipe.init(model)`, on every backend of Keras and on every machine.

# %%
weights = recipe.init(build())
print(digest(weights)[:12], digest(weights) == results["one convolution"][0])

# %% [markdown]
# More on [recipes](../../recipes/) and on [Keras](../../keras/).
