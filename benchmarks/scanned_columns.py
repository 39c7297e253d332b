"""Simulated scanning micrographs of atom columns, for `bench_atom_programs.py` and others."""

from dataclasses import dataclass
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from ase.build import graphene, mx2
from ase.spacegroup import crystal
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from passband.camera.scan_path import scan_path, seen_positions
from passband.camera.scan_readout import scan_frames
from passband.camera.scanner import Scanner
from passband.electron import ELEMENTARY_CHARGE
from passband.microscope.scanning.annular import Annulus, Detectors
from passband.microscope.scanning.columns import Incoherent
from passband.microscope.scanning.image import scan_image
from passband.microscope.scanning.probe import Probe
from passband.microscope.scanning.scan import Scan

Array = NDArray[np.float64]
FINE = 0.05  # Å: pixels of the ideal images, at most
DWELL = 10e-6  # s
FOUND = 0.5  # Å
THICK, THIN = Annulus(inner=0.06, outer=0.18), Annulus(inner=0.054, outer=0.2)
Ideal = tuple[torch.Tensor, tuple[float, float]]  # fraction of the beam (1, y, x), sides (y, x) of its cell in Å


@dataclass(frozen=True)
class Scene:
    """A specimen and how it is imaged.

    `columns` (n, 2) are x, y in Å in the cell of `atoms`, and `faint` (m, 2) are others that may be found and need
    not: of oxygen alone, a twentieth as high; `separation` is the distance in Å of the nearest two `columns`;
    `brightest` scales the ideal image to the fraction of the beam that thick columns scatter, None leaves a layer as
    it is.
    """

    name: str
    atoms: Atoms
    columns: Array
    faint: Array
    separation: float
    probe: Probe
    annulus: Annulus
    pixel_size: float
    brightest: float | None = None


def scenes() -> list[Scene]:
    """SrTiO3 [001], MoS2 and graphene."""
    cell = crystal(
        ["Sr", "Ti", "O"], [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)], spacegroup=221, cellpar=[3.905] * 3 + [90] * 3
    )
    perovskite, layer, sheet = cell.repeat((10, 10, 2)), layer_of(mx2("MoS2", a=3.16, vacuum=3.0)), layer_of(graphene())
    heavy, oxygen = (places_of(perovskite[np.isin(perovskite.symbols, names)]) for names in (("Sr", "Ti"), ("O",)))
    oxygen, none = oxygen[cdist(oxygen, heavy).min(axis=1) > 0.1], np.empty((0, 2))
    return [
        Scene("SrTiO3", perovskite, heavy, oxygen, 3.905 / sqrt(2.0), probe_of(200e3, 0.022, 0.8), THICK, 0.15, 0.06),
        Scene("MoS2", layer, places_of(layer), none, 3.16 / sqrt(3.0), probe_of(80e3, 0.03, 0.8), THIN, 0.125),
        Scene("graphene", sheet, places_of(sheet), none, 1.42, probe_of(60e3, 0.032, 0.8), THIN, 0.1),
    ]


def probe_of(energy: float, semi_angle: float, source: float) -> Probe:
    return Probe(energy=energy, semi_angle=semi_angle, source_size=source)


def layer_of(cell: Atoms) -> Atoms:
    """About 40 Å of a hexagonal layer in a rectangular cell."""
    side = cell.cell.lengths()[0]
    rectangle = cell.repeat((2, 2, 1))
    rectangle.set_cell(np.diag([side, side * sqrt(3.0), 8.0]))
    places = rectangle.get_positions()
    places[:, 2] += 2.0 - places[:, 2].min()
    places[:, :2] = np.mod(places[:, :2] + 1e-6, [side, side * sqrt(3.0)])
    _, first = np.unique(np.round(np.column_stack([places, rectangle.numbers]), 3), axis=0, return_index=True)
    rectangle.set_positions(places)
    counts = (ceil(40.0 / side), ceil(40.0 / (side * sqrt(3.0))), 1)
    block: Atoms = rectangle[np.sort(first)].repeat(counts)
    return block


def places_of(atoms: Atoms) -> Array:
    return np.unique(np.round(atoms.get_positions()[:, :2], 3), axis=0)


def ideal_image(scene: Scene) -> Ideal:
    """Simulate a scene in pixels of `FINE`, its cell stretched by less than 10⁻³ to a whole number of them."""
    side_x, side_y = scene.atoms.cell.lengths()[:2]
    atoms, shape = scene.atoms.copy(), (round(side_y / FINE), round(side_x / FINE))
    sides = (shape[0] * FINE, shape[1] * FINE)
    atoms.set_cell([sides[1], sides[0], atoms.cell.lengths()[2]], scale_atoms=True)
    detectors = Detectors(annuli={"ADF": scene.annulus})
    scan = Scan(probe=scene.probe, detectors=detectors, shape=shape, pixel_size=FINE)
    image = scan_image(atoms, scan, model=Incoherent(displacement=0.08)).clamp_(min=0.0)
    return image if scene.brightest is None else image * (scene.brightest / image.max()), sides


class Truth(NamedTuple):
    """Columns (n, 2) of a frame, and faint ones, x, y in pixels."""

    columns: Array
    faint: Array


def scanned_frame(
    scene: Scene, ideal: Ideal, dose: float, *, side: int, seed: int, **scan: float
) -> tuple[Array, Truth]:
    """Return a frame (side, side) at `dose` in e⁻/Å², with a `Scanner` of `scan`, and its columns in pixels."""
    image, sides = ideal
    current = dose * scene.pixel_size**2 * ELEMENTARY_CHARGE / DWELL
    rng = np.random.default_rng(seed)
    origin = (float(rng.uniform(0.0, 4.0)), float(rng.uniform(0.0, 4.0)))
    scanner = Scanner(dwell_time=DWELL, beam_current=current, **scan)
    path = scan_path(scanner, (side, side), pixel_size=scene.pixel_size, rng=rng, origin=origin)
    frame = scan_frames(image, [path], pixel_size=FINE, generators=[torch.Generator().manual_seed(seed)])[0]
    truth = []
    for points in (scene.columns, scene.faint):
        places = points * np.divide(sides[::-1], scene.atoms.cell.lengths()[:2])
        _, seen = seen_positions(path, places[:, ::-1], field=sides, spread=0.4 / scene.pixel_size)
        truth.append(np.ascontiguousarray(seen[:, ::-1]))
    return frame.image.numpy().astype(np.float64), Truth(*truth)


def matched(found: Array, truth: Array, reach: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Match found columns (n, 2) one to one to true ones (m, 2) within `reach`: indices of both."""
    distance = cdist(found, truth) if len(found) else np.empty((0, len(truth)))
    one, other = linear_sum_assignment(np.minimum(distance, reach * 1.001))
    near = distance[one, other] <= reach
    return one[near], other[near]
