"""A movie of damaged graphene with silicon: frames, the atoms that are found in them, and the truth of each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from passband.camera.scan_path import scan_path
from passband.camera.scan_readout import scan_frames
from passband.camera.scanner import Scanner
from passband.description.bonds import find_bonds
from passband.description.rings import find_rings
from passband.files.movie import open_movie
from passband.latent.collecting import AtomFrame
from passband.microscope.scanning.annular import Annulus, Detectors
from passband.microscope.scanning.columns import Incoherent
from passband.microscope.scanning.image import scan_image
from passband.microscope.scanning.probe import Probe
from passband.microscope.scanning.scan import Scan
from passband.recipe import Recipe
from passband.reports.atom_frames import found_columns, frames_of_movie
from passband.specimen.sheets.damage import BeamDamage, damage_movie
from passband.specimen.sheets.defects import PointDefects
from passband.specimen.sheets.graphene import Graphene
from passband.specimen.sheets.sheet import BondedAtoms
from passband.verdict.finding import ColumnFinder

NEAR = 0.6  # Å between an atom that is found and the true one
BRIGHT = 2.0  # median heights of columns: silicon has (14 / 6)^1.6 = 3.9 of carbon's
_LARGEST = 9  # atoms of a ring


class MovieRecipe(Recipe):
    """What is filmed: `frames` of `side`² positions of `pixel` Å, under `current` A of 60 keV."""

    frames: int = 16
    side: int = 256
    pixel: float = 0.2
    field: float = 70.0
    current: float = 100e-12
    seed: int = 1
    damage: BeamDamage = BeamDamage(knock_on_edge=0.08, rotation=1e-4)


class Truth(NamedTuple):
    """Of the atoms of one frame, n of them.

    `positions` (n, 2) x, y in Å of the frame; `order` (n,), how many of its rings are six-fold, less those that are
    not; `edge` (n,) Å; `angle` (n,) rad, of its bonds, modulo 2π/3; `silicon` (n,), of atoms in the frame. `shown` is
    what the frame shows of its rings and of silicon.
    """

    positions: NDArray[np.float64]
    order: NDArray[np.float64]
    edge: NDArray[np.float64]
    angle: NDArray[np.float64]
    silicon: NDArray[np.bool_]
    shown: "Shown"


class Shown(NamedTuple):
    """What one frame shows, in truth or as found.

    `rings`, how many there are of each size, whose middles are 2 Å inside; `silicon`, how many atoms of it, and
    `to_hole`, the mean distance of these to the nearest atom around the largest hole that is whole in the frame, Å.
    """

    rings: dict[int, int]
    silicon: int
    to_hole: float


def filmed(recipe: MovieRecipe, path: Path) -> list[Truth]:
    """Write the movie as TIFF; return the truth of each frame."""
    sheet = Graphene(
        field=recipe.field, orientation=0.2, periodic=False, holes=1, hole_diameter=12.0,
        defects=PointDefects(silicon_3=12),
    )  # fmt: skip
    damage = recipe.damage.model_copy(update={"frames": recipe.frames})
    scanner = Scanner(dwell_time=30e-6, beam_current=recipe.current, jitter=0.15, flyback_time=1e-4, bits=16)
    probe = Probe(energy=60e3, semi_angle=32e-3, source_size=0.8)
    detectors = Detectors(annuli={"ADF": Annulus(inner=60e-3, outer=200e-3)})
    size = round(recipe.field / recipe.pixel)
    scan = Scan(probe=probe, detectors=detectors, shape=(size, size), pixel_size=recipe.field / size)
    rng, generator = np.random.default_rng(recipe.seed), torch.Generator().manual_seed(recipe.seed)
    images, truth = [], []
    for atoms in damage_movie(sheet, damage, rng=np.random.default_rng(recipe.seed)):
        image = scan_image(atoms.atoms, scan, model=Incoherent())
        way = scan_path(scanner, (recipe.side, recipe.side), pixel_size=recipe.pixel, rng=rng, origin=(9.0, 9.0))
        [frame] = scan_frames(image, [way], pixel_size=recipe.field / size, generators=[generator])
        images.append(frame.image.numpy().astype(np.uint16))
        truth.append(truth_of(atoms, 9.0, recipe.side * recipe.pixel))
    tifffile.imwrite(path, np.stack(images), imagej=True, metadata={"axes": "TYX"})
    return truth


def truth_of(atoms: BondedAtoms, origin: float, side: float) -> Truth:
    """Take from a sheet what the study compares with; the frame begins at `origin` along x and y, and has a `side`."""
    positions = atoms.atoms.positions[:, :2]
    sizes = np.repeat(atoms.ring_sizes, atoms.ring_sizes)
    order = np.bincount(atoms.ring_atoms, weights=np.where(sizes == 6, 1.0, -1.0), minlength=len(positions))
    ends = np.concatenate([atoms.bonds, atoms.bonds[:, ::-1]])
    along = positions[ends[:, 1]] - positions[ends[:, 0]]
    phase = np.exp(3j * np.arctan2(along[:, 1], along[:, 0]))
    summed = np.bincount(ends[:, 0], weights=phase.real, minlength=len(positions)) + 1j * np.bincount(
        ends[:, 0], weights=phase.imag, minlength=len(positions)
    )
    places, silicon = positions - origin, atoms.atoms.numbers == 14
    faces = np.split(atoms.ring_atoms, np.cumsum(atoms.ring_sizes)[:-1])
    return Truth(
        places,
        order.astype(np.float64),
        atoms.edge_distance,
        np.angle(summed) / 3.0,
        silicon,
        _shown(places, silicon & _within(places, side), faces, side),
    )


def shown_by(frame: AtomFrame) -> Shown:
    """Take the same from the atoms that were found: silicon are those more than twice as high as the median."""
    columns = frame.columns
    rings = find_rings(columns.positions, find_bonds(columns.positions))
    silicon = columns.height > BRIGHT * np.median(columns.height)
    faces = [np.array(one) for one in (*rings.atoms, *rings.holes)]
    return _shown(columns.positions, silicon, faces, columns.shape[0] * columns.pixel_size[0])


def _shown(
    places: NDArray[np.float64], silicon: NDArray[np.bool_], faces: Sequence[NDArray[np.integer]], side: float
) -> Shown:
    """Count the faces of a frame; those of more than nine atoms are holes, and one that leaves the frame is none."""
    sizes = (len(one) for one in faces if _within(places[one].mean(0), side, 2.0).all())
    holes = [one for one in faces if len(one) > _LARGEST and _within(places[one], side).all()]
    to_hole = float("nan")
    if holes and silicon.any():
        around = cKDTree(places[max(holes, key=len)])
        to_hole = float(np.mean(np.asarray(around.query(places[silicon])[0])))
    return Shown(dict(Counter(size for size in sizes if size <= _LARGEST)), int(silicon.sum()), to_hole)


def _within(places: NDArray[np.float64], side: float, margin: float = 0.0) -> NDArray[np.bool_]:
    return np.asarray(((places > margin) & (places < side - margin)).all(-1))


def found(path: Path, recipe: MovieRecipe, work: Path) -> Iterator[AtomFrame]:
    """Find and link the atoms of the movie, as `passband explore --model none` does."""
    movie = open_movie(path, pixel_size=recipe.pixel)
    record = found_columns(movie, ColumnFinder("none"), work / "atoms.partial", workers=2)
    return frames_of_movie(movie, record)


def matched(truth: Truth, positions: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the true atom of each that was found (n,); −1 where none is near."""
    distance, nearest = (np.asarray(part) for part in cKDTree(truth.positions).query(positions))
    return np.where(distance < NEAR, nearest, -1)
