# %% [markdown]
# # One device or eight
#
# The same model on one device and sharded over eight, with the same seed: the same weights, bit for bit. Each device's
# block is made on its own, and nobody ever holds a whole tensor.

# %% tags=["hidden"]
import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats

plt.style.use("docs/pictures.mplstyle")
set_matplotlib_formats("svg")

# %%
import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from initializers.jax import init_tree

# Eight devices on this machine, to try it.
jax.config.update("jax_num_cpu_devices", 8)
mesh = jax.make_mesh((4, 2), ("data", "model"))

# %%
shapes = {
    "embedding": jax.ShapeDtypeStruct((1024, 512), "float32"),
    "up/kernel": jax.ShapeDtypeStruct((512, 2048), "bfloat16"),
    "down/kernel": jax.ShapeDtypeStruct((2048, 512), "bfloat16"),
    "norm/scale": jax.ShapeDtypeStruct((512,), "float32"),
}
rules = {"norm/*": "ones", "embedding": "random_normal", "*kernel": "lecun_normal"}
places = {
    "embedding": NamedSharding(mesh, P("data", "model")),
    "up/kernel": NamedSharding(mesh, P(None, "model")),
    "down/kernel": NamedSharding(mesh, P("model", "data")),
    "norm/scale": NamedSharding(mesh, P()),
}
whole = init_tree(shapes, rules, seed=2024)
sharded = init_tree(shapes, rules, seed=2024, shardings=places)

for name, weight in sharded.items():
    equal = np.asarray(weight).tobytes() == np.asarray(whole[name]).tobytes()
    blocks = {shard.data.shape for shard in weight.addressable_shards}
    devices = len(weight.devices())
    print(f"{name:12} {devices} devices, blocks of {blocks}, equal bits: {equal}")
    assert equal

# %% [markdown]
# Where the blocks lie: `down/kernel`, each block in the color of its device.

# %% tags=["hidden"]
weight = sharded["down/kernel"]
owner = np.empty(weight.shape, int)
for shard in weight.addressable_shards:
    owner[shard.index] = shard.device.id
figure, axes = plt.subplots(1, 2)
axes[0].imshow(owner.T, aspect="auto", cmap="tab10", interpolation="nearest")
axes[0].set_title("device of each element", fontsize=10)
axes[1].imshow(
    np.asarray(weight, "float32").T[:256, :1024],
    aspect="auto",
    cmap="coolwarm",
    vmin=-0.05,
    vmax=0.05,
)
axes[1].set_title("values: no seam", fontsize=10)
plt.show()
