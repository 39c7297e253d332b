"""
Graphene and dichalcogenides, atom by atom, and what the beam does to them
==========================================================================

Sheets with their defects, as a scanning microscope with an annular dark-field detector sees them before electrons are
counted, beside their truth: rings, columns, and every atom of a sheet that the beam takes apart.
"""

# %%
# A sheet of graphene
# -------------------
# Two grains, a hole, silicon and vacancies. Lengths are in Å. A sheet is the same for its recipe and generator.

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from passband.distribution import Uniform
from passband.microscope.scanning.annular import Annulus, Detectors
from passband.microscope.scanning.columns import Incoherent
from passband.microscope.scanning.image import scan_image
from passband.microscope.scanning.probe import Probe
from passband.microscope.scanning.scan import Scan
from passband.specimen.sheets.damage import BeamDamage, damage_movie
from passband.specimen.sheets.defects import PointDefects
from passband.specimen.sheets.dichalcogenide import COLUMN_LABELS, Dichalcogenide, dichalcogenide
from passband.specimen.sheets.graphene import Graphene, graphene
from passband.specimen.sheets.sheet import BondedAtoms, Sheet

recipe = Graphene(
    field=80.0,
    grains=2,
    orientation=Uniform(uniform=(0.0, np.pi / 3.0)),
    holes=1,
    hole_diameter=15.0,
    defects=PointDefects(silicon_3=6, silicon_4=3, divacancies=2, stone_wales=2),
)
sheet = graphene(recipe, rng=np.random.default_rng(3))
print({key: value for key, value in sheet.parameters.items() if key != "recipe"})
print(dict(zip(sheet.labels, np.bincount(sheet.label).tolist(), strict=False)))

# %%
# The image, and the rings
# ------------------------
# Rings of five are blue, of seven red, larger ones orange; silicon is green.

COLOURS = {4: "#7c3aed", 5: "#2563eb", 6: "#f3f4f6", 7: "#dc2626"}


def scanned(found: Sheet) -> np.ndarray:
    """A noise-free image of the middle of a sheet, 0.2 Å a pixel."""
    detectors = Detectors(annuli={"HAADF": Annulus(inner=70e-3, outer=180e-3)})
    probe = Probe(energy=80e3, semi_angle=25e-3, source_size=0.8)
    scan = Scan(probe=probe, detectors=detectors, shape=(360, 360), pixel_size=0.2, origin=(4.0, 4.0))
    return np.asarray(scan_image(found.atoms, scan, model=Incoherent(displacement=0.06))[0])


def draw_rings(axes: Axes, found: BondedAtoms) -> None:
    """Rings in the plane of a sheet by their sizes, and its silicon."""
    places, cell = found.atoms.positions[:, :2], found.atoms.cell.lengths()[:2]
    shapes, colours = [], []
    for size, end in zip(found.ring_sizes, np.cumsum(found.ring_sizes), strict=True):
        if size < 10:
            corners = places[found.ring_atoms[end - size : end]]
            offset = corners - corners[0]
            shapes.append(corners[0] + offset - cell * np.round(offset / cell))
            colours.append(COLOURS.get(int(size), "#f59e0b"))
    axes.add_collection(PolyCollection(shapes, facecolors=colours, edgecolors="#9ca3af", linewidths=0.3))
    axes.plot(*places[found.atoms.numbers == 14].T, ".", color="#16a34a", markersize=4)
    axes.set(xlim=(4.0, 76.0), ylim=(76.0, 4.0), aspect="equal")
    axes.tick_params(labelsize=6)


figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.6), layout="constrained")
axes[0].imshow(scanned(sheet), extent=(4.0, 76.0, 76.0, 4.0), cmap="gray")
axes[0].tick_params(labelsize=6)
draw_rings(axes[1], sheet)
plt.show()

# %%
# WSe2 with tellurium
# -------------------
# Each column has a label, those without atoms too.

layer = dichalcogenide(
    Dichalcogenide(
        field=80.0,
        single_vacancies=0.03,
        double_vacancies=0.02,
        single_substitutions=0.04,
        double_substitutions=0.03,
        metal_vacancies=0.01,
        metal_substitutions=0.05,
    ),
    rng=np.random.default_rng(0),
)
print(f"{layer.metal_columns} columns of metal, {len(layer.columns) - layer.metal_columns} of chalcogen")
figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.9), layout="constrained")
image = scanned(layer)
for one, limits in zip(axes, ((4.0, 76.0), (30.0, 60.0)), strict=True):
    one.imshow(image, extent=(4.0, 76.0, 76.0, 4.0), cmap="gray")
    one.set(xlim=limits, ylim=limits[::-1])
    one.tick_params(labelsize=6)
for number, name in enumerate(COLUMN_LABELS[1:], start=1):
    axes[1].plot(*layer.columns[layer.column_label == number].T, "o", mfc="none", markersize=9, label=name)
figure.legend(fontsize=6, loc="outside lower center", ncols=6)
plt.show()

# %%
# Under the beam
# --------------
# Edge atoms leave at 0.2 per frame here, ten frames apart. Every atom keeps its number, so that what moved is known.

damage = BeamDamage(frames=31, knock_on_edge=0.2, rotation=1e-4, exchange=1.0)
movie = list(damage_movie(recipe, damage, rng=np.random.default_rng(3)))
figure, axes = plt.subplots(1, 4, figsize=(7.2, 2.0), layout="constrained")
for one, frame in zip(axes, movie[::10], strict=True):
    draw_rings(one, frame)
    one.set_title(f"frame {frame.parameters['frame']}", fontsize=8)
plt.show()

left = np.setdiff1d(movie[0].identity, movie[-1].identity)
distance = movie[0].edge_distance[np.searchsorted(movie[0].identity, left)]
print(f"{len(left)} atoms left; at first they were {np.median(distance):.1f} Å from the hole, in the median")
