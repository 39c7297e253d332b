"""
The smallest generative adversarial network
===========================================

A generator draws points in the plane, a discriminator says whether a point is real or drawn, and each learns from the
other. When nobody can tell them apart, the points are drawn as the real ones are. Here both are so small that this can
be checked: the true mean and covariance are known.
"""

# %%
# A Gaussian
# ----------
# The generator is an affine map, z → Az + b. It can draw every Gaussian and nothing else, and its covariance is AAᵀ, so
# that nothing has to be estimated from its points.

import tempfile

import numpy as np
from matplotlib import pyplot as plt

from passband.generation.gan import TRAINING, PointGAN, train_points
from passband.generation.moments import PointMoments, count_modes, moment_errors
from passband.training.history import read_history

matrix, mean = np.array([[1.0, 2.0], [-0.1, 0.5]]), np.array([1.0, 2.0])
true = PointMoments(mean, matrix.T @ matrix)


def trained(points, recipe, **changes):
    with tempfile.TemporaryDirectory() as folder:
        model = train_points(points, recipe, folder, training=TRAINING.model_copy(update=changes))
        return model, read_history(f"{folder}/history.parquet")


for seed in range(6):
    points = np.random.default_rng(seed).standard_normal((20_000, 2)) @ matrix + mean
    model, history = trained(points, PointGAN(), seed=seed)
    error = moment_errors(model.moments(), true)
    print(f"seed {seed}: mean wrong by {error.mean:.1%} of the deviation, covariance by {error.covariance:.1%}")
print(f"true covariance\n{true.covariance.round(2)}\nlearnt (the last seed)\n{model.moments().covariance.round(2)}")

# %%
# What the losses say
# -------------------
# The discriminator descends −log D(real) − log(1 − D(drawn)), the generator −log D(drawn). Neither falls for ever, as
# the loss of a network alone does: where nothing can be told apart D is ½ everywhere, the losses are 2 ln 2 = 1.386 and
# ln 2 = 0.693, and there they stay. A discriminator whose loss goes to 0 has won, and the generator learns nothing.

epochs = [row["epoch"] for row in history]
figure, (left, right) = plt.subplots(1, 2, figsize=(8.8, 3.6), layout="constrained")
for name, level, colour in (("discriminator", 2 * np.log(2), "tab:blue"), ("generator", np.log(2), "tab:orange")):
    left.plot(epochs, [row[f"loss_{name}"] for row in history], marker="o", color=colour, label=name)
    left.axhline(level, color=colour, linestyle=":")
left.set(xlabel="epoch", ylabel="loss (with R1, nats)")
left.legend(frameon=False)
drawn = model.sample(1000, seed=1)
for points_, name in ((points[:1000], "real"), (drawn, "drawn")):
    right.plot(*points_.T, ".", markersize=2, label=name)
right.set(xlabel="x", ylabel="y", aspect="equal")
right.legend(frameon=False)
plt.show()

# %%
# Mode collapse
# -------------
# Eight Gaussians on a ring, and a generator with hidden layers. With momentum (β₁ = 0.9) and nothing that keeps the
# discriminator smooth the generator runs from one place to the next, each time to where the discriminator is fooled:
# most modes are missed. With β₁ = 0.5 and R1, a penalty on the gradient of the discriminator at real points, all
# are drawn.

angles = 2 * np.pi * np.arange(8) / 8
centres = np.stack([np.cos(angles), np.sin(angles)], 1)
rng = np.random.default_rng(0)
points = centres[rng.integers(8, size=20_000)] + 0.05 * rng.standard_normal((20_000, 2))
wide = {"generator": (64, 64), "discriminator": (64, 64)}
figure, axes = plt.subplots(1, 2, figsize=(8.0, 4.0), layout="constrained")
for axis, recipe, changes in (
    (axes[0], PointGAN(gamma=0.0, momentum=0.9, **wide), {"learning_rate": 1e-2, "average": 0.0}),
    (axes[1], PointGAN(gamma=0.1, **wide), {"learning_rate": 2e-3}),
):
    model, _ = trained(points, recipe, **changes)
    drawn = model.sample(2000, seed=1)
    found = count_modes(drawn, centres, 0.05)
    print(f"β₁ = {recipe.momentum}, γ = {recipe.gamma}: {found.text}")
    axis.plot(*centres.T, "o", color="tab:green", markersize=16, fillstyle="none")
    axis.plot(*drawn.T, ".", color="tab:orange", markersize=2)
    axis.set(title=f"β₁ = {recipe.momentum}, γ = {recipe.gamma}", aspect="equal", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5))
plt.show()
