"""Graphene as it lies on a grid: grains and their boundaries, holes, amorphous borders, vacancies, silicon."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from passband.distribution import Scalar, Uniform, drawn, limits
from passband.recipe import PassbandError, Recipe
from passband.specimen.crystal import FloatArray
from passband.specimen.sheets.bond_graph import OPEN
from passband.specimen.sheets.bonded_sheet import DEFECT, BondedSheet
from passband.specimen.sheets.defects import PointDefects, place_defects
from passband.specimen.sheets.honeycomb import (
    LATTICE,
    crystal_points,
    grain_points,
    misfits,
    network,
    smoothed,
    uncrowded,
)
from passband.specimen.sheets.sheet import BondedAtoms, bonded_atoms
from passband.specimen.sheets.springs import shortest
from passband.specimen.sheets.triangular import commensurate

HARMONICS = np.arange(2, 8)  # of the outline of a hole
BORDER = 2.0  # Å of vacuum around an open sheet, so that its atoms are inside the cell when they came to rest
GRAIN_TRIES = 20  # places tried for each grain, of which that farthest from the others is taken


class Graphene(Recipe):
    """Which sheets of graphene may occur; by default a perfect periodic one.

    Attributes
    ----------
    field
        Side of the field, Å. The cell of a periodic crystal has the sides nearest to it that the lattice repeats in.
    periodic
        Whether bonds go on across the borders of the cell; an open sheet ends 2 Å before them.
    grains
        Their number. Their boundaries are chains of rings of five and seven.
    orientation
        Of each grain, rad: from x to a row of atoms (zigzag). A periodic crystal of one grain has 0.
    holes
        Their number, rounded.
    hole_diameter
        Å, mean over the directions.
    hole_roughness
        Relative standard deviation of the radius of a hole over the directions.
    amorphous
        Å from holes, and from the border of an open sheet, within which the network is disordered.
    disorder
        Å rms in each direction by which the centres of rings are off their places there.
    defects
        Vacancies, Stone–Wales defects and silicon.
    margin
        Vacuum above and below, Å.
    """

    field: float = Field(default=160.0, ge=24.0, le=2000.0)
    periodic: bool = True
    grains: int = Field(default=1, ge=1, le=100)
    orientation: Scalar = 0.0
    holes: Scalar = 0.0
    hole_diameter: Scalar = Uniform(uniform=(10.0, 40.0))
    hole_roughness: float = Field(default=0.15, ge=0.0, le=0.3)
    amorphous: Scalar = 0.0
    disorder: float = Field(default=0.7, ge=0.0, le=1.2)
    defects: PointDefects = PointDefects()
    margin: float = Field(default=3.0, ge=2.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, most in {"holes": 1e3, "hole_diameter": self.field, "amorphous": self.field}.items():
            low, high = limits(getattr(self, name))
            if low < 0 or high > most:
                raise PassbandError(f"{name} runs from {low:g} to {high:g}; it must stay within 0 and {most:g}")
        if self.periodic and self.grains == 1 and self.orientation != 0.0:
            raise PassbandError(
                f"orientation={self.orientation} does not fit a periodic crystal of one grain; write periodic=false, "
                "or take several grains"
            )
        return self


@dataclass(frozen=True)
class Hole:
    """A hole about a centre (2,): its radius is `radius` (1 + Σ waves cos(k φ − phases)) in the direction φ; Å, rad."""

    centre: FloatArray
    radius: float
    waves: FloatArray
    phases: FloatArray

    def depth(self, points: FloatArray, cell: FloatArray | None) -> FloatArray:
        """Å from the border of the hole outwards, along its radius; negative inside (n,)."""
        offset = shortest(points - self.centre, cell)
        angle = np.arctan2(offset[:, 1], offset[:, 0])
        outline = 1.0 + np.cos(angle[:, None] * HARMONICS - self.phases) @ self.waves
        depth: FloatArray = np.linalg.norm(offset, axis=1) - self.radius * outline
        return depth


def _draw_holes(recipe: Graphene, field: FloatArray, rng: np.random.Generator) -> list[Hole]:
    holes = []
    for _ in range(round(drawn(recipe.holes, rng))):
        waves = rng.standard_normal(len(HARMONICS)) / HARMONICS
        waves *= recipe.hole_roughness * np.sqrt(2.0 / max(float((waves**2).sum()), 1e-12))
        phases = rng.uniform(0.0, 2.0 * np.pi, len(HARMONICS))
        holes.append(Hole(rng.random(2) * field, drawn(recipe.hole_diameter, rng) / 2.0, waves, phases))
    return holes


def _grain_seeds(count: int, field: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Middles of grains (n, 2), kept apart from one another across the borders too."""
    seeds = [rng.random(2) * field]
    for _ in range(count - 1):
        tried = rng.random((GRAIN_TRIES, 2)) * field
        apart = np.linalg.norm(shortest(tried[:, None] - np.array(seeds), field), axis=-1).min(axis=1)
        seeds.append(tried[int(np.argmax(apart))])
    return np.array(seeds)


