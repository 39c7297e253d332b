"""Which scenes may occur: one value that says how films and particles vary, and refuses what cannot be."""

from difflib import get_close_matches
from typing import Any, Literal, Self, get_args

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from passband.distribution import Choice, Scalar, Uniform, check_sum, limits
from passband.recipe import PassbandError, Recipe
from passband.specimen.arrangement import ArrangementName, Border
from passband.specimen.crystal import Crystal
from passband.specimen.film import FilmMaterial, FilmRelief, FilmResidue
from passband.specimen.materials import crystal
from passband.specimen.network import DENSITIES
from passband.specimen.particle import Miller, Shape
from passband.specimen.support import CARBON_DENSITY, check_film

SPREADS = 2.0  # standard deviations at which the diameters of one scene are cut
MOST = 10_000  # particles in a scene
WIDEST = 0.4  # relative standard deviation that they may have: the smallest are a fifth of the mean


class SceneDistribution(Recipe):
    """Which scenes may occur; by default those of the CdSe recipe: 1 to 5 spheres of 3-5 nm on 2-8 nm of carbon.

    Attributes
    ----------
    field
        Side of the square field, Å; the scene is periodic in x and y.
    film_symbol
        Element or formula of the amorphous support.
    film_density
        Of the support, g/cm³; evaporated carbon has 1.8 to 2.1 (Robertson 2002).
    film_thickness
        Of the support, Å; 0 for none.
    film_minimum_distance
        Between atoms of the support, Å; None takes that of the element. A network has its own.
    film_structure
        Of the support: "network", amorphous carbon with its bonds, or "spheres", random atoms no nearer than
        `film_minimum_distance`, for every element.
    relief
        How the thickness of the support varies in the field, and its holes.
    residue
        Patches of disordered carbon on the support.
    materials
        Names of crystals; each particle is of one of them at random.
    crystals
        Crystals of your own (from a CIF, say), which `materials` may name.
    particles
        Number of particles in a scene, rounded; without a `coverage`.
    coverage
        In place of `particles`: fraction of the field that discs of their mean diameter cover together, at least one
        of them; needs a `diameter_spread`.
    empty
        Probability of a scene without particles.
    diameter
        Å: of a sphere, of the sphere of a Wulff shape's volume, of a rod's cross-section, or of a grain. Each particle
        draws its own, unless there is a `diameter_spread`.
    diameter_spread
        Of the particles of one scene, which are then of one kind: relative standard deviation about a mean that the
        scene draws from `diameter`; normal, cut at two of its standard deviations.
    shapes
        Each particle has one of them at random; grains of a polycrystal start as spheres.
    aspect
        Length over diameter of a rod.
    rod_axis
        Lattice direction [u, v, w] along a rod.
    surface_energies
        Of a Wulff shape: pairs of a family of planes [h, k, l] and its relative energy; those of the lattice if empty.
    arrangement
        Relative weights of "isolated" (at least `gap` apart in projection), "aggregate" (touching, also one over
        another) and "polycrystal" (grown together, divided into grains of different orientation).
    gap
        Å between isolated particles. A field too crowded for it gets fewer particles; `parameters["requested"]` tells.
    faults
        Stacking faults in a particle at most, every number equally likely; crystals without them have none.
    twins
        Twin planes in a particle at most, likewise.
    orientation
        "random" (uniform in SO(3)) or a zone axis [u, v, w] along the beam, turned at random about it.
    side
        "top": particles on the face that the beam meets first; "bottom"; "random", one of these; or "both", each
        particle on one of these.
    embedded
        Fraction of each particle's diameter sunk into the film, never deeper than the film.
    border
        "wrap": centres anywhere, what crosses the border comes in opposite; "inside": particles wholly in the field.
    clearance
        Film atoms inside a particle, or nearer than this to its atoms, are removed; Å.
    margin
        Vacuum above and below, Å.
    """

    field: float = Field(default=128.0, gt=0)
    film_symbol: str = "C"
    film_density: float = CARBON_DENSITY
    film_thickness: Scalar = Uniform(uniform=(20.0, 80.0))
    film_minimum_distance: float | None = None
    film_structure: Literal["spheres", "network"] = "spheres"
    relief: FilmRelief = FilmRelief()
    residue: FilmResidue = FilmResidue()
    materials: tuple[str, ...] = ("CdSe",)
    crystals: tuple[Crystal, ...] = ()
    particles: Scalar = Choice(choice=(1, 2, 3, 4, 5))
    coverage: Scalar | None = None
    empty: float = Field(default=0.0, ge=0, le=1)
    diameter: Scalar = Uniform(uniform=(30.0, 50.0))
    diameter_spread: Scalar | None = None
    shapes: tuple[Shape, ...] = ("sphere",)
    aspect: Scalar = Uniform(uniform=(1.5, 3.0))
    rod_axis: Miller = (0, 0, 1)
    surface_energies: tuple[tuple[Miller, float], ...] = ()
    arrangement: dict[str, float] = Field(default_factory=lambda: {"isolated": 1.0})
    gap: float = Field(default=10.0, ge=0)
    faults: int = Field(default=2, ge=0)
    twins: int = Field(default=0, ge=0)
    orientation: Literal["random"] | Miller = "random"
    side: Literal["top", "bottom", "random", "both"] = "random"
    embedded: Scalar = Uniform(uniform=(0.0, 0.5))
    border: Border = "wrap"
    clearance: float = Field(default=2.0, ge=0)
    margin: float = Field(default=4.0, ge=0)

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        for name in (
            "film_structure",
            "relief",
            "residue",
            "coverage",
            "diameter_spread",
        ):  # scenes of before there was a choice keep their identity
            if getattr(self, name) == type(self).model_fields[name].default:
                values.pop(name, None)
        return values

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_lists(self)
        _check_arrangement(self.arrangement)
        _check_sizes(self)
        _check_limits(self)
        _check_coverage(self)
        for name in self.materials:
            self.crystal(name)
        distance = check_film(self.film_symbol, self.film_density, self.film_minimum_distance)
        _check_carbon(self)
        if self.field <= 2 * distance:
            raise PassbandError(f"field={self.field:g} Å is smaller than two atoms; fields are in Å, 128 is 12.8 nm")
        return self

    @property
    def film(self) -> FilmMaterial:
        """What the support is made of."""
        return FilmMaterial(self.film_symbol, self.film_density, self.film_minimum_distance, self.film_structure)

    @property
    def thickest(self) -> float:
        """Å that a support and its residue are high at most, anywhere."""
        mean = limits(self.film_thickness)[1]
        return mean + self.relief.most(self.field) + self.residue.most if mean > 0 else 0.0

    def crystal(self, name: str) -> Crystal:
        """Crystal of one of the materials: one of `crystals`, else a built-in one."""
        own = {material.name: material for material in self.crystals}
        return own[name] if name in own else crystal(name)


