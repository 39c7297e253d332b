"""
Will a network trained at one defocus hold at another?
======================================================

Two defoci of one microscope are compared before any image is taken: how much of the object each transfers (ε), and how
alike their contrast transfer is (σ).
"""

# %%
# A corrected 300 kV microscope
# -----------------------------
# Lengths are in Å, energies in eV, and C10 = −80 is 80 Å of underfocus. The focal spread is a standard deviation.

import torch
from matplotlib import pyplot as plt

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.information.information import compare_information
from passband.microscope.transfer import contrast_transfer


def underfocused(defocus: float) -> Conditions:
    aberrations = Aberrations(C10=-defocus, C30=2.5e5)
    return Conditions(energy=300e3, focal_spread=10.0, aberrations=aberrations)


training, evaluation = underfocused(80.0), underfocused(250.0)

# %%
# Contrast transfer
# -----------------
# Near 80 Å the defocus balances the spherical aberration, and one broad band has one sign. At 250 Å contrast reverses
# several times within it.

q = torch.linspace(0.0, 1.6, 1500, dtype=torch.float64)
figure, axes = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
for conditions, colour, label in (
    (training, "#2563eb", "training, 80 Å"),
    (evaluation, "#ff7a00", "evaluation, 250 Å"),
):
    axes.plot(q, contrast_transfer(q, torch.zeros_like(q), conditions), color=colour, label=label)
axes.axhline(0.0, color="#9ca3af", linewidth=0.6)
axes.set(xlabel="spatial frequency q (Å⁻¹)", ylabel="T(q)", ylim=(-1.1, 1.5))
axes.legend(frameon=False, ncols=2, loc="upper right")
plt.show()

# %%
# Three numbers
# -------------
# ε is 1 where everything within the envelope is transferred. σ is 1 where the two transfers are alike but for their
# strength. A σ well below 1 says that the network has not seen such contrast.

comparison = compare_information([training], [evaluation])
print(f"ε   {comparison.epsilon_training.item():.3f}  of the training")
print(f"ε′  {comparison.epsilon_evaluation.item():.3f}  of the evaluation")
print(f"σ   {comparison.sigma.item():.3f}")
print(f"Δε  {comparison.delta_epsilon.item():+.3f}")
