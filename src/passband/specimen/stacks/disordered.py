"""Atoms of layers without a lattice: amorphous solids, and platinum grains in carbon as an ion beam deposits them."""

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from passband.specimen.crystal import FloatArray, nearest_distance, unit_cell
from passband.specimen.materials import crystal
from passband.specimen.network import PIECE, carbon_network
from passband.specimen.scene import CONTACT
from passband.specimen.stacks.compounds import Disordered
from passband.specimen.stacks.lattice_filling import Room
from passband.specimen.support import amorphous_film, spread_points

SMALLEST = 0.7  # of the largest diameter of grains
CLEARANCE = 2.0  # Å around the atoms of a grain without carbon; Pt–C bonds have 2.0 Å
LEAST = 2.0 * PIECE  # Å; what is lower is cut from as much, so that a piece seldom meets itself across the border

Atoms = tuple[FloatArray, NDArray[np.int64]]


def fill_disordered(made_of: Disordered, room: Room, rng: np.random.Generator) -> Atoms:
    """Positions (n, 3) and atomic numbers (n,) of a solid in a room and beyond it along the beam; periodic along x."""
    sides = np.array([room.high[0] - room.low[0], max(LEAST, room.high[1] - room.low[1]), max(LEAST, room.depth)])
    if not made_of.symbol:
        return np.empty((0, 3)), np.empty(0, np.int64)
    if made_of.structure == "network":
        places = carbon_network(sides[[0, 2, 1]], made_of.density, rng)
        numbers = np.full(len(places), atomic_numbers["C"])
    else:
        film = amorphous_film(
            (float(sides[0]), float(sides[2])), float(sides[1]), symbol=made_of.symbol, density=made_of.density, rng=rng
        )
        places, numbers = film.positions, film.numbers.astype(np.int64)
    positions = places[:, [0, 2, 1]]
    if made_of.grains:
        positions, numbers = _with_grains(made_of, (positions, numbers), sides, rng)
    positions = positions + np.array([*room.low, 0.0])
    kept = positions[:, 1] < room.high[1]
    return positions[kept], numbers[kept]


def _with_grains(made_of: Disordered, matrix: Atoms, sides: FloatArray, rng: np.random.Generator) -> Atoms:
    """Balls of a crystal in random orientations, and what of the matrix is clear of them; periodic along x."""
    largest = made_of.grain_diameter
    around = sides + largest * np.array([0.0, 1.0, 1.0])  # grains are cut by the faces of the layer
    apart = SMALLEST * largest
    count = round(made_of.grain_fraction * float(np.prod(around)) / (np.pi / 6.0 * apart**3))
    centres = spread_points(count, around[[0, 2, 1]], apart, rng)[:, [0, 2, 1]]
    nearest = np.asarray(cKDTree(centres, boxsize=around * [1.0, 0.0, 1.0]).query(centres, k=2)[0])[:, 1]
    centres -= 0.5 * largest * np.array([0.0, 1.0, 1.0])
    ball, numbers = _ball(made_of.grains, 0.5 * largest)
    turns = Rotation.random(count, rng=rng).as_matrix()
    bond = CONTACT * nearest_distance(crystal(made_of.grains))
    radii = 0.5 * np.minimum(largest * rng.uniform(SMALLEST, 1.0, count), nearest - bond)  # none overlap
    chosen = [(ball**2).sum(axis=1) < radius**2 for radius in radii]
    grains = np.concatenate(
        [ball[one] @ turn.T + centre for one, turn, centre in zip(chosen, turns, centres, strict=True)]
        + [np.empty((0, 3))]
    )
    kinds = np.concatenate([numbers[one] for one in chosen] + [np.empty(0, np.int64)])
    grains[:, 0] %= sides[0]
    inside = ((grains >= 0.0) & (grains < sides)).all(axis=1)
    grains, kinds = grains[inside], kinds[inside]
    if not len(grains):
        return matrix
    positions, carbon = matrix
    tree = cKDTree(grains, boxsize=sides * [1.0, 0.0, 0.0])
    free = np.isinf(tree.query(positions % [sides[0], np.inf, np.inf], distance_upper_bound=CLEARANCE)[0])
    return np.concatenate([grains, positions[free]]), np.concatenate([kinds, carbon[free]])


def _ball(name: str, radius: float) -> Atoms:
    cell = unit_cell(crystal(name))
    reach = np.ceil(radius / cell.cell.lengths().min()).astype(int) + 1
    shifts = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
    places = (cell.positions[None] + (shifts @ cell.cell.array)[:, None]).reshape(-1, 3)
    numbers = np.tile(cell.numbers, len(shifts))
    kept = (places**2).sum(axis=1) < radius**2
    return places[kept], numbers[kept].astype(np.int64)
