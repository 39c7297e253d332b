"""What a support film looks like in the field: its thickness from place to place, holes, and residue on its faces.

The entrance face lies at z = 0 and is flat, the exit face at the local thickness; z runs along the beam. All maps are
periodic in x and y, as the field is, and are read between their points.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy.ndimage import map_coordinates

from passband.distribution import Scalar, Uniform, drawn, limits
from passband.recipe import PassbandError, Recipe
from passband.specimen.crystal import FloatArray
from passband.specimen.network import carbon_network
from passband.specimen.support import amorphous_film

SPACING = 1.0  # Å at most between the points of a map
THINNEST = 3.0  # Å; a film that would be thinner than two atoms is a hole
HIGHEST = 3.0  # root mean squares, at which an undulation is clipped
HOLE_TRIES = 12  # places tried for a hole, to find one with few particles over it
HOLE_ROUGHNESS = (5.0, 25.0)  # Å: rms and correlation length of the edge of a hole


class FilmRelief(Recipe):
    """How the thickness of a film varies in a field; by default not at all.

    Attributes
    ----------
    wedge
        Slope, Å of thickness per Å: the field is half a ramp up and half a ramp down along x or y, so that it stays
        periodic.
    undulation
        Root mean square of a random slow variation, Å; clipped at three times that.
    correlation_length
        Of the undulation, Å, where its autocorrelation has fallen to 1/e.
    step
        Å by which the film is thicker in a part of the field with sharp borders, 20 to 80 % of it; 0 for none.
    hole
        Probability of vacuum beside the film: a hole, or a straight gap, with a rough edge. It is put where few
        particles are.
    hole_area
        Of a hole, fraction of the field.
    hole_edge
        Å over which the film thins towards a hole.
    """

    wedge: Scalar = 0.0
    undulation: Scalar = 0.0
    correlation_length: Scalar = 50.0
    step: Scalar = 0.0
    hole: float = Field(default=0.0, ge=0, le=1)
    hole_area: Scalar = Uniform(uniform=(0.1, 0.5))
    hole_edge: Scalar = Uniform(uniform=(0.0, 20.0))

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_ranges(self, {"wedge": 1.0, "undulation": 1e3, "step": 1e3, "hole_area": 0.9, "hole_edge": 1e3})
        if limits(self.correlation_length)[0] <= 0:
            low = limits(self.correlation_length)[0]
            raise PassbandError(f"correlation_length reaches {low:g} Å; it must stay positive, and has no effect alone")
        return self

    def most(self, field: float) -> float:
        """Å by which a film is thicker anywhere than its mean, at most."""
        slope = limits(self.wedge)[1] * field / 4.0
        return slope + HIGHEST * limits(self.undulation)[1] + limits(self.step)[1]


class FilmResidue(Recipe):
    """Patches of disordered carbon that lie on the faces of a film, as hydrocarbons from the air and the solvent do.

    Hydrogen is not simulated: it scatters a tenth of what carbon does.

    Attributes
    ----------
    patches
        Their number in a field, on both faces together, rounded; 0 for none.
    width
        Of a patch, Å.
    thickness
        In the middle of a patch, Å.
    density
        Of its carbon, g/cm³; at most that of the film.
    """

    patches: Scalar = 0.0
    width: Scalar = Uniform(uniform=(10.0, 60.0))
    thickness: Scalar = Uniform(uniform=(5.0, 30.0))
    density: Scalar = Uniform(uniform=(1.0, 1.6))

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_ranges(self, {"patches": 1e4, "width": 1e4, "thickness": 1e3, "density": 10.0})
        for name in ("width", "density"):
            if limits(getattr(self, name))[0] <= 0:
                raise PassbandError(f"{name} of residue reaches 0; it must stay positive, and patches=0 is no residue")
        return self

    @property
    def most(self) -> float:
        """Å that residue adds to the height of a film, on both faces, at most."""
        return 2.0 * limits(self.thickness)[1] if limits(self.patches)[1] > 0 else 0.0


def _check_ranges(recipe: Recipe, highest: dict[str, float]) -> None:
    for name, most in highest.items():
        low, high = limits(getattr(recipe, name))
        if low < 0 or high > most:
            raise PassbandError(f"{name} runs from {low:g} to {high:g}; it must stay within 0 and {most:g}")


@dataclass(frozen=True)
class FilmMaterial:
    """What a film is made of: symbol, g/cm³, least distance in Å of hard spheres, and how its atoms are arranged."""

    symbol: str
    density: float
    minimum_distance: float | None
    structure: Literal["spheres", "network"]

    def filled(self, field: float, thickness: float, rng: np.random.Generator) -> Atoms:
        """Atoms of a plane film, 0 ≤ z < thickness."""
        if self.structure == "network" and thickness > 0:
            box = np.array([field, field, thickness])
            positions = carbon_network(box, self.density, rng)
            return Atoms(np.full(len(positions), 6), positions, cell=box, pbc=(True, True, False))
        return amorphous_film(
            (field, field),
            thickness,
            symbol=self.symbol,
            density=self.density,
            minimum_distance=self.minimum_distance,
            rng=rng,
        )


@dataclass(frozen=True)
class FilmShape:
    """A film in a field: maps (n, n) over x and y of its thickness and of the residue before and behind it, all in Å.

    `dilution` is the density of the residue over that of the film.
    """

    field: float
    thickness: FloatArray
    before: FloatArray
    behind: FloatArray
    dilution: float = 1.0

    def at(self, values: FloatArray, places: FloatArray) -> FloatArray:
        """Values of a map at places (m, 2 or 3), Å."""
        points = places[:, :2].T * (len(values) / self.field)
        found: FloatArray = map_coordinates(values, points, order=1, mode="grid-wrap")
        return found

    def parameters(self) -> dict[str, float]:
        """Plain numbers for `Scene.parameters`: where there is film, its mean and rms there, and where is residue."""
        present = self.thickness >= THINNEST
        there = self.thickness[present] if present.any() else np.zeros(1)
        covered = present & ((self.before > 0) | (self.behind > 0))
        return {
            "film_cover": float(present.mean()),
            "film_mean": float(there.mean()),
            "film_rms": float(there.std()),
            "residue_cover": float(covered.mean()),
        }

    def cut(self, material: FilmMaterial, rng: np.random.Generator) -> Atoms:
        """Atoms of the film and its residue; those of the residue are thinned out to its density."""
        lift = float(self.before.max())
        solid = material.filled(self.field, lift + float((self.thickness + self.behind).max()), rng)
        positions = solid.get_positions()
        positions[:, 2] -= lift
        level, z = self.at(self.thickness, positions), positions[:, 2]
        present = level >= THINNEST
        film = present & (z >= 0) & (z < level)
        residue = (z < 0) & (z >= -self.at(self.before, positions))
        residue |= (z >= level) & (z < level + self.at(self.behind, positions))
        keep = film | (present & residue & (rng.random(len(z)) < self.dilution))
        solid.positions = positions
        kept: Atoms = solid[keep]
        return kept


def _points(field: float) -> int:
    return max(16, int(np.ceil(field / SPACING)))


def random_relief(sides: tuple[float, float], length: float, rng: np.random.Generator) -> FloatArray:
    """Periodic Gaussian random map (n, m) of mean 0 and rms 1, whose autocorrelation is exp(−r²/length²)."""
    shape = (_points(sides[0]), _points(sides[1]))
    first, second = (np.fft.fftfreq(n, side / n) for n, side in zip(shape, sides, strict=True))
    weight = np.exp(-0.5 * (np.pi * length) ** 2 * (first[:, None] ** 2 + second[None] ** 2))
    weight[0, 0] = 0.0  # the mean of a field is its film's drawn thickness
    weight *= np.sqrt(shape[0] * shape[1]) / np.sqrt((weight**2).sum())
    found: FloatArray = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * weight).real
    return found


def film_shape(relief: FilmRelief, thickness: float, *, field: float, rng: np.random.Generator) -> FilmShape:
    """Film of a mean thickness in Å, without holes and without residue; `step` comes on top of the mean."""
    n = _points(field)
    along = np.arange(n) * (field / n)
    ramp = np.abs((along + rng.uniform(0.0, field)) % field - field / 2.0) - field / 4.0
    slope = drawn(relief.wedge, rng) * (ramp[:, None] if rng.random() < 0.5 else ramp[None])
    length, rms = drawn(relief.correlation_length, rng), drawn(relief.undulation, rng)
    waves = rms * np.clip(random_relief((field, field), length, rng), -HIGHEST, HIGHEST)
    parts = random_relief((field, field), field / 4.0, rng)
    terrace = drawn(relief.step, rng) * (parts > np.quantile(parts, rng.uniform(0.2, 0.8)))
    level = np.maximum(thickness + slope + waves + terrace, 0.0) if thickness > 0 else np.zeros((n, n))
    return FilmShape(field, level, np.zeros((n, n)), np.zeros((n, n)))


def _hole(shape: FilmShape, relief: FilmRelief, rng: np.random.Generator) -> FloatArray:
    """Å from the edge of a hole (n, n), negative in it."""
    n, field = len(shape.thickness), shape.field
    along = np.arange(n) * (field / n)
    away = [np.abs((along - rng.uniform(0.0, field) + field / 2.0) % field - field / 2.0) for _ in range(2)]
    gap = (away[0][:, None] + np.zeros(n), away[1] + np.zeros((n, 1)), np.hypot(away[0][:, None], away[1]))
    rms, length = HOLE_ROUGHNESS
    distance = gap[int(rng.integers(3))] + rms * random_relief((field, field), length, rng)
    edge: FloatArray = distance - np.quantile(distance, drawn(relief.hole_area, rng))
    return edge


def with_hole(shape: FilmShape, relief: FilmRelief, centres: FloatArray, rng: np.random.Generator) -> FilmShape:
    """Film with a hole, at the place of several under which the fewest of the particles' centres (m, 3) are."""
    if rng.random() >= relief.hole:
        return shape
    ramp = max(drawn(relief.hole_edge, rng), SPACING)
    tries = [_hole(shape, relief, rng) for _ in range(HOLE_TRIES)]
    below = [np.count_nonzero(shape.at(edge, centres) < 0) for edge in tries] if len(centres) else [0]
    edge = tries[int(np.argmin(below))]
    return replace(shape, thickness=shape.thickness * np.clip(edge / ramp, 0.0, 1.0))


