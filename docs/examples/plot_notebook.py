"""
passband in a notebook
======================

From a plan to a verdict with the names of ``import passband``, on micrographs that are simulated here, so that their
truth is known. All of this ran on one core, in half a minute, when the page was built.
"""

# %%
# A micrograph
# ------------
# ``passband.read_micrograph("my_image.dm4")`` reads yours, whatever its format. The path of a file may stand wherever a
# micrograph is asked for, with ``pixel_size="50pm"`` where the file does not say it.
#
# Here some are simulated. The plan ``au_hrtem``, gold particles on carbon, comes with passband; overrides make it small
# (:doc:`every key of a plan </plan_keys>`). ``simulate`` computes the exit waves once, and an ``Acquisition`` takes
# micrographs of them under any conditions.

from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import torch
from matplotlib import pyplot as plt

import passband

folder = Path(mkdtemp())
defocused = "{ focal_spread = 10.0, dose = 400.0, aberrations = { defocus = 100.0 } }"  # Å and e⁻/Å²
focused = "{ focal_spread = 10.0, dose = 400.0, aberrations = { defocus = 10.0 } }"
scene = "{ field = 102.4, materials = ['Au'], particles = 2, diameter = { uniform = [25.0, 45.0] } }"
training = "{ epochs = 6, steps_per_epoch = 20, batch_size = 8, learning_rate = 1e-2, average = 0.9 }"
plan = passband.load_plan(
    "au_hrtem",
    [
        f"simulation={{ scene = {scene}, structures = 12, pixel_size = 0.4, slice_thickness = 4.0 }}",
        f"imaging={{ conditions = {defocused}, pixel_size = 0.8, patch = 96 }}",
        f"validation=[{{ name = 'trained', conditions = {defocused} }}, {{ name = 'focus', conditions = {focused} }}]",
        f"training={training}",
        "training.schedule=cosine",
        "split={ validation = 0.1, test = 0.25 }",
        "patches_per_structure=4",
        "network=tiny",
    ],
)
store = passband.simulate(plan, folder / "store")
camera = plan.imaging.model_copy(update={"patch": 128})  # pixels; the whole field
batch = passband.Acquisition(store, camera, in_turn=True).batch(0, len(store))  # one micrograph of each structure
truths = batch.masks.numpy() > 0
micrographs = [
    passband.Micrograph(image.numpy(), pixel_size=(0.8, 0.8), energy=300e3, mode="TEM") for image in batch.images[:, 0]
]
micrograph, truth = micrographs[0], truths[0]
print(f"{len(micrographs)} micrographs of {micrograph.array.shape} pixels of {micrograph.pixel_size[0]} Å")

# %%
# Segment it
# ----------
# Without another word the network that comes with passband is used; a folder or a loaded model may be given.

segmentation = passband.segment(micrograph)
figure, axes = plt.subplots(1, 3, figsize=(9.0, 3.2), layout="constrained")
shown = {
    "micrograph": micrograph.array,
    "probability of a particle": segmentation.foreground,
    "mask, with the truth as a line": segmentation.labels,
}
for axis, (title, picture) in zip(axes, shown.items(), strict=True):
    axis.imshow(picture, cmap="gray", extent=(0.0, 10.24, 10.24, 0.0))
    axis.set(title=title, xlabel="x (nm)")
axes[2].contour(truth, levels=[0.5], colors="#ff7a00", extent=(0.0, 10.24, 10.24, 0.0), origin="image")
axes[0].set_ylabel("y (nm)")
plt.show()

# %%
# Particles
# ---------

for particle in passband.measure_particles(segmentation.labels, micrograph.pixel_size, minimum_area_nm2=0.5):
    size, x, y = (particle[name] for name in ("equivalent_diameter_nm", "centroid_x_nm", "centroid_y_nm"))
    print(f"particle {particle['label']}: {size:.2f} nm across, at x = {x:.2f} nm, y = {y:.2f} nm")

# %%
# Does the network hold?
# ----------------------
# The verdict predicts how much of the mask is wrong, from what the network shows on this micrograph and the conditions,
# given or fitted to its Thon rings; see :doc:`/trust`.

verdict = passband.assess(micrograph, given={"C10": -100.0, "focal_spread": 10.0, "dose": 400.0})
print(verdict.line())

# %%
# What is predicted is the mean over micrographs that are taken alike. On a single one a network may do worse, and where
# the truth is known one can look:

model = passband.load_model("au_hrtem")  # once, for many micrographs
masks = np.stack([passband.segment(one, model).labels for one in micrographs]) > 0
dice = 2.0 * (masks & truths).sum((1, 2)) / (masks.sum((1, 2)) + truths.sum((1, 2)))
median, lowest = np.median(dice), dice.min()
print(f"Dice {dice[0]:.2f} here; of all {len(dice)}, the median is {median:.2f} and the lowest {lowest:.2f}")

# %%
# What the microscope transfers
# -----------------------------
# The conditions of these micrographs, and others almost in focus. Numbers are taken up to 2.5 Å⁻¹ here, and up to what
# the camera's pixels record by ``evaluate`` below.

lenses = {"defocus 100 Å": passband.Aberrations(C10=-100.0), "defocus 10 Å": passband.Aberrations(C10=-10.0)}
conditions = [passband.Conditions(energy=300e3, focal_spread=10.0, aberrations=lens) for lens in lenses.values()]
q = torch.linspace(0.0, 0.625, 1200, dtype=torch.float64)  # spatial frequency, Å⁻¹, to what the camera's pixels record
figure, axis = plt.subplots(figsize=(7.2, 2.8), layout="constrained")
for one, colour, label in zip(conditions, ("#2563eb", "#ff7a00"), lenses, strict=True):
    axis.plot(q, passband.contrast_transfer(q, torch.zeros_like(q), one), color=colour, label=label)
axis.axhline(0.0, color="#9ca3af", linewidth=0.6)
axis.set(xlabel="spatial frequency q (Å⁻¹)", ylabel="T(q)")
axis.legend(frameon=False, ncols=2)
plt.show()

compared = passband.compare_information(conditions[:1], conditions[1:])
print(f"ε {compared.epsilon_training.item():.3f} and {compared.epsilon_evaluation.item():.3f}: how much is transferred")
print(f"σ {compared.sigma.item():.3f}: how alike the two are, 1 where they differ in strength alone")

# %%
# A network of one's own
# ----------------------
# It is trained on micrographs like those above, and measured on structures that it never saw, as trained and almost in
# focus. Twelve structures and half a minute are too little for real micrographs; they are enough to see that a network
# finds less where less is transferred.

run = passband.train(plan, store, folder / "run")
for row in passband.evaluate(run.model, plan, store):
    print(f"{row['condition']:>7}: Dice {row['dice']:.2f}, ε {row['epsilon']:.3f}, σ {row['sigma']:.3f}")
