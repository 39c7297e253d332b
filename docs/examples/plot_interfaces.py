"""
Film stacks seen edge-on, and every atomic column in them
=========================================================

Three film stacks at random, each as a scanning microscope with an annular dark-field detector sees it, before electrons
are counted, with its truth: which material is where, and what each atomic column is.
"""

# %%
# Three stacks of a distribution
# ------------------------------
# Lengths are in Å. The stack grows down the image and the beam looks along the films. A stack is the same for its seed
# and number, in whatever order they are made.

import numpy as np
from matplotlib import pyplot as plt

from passband.microscope.scanning.absorption import Absorption
from passband.microscope.scanning.annular import Annulus, Detectors
from passband.microscope.scanning.columns import Incoherent
from passband.microscope.scanning.image import scan_image
from passband.microscope.scanning.probe import Probe
from passband.microscope.scanning.scan import Scan
from passband.specimen.stacks.interface_distribution import InterfaceDistribution, sample_interface

distribution = InterfaceDistribution(field=(100.0, 100.0), thickness=60.0, materials=3)
stacks = [sample_interface(distribution, seed=2, index=index) for index in (1, 2, 8)]
for stack in stacks:
    layers = " | ".join(layer["material"] for layer in stack.parameters["layers"])
    print(f"{layers}: {len(stack.atoms)} atoms in {len(stack.columns)} columns")

# %%
# Images
# ------
# The incoherent model, with a law of absorption that is a guess here: see what it may claim before you trust heights.

probe = Probe(energy=200e3, semi_angle=22e-3, source_size=0.7)
detectors = Detectors(annuli={"HAADF": Annulus(inner=70e-3, outer=180e-3)})
model = Incoherent(displacement=0.08, absorption=Absorption(coefficients=2e-3, thickest=150.0))
scan = Scan(probe=probe, detectors=detectors, shape=(480, 480), pixel_size=0.2, origin=(2.0, 2.0))

y, x = np.mgrid[2.0:98.0:0.2, 2.0:98.0:0.2]
figure, axes = plt.subplots(3, 3, figsize=(7.2, 7.2), layout="constrained")
for row, stack in zip(axes, stacks, strict=True):
    image = scan_image(stack.atoms, scan, model=model)[0]
    row[0].imshow(image, extent=(2.0, 98.0, 98.0, 2.0), cmap="gray")
    row[1].imshow(stack.material_at(y, x), extent=(2.0, 98.0, 98.0, 2.0), cmap="Set2", vmin=0, vmax=7)
    columns = stack.columns
    row[2].imshow(image, extent=(2.0, 98.0, 98.0, 2.0), cmap="gray")
    row[2].scatter(columns.x, columns.y, c=columns.kind, s=8.0 * columns.occupancy, cmap="Set1", vmin=0, vmax=8)
    row[2].set(xlim=(25.0, 65.0), ylim=(65.0, 25.0))
    for axis, title in zip(row, ("image", "material", "columns by sublattice"), strict=True):
        axis.set_title(title, fontsize=8)
        axis.tick_params(labelsize=6)
plt.show()

# %%
# How many atoms of each layer
# ----------------------------

for number, layer in enumerate(stacks[0].parameters["layers"]):
    print(f"{layer['material']:16}{np.count_nonzero(stacks[0].layer_of == number):8d} atoms")
