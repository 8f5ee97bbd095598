# %% [markdown]
# # Spectra of orthogonal matrices
#
# A matrix stretches what it is applied to by its singular values. Those of a random normal matrix spread over [0, 2]
# (Marchenko and Pastur), so a few directions grow and most shrink; those of an orthogonal one are all 1. That is why a
# recurrent network, which applies one matrix at every step, starts from an orthogonal one.

# %% tags=["hidden"]
import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats

plt.style.use("docs/pictures.mplstyle")
set_matplotlib_formats("svg")

# %%
import numpy as np

from initializers import DeltaOrthogonal, LecunNormal, Orthogonal

N = 512
normal = LecunNormal(seed=1)((N, N), "float64")
rotation = Orthogonal(seed=1)((N, N), "float64")

figure, (values, powers) = plt.subplots(1, 2)
values.hist(
    np.linalg.svd(normal, compute_uv=False), bins=40, density=True, color="#7986cb"
)
s = np.linspace(0, 2, 400)
values.plot(s, np.sqrt(4 - s**2) / np.pi, color="#d84315", label="quarter circle")
values.axvline(1, color="#2e7d32", label="orthogonal")
values.set_xlabel("singular value")
values.legend(fontsize=8)
for matrix, name in ((normal, "LecunNormal"), (rotation, "Orthogonal")):
    state, norms = np.ones(N) / np.sqrt(N), []
    for _ in range(200):
        state = matrix @ state
        norms.append(np.linalg.norm(state))
    powers.semilogy(norms, label=name)
powers.set_xlabel("step")
powers.set_ylabel("length of the state")
powers.set_ylim(1e-6, 1e6)
powers.legend(fontsize=8)
plt.show()

# %% [markdown]
# How orthogonal is it? The largest element of QᵀQ − I, in each dtype. The lower precisions are float32 results, rounded
# once.

# %%
for dtype in ("float64", "float32", "float16", "bfloat16"):
    q = Orthogonal(seed=1)((N, N), dtype).astype("float64")
    print(f"{dtype:9} {np.abs(q.T @ q - np.eye(N)).max():.1e}")

# %% [markdown]
# ## Haar measure
#
# "Random orthogonal" means that no direction is preferred. Then the eigenvalues lie evenly on the unit circle, but for
# the half of all matrices whose determinant is −1: of even order, they have the eigenvalues 1 and −1, the two peaks at
# the angles 0 and π. A QR factorization whose signs are not fixed gives something else: its eigenvalues avoid 1
# (Mezzadri, 2007).

# %%
figure, axes = plt.subplots(1, 2, sharey=True)
angles = {"Orthogonal": [], "numpy.linalg.qr as it is": []}
for seed in range(400):
    drawn = LecunNormal(seed=seed)((40, 40), "float64")
    for name, q in zip(
        angles,
        (Orthogonal(seed=seed)((40, 40), "float64"), np.linalg.qr(drawn)[0]),
        strict=True,
    ):
        angles[name].extend(np.angle(np.linalg.eigvals(q)))
for axis, (name, found) in zip(axes, angles.items(), strict=True):
    axis.hist(found, bins=60, density=True, color="#7986cb")
    axis.axhline(1 / (2 * np.pi), color="#d84315")
    axis.set_title(name, fontsize=10)
    axis.set_xlabel("angle of an eigenvalue")
plt.show()

# %% [markdown]
# For convolutions: `DeltaOrthogonal` keeps the length of every input of a circular convolution exactly.

# %%
kernel = DeltaOrthogonal(seed=1)((3, 3, 32, 64), "float64")
image = np.random.default_rng(1).normal(size=(16, 16, 32))
result = sum(
    np.roll(image, (1 - i, 1 - j), (0, 1)) @ kernel[i, j]
    for i in range(3)
    for j in range(3)
)
print(f"{np.linalg.norm(result) / np.linalg.norm(image):.15f}")
