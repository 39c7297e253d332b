"""
What a scan does to an image, one effect at a time
==================================================

Strontium titanate along [001], as an annular dark-field detector would see it with endless electrons and a perfect
scan, and as it is recorded. The crosses are where the columns are told to be in each recorded image.
"""

# %%
# The ideal image
# ---------------
# Fractions of the beam on one period of the specimen, pixel 0 at the origin: that is what a scanner reads.

import numpy as np
import torch
from ase import Atoms
from matplotlib import pyplot as plt

from passband.camera.scan_path import scan_path, seen_positions
from passband.camera.scan_readout import scan_frames
from passband.camera.scanner import Scanner, ScannerDistribution
from passband.microscope.scanning.annular import Annulus, Detectors
from passband.microscope.scanning.columns import Incoherent
from passband.microscope.scanning.image import scan_image
from passband.microscope.scanning.probe import Probe
from passband.microscope.scanning.scan import Scan

side, pixels = 12 * 3.905, 480  # Å
places = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
cell = Atoms("SrTiO3", scaled_positions=places, cell=[3.905] * 3, pbc=True)
atoms = cell * (12, 12, 2)  # so thin that the incoherent model needs no absorption
probe = Probe(energy=200e3, semi_angle=22e-3, source_size=0.8)
detectors = Detectors(annuli={"HAADF": Annulus(inner=70e-3, outer=180e-3)})
scan = Scan(probe=probe, detectors=detectors, shape=(pixels, pixels), pixel_size=side / pixels)
ideal = scan_image(atoms, scan, model=Incoherent(displacement=0.08)).float()
heavy = np.unique(atoms.positions[np.isin(atoms.numbers, (22, 38))][:, 1::-1].round(3), axis=0)  # (y, x) of Sr and Ti
print(f"fractions of the beam: {ideal.min():.4f} to {ideal.max():.4f}")

# %%
# One effect at a time
# --------------------
# 10 µs on each pixel and 600 pA are 37,449 electrons, of which so thin a specimen scatters few into the detector. Each
# effect is stronger than on a good day.


def record(scanner, seed=0, image=ideal, shape=(200, 200)):
    path = scan_path(scanner, shape, pixel_size=0.15, rng=np.random.default_rng(seed), origin=(4.0, 4.0))
    generators = [torch.Generator().manual_seed(seed)]
    frame = scan_frames(image, [path], pixel_size=side / pixels, generators=generators)[0]
    return frame.image, seen_positions(path, heavy, field=(side, side), spread=2.0)[1]


effects = {
    "electrons alone": {},
    "jitter of the rows": {"jitter": 1.0, "jitter_correlation": 2.0},
    "hum of the mains": {"hum": 1.5, "flyback_time": 18.5e-3},
    "drift": {"drift": 6.0, "drift_direction": 0.8, "flyback_time": 3e-4},
    "flyback": {"flyback": 12.0, "settling_time": 3e-4},
    "rotation": {"rotation": 0.35},
    "tails of the probe": {"tails": 0.4, "tail_width": 2.0},
    "contamination": {"contamination": 1.5},
    "charging": {"charging": 0.8},
    "noise of the amplifier": {"amplifier_noise": 15.0, "amplifier_time": 4e-5},
    "8 bits, clipped": {"bits": 8, "filling": 1.4, "offset": -0.1},
    "few electrons": {"beam_current": 3e-11},
}
figure, axes = plt.subplots(3, 4, figsize=(8.8, 7.0), layout="constrained")
for axis, (name, values) in zip(axes.flat, effects.items(), strict=True):
    image, columns = record(Scanner(**{"dwell_time": 1e-5, "beam_current": 6e-10} | values))
    axis.imshow(image, cmap="gray")
    axis.plot(columns[:, 1], columns[:, 0], "+", color="tab:red", markersize=3, markeredgewidth=0.6)
    axis.set_title(name, fontsize=8)
    axis.set(xticks=[], yticks=[], xlim=(-0.5, 119.5), ylim=(119.5, -0.5))
plt.show()

# %%
# Any scan
# --------
# Draws of the wide distribution, from which a network may learn to be indifferent to all that. Their currents are of
# thicker specimens, which scatter ten times as much: so much are these fractions of the beam raised.

wide = ScannerDistribution.wide()
figure, axes = plt.subplots(2, 4, figsize=(8.8, 4.6), layout="constrained")
for seed, axis in enumerate(axes.flat):
    scanner = wide.sample(np.random.default_rng(seed))
    axis.imshow(record(scanner, seed, 10.0 * ideal)[0], cmap="gray")
    axis.set_title(f"{scanner.electrons:.0f} electrons", fontsize=8)
    axis.set(xticks=[], yticks=[])
plt.show()
