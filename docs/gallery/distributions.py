# %% [markdown]
# # Distributions against theory
#
# Ten million values of each sampler, and the density that its documentation promises. The histogram lies on the curve,
# also where few samplers are right: in the far tail of a truncated normal.

# %% tags=["hidden"]
import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import set_matplotlib_formats

plt.style.use("docs/pictures.mplstyle")
set_matplotlib_formats("svg")

# %%
import math

import numpy as np
from scipy import stats

from initializers import HeNormal, RandomNormal, RandomUniform, TruncatedNormal

SIZE = 10_000_000

# %% [markdown]
# `HeNormal` is a truncated normal that is right *after* the truncation: its variance is 2 / fan_in, and no value lies
# beyond two standard deviations of the normal that it is cut from, which is 2.27 of its own.

# %%
fan_in = 512
stddev = math.sqrt(2 / fan_in)
samplers = {
    "RandomUniform(−1, 1)": (RandomUniform(-1, 1, seed=2), stats.uniform(-1, 2)),
    "RandomNormal(0, 1)": (RandomNormal(0, 1, seed=2), stats.norm()),
    "TruncatedNormal(0, 1)": (
        TruncatedNormal(0, 1, seed=2),
        stats.truncnorm(-2, 2),
    ),
}
figure, axes = plt.subplots(1, 3, sharey=True)
for axis, (name, (initializer, law)) in zip(axes, samplers.items(), strict=True):
    values = initializer((SIZE,))
    axis.hist(values, bins=200, density=True, color="#7986cb")
    x = np.linspace(*law.ppf([1e-6, 1 - 1e-6]), 400)
    axis.plot(x, law.pdf(x), color="#d84315", linewidth=1)
    axis.set_title(name, fontsize=10)
figure.supylabel("density")
plt.show()

# %% [markdown]
# The numbers behind the picture: the largest distance between the empirical and the true distribution function
# (Kolmogorov and Smirnov), times √n. For values that do follow the law it stays below 1.95 in 999 cases of 1000.

# %%
for name, (initializer, law) in samplers.items():
    values = np.sort(initializer((SIZE,), "float64"))
    steps = np.arange(SIZE + 1) / SIZE
    exact = law.cdf(values)
    distance = max((steps[1:] - exact).max(), (exact - steps[:-1]).max())
    print(f"{name:22} {distance * math.sqrt(SIZE):.3f}")

kernel = HeNormal(seed=1)((fan_in, 20_000))
print(f"HeNormal: standard deviation {kernel.std():.6f}, wanted {stddev:.6f}")
print(f"largest |value| {np.abs(kernel).max() / stddev:.4f} standard deviations")

# %% [markdown]
# ## Far out in the tail
#
# Samplers that invert an approximate distribution function, or that reject and give up, go wrong where little mass is
# left. Here 1 000 000 values of a normal variable beyond 8 standard deviations, where 6·10⁻¹⁶ of it lies, against the
# exact conditional density.

# %%
tail = TruncatedNormal(0.0, 1.0, bounds=(8.0, 12.0), seed=1)(
    (1_000_000,), "float64"
)
law = stats.truncnorm(8, 12)
x = np.linspace(8, 9.6, 300)
plt.hist(tail, bins=150, range=(8, 9.6), density=True, log=True, color="#7986cb")
plt.plot(x, law.pdf(x), color="#d84315", linewidth=1)
plt.xlabel("value, in standard deviations")
plt.ylabel("density")
plt.show()
