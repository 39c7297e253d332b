"""Carbon networks of three bonds an atom from the centres of their rings: crystals, grains, amorphous borders.

The honeycomb is the dual of a triangulation: an atom in each triangle of ring centres, a bond across each of its sides.
From any points in a plane, the Delaunay triangulation makes a network in which all atoms have three bonds and a point
with n neighbours becomes a ring of n, as is done for grain boundaries of graphene (Ophus et al., Phys. Rev. B 92 (2015)
045402). So grains are pieces of turned triangular lattices, their boundaries chains of rings of five and seven, and
disordered points are amorphous carbon of one layer.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, cKDTree

from passband.recipe import PassbandError
from passband.specimen.crystal import FloatArray
from passband.specimen.sheets.bonded_sheet import FRAGMENT, BondedSheet
from passband.specimen.sheets.springs import CARBON_BOND, IntArray, inside
from passband.specimen.sheets.triangular import periodic_points, points_within

LATTICE = CARBON_BOND * np.sqrt(3.0)  # Å between centres of neighbouring rings
CROWDED = 0.62 * LATTICE  # Å; of two ring centres nearer than this one is left out
MARGIN = 5.0 * LATTICE  # Å of points around a field, whose triangles those inside need
SMOOTHINGS = 12
NEIGHBOURS = np.array([[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)])


def crystal_points(cell: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Ring centres (n, 2) of one crystal in a periodic cell that its lattice repeats in, shifted at random; Å."""
    return inside(periodic_points(cell, LATTICE) + rng.random(2) * cell, cell)


def grain_points(seeds: FloatArray, angles: FloatArray, field: FloatArray, *, periodic: bool) -> FloatArray:
    """Ring centres (n, 2) of grains: each point is of the grain whose seed is nearest.

    Parameters
    ----------
    seeds, angles
        Middle of each grain, Å (g, 2), where one of its rings has its centre, and its turn in rad (g,).
    field
        Sides, Å (2,). Points of an open field go on for some rings beyond it.
    """
    copies = NEIGHBOURS if periodic else NEIGHBOURS[4:5]
    tree = cKDTree((seeds[None] + (copies * field)[:, None]).reshape(-1, 2))
    mine = len(seeds) * int(np.flatnonzero((copies == 0).all(axis=1))[0])
    reach = float(np.linalg.norm(field)) + 2.0 * MARGIN
    groups = []
    for k, (seed, angle) in enumerate(zip(seeds, angles, strict=True)):
        points = seed + points_within(reach, LATTICE, float(angle))
        if not periodic:
            points = points[((points > -MARGIN) & (points < field + MARGIN)).all(axis=1)]
        groups.append(points[tree.query(points)[1] == mine + k])
    return uncrowded(np.concatenate(groups), field if periodic else None)


def uncrowded(points: FloatArray, cell: FloatArray | None) -> FloatArray:
    """Points without those that are nearer than `CROWDED` to an earlier one, within the cell."""
    points = points if cell is None else inside(points, cell)
    pairs = cKDTree(points, boxsize=cell).query_pairs(CROWDED, output_type="ndarray")
    keep = np.ones(len(points), bool)
    for a, b in sorted(map(tuple, pairs.tolist())):
        if keep[a]:
            keep[b] = False
    return points[keep]


def _triangles(points: FloatArray, cell: FloatArray | None) -> tuple[Delaunay, FloatArray, IntArray]:
    """Triangulation of points and, in a periodic cell, of their images around it; their places, and whose image."""
    if cell is None:
        return Delaunay(points), points, np.arange(len(points))
    images = (points[None] + (NEIGHBOURS * cell)[:, None]).reshape(-1, 2)
    owner = np.tile(np.arange(len(points)), len(NEIGHBOURS))
    near = ((images > -MARGIN) & (images < cell + MARGIN)).all(axis=1)
    return Delaunay(images[near]), images[near], owner[near]


