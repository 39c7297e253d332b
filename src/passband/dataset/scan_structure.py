"""One structure for a scanning microscope: the columns of a specimen and the truth about its image."""

import json
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from passband.dataset.beam_path import SimulatedStructure
from passband.dataset.scan_simulation import Channelling, ScanSimulation
from passband.distribution import drawn
from passband.microscope.scanning.absorption import Absorption, absorbed_signal
from passband.microscope.scanning.columns import LINEAR, Columns, Incoherent, columns_of
from passband.recipe import PassbandError
from passband.specimen.scanned import LoneColumns, Regions, ScanSpecimen
from passband.specimen.visible_columns import visible_columns

ALONG = 3.0  # Å between the atoms of a column that has none of its own
BELONGS = 1.0  # Å from a point, that its atoms are seen within
SIGNAL_POWER = 1.7  # of the atomic number: about how an annular dark field sees an atom, for what is visible

Array = NDArray[np.float64]


def scan_structure(recipe: ScanSimulation, index: int) -> SimulatedStructure:
    """Structure `index` of a recipe: the same one whatever else is simulated, in any order.

    Its points are `x`, `y` in Å, `number` and effective number of `atoms` of each column, and `point_x`, `point_y` in
    Å and `point_kind`, a class of the recipe, of the truth. Where there are regions, its arrays are the material of
    each pixel, an index into the materials of the recipe, and the number of the layer from 1.

    Raises
    ------
    PassbandError
        The specimen cannot be made.
    """
    made = recipe.specimens.draw(seed=recipe.seed, index=index)
    rng = np.random.default_rng(np.random.SeedSequence([recipe.seed, index, 1]))
    columns, thickness = _columns(recipe, made, rng)
    points, kind = _truth(recipe, made, columns)
    row: dict[str, Any] = {
        "structure": index,
        "columns": len(columns.atoms),
        "points": len(points),
        "thickness": thickness,
        "side_y": made.sides[0],
        "side_x": made.sides[1],
        "parameters": json.dumps(made.parameters, sort_keys=True),
    }
    atoms: dict[str, NDArray[Any]] = {
        "x": columns.positions[:, 0].astype(np.float32),
        "y": columns.positions[:, 1].astype(np.float32),
        "number": columns.numbers.astype(np.uint8),
        "atoms": columns.atoms.astype(np.float32),
        "point_x": points[:, 1].astype(np.float32),
        "point_y": points[:, 0].astype(np.float32),
        "point_kind": kind.astype(np.uint8),
    }
    arrays = _maps(made.regions, made.sides, recipe.map_shape) if recipe.layout.arrays else {}
    return SimulatedStructure(arrays, row, atoms)


def _columns(recipe: ScanSimulation, made: ScanSpecimen, rng: np.random.Generator) -> tuple[Columns, float]:
    """Columns of a specimen as they count, and its thickness in Å."""
    if isinstance(made.content, LoneColumns):
        lone = made.content
        thickness = ALONG * float(lone.atoms.max(initial=0.0))
        counts = lone.atoms.copy()
        if thickness > LINEAR:
            law = _law(recipe.channelling, np.unique(lone.numbers), thickness, rng)
            for number in np.unique(lone.numbers):
                mine = lone.numbers == number
                enhancement, coefficient = law[chemical_symbols[number]]
                counts[mine] *= enhancement * absorbed_signal(coefficient, ALONG * counts[mine])
        none = np.zeros(len(counts), dtype=np.int64)
        return Columns(lone.positions, lone.numbers, counts, none, np.zeros(1), made.sides), thickness
    thickness = _thickness(made.content)
    absorption = None
    if thickness > LINEAR:
        law = _law(recipe.channelling, np.unique(made.content.get_atomic_numbers()), thickness, rng)
        absorption = Absorption(
            enhancement={symbol: one for symbol, (one, _) in law.items()},
            coefficients={symbol: one for symbol, (_, one) in law.items()},
            thickest=thickness + 1.0,
        )
    return columns_of(made.content, Incoherent(absorption=absorption)), thickness


def _thickness(atoms: Atoms) -> float:
    z = atoms.get_positions()[:, 2]
    return float(np.ptp(z)) if len(z) else 0.0


def _law(
    channelling: Channelling | None, numbers: NDArray[Any], thickness: float, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """C and μ of each element, drawn in the order of atomic numbers."""
    if channelling is None:
        raise PassbandError(
            f"a specimen of {thickness:.3g} Å is thicker than the linear model holds for, {LINEAR:g} Å; give "
            "simulation.channelling, such as {enhancement = {uniform = [1.0, 1.8]}, absorption = 0.003}"
        )
    return {
        chemical_symbols[number]: (drawn(channelling.enhancement, rng), drawn(channelling.absorption, rng))
        for number in numbers
    }


def _truth(recipe: ScanSimulation, made: ScanSpecimen, columns: Columns) -> tuple[Array, NDArray[np.int64]]:
    """Places (m, 2) y, x in Å and classes (m,) of the points that masks show."""
    if recipe.truth == "defect":
        kind = np.zeros(len(made.points), dtype=np.int64) if made.defect is None else made.defect
        return made.points[kind > 0], kind[kind > 0]
    if recipe.truth != "column":
        return made.points, made.kind + 1
    signal = _signal_at(made.points, columns)
    seen = visible_columns(made.points[:, ::-1], signal, sides=columns.sides, share=recipe.visible, merge=recipe.merge)
    return seen.places[:, ::-1], np.ones(len(seen.places), dtype=np.int64)


def _signal_at(points: Array, columns: Columns) -> Array:
    """Signal (m,) of the columns that belong to each point (m, 2) y, x: those within 1 Å to which it is the nearest.

    What amorphous layers have elsewhere belongs to none.
    """
    if not len(points) or not len(columns.atoms):
        return np.zeros(len(points))
    sides = np.array(columns.sides)
    tree = cKDTree(np.mod(points, sides), boxsize=sides)
    near = tree.query(np.mod(columns.positions[:, ::-1], sides), distance_upper_bound=BELONGS)
    distance, nearest = (np.asarray(one) for one in near)
    own = np.isfinite(distance)
    signal = columns.atoms[own] * columns.numbers[own].astype(np.float64) ** SIGNAL_POWER
    return np.asarray(np.bincount(nearest[own], weights=signal, minlength=len(points)))


def _maps(regions: Regions | None, sides: tuple[float, float], shape: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """Material and layer of each pixel; 0 where there are no regions."""
    if regions is None:
        return {"masks": np.zeros(shape, np.uint8), "labels": np.zeros(shape, np.uint16)}
    y, x = (np.arange(size) * side / size for size, side in zip(shape, sides, strict=True))
    rows, along = np.broadcast_arrays(y[:, None], x[None, :])
    return {
        "masks": regions.material(rows, along).astype(np.uint8),
        "labels": (regions.layer(rows, along) + 1).astype(np.uint16),
    }
