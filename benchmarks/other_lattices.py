"""Simulated scans of sheets and crystals that neither the benchmarks of programs nor the plan `haadf_atoms` has."""

from collections.abc import Iterator
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.build import graphene, make_supercell, mx2
from ase.spacegroup import crystal
from numpy.typing import NDArray
from scanned_columns import (
    THICK,
    THIN,
    Scene,
    Truth,
    ideal_image,
    layer_of,
    places_of,
    probe_of,
    scanned_frame,
)
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]
SIDE, FIELD, SEED = 256, 40.0, 77
ELECTRONS, OF_LIGHT = (2.3, 5.0), (3.0, 5.3)  # log10 of the dose in e⁻/Å²
SHEETS = (("WSe2", 3.29, 0.13), ("MoTe2", 3.52, 0.18), ("NbS2", 3.33, 0.16))  # a and pixels, Å
_SPHALERITE = [(0.0, 0.0, 0.0), (0.25, 0.25, 0.25)]


class Scanned(NamedTuple):
    """A frame (y, x), its pixels in Å, and its columns."""

    name: str
    image: Array
    pixel_size: float
    truth: Truth


def scenes() -> list[Scene]:
    """h-BN, three dichalcogenides, Cu, GaAs and Si [110], MgO and BaTiO3."""
    none = np.empty((0, 2))
    sheet = layer_of(graphene("BN", a=2.504))
    found = [Scene("h-BN", sheet, places_of(sheet), none, 2.504 / sqrt(3.0), probe_of(60e3, 0.032, 0.8), THIN, 0.1)]
    for name, side, pixel in SHEETS:
        sheet, probe = layer_of(mx2(name, a=side, vacuum=3.0)), probe_of(80e3, 0.028, 0.8)
        found.append(Scene(name, sheet, places_of(sheet), none, side / sqrt(3.0), probe, THIN, pixel))
    copper = crystal(["Cu"], [(0, 0, 0)], spacegroup=225, cellpar=[3.615] * 3 + [90] * 3)
    magnesia = crystal(["Mg", "O"], [(0, 0, 0), (0.5, 0.5, 0.5)], spacegroup=225, cellpar=[4.212] * 3 + [90] * 3)
    arsenide = crystal(["Ga", "As"], _SPHALERITE, spacegroup=216, cellpar=[5.653] * 3 + [90] * 3)
    silicon = crystal(["Si"], [(0, 0, 0)], spacegroup=227, cellpar=[5.431] * 3 + [90] * 3)
    found += [
        _thick("Cu [001]", copper, 0.15),
        _thick("GaAs [110]", _along_110(arsenide), 0.14),
        _thick("Si [110]", _along_110(silicon), 0.12),
        _thick("MgO [001]", magnesia, 0.13),
    ]
    titanate = crystal(
        ["Ba", "Ti", "O"], [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)], spacegroup=221, cellpar=[4.0] * 3 + [90] * 3
    )
    block = _repeated(titanate)
    heavy, oxygen = (places_of(block[np.isin(block.symbols, names)]) for names in (("Ba", "Ti"), ("O",)))
    faint = oxygen[cdist(oxygen, heavy).min(axis=1) > 0.1]
    probe = probe_of(200e3, 0.022, 0.8)
    return [*found, Scene("BaTiO3 [001]", block, heavy, faint, 4.0 / sqrt(2.0), probe, THICK, 0.16, 0.06)]


def _thick(name: str, cell: Atoms, pixel: float) -> Scene:
    """A crystal of which each of the brightest columns scatters 5 % of the beam."""
    block = _repeated(cell)
    places = places_of(block)
    distance = cdist(places, places)
    nearest = float(distance[distance > 0.2].min())
    return Scene(name, block, places, np.empty((0, 2)), nearest, probe_of(200e3, 0.024, 0.8), THICK, pixel, 0.05)


def _repeated(cell: Atoms) -> Atoms:
    sides = cell.cell.lengths()
    block: Atoms = cell.repeat((ceil(FIELD / sides[0]), ceil(FIELD / sides[1]), 1))
    return block


def _along_110(cell: Atoms) -> Atoms:
    """A cubic cell seen along [110]: x along [1-10], y along [001]."""
    turned = make_supercell(cell, np.array([[1, -1, 0], [0, 0, 1], [1, 1, 0]]))
    box = np.diag(turned.cell.lengths())
    return Atoms(turned.symbols, cell=box, scaled_positions=turned.get_scaled_positions(), pbc=True)


def scans(count: int) -> Iterator[Scanned]:
    """Frames of each scene, `count` from few electrons to many; one in three is not distorted."""
    rng = np.random.default_rng(SEED)
    for scene in scenes():
        ideal = ideal_image(scene)
        low, high = OF_LIGHT if scene.name == "h-BN" else ELECTRONS
        for number in range(count):
            dose = 10 ** (low + (high - low) * (number + rng.random()) / count)
            scan = {"drift": 0.2, "flyback_time": 2e-4} if number % 3 else {}
            scan |= {"jitter": rng.uniform(0.0, 0.6), "drift_direction": rng.uniform(0.0, 6.0)} if scan else {}
            image, truth = scanned_frame(scene, ideal, dose, side=SIDE, seed=900 + number, **scan)
            yield Scanned(scene.name, image, scene.pixel_size, truth)