def _ring_centres(recipe: Graphene, field: FloatArray, rng: np.random.Generator) -> FloatArray:
    cell = field if recipe.periodic else None
    if recipe.periodic and recipe.grains == 1:
        return crystal_points(field, rng)
    seeds = _grain_seeds(recipe.grains, field, rng)
    angles = np.array([drawn(recipe.orientation, rng) for _ in seeds])
    points = grain_points(seeds, angles, field, periodic=recipe.periodic)
    if recipe.grains == 1:
        return points
    border = np.zeros(len(points), bool) if cell is not None else ((points < 0) | (points > field)).any(axis=1)
    return smoothed(points, misfits(points, cell) & ~border, cell)


def bonded_graphene(recipe: Graphene, *, rng: np.random.Generator) -> tuple[BondedSheet, FloatArray]:
    """Return a sheet that can be changed, at rest, and the sides (2,) of its field in Å."""
    single = recipe.periodic and recipe.grains == 1
    field = commensurate(recipe.field, LATTICE) if single else np.full(2, recipe.field)
    cell = field if recipe.periodic else None
    points = _ring_centres(recipe, field, rng)
    holes = _draw_holes(recipe, field, rng)

    def depth(places: FloatArray) -> FloatArray:
        """Å from the nearest hole or, in an open sheet, border."""
        found = [hole.depth(places, cell) for hole in holes]
        if cell is None:
            found.append(np.minimum(places, field - places).min(axis=1) - BORDER)
        return np.min(found, axis=0) if found else np.full(len(places), np.inf)

    width = drawn(recipe.amorphous, rng)
    if width > 0:
        shaken = np.abs(depth(points)) < width
        points[shaken] += recipe.disorder * rng.standard_normal((int(shaken.sum()), 2))
        points = uncrowded(points, cell)
    sheet = network(points, field, periodic=recipe.periodic, solid=lambda places: depth(places) > 0.0)
    sheet.settle()
    if recipe.grains > 1:
        _anneal(sheet, depth(sheet.positions) > width)
    sheet.trim()
    place_defects(sheet, recipe.defects, rng=rng)
    return sheet, field


def _anneal(sheet: BondedSheet, ordered: NDArray[np.bool_]) -> None:
    """Turn bonds, but for those at holes, as long as that brings rings nearer to six."""
    odd = np.flatnonzero((sheet.kind == DEFECT) & ordered).tolist()
    waiting = [site for site in odd if max(sheet.graph.ring_sizes(site)) < OPEN]
    while waiting:
        site = waiting.pop()
        for other, clockwise in [(v, way) for v in sheet.graph.neighbours[site] for way in (False, True)]:
            if sheet.graph.turning_cost(site, other, clockwise=clockwise) < 0:
                sheet.rotate(site, other, clockwise=clockwise)
                waiting += [site, other]
                break


def graphene(recipe: Graphene, *, rng: np.random.Generator) -> BondedAtoms:
    """One sheet of graphene, at rest; the same one for the same recipe and generator.

    Raises
    ------
    PassbandError
        Nothing is left between the holes, or the field is too small.
    """
    sheet, field = bonded_graphene(recipe, rng=rng)
    return bonded_atoms(sheet, field=field, margin=recipe.margin, parameters={"recipe": recipe.model_dump(mode="json")})
