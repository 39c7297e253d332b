"""Amorphous support films of a stated density, seeded for each structure, periodic in x and y."""

from typing import cast

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers, covalent_radii
from ase.formula import Formula
from ase.units import kg  # in u; CODATA
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from passband.recipe import PassbandError
from passband.specimen.crystal import FloatArray

GRAM_PER_CM3 = 1e-27 * kg  # u/Å³ in one g/cm³ (0.602)
CARBON_DENSITY = 2.0  # g/cm³; evaporated and sputtered a-C is 1.8-2.1 (Robertson, Mater. Sci. Eng. R 37 (2002) 129)
# Hard spheres put down one by one jam at a filling of 0.384 (Torquato & Jiao, Phys. Rev. E 74 (2006) 061308);
# we stop short of it, where the tries per atom have grown to some hundreds.
HIGHEST_FILLING = 0.33


def _composition(symbol: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Atomic numbers and counts of one formula unit."""
    try:
        count = Formula(symbol).count()
        numbers = np.array([atomic_numbers[key] for key in count], dtype=np.int64)
    except (ValueError, KeyError) as error:
        raise PassbandError(f"film symbol '{symbol}' is no element or formula; write 'C', 'Si3N4', 'SiO2'") from error
    return numbers, np.array(list(count.values()), dtype=np.int64)


def default_minimum_distance(symbol: str) -> float:
    """0.92 of two mean covalent radii (Cordero 2008, ASE's table), Å: 1.40 for carbon, below graphite's 1.42."""
    numbers, counts = _composition(symbol)
    return float(round(0.92 * 2.0 * np.average(covalent_radii[numbers], weights=counts), 2))


def number_density(symbol: str, density: float) -> float:
    """Atoms per Å³ at a density in g/cm³.

    Examples
    --------
    >>> round(number_density("C", 2.0), 4)
    0.1003
    """
    numbers, counts = _composition(symbol)
    return float(density * GRAM_PER_CM3 / np.average(atomic_masses[numbers], weights=counts))


def check_film(symbol: str, density: float, minimum_distance: float | None) -> float:
    """Return the minimum distance to use, Å, if a random film of that density can be made.

    Raises
    ------
    PassbandError
        Unknown element, density or distance not positive, or more atoms than fit at that distance.
    """
    if not density > 0:
        raise PassbandError(f"density={density:g} g/cm³ must be positive; amorphous carbon has {CARBON_DENSITY}")
    distance = default_minimum_distance(symbol) if minimum_distance is None else minimum_distance
    if not distance > 0:
        raise PassbandError(f"minimum_distance={distance:g} Å must be positive; leave it out for the element's own")
    atoms = number_density(symbol, density)
    if atoms * np.pi * distance**3 / 6.0 > HIGHEST_FILLING:
        longest = (6.0 * HIGHEST_FILLING / np.pi / atoms) ** (1 / 3)
        densest = density * (longest / distance) ** 3
        raise PassbandError(
            f"density={density:g} g/cm³ of {symbol} does not fit with minimum_distance={distance:g} Å between atoms; "
            f"take a distance ≤ {longest:.2f} Å or a density ≤ {densest:.2f} g/cm³"
        )
    return distance


def spread_points(count: int, box: FloatArray, distance: float, rng: np.random.Generator) -> FloatArray:
    """`count` random points (n, 3) in a box periodic in x and y, no two nearer than `distance`.

    Random sequential addition in batches: within a batch the earlier of two close points stays.
    """
    periods = [box[0], box[1], 0.0]  # 0: not periodic along the beam
    points = np.empty((0, 3))
    while len(points) < count:
        missing = count - len(points)
        fresh = rng.random((min(4 * missing + 64, max(missing + 64, count)), 3)) * box
        if len(points):
            near, _ = cKDTree(points, boxsize=periods).query(fresh, distance_upper_bound=distance)
            fresh = fresh[np.isinf(near)]
        pairs = cKDTree(fresh, boxsize=periods).query_pairs(distance, output_type="ndarray")
        keep = np.ones(len(fresh), bool)
        keep[pairs.max(axis=1)] = False
        points = np.concatenate([points, fresh[keep][:missing]])
    return points


def amorphous_film(
    size_xy: tuple[float, float],
    thickness: float,
    *,
    symbol: str = "C",
    density: float = CARBON_DENSITY,
    minimum_distance: float | None = None,
    rng: np.random.Generator,
) -> Atoms:
    """Random film filling 0 ≤ x < size_x, 0 ≤ y < size_y, 0 ≤ z < thickness, periodic in x and y.

    The number of atoms is that of the density, rounded; positions are uniform but for the minimum distance, which
    holds across the periodic borders too. Short-range order beyond that distance (the rings of real amorphous carbon)
    is not modelled.

    Parameters
    ----------
    size_xy, thickness
        Å; thickness 0 gives a film without atoms.
    symbol
        An element or a formula such as "Si3N4", whose atoms are then mixed at random.
    density
        g/cm³.
    minimum_distance
        Å; None takes `default_minimum_distance`.

    Raises
    ------
    PassbandError
        See `check_film`; also sizes that are not positive or below two minimum distances.
    """
    distance = check_film(symbol, density, minimum_distance)
    if thickness < 0 or not min(size_xy) > 2 * distance:
        raise PassbandError(
            f"film of {size_xy} × {thickness:g} Å: lengths must be positive and wider than {2 * distance} Å"
        )
    box = np.array([*size_xy, thickness])
    numbers, counts = _composition(symbol)
    units = number_density(symbol, density) * float(np.prod(box)) / counts.sum()
    species = np.repeat(numbers, np.rint(units * counts).astype(int))
    if len(numbers) > 1:
        species = cast("NDArray[np.int64]", rng.permutation(species))
    positions = spread_points(len(species), box, distance, rng)
    return Atoms(species, positions, cell=box if thickness > 0 else [*size_xy, 1.0], pbc=(True, True, False))
