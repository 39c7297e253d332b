"""
Atomic columns on any lattice
=============================

Random fields of atomic columns, as an annular dark field shows them with endless electrons, and which of the columns a
network is asked to find.
"""

# %%
# Any field
# ---------
# Draws of the default recipe, one after another. Each is the same for its recipe and generator.

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from passband.microscope.frequencies import resize_spectrum
from passband.microscope.scanning.annular import Annulus, Detectors
from passband.microscope.scanning.columns import Columns, incoherent_series
from passband.microscope.scanning.probe import Probe
from passband.specimen.planes.cell import PlaneCells
from passband.specimen.planes.column_filling import ColumnFilling
from passband.specimen.planes.distortion import PlaneDistortion
from passband.specimen.planes.grains import PlaneGrains
from passband.specimen.planes.lattice import PlaneLattice, PlaneLattices, plane_lattice
from passband.specimen.planes.outline import PlaneOutline
from passband.specimen.planes.stray_columns import StrayColumns
from passband.specimen.visible_columns import visible_columns

PIXELS = 240


def scanned(found: PlaneLattice) -> np.ndarray:
    """A noise-free image of a field."""
    nothing = np.zeros(len(found.atoms), np.int64)
    columns = Columns(found.positions, found.numbers, found.atoms, nothing, np.zeros(1), found.sides)
    detectors = Detectors(annuli={"HAADF": Annulus(inner=70e-3, outer=180e-3)})
    probe = Probe(energy=200e3, semi_angle=25e-3)
    series = incoherent_series(columns, probe, detectors, displacement=0.15)[0]
    return np.asarray(torch.fft.ifft2(resize_spectrum(series, (PIXELS, PIXELS))).real)


def draw(axes: Axes, found: PlaneLattice, title: str, *, truth: bool = False) -> None:
    """The image of a field, and the visible columns of its lattice."""
    axes.imshow(scanned(found), cmap="gray", extent=(0.0, found.sides[1], found.sides[0], 0.0))
    if truth:
        ordered = found.ordered
        seen = visible_columns(found.positions[ordered], found.signal[ordered], sides=found.sides)
        axes.plot(*seen.places.T, ".", color="tab:red", markersize=2.0)
    axes.set_title(title, fontsize=8)
    axes.set(xticks=[], yticks=[])


figure, axes = plt.subplots(3, 4, figsize=(8.8, 7.0), layout="constrained")
for seed, axis in enumerate(axes.flat):
    field = plane_lattice(PlaneLattices(), rng=np.random.default_rng(seed))
    grains = field.parameters.get("grains", [])
    draw(axis, field, ", ".join(sorted({grain["cell"]["kind"] for grain in grains})) or field.parameters["content"])
plt.show()

# %%
# One thing at a time
# -------------------
# A square lattice of tin, and what a recipe can ask for beside it. The dots are the columns that are visible.

CALM = PlaneDistortion(strain=0.001, displacement=0.02, polar=0.0, dislocations=0)
WHOLE = PlaneOutline(kinds={"whole": 1.0})
PERFECT = {
    "field": 50.0,
    "cells": PlaneCells(kinds={"square": 1.0}, sites=1, spacing=3.0, dumbbell=0.0, numbers=50),
    "grains": PlaneGrains(count=1, faults=0),
    "distortion": CALM,
    "outline": WHOLE,
    "filling": ColumnFilling(atoms=20, ramp=0.0, steps=0, roughness=0.02, vacancies=0.0, missing=0.0, alloy=0.0),
    "strays": StrayColumns(overlay=0.0, border=0.0, adatoms=0.0),
    "empty": 0.0,
    "disordered": 0.0,
}
recipes = {
    "one lattice": {},
    "dumbbells": {"cells": PlaneCells(kinds={"centred": 1.0}, sites=1, dumbbell=1.0, dumbbell_length=1.4)},
    "a honeycomb": {"cells": PlaneCells(kinds={"hexagonal": 1.0}, sites=2, special=1.0, dumbbell=0.0, spacing=1.8)},
    "grains": {"grains": PlaneGrains(count=3, faults=0, misorientation=0.3, other=0.0)},
    "a pair of dislocations": {"distortion": CALM.model_copy(update={"dislocations": 1.0})},
    "a fault": {"grains": PlaneGrains(count=1, faults=1, shift=0.5)},
    "a particle on carbon": {
        "outline": PlaneOutline(kinds={"particles": 1.0}, count=1, size=0.35, corners=6, taper=15.0),
        "strays": StrayColumns(overlay=1.0, thickness=30.0, number=6, border=0.0),
    },
    "strain": {"distortion": CALM.model_copy(update={"strain": 0.03})},
}
figure, axes = plt.subplots(2, 4, figsize=(8.8, 4.7), layout="constrained")
for (name, parts), axis in zip(recipes.items(), axes.flat, strict=True):
    draw(axis, plane_lattice(PlaneLattices(**PERFECT | parts), rng=np.random.default_rng(6)), name, truth=True)
plt.show()
