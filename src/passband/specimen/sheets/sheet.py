"""One sheet as it is imaged: its atoms in a box, what each of them is, and the truth that goes with them."""

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from passband.specimen.crystal import FloatArray
from passband.specimen.sheets.bond_graph import OPEN
from passband.specimen.sheets.bonded_sheet import SILICON, BondedSheet
from passband.specimen.sheets.springs import SILICON_BOND, IntArray, inside, shortest

#: What `Sheet.label` says of the atoms of graphene, by value. A lattice atom has three bonds and is on rings of six
#: alone, a defect atom is on another ring or at a hole, an edge atom has two bonds; silicon goes by its bonds.
GRAPHENE_LABELS = ("lattice", "defect", "edge", "silicon_3", "silicon_4", "silicon_edge")


@dataclass(frozen=True)
class Sheet:
    """A sheet across the beam.

    Attributes
    ----------
    atoms
        Å; the cell is (x, y, height), all atoms inside, the middle of the sheet at half of the height.
    identity
        int64 (n,): a number that each atom keeps from frame to frame, and no other has; atoms come in its order.
    label
        uint8 (n,): what the atom is, an index into `labels`.
    labels
        Names of the labels.
    parameters
        Plain numbers, text and lists, ready for JSON.
    """

    atoms: Atoms
    identity: NDArray[np.int64]
    label: NDArray[np.uint8]
    labels: tuple[str, ...]
    parameters: dict[str, Any]


@dataclass(frozen=True)
class BondedAtoms(Sheet):
    """A sheet of graphene with its bonds and rings; numbers of atoms are rows of `atoms`.

    Attributes
    ----------
    bonds
        int64 (b, 2): pairs of atoms, each once.
    ring_sizes
        int64 (r,): atoms around each ring. From 10 on it is a hole, or the outside of an open sheet.
    ring_atoms
        int64 (sum of sizes,): atoms around the first ring, counter-clockwise, then the second, and so on. An atom
        that hangs into a hole by one bond, or bridges it, is there twice.
    edge_distance
        float64 (n,): Å in the plane to the nearest atom at a hole or at the outside; infinite where there is none.
    """

    bonds: NDArray[np.int64]
    ring_sizes: NDArray[np.int64]
    ring_atoms: NDArray[np.int64]
    edge_distance: FloatArray


def bonded_atoms(sheet: BondedSheet, *, field: FloatArray, margin: float, parameters: dict[str, Any]) -> BondedAtoms:
    """Take a bonded sheet as it stands now.

    Parameters
    ----------
    field
        Sides of the cell in Å, (2,).
    margin
        Vacuum above and below, Å; silicon with three bonds stands out of the plane by up to 1.2 Å.
    parameters
        Of what made it; atoms, rings and open area are added.
    """
    sheet.classify()
    sites = sheet.present
    sites = sites[np.argsort(sheet.identity[sites])]
    row = np.full(len(sheet.kind), -1)
    row[sites] = np.arange(len(sites))
    planar = sheet.positions[sites] if sheet.cell is None else inside(sheet.positions[sites], field)
    walks = list(sheet.graph.faces.values())
    sizes = np.array([len(walk) for walk in walks], np.int64)
    around = np.fromiter(chain.from_iterable(walks), np.int64, count=int(sizes.sum()))
    rim = np.unique(row[around[np.repeat(sizes, sizes) >= OPEN]])
    heights = margin + _heights(sheet, sites)
    found = {
        "atoms": len(sites),
        "silicon": int((sheet.numbers[sites] == SILICON).sum()),
        "rings": {str(size): count for size, count in sorted(Counter(sizes[sizes < OPEN].tolist()).items())},
        "holes": int((sizes >= OPEN).sum()),
        "open_area": float(np.prod(field) - _ring_areas(sheet, around, sizes)[sizes < OPEN].sum()),
    }
    return BondedAtoms(
        atoms=_boxed(sheet.numbers[sites], np.column_stack([planar, heights]), field, margin),
        identity=sheet.identity[sites],
        label=_labels(sheet, sites),
        labels=GRAPHENE_LABELS,
        parameters=parameters | found,
        bonds=row[sheet.bonds()],
        ring_sizes=sizes,
        ring_atoms=row[around],
        edge_distance=_edge_distance(planar, rim, sheet.cell),
    )


def _boxed(numbers: IntArray, positions: FloatArray, field: FloatArray, margin: float) -> Atoms:
    return Atoms(numbers=numbers, positions=positions, cell=[*field, 2.0 * margin], pbc=(True, True, False))


def _labels(sheet: BondedSheet, sites: IntArray) -> NDArray[np.uint8]:
    label = sheet.kind[sites].astype(np.uint8)
    for k in np.flatnonzero(sheet.numbers[sites] == SILICON):
        label[k] = {3: 3, 4: 4}.get(len(sheet.graph.neighbours[sites[k]]), 5)
    return label


def _heights(sheet: BondedSheet, sites: IntArray) -> FloatArray:
    """Å above the plane: silicon with three bonds that are too short in the plane stands out, on either side."""
    heights = np.zeros(len(sites))
    for k in np.flatnonzero(sheet.numbers[sites] == SILICON):
        near = sheet.graph.neighbours[sites[k]]
        if len(near) == 3:
            square = np.mean([(sheet.offset(sites[k], v) ** 2).sum() for v in near])
            side = 1.0 if sheet.identity[sites[k]] % 2 else -1.0
            heights[k] = side * np.sqrt(max(0.0, SILICON_BOND**2 - square))
    return heights


def _edge_distance(positions: FloatArray, rim: IntArray, cell: FloatArray | None) -> FloatArray:
    if not len(rim):
        return np.full(len(positions), np.inf)
    return np.asarray(cKDTree(positions[rim], boxsize=cell).query(positions)[0])


def _ring_areas(sheet: BondedSheet, sites: IntArray, sizes: IntArray) -> FloatArray:
    """Å² of each ring, from the sites around them one after another; only of those smaller than half of the cell."""
    if not len(sizes):
        return np.zeros(0)
    starts = np.cumsum(sizes) - sizes
    offset = shortest(sheet.positions[sites] - sheet.positions[sites[np.repeat(starts, sizes)]], sheet.cell)
    following = np.arange(1, len(sites) + 1)
    following[starts + sizes - 1] = starts
    x, y = offset.T
    areas: FloatArray = 0.5 * np.add.reduceat(x * y[following] - y * x[following], starts)
    return areas