def with_residue(shape: FilmShape, residue: FilmResidue, density: float, rng: np.random.Generator) -> FilmShape:
    """Film with patches on both faces; `density` is the film's, g/cm³."""
    n, field = len(shape.thickness), shape.field
    along = np.arange(n) * (field / n)
    faces = np.zeros((2, n, n))
    for _ in range(round(drawn(residue.patches, rng))):
        middle, face = rng.uniform(0.0, field, 2), int(rng.integers(2))
        x, y = ((along - place + field / 2.0) % field - field / 2.0 for place in middle)
        radius = 0.5 * drawn(residue.width, rng) * _outline(np.arctan2(y[None], x[:, None]), rng)
        dome = np.sqrt(np.maximum(1.0 - (x[:, None] ** 2 + y[None] ** 2) / radius**2, 0.0))
        faces[face] = np.maximum(faces[face], drawn(residue.thickness, rng) * dome)
    dilution = min(1.0, drawn(residue.density, rng) / density)
    return replace(shape, before=faces[0], behind=faces[1], dilution=dilution)


def _outline(angle: FloatArray, rng: np.random.Generator) -> NDArray[np.float64]:
    """Radius of a blob by angle, 1 on average: three lobed waves of random size and phase."""
    outline = np.ones_like(angle)
    for lobes in (2, 3, 4):
        outline += rng.uniform(0.0, 0.7 / lobes) * np.cos(lobes * angle + rng.uniform(0.0, 2.0 * np.pi))
    return outline
