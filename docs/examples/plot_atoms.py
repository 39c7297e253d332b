"""
Atom columns
============

Positions, lattice, strain, rings and tracks of a drawn image and a drawn movie, whose truth is known. All of this ran
on one core, in seconds, when the page was built; :doc:`/atoms` says what is done and how well.
"""

# %%
# Columns
# -------
# A square lattice of 3.905 Å with a bright and a faint column in each cell, stretched along x by 2 % on its right half,
# as a scanning microscope would record it with some 2,000 electrons on a bright column.

from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from matplotlib import pyplot as plt

from passband.description.atom_files import lattice_of, write_columns, write_extended_xyz
from passband.description.atoms import find_columns
from passband.description.bonds import find_bonds
from passband.description.columns import AtomColumns
from passband.description.linking import link_frames
from passband.description.rings import find_rings
from passband.description.selection import ColumnFinding
from passband.description.sites import find_sites
from passband.description.strain import displacements, strain
from passband.figures.atoms import columns_figure, rings_figure

rng = np.random.default_rng(0)
pixel_size, side, cell = 0.2, 256, 3.905
count = int(side * pixel_size / cell)
x, y = (axis.ravel() for axis in np.meshgrid(np.arange(count), np.arange(count)))
corners = cell * (np.stack([x, y], axis=1) + 0.4)
truth = np.concatenate([corners, corners + cell / 2])
middle = side * pixel_size / 2
truth[:, 0] += 0.02 * np.clip(truth[:, 0] - middle, 0.0, None)
heights = np.repeat([70.0, 30.0], len(corners))

rows, columns_ = np.mgrid[:side, :side]
mean = np.full((side, side), 5.0) + 0.02 * columns_
for (px, py), height in zip(truth / pixel_size, heights, strict=True):
    mean += height * np.exp(-((columns_ - px) ** 2 + (rows - py) ** 2) / (2 * 2.2**2))
image = rng.poisson(mean).astype(float)

columns = find_columns(image, pixel_size, finding=ColumnFinding(contrast="bright"))
away = np.hypot(*(columns.positions[:, None] - truth[None]).transpose(2, 0, 1)).min(axis=1)
print(f"{len(columns)} columns, rms distance from the truth {100 * np.sqrt(np.mean(away**2)):.1f} pm")
print(f"the fit estimates {100 * pixel_size * np.hypot(columns.x_error, columns.y_error).mean():.1f} pm")

# %%
# Lattice
# -------
# Heights tell the two kinds of columns apart: without them the lattice would be the one of half the cell.

lattice = lattice_of(columns)
assert lattice is not None
print(f"|a|, |b| = {lattice.lengths[0]:.3f}, {lattice.lengths[1]:.3f} Å, {lattice.angle:.1f}°")
figure = columns_figure(image, columns, lattice=lattice)
plt.figure(figure)

# %%
# Strain is measured against a cell that is called unstrained, here that of the left half.

sites = find_sites(columns.positions, lattice)
deformed = strain(columns.positions, lattice, sites, reference=[[cell, 0.0], [0.0, cell]])
left, right = columns.positions[:, 0] < middle - 4, columns.positions[:, 0] > middle + 4
print(f"ε_xx {np.nanmedian(deformed[left, 0]):+.4f} on the left, {np.nanmedian(deformed[right, 0]):+.4f} on the right")
moved = displacements(columns.positions, lattice, sites)
print(f"largest displacement from the mean lattice {np.nanmax(np.hypot(*moved.T)):.2f} Å")

# %%
# Files
# -----

folder = Path(mkdtemp())
files = write_columns(columns, folder, stem="image")
print("\n".join(files["table"].read_text().splitlines()[:3]))

# %%
# Rings
# -----
# A graphene sheet without one of its atoms: the hole that is left is no ring.

bond = 1.42
i, j = (axis.ravel() for axis in np.meshgrid(np.arange(9), np.arange(9)))
half = np.stack([bond * np.sqrt(3) * (i + 0.5 * (j % 2)), 1.5 * bond * j], axis=1)
sheet = np.concatenate([half, half + np.array([0.0, bond])])
sheet = np.delete(sheet, np.argmin(np.hypot(*(sheet - sheet.mean(axis=0)).T)), axis=0)
rings = find_rings(sheet, find_bonds(sheet))
print(f"rings {rings.counts()}, holes of {[len(hole) for hole in rings.holes]} atoms")
plt.figure(rings_figure(sheet, rings))

# %%
# Tracks
# ------
# The sheet vibrates and drifts by 0.4 Å a frame; one atom leaves in the sixth.

frames = [sheet + rng.normal(0.0, 0.08, sheet.shape) + 0.4 * number for number in range(10)]
frames[5:] = [np.delete(frame, 7, axis=0) for frame in frames[5:]]
linked = list(link_frames(frames))
print(f"drift {linked[-1].drift.round(1)} Å; gone in frame 5: {linked[5].died.tolist()}")


def as_columns(positions: np.ndarray) -> AtomColumns:
    """Atoms of a frame as columns of carbon, to be written."""
    one = np.ones(len(positions))
    return AtomColumns(
        x=positions[:, 0] / pixel_size,
        y=positions[:, 1] / pixel_size,
        label=np.zeros(len(positions), dtype=np.intp),
        height=one,
        sigma=0.4 * one,
        confidence=one,
        x_error=0.1 * one,
        y_error=0.1 * one,
        classes=("C",),
        pixel_size=(pixel_size, pixel_size),
        shape=(side, side),
    )


write_extended_xyz(
    folder / "movie.xyz",
    [as_columns(frame) for frame in frames],
    identities=[frame.identity.tolist() for frame in linked],
)
