"""The atomic columns of a specimen, seen along the beam: where each is, what it consists of and how full it is."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from passband.specimen.crystal import FloatArray

IntArray = NDArray[np.int64]
ONE = 0.6  # Å between columns of two layers or grains that continue one another along the beam; a lattice has 0.69


@dataclass(frozen=True)
class AtomicColumns:
    """Atomic columns in a field, those that hold an atom.

    Attributes
    ----------
    y, x
        Å (n,), in the box: mean place of the atoms, weighted by Z², which is about how an annular dark field sees them.
    kind
        Index (n,) into `kinds`.
    layer
        Number (n,) of the layer that most of its atoms are of.
    atoms, sites
        Numbers (n,) of its atoms, and of lattice sites within the thickness.
    counts
        Atoms (n, m) by element.
    kinds
        Sublattices of the sites of a column, as "A" or "B+O".
    elements
        Symbols of the m elements.
    """

    y: FloatArray
    x: FloatArray
    kind: IntArray
    layer: IntArray
    atoms: IntArray
    sites: IntArray
    counts: IntArray
    kinds: tuple[str, ...]
    elements: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.x)

    @property
    def occupancy(self) -> FloatArray:
        """Fraction (n,) of the sites that hold an atom: below 1 where a step ends the column, and at vacancies."""
        found: FloatArray = self.atoms / self.sites
        return found


class Members(NamedTuple):
    """Atoms of columns: unwrapped places (n, 3) in Å, atomic number, layer and column (n,) of each."""

    positions: FloatArray
    numbers: IntArray
    layers: IntArray
    columns: IntArray


class ColumnSites(NamedTuple):
    """For each column: its kind, and the number of its sites (n,)."""

    kinds: IntArray
    sites: IntArray


def middles(atoms: Members, count: int) -> FloatArray:
    """Mean places (count, 2) as (x, y) of columns, weighted by Z²; NaN for those without atoms."""
    weights = atoms.numbers.astype(float) ** 2
    total = np.bincount(atoms.columns, weights, count)
    sums = [np.bincount(atoms.columns, weights * atoms.positions[:, axis], count) for axis in (0, 1)]
    with np.errstate(invalid="ignore"):
        found: FloatArray = np.stack(sums, axis=1) / total[:, None]
    return found


def gather_columns(
    atoms: Members, sites: ColumnSites, *, kinds: tuple[str, ...], period: float
) -> tuple[AtomicColumns, IntArray]:
    """Columns of a specimen, and of which column (n,) each atom is.

    Columns of two layers or grains that lie on one another, as where the face of a strained film has a step, are one.
    `period` is that of x in Å, 0 for none.
    """
    n = len(sites.kinds)
    places = middles(atoms, n)
    number = np.bincount(atoms.columns, minlength=n)
    layer = np.zeros(n, np.int64)
    layer[atoms.columns] = atoms.layers
    full = np.flatnonzero(number)
    label = np.full(n, -1)
    label[full] = _joined(places[full], period)
    columns = label[atoms.columns]
    count = int(label.max(initial=-1)) + 1
    order = full[np.lexsort((number[full], label[full]))]
    leading = order[np.searchsorted(label[order], np.arange(count), side="right") - 1]  # with the most atoms
    moved = atoms.positions.copy()
    if period > 0:
        apart = places[:, 0] - places[leading[label], 0]
        moved[:, 0] -= (period * np.rint(np.nan_to_num(apart) / period))[atoms.columns]
    found = middles(Members(moved, atoms.numbers, atoms.layers, columns), count)
    most = np.bincount(columns, minlength=count)  # of two grains there may be one atom more than either has sites
    np.maximum.at(most, label[full], sites.sites[full])
    elements, element = np.unique(atoms.numbers, return_inverse=True)
    counts = np.bincount(columns * len(elements) + element, minlength=count * len(elements))
    x = found[:, 0] % period if period > 0 else found[:, 0]
    gathered = AtomicColumns(
        y=found[:, 1],
        x=np.where(x >= period, 0.0, x) if period > 0 else x,
        kind=sites.kinds[leading],
        layer=layer[leading],
        atoms=np.bincount(columns, minlength=count),
        sites=most,
        counts=counts.reshape(count, len(elements)),
        kinds=kinds,
        elements=tuple(chemical_symbols[z] for z in elements),
    )
    return gathered, columns


def _joined(places: FloatArray, period: float) -> IntArray:
    """Label (n,) of columns, the same for those that lie on one another."""
    n = len(places)
    seen = places - places.min(axis=0, initial=np.inf) if n else places
    if period > 0:
        seen[:, 0] = places[:, 0] % period
        seen[seen[:, 0] >= period, 0] = 0.0
    pairs = cKDTree(seen, boxsize=np.array([period, 0.0])).query_pairs(ONE, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    labels: IntArray = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels
