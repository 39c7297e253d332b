"""Amorphous carbon as a network of bonds: nearly three neighbours at 1.44 Å, and a second shell at 2.5 Å.

Hard spheres have the density of a film and nothing else of it. The network comes from a small periodic cell that was
annealed once (`benchmarks/carbon_network.py`) and is kept beside this file. A film is cut from it in pieces of some
20 Å, each a random window of the cell in a random orientation, so that no period of the cell shows; where pieces meet,
atoms that came too near to one another are taken out. It is the same film for the same generator.
"""

from functools import lru_cache
from importlib.resources import files
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from passband.specimen.crystal import FloatArray

CELL_SIDE = 40.0  # Å
CELL_DENSITY = 2.0  # g/cm³
DENSITIES = (1.7, 2.3)  # g/cm³; a network is stretched to its density, and bonds by more than 5 % would be no carbon
WINDOWS = 16  # of the cell, from which pieces are cut
PIECE = 28.0  # Å between the centres of neighbouring pieces
JITTER = 0.3  # of `PIECE`, by which centres leave their grid along each axis
REACH = 30.0  # Å from the centre of a piece within which all of it lies
NEAREST = 1.25  # Å between atoms of different pieces; those of the cell are 1.35 Å apart or more
OVERLAP = 0.15  # Å by which pieces grow over their borders, to make up for the atoms taken out there


class _Pieces(NamedTuple):
    """Centres (n, 3) of the pieces of a film, and the outward normals and distances of the planes that bound each."""

    centres: FloatArray
    normals: list[FloatArray]
    planes: list[FloatArray]


def carbon_cell() -> FloatArray:
    """Positions (n, 3) in Å of the cell, a cube of `CELL_SIDE` that is periodic along all three axes."""
    with files("passband.specimen").joinpath("carbon_network.npy").open("rb") as file:
        cell: FloatArray = np.load(file, allow_pickle=False).astype(np.float64) * (CELL_SIDE / 65536.0)
    return cell


@lru_cache(maxsize=1)
def _windows() -> tuple[FloatArray, ...]:
    """Balls (n, 3) of radius `REACH` about random points of the cell."""
    cell = carbon_cell()
    rng = np.random.default_rng(0)
    shifts = np.array(list(product((-1, 0, 1), repeat=3))) * CELL_SIDE
    balls = []
    for _ in range(WINDOWS):
        centred = (cell - rng.random(3) * CELL_SIDE) % CELL_SIDE - CELL_SIDE / 2.0
        images = (centred[None] + shifts[:, None]).reshape(-1, 3)
        balls.append(images[(images**2).sum(axis=1) < REACH**2])
    return tuple(balls)


def _pieces(box: FloatArray, rng: np.random.Generator) -> _Pieces:
    """Voronoi cells of a jittered grid that is periodic in x and y and covers the box."""
    counts = np.ceil(box / PIECE).astype(int)
    steps = box / counts
    grid = np.stack(np.meshgrid(*[np.arange(count) for count in counts], indexing="ij"), axis=-1).reshape(-1, 3)
    centres = (grid + 0.5 + JITTER * rng.uniform(-1.0, 1.0, grid.shape)) * steps
    reach = np.ceil(2.0 * REACH / box[:2]).astype(int)
    images = [np.arange(-most, most + 1) for most in reach]
    shifts = np.array([(i * box[0], j * box[1], 0.0) for i in images[0] for j in images[1]])
    around = (centres[None] + shifts[:, None]).reshape(-1, 3)
    tree = cKDTree(around)
    normals, planes = [], []
    for centre, near in zip(centres, tree.query_ball_point(centres, 2.0 * REACH), strict=True):
        offsets = around[near] - centre
        distances = np.linalg.norm(offsets, axis=1)
        order = np.argsort(distances, kind="stable")[1:41]  # 26 are around one in a grid; those beyond 40 bound nothing
        normals.append(offsets[order] / distances[order, None])
        planes.append(distances[order] / 2.0)
    return _Pieces(centres, normals, planes)


def carbon_network(box: FloatArray, density: float, rng: np.random.Generator) -> FloatArray:
    """Positions (n, 3) of a network that fills a box [0, x) × [0, y) × [0, z), periodic in x and y; Å.

    Parameters
    ----------
    box
        Sides in Å.
    density
        g/cm³, within `DENSITIES`; lengths are stretched to it.
    """
    stretch = (CELL_DENSITY / density) ** (1.0 / 3.0)
    room = box / stretch
    windows = _windows()
    pieces = _pieces(room, rng)
    turns = Rotation.random(len(pieces.centres), rng=rng).as_matrix()
    chosen = rng.integers(len(windows), size=len(pieces.centres))
    groups, borders = [], []
    for k, centre in enumerate(pieces.centres):
        points = windows[int(chosen[k])] @ turns[k]
        height = points[:, 2] + centre[2]
        points = points[(height >= 0.0) & (height < room[2])]
        slack = (pieces.planes[k][None] - points @ pieces.normals[k].T).min(axis=1, initial=REACH)
        inside = slack > -OVERLAP
        groups.append(points[inside] + centre)
        borders.append(slack[inside] < NEAREST + OVERLAP)
    positions, border = np.concatenate(groups), np.concatenate(borders)
    positions[:, :2] %= room[:2]
    apart: FloatArray = positions[_apart(positions, border, room)] * stretch
    return apart


def _apart(positions: FloatArray, border: NDArray[np.bool_], room: FloatArray) -> NDArray[np.bool_]:
    """Which atoms stay, so that no two are nearer than `NEAREST`; of two the later goes.

    Within a piece none are, for in the cell none are; but a piece may meet its own periodic image.
    """
    seam = np.flatnonzero(border)
    tree = cKDTree(positions[seam], boxsize=room * [1.0, 1.0, 0.0])  # not periodic along the beam
    pairs = seam[tree.query_pairs(NEAREST, output_type="ndarray")]
    keep = np.ones(len(positions), bool)
    keep[pairs.max(axis=1)] = False
    return keep
