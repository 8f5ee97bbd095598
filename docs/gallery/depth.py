# %% [markdown]
# # Why depth needs scale
#
# Fifty layers of 512 units with ReLU, once for each way to fill them, fed with standard normal inputs. A layer multiplies
# the mean square of what passes through it by fan_in · Var(w) / 2. If that is not 1, fifty layers take it to the power of
# fifty: signals die out or overflow, and so do gradients. He et al. (2015) choose Var(w) = 2 / fan_in for that reason.

# %% tags=["hidden"]
import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats

plt.style.use("docs/pictures.mplstyle")
set_matplotlib_formats("svg")

# %%
import numpy as np

from initializers import (
    GlorotUniform,
    HeNormal,
    LecunNormal,
    Orthogonal,
    RandomNormal,
    fold_in,
)

WIDTH, DEPTH, SEED = 512, 50, 2024

kinds = {
    "HeNormal": HeNormal(),
    "Orthogonal(√2)": Orthogonal(gain=2**0.5),
    "GlorotUniform": GlorotUniform(),
    "LecunNormal": LecunNormal(),
    "RandomNormal(0.05)": RandomNormal(stddev=0.05),
    "RandomNormal(0.1)": RandomNormal(stddev=0.1),
}

# %% [markdown]
# Each layer has a seed of its own, made from one seed and the layer's name by `fold_in`. With one seed for all layers
# they would all be the same matrix.

# %%
signals, gradients = {}, {}
for kind, initializer in kinds.items():
    kernels = [
        initializer.with_seed(fold_in(SEED, f"layer_{k}/kernel"))((WIDTH, WIDTH))
        for k in range(DEPTH)
    ]
    x = RandomNormal(stddev=1.0, seed=1)((256, WIDTH))
    active, sizes = [], []
    for kernel in kernels:
        x = np.maximum(x @ kernel, 0)
        active.append(x > 0)
        sizes.append(np.sqrt(np.mean(x.astype("float64") ** 2)))
    gradient = RandomNormal(stddev=1.0, seed=2)((256, WIDTH))
    back = []
    for kernel, on in zip(reversed(kernels), reversed(active), strict=True):
        gradient = (gradient * on) @ kernel.T
        back.append(np.sqrt(np.mean(gradient.astype("float64") ** 2)))
    signals[kind], gradients[kind] = sizes, back[::-1]

# %% tags=["hidden"]
figure, axes = plt.subplots(1, 2, sharey=True)
for axis, title, results in zip(
    axes, ("activations", "gradients"), (signals, gradients), strict=True
):
    for kind, sizes in results.items():
        axis.semilogy(range(1, DEPTH + 1), sizes, label=kind)
    axis.set_title(title)
    axis.set_xlabel("layer")
axes[0].set_ylabel("root mean square")
axes[1].legend(fontsize=8)
plt.show()

# %% [markdown]
# The slope of each line is the theory: the root mean square changes by √(fan_in · Var(w) / 2) a layer.

# %%
print(f"{'':20} a layer   theory")
for kind, sizes in signals.items():
    measured = (sizes[-1] / sizes[0]) ** (1 / (DEPTH - 1))
    sample = kinds[kind].with_seed(3)((WIDTH, WIDTH))
    theory = np.sqrt(WIDTH * sample.var(dtype="float64") / 2)
    print(f"{kind:20} {measured:7.4f}  {theory:7.4f}")

# %% [markdown]
# For a model of your own, in Keras, PyTorch or JAX, `initializers.propagate(model)` measures the same layer by layer, beside
# theory: see [Signal propagation](../../propagation/).
