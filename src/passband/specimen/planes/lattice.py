"""Atomic columns on any lattice, seen along the beam, from which a network learns to find columns on all of them.

The incoherent model of a scan needs columns and no atoms, so they are made directly: a random plane lattice in grains
(`plane_cell`, `plane_grains`), distorted (`plane_distortion`), cut out (`plane_outline`), filled with atoms
(`column_filling`) and covered with what has no lattice (`stray_columns`). No material is modelled: what nature does
not make is drawn too.

The field is a periodic square. A rotated lattice does not repeat with it: the border of the field is a seam, where
columns that would come nearer than 0.6 of the distance of neighbours are left out.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from passband.distribution import limits
from passband.recipe import PassbandError, Recipe
from passband.specimen.crystal import FloatArray
from passband.specimen.planes.cell import PlaneCells
from passband.specimen.planes.column_filling import (
    ColumnFilling,
    FilledColumns,
    alloyed,
    column_atoms,
    column_thickness,
)
from passband.specimen.planes.distortion import PlaneDistortion
from passband.specimen.planes.grains import PlaneGrains, PlaneSites, lattice_sites
from passband.specimen.planes.outline import Outline, PlaneOutline, plane_outline
from passband.specimen.planes.stray_columns import StrayColumns, adatoms, border, overlay
from passband.specimen.sheets.springs import IntArray

#: What a column is.
COLUMN_LABELS = ("lattice", "adatom", "amorphous")
MOST = 2e5  # columns of a field


class PlaneLattices(Recipe):
    """Which fields of atomic columns may occur; by default a wide variety.

    Attributes
    ----------
    field
        Side of the periodic square, Å.
    cells
        Lattices and their columns.
    grains
        How many, and how they are turned.
    distortion
        Strain, dislocations, polar and random displacements.
    outline
        Where the lattice ends.
    filling
        Atoms and elements of its columns.
    strays
        Columns without a lattice.
    empty
        Probability of a field without anything.
    disordered
        Probability of a field of amorphous matter only.
    """

    field: float = Field(default=60.0, ge=20.0, le=1000.0)
    cells: PlaneCells = PlaneCells()
    grains: PlaneGrains = PlaneGrains()
    distortion: PlaneDistortion = PlaneDistortion()
    outline: PlaneOutline = PlaneOutline()
    filling: ColumnFilling = ColumnFilling()
    strays: StrayColumns = StrayColumns()
    empty: float = Field(default=0.01, ge=0, le=1)
    disordered: float = Field(default=0.02, ge=0, le=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.empty + self.disordered > 1.0:
            raise PassbandError(
                f"empty={self.empty:g} and disordered={self.disordered:g} exceed 1; a field is one of them at most"
            )
        columns = self.field**2 / limits(self.cells.spacing)[0] ** 2
        if columns > MOST:
            raise PassbandError(
                f"the field holds {columns:.2g} columns, more than {MOST:.0e}; shrink it or widen their spacing"
            )
        return self


@dataclass(frozen=True)
class PlaneLattice:
    """Atomic columns in a periodic field.

    Attributes
    ----------
    positions
        float64 (n, 2): places as (x, y), Å, from 0 to below the side.
    numbers
        int64 (n,): atomic number; of an alloyed column the mean, rounded.
    atoms
        float64 (n,): how many; a fraction in adatoms.
    label
        uint8 (n,): what a column is, an index into `labels`.
    sides
        Of the field (y, x), Å.
    parameters
        Plain JSON: the recipe, and what was drawn.
    labels
        Names of the labels.
    """

    positions: FloatArray
    numbers: IntArray
    atoms: FloatArray
    label: NDArray[np.uint8]
    sides: tuple[float, float]
    parameters: dict[str, Any]
    labels: tuple[str, ...] = COLUMN_LABELS

    @property
    def ordered(self) -> NDArray[np.bool_]:
        """Whether a column is one of the lattice (n,): only these are truth."""
        ordered: NDArray[np.bool_] = self.label == COLUMN_LABELS.index("lattice")
        return ordered

    @property
    def signal(self) -> FloatArray:
        """About what an annular dark field shows of each column (n,), for `visible_columns`: atoms × Z^1.7."""
        return FilledColumns(self.positions, self.numbers, self.atoms).signal


def plane_lattice(recipe: PlaneLattices, *, rng: np.random.Generator) -> PlaneLattice:
    """One field of atomic columns; the same bytes for the same recipe and state of the generator."""
    fate = rng.random()
    # Streams of their own: who changes the strays of a recipe has the same lattice as before.
    shape, places, contents, loose = (np.random.default_rng(seed) for seed in rng.integers(2**63, size=4))
    if fate < recipe.empty:
        return _gathered(recipe, {}, {"content": "empty"})
    if fate < recipe.empty + recipe.disordered:
        film, told = overlay(recipe.strays, None, recipe.field, rng=loose)
        return _gathered(recipe, {"amorphous": [film]}, {"content": "disordered", "overlay": told})
    outline = plane_outline(recipe.outline, field=recipe.field, rng=shape)
    sites, grains = lattice_sites(recipe.cells, recipe.grains, recipe.distortion, field=recipe.field, rng=places)
    lattice, filled = _filled(recipe, sites, outline, contents)
    told = {"content": "lattice", "grains": grains, "outline": outline.kind, **filled}
    if not len(lattice.atoms):
        return _gathered(recipe, {}, told)
    median = float(np.median(lattice.signal))
    film, told["overlay"] = overlay(recipe.strays, median, recipe.field, rng=loose)
    around, told["border_width"] = border(recipe.strays, lattice, outline, rng=loose)
    single = adatoms(recipe.strays, median, recipe.field, rng=loose)
    return _gathered(recipe, {"lattice": [lattice], "adatom": [single], "amorphous": [film, around]}, told)


def _filled(
    recipe: PlaneLattices, sites: PlaneSites, outline: Outline, rng: np.random.Generator
) -> tuple[FilledColumns, dict[str, Any]]:
    """Columns of the lattice with their atoms, and what was drawn."""
    depth = outline.depth(sites.positions)
    inside = np.flatnonzero(depth >= 0.0)
    sites = sites.kept(inside)
    thickness, told = column_thickness(recipe.filling, sites.positions, field=recipe.field, rng=rng)
    atoms = column_atoms(recipe.filling, thickness * sites.filling * outline.thickness(depth[inside]), rng=rng)
    there = np.flatnonzero(atoms)
    sites, atoms = sites.kept(there), atoms[there]
    numbers, told["alloy"] = alloyed(recipe.filling, (sites.numbers, atoms), sites.positions / recipe.field, rng=rng)
    return FilledColumns(sites.positions, numbers, atoms.astype(float)), told


def _gathered(recipe: PlaneLattices, parts: dict[str, list[FilledColumns]], told: dict[str, Any]) -> PlaneLattice:
    """One field of columns of every label."""
    found = [(COLUMN_LABELS.index(label), columns) for label, several in parts.items() for columns in several]
    nothing = FilledColumns(np.empty((0, 2)), np.empty(0, np.int64), np.empty(0))
    joined = FilledColumns(
        *(np.concatenate(values) for values in zip(nothing, *[one for _, one in found], strict=True))
    )
    label = np.repeat([number for number, _ in found], [len(one.atoms) for _, one in found]).astype(np.uint8)
    counts = np.bincount(label, minlength=len(COLUMN_LABELS)).tolist()
    columns = dict(zip(COLUMN_LABELS, counts, strict=True))
    return PlaneLattice(
        *joined,
        label=label,
        sides=(recipe.field, recipe.field),
        parameters={"recipe": recipe.model_dump(mode="json"), **told, "columns": columns},
    )