def smoothed(points: FloatArray, loose: NDArray[np.bool_], cell: FloatArray | None) -> FloatArray:
    """Points after the loose ones went, several times, half of the way to the mean of their neighbours."""
    moved = points.copy()
    for _ in range(SMOOTHINGS):
        mesh, places, owner = _triangles(moved, cell)
        starts, near = mesh.vertex_neighbor_vertices
        counts = np.diff(starts)
        means = np.add.reduceat(places[near], starts[:-1]) / counts[:, None]
        whole = np.ones(len(owner), bool) if cell is None else _within(places, cell)
        going = np.flatnonzero(loose[owner] & whole)
        moved[owner[going]] += 0.5 * (means - places)[going]
        moved = moved if cell is None else inside(moved, cell)
    return moved


def _within(places: FloatArray, cell: FloatArray) -> NDArray[np.bool_]:
    return np.asarray(((places >= 0.0) & (places < cell)).all(axis=1), bool)


def misfits(points: FloatArray, cell: FloatArray | None) -> NDArray[np.bool_]:
    """Which points have other than six neighbours, or a neighbour that has."""
    mesh, _, owner = _triangles(points, cell)
    starts, near = mesh.vertex_neighbor_vertices
    odd: NDArray[np.bool_] = np.asarray(np.diff(starts) != 6)
    beside = odd | (np.add.reduceat(odd[near].astype(int), starts[:-1]) > 0)
    found = np.zeros(len(points), bool)
    whole = np.ones(len(owner), bool) if cell is None else _within(mesh.points, cell)
    found[owner[whole]] = beside[whole]
    return found


def network(
    points: FloatArray, field: FloatArray, *, periodic: bool, solid: Callable[[FloatArray], NDArray[np.bool_]]
) -> BondedSheet:
    """Sheet whose rings have the points (n, 2) for centres.

    Parameters
    ----------
    solid
        Which of some positions (m, 2) the sheet covers: none in its holes. Atoms with one bond or none, and pieces of
        a few atoms, are left out. An open sheet ends where its field does at the latest.

    Raises
    ------
    PassbandError
        A periodic field is too small for the network to be told from its images, or nothing of the sheet is left.
    """
    if periodic and float(field.min()) < 2.0 * MARGIN:
        raise PassbandError(f"field={field.min():g} Å is too small for a periodic sheet; take {2 * MARGIN:.0f} or more")
    mesh, places, _ = _triangles(points, field if periodic else None)
    centres = places[mesh.simplices].mean(axis=1)
    chosen = np.flatnonzero(_within(centres, field))
    beside = mesh.neighbors[chosen]  # opposite to each corner: counter-clockwise, as the corners are
    if periodic:
        near: IntArray = np.asarray(cKDTree(centres[chosen], boxsize=field).query(centres[beside] % field)[1], np.int64)
    else:
        row = np.full(len(centres) + 1, -1)  # the last for no neighbour at all
        row[chosen] = np.arange(len(chosen))
        near = row[beside]
    kept, near = _hanging_together(near, solid(centres[chosen]))
    if not len(kept):
        raise PassbandError(f"holes leave no sheet in a field of {field[0]:.0f} × {field[1]:.0f} Å; make them smaller")
    bonds = [[k for k in found if k >= 0] for found in near.tolist()]
    return BondedSheet(centres[chosen[kept]], bonds, field if periodic else None)


def _hanging_together(near: IntArray, keep: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Atoms that stay of a network, and their neighbours (n, 3), −1 for none."""
    while True:
        bonded = (near >= 0) & keep[near] & keep[:, None]
        loose = keep & (bonded.sum(axis=1) < 2)
        if not loose.any():
            break
        keep = keep & ~loose
    starts, slots = np.nonzero(bonded)
    graph = coo_array((np.ones(len(starts)), (starts, near[starts, slots])), shape=(len(near), len(near)))
    piece = connected_components(graph, directed=False)[1]
    kept = np.flatnonzero(keep & (np.bincount(piece)[piece] > FRAGMENT))
    row = np.full(len(near), -1)
    row[kept] = np.arange(len(kept))
    return kept, np.where(bonded, row[near], -1)[kept]