def _check_lists(scenes: SceneDistribution) -> None:
    for name in ("materials", "shapes"):
        if not getattr(scenes, name):
            raise PassbandError(f"{name}=[] is empty; list at least one, and set particles=0 for bare films")
    if scenes.orientation == (0, 0, 0) or scenes.rod_axis == (0, 0, 0):
        raise PassbandError("[0, 0, 0] is no direction; write a zone axis such as [0, 0, 1]")


def _check_carbon(scenes: SceneDistribution) -> None:
    network = scenes.film_structure == "network"
    if scenes.film_symbol != "C" and (network or scenes.residue.most > 0):
        asked = 'film_structure="network"' if network else "residue"
        raise PassbandError(f"{asked} is carbon and the film {scenes.film_symbol}; leave it out, or write 'C'")
    if network and not DENSITIES[0] <= scenes.film_density <= DENSITIES[1]:
        raise PassbandError(
            f"film_density={scenes.film_density:g} g/cm³ would stretch the bonds of a network too far; "
            f'stay within {DENSITIES[0]} and {DENSITIES[1]}, or write film_structure="spheres"'
        )


def _check_arrangement(weights: dict[str, float]) -> None:
    known = get_args(ArrangementName)
    for name, weight in weights.items():
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.4)
            guess = f"did you mean '{near[0]}'? " if near else ""
            raise PassbandError(f"unknown arrangement '{name}'; {guess}known: {', '.join(known)}")
        if weight < 0:
            raise PassbandError(f"arrangement {name}={weight:g} must not be negative; weights are relative, 0 is never")
    if not sum(weights.values()) > 0:
        raise PassbandError(f"arrangement={weights} has no positive weight; write {{'isolated': 1.0}}")
    check_sum("arrangement", weights.values())


def _check_sizes(scenes: SceneDistribution) -> None:
    smallest, largest = limits(scenes.diameter)
    if smallest <= 0:
        raise PassbandError(f"diameter reaches {smallest:g} Å; it must stay positive, so raise its lower end")
    if scenes.diameter_spread is not None:
        largest *= 1.0 + SPREADS * limits(scenes.diameter_spread)[1]
    if "rod" in scenes.shapes:
        largest *= float(np.hypot(1.0, limits(scenes.aspect)[1]))
    if largest > scenes.field:
        raise PassbandError(
            f"a particle of {largest:g} Å is larger than the field of {scenes.field:g} Å; widen the field or shrink it"
        )
    if "rod" in scenes.shapes and limits(scenes.aspect)[0] <= 0:
        raise PassbandError(f"aspect reaches {limits(scenes.aspect)[0]:g}; length over diameter must be positive")


def _check_limits(scenes: SceneDistribution) -> None:
    rules: list[tuple[str, Scalar | None, float]] = [
        ("film_thickness", scenes.film_thickness, np.inf),
        ("particles", scenes.particles, MOST),
        ("coverage", scenes.coverage, 1.0),
        ("diameter_spread", scenes.diameter_spread, WIDEST),
        ("embedded", scenes.embedded, 1.0),
    ]
    for name, scalar, highest in rules:
        low, high = (0.0, 0.0) if scalar is None else limits(scalar)
        if low < 0 or high > highest:
            raise PassbandError(f"{name} runs from {low:g} to {high:g}; it must stay within 0 and {highest:g}")


def _check_coverage(scenes: SceneDistribution) -> None:
    if scenes.coverage is None:
        return
    if scenes.diameter_spread is None:
        raise PassbandError("coverage needs diameter_spread, as particles of many sizes cover by chance; 0.1 is usual")
    smallest, most = limits(scenes.diameter)[0], limits(scenes.coverage)[1]
    if discs(scenes.field, smallest) * most > MOST:
        raise PassbandError(
            f"coverage reaches {most:g}: {discs(scenes.field, smallest) * most:.0f} particles of {smallest:g} Å; "
            f"{MOST} are the most, so cover less, or raise the diameter"
        )


def discs(field: float, diameter: float) -> float:
    """Return how many discs of a diameter have together the area of a square field, both in Å."""
    return field**2 / (np.pi / 4.0 * diameter**2)
