"""Random scenes: particles on an amorphous film, drawn from a stated distribution, the same for the same seed.

Beam order: atoms of small z are met first, so `side="top"` puts the particles on the entrance face of the film.
"""

from difflib import get_close_matches
from typing import Any, Literal, NamedTuple, Self, get_args

import numpy as np
from ase import Atoms
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from passband.distribution import Choice, Scalar, Uniform, drawn, limits
from passband.recipe import PassbandError, Recipe
from passband.specimen.arrangement import (
    GRAIN_SPACING,
    ArrangementName,
    Border,
    FieldOfView,
    Footprint,
    divide,
    place_apart,
    place_together,
)
from passband.specimen.crystal import Crystal, crystal
from passband.specimen.faults import stacking
from passband.specimen.film import FilmMaterial, FilmRelief, FilmResidue, FilmShape, film_shape, with_hole, with_residue
from passband.specimen.network import DENSITIES
from passband.specimen.particle import (
    Miller,
    Shape,
    build_body,
    fill_body,
    random_orientation,
    zone_axis_orientation,
)
from passband.specimen.scene import (
    Particle,
    Scene,
    boxed,
    particle_parameters,
    separate,
    without_overlap,
    write_scene,
)
from passband.specimen.support import CARBON_DENSITY, check_film

__all__ = ["Scene", "SceneDistribution", "sample_scene", "write_scene"]


class _Ground(NamedTuple):
    """What particles lie on: the film's mean thickness, the side of each, and the film's relief where it has one."""

    thickness: float
    sides: list[str]
    shape: FilmShape | None


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
        Number of particles in a scene, rounded.
    empty
        Probability of a scene without particles.
    diameter
        Å: of a sphere, of the sphere of a Wulff shape's volume, of a rod's cross-section, or of a grain.
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
    empty: float = Field(default=0.0, ge=0, le=1)
    diameter: Scalar = Uniform(uniform=(30.0, 50.0))
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
        for name in ("film_structure", "relief", "residue"):  # scenes of before there was a choice keep their identity
            if getattr(self, name) == type(self).model_fields[name].default:
                values.pop(name, None)
        return values

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_lists(self)
        _check_arrangement(self.arrangement)
        _check_sizes(self)
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


def _check_sizes(scenes: SceneDistribution) -> None:
    smallest, largest = limits(scenes.diameter)
    if smallest <= 0:
        raise PassbandError(f"diameter reaches {smallest:g} Å; it must stay positive, so raise its lower end")
    if "rod" in scenes.shapes:
        largest *= float(np.hypot(1.0, limits(scenes.aspect)[1]))
    if largest > scenes.field:
        raise PassbandError(
            f"a particle of {largest:g} Å is larger than the field of {scenes.field:g} Å; widen the field or shrink it"
        )
    rules: list[tuple[str, Scalar, float]] = [
        ("film_thickness", scenes.film_thickness, np.inf),
        ("particles", scenes.particles, 10_000),
        ("embedded", scenes.embedded, 1.0),
    ]
    for name, scalar, highest in rules:
        low, high = limits(scalar)
        if low < 0 or high > highest:
            raise PassbandError(f"{name} runs from {low:g} to {high:g}; it must stay within 0 and {highest:g}")
    if "rod" in scenes.shapes and limits(scenes.aspect)[0] <= 0:
        raise PassbandError(f"aspect reaches {limits(scenes.aspect)[0]:g}; length over diameter must be positive")


def _make_particle(scenes: SceneDistribution, arrangement: str, rng: np.random.Generator) -> Particle:
    material = scenes.crystal(scenes.materials[int(rng.integers(len(scenes.materials)))])
    shape = scenes.shapes[int(rng.integers(len(scenes.shapes)))] if arrangement != "polycrystal" else "sphere"
    diameter = drawn(scenes.diameter, rng)
    axis = scenes.orientation
    turn = random_orientation(rng) if axis == "random" else zone_axis_orientation(material, axis, rng=rng)
    body = build_body(
        material,
        shape=shape,
        diameter=diameter,
        aspect=drawn(scenes.aspect, rng),
        axis=scenes.rod_axis,
        surface_energies=dict(scenes.surface_energies) or None,
    ).turned(turn)
    planes = stacking(material)
    faults = int(rng.integers(scenes.faults + 1)) if planes and planes.faults else 0
    twins = int(rng.integers(scenes.twins + 1)) if planes and planes.twins else 0
    atoms = fill_body(material, body, orientation=turn, faults=faults, twins=twins, rng=rng)
    return Particle(
        material=material,
        shape=shape,
        diameter=diameter,
        orientation=turn,
        embedded=drawn(scenes.embedded, rng),
        body=body,
        atoms=atoms,
        faults=atoms.info["faults"],
        twins=atoms.info["twins"],
        centre=np.zeros(3),
    )


def _footprint(particles: list[Particle], outward: float, thickness: float) -> Footprint:
    lateral = [np.linalg.norm(p.atoms.positions[:, :2], axis=1).max(initial=p.diameter / 4) for p in particles]
    below = [(-outward * p.atoms.positions[:, 2]).max(initial=0.0) for p in particles]
    sunk = [min(p.embedded * p.diameter, thickness) for p in particles]
    return Footprint(np.array(lateral), np.array(below) - np.array(sunk))


def _arrange(
    scenes: SceneDistribution,
    particles: list[Particle],
    arrangement: str,
    *,
    surface: tuple[float, float, float],
    rng: np.random.Generator,
) -> list[Particle]:
    """Give the particles centres; `surface` is its z, the outward direction (±1) and the film's thickness."""
    level, outward, thickness = surface
    size = _footprint(particles, outward, thickness)
    field = FieldOfView(scenes.field, scenes.border)
    if arrangement == "isolated":
        centres, kept = place_apart(size, field=field, gap=scenes.gap, rng=rng)
    else:
        spacing = 1.0 if arrangement == "aggregate" else float(rng.uniform(*GRAIN_SPACING))
        centres, kept = place_together(size, field=field, spacing=spacing, rng=rng)
    centres[:, 2] = level + outward * centres[:, 2]
    placed = [particles[k] for k in kept]
    bodies = [p.body for p in placed]
    if arrangement == "polycrystal":
        bodies = divide(bodies, centres, field=field)
    for particle, body, centre in zip(placed, bodies, centres, strict=True):
        particle.centre, particle.body = centre, body
        particle.atoms = particle.atoms[body.contains(particle.atoms.positions)]
    return placed if arrangement == "isolated" else separate(placed, field=field)


def _count(scenes: SceneDistribution, rng: np.random.Generator) -> int:
    empty = rng.random() < scenes.empty
    number = round(drawn(scenes.particles, rng))
    return 0 if empty else number


def _arrange_on_faces(
    scenes: SceneDistribution, particles: list[Particle], arrangement: str, *, ground: _Ground, rng: np.random.Generator
) -> list[Particle]:
    """Give the particles centres on the faces of the film; a cluster follows the relief as a whole."""
    placed: list[Particle] = []
    for side, level, outward in (("top", 0.0, -1.0), ("bottom", ground.thickness, 1.0)):
        here = [p for p, s in zip(particles, ground.sides, strict=True) if s == side]
        surface = (level, outward, ground.thickness)
        group = _arrange(scenes, here, arrangement, surface=surface, rng=rng) if here else []
        if group and side == "bottom" and ground.shape is not None:
            raised = ground.shape.at(ground.shape.thickness, np.array([p.centre for p in group])) - ground.thickness
            raised = raised if arrangement == "isolated" else np.full(len(group), raised.mean())
            for particle, more in zip(group, raised, strict=True):
                particle.centre = particle.centre + np.array([0.0, 0.0, more])
        placed += group
    one_face = len(set(ground.sides)) < 2
    return placed if one_face else separate(placed, field=FieldOfView(scenes.field, scenes.border))


def _support(
    scenes: SceneDistribution, ground: _Ground, particles: list[Particle], rngs: tuple[np.random.Generator, ...]
) -> tuple[Atoms, dict[str, Any]]:
    """Film with its holes and residue, and what there is to tell of it."""
    fill, more = rngs
    told = {} if scenes.film_structure == "spheres" else {"film_structure": scenes.film_structure}
    if ground.shape is None:
        return scenes.film.filled(scenes.field, ground.thickness, fill), told
    centres = np.array([p.centre for p in particles]).reshape(-1, 3)
    shape = with_hole(ground.shape, scenes.relief, centres, more)
    shape = with_residue(shape, scenes.residue, scenes.film_density, more)
    return shape.cut(scenes.film, fill), told | shape.parameters()


def sample_scene(scenes: SceneDistribution, *, seed: int, index: int) -> Scene:
    """Scene number `index` of a distribution and seed: the same bytes wherever and in whatever order it is made.

    Film, layout and each particle have random streams of their own, spawned from (seed, index), so no two scenes share
    a film.

    Raises
    ------
    PassbandError
        `seed` or `index` is negative.
    """
    if seed < 0 or index < 0:
        raise PassbandError(f"seed={seed}, index={index} must not be negative; use 0, 1, 2, …")
    film_seed, layout_seed, particle_seed, relief_seed = np.random.SeedSequence([seed, index]).spawn(4)
    layout, more = np.random.default_rng(layout_seed), np.random.default_rng(relief_seed)
    thickness = drawn(scenes.film_thickness, layout)
    names = sorted(scenes.arrangement)
    weights = np.array([scenes.arrangement[name] for name in names])
    arrangement = names[int(layout.choice(len(names), p=weights / weights.sum()))]
    side = scenes.side if scenes.side != "random" else ("top", "bottom")[int(layout.integers(2))]
    requested = _count(scenes, layout)
    particles = [
        _make_particle(scenes, arrangement, np.random.default_rng(child)) for child in particle_seed.spawn(requested)
    ]
    sides = [("top", "bottom")[k] for k in more.integers(2, size=requested)] if side == "both" else [side] * requested
    plain = scenes.relief == FilmRelief() and scenes.residue == FilmResidue()
    shape = None if plain else film_shape(scenes.relief, thickness, field=scenes.field, rng=more)
    ground = _Ground(thickness, sides, shape)
    particles = _arrange_on_faces(scenes, particles, arrangement, ground=ground, rng=layout)
    film, told = _support(scenes, ground, particles, (np.random.default_rng(film_seed), more))
    film = without_overlap(film, particles, field=scenes.field, clearance=scenes.clearance)
    atoms, owner, lift = boxed(film, particles, field=scenes.field, thickness=thickness, margin=scenes.margin)
    parameters: dict[str, Any] = {
        "seed": seed,
        "index": index,
        "field": scenes.field,
        "height": float(atoms.cell[2, 2]),
        "arrangement": arrangement,
        "border": scenes.border,
        "side": side,
        "requested": requested,
        "film_symbol": scenes.film_symbol,
        "film_density": scenes.film_density,
        "film_thickness": thickness,
        "film_entrance": lift,
        "film_atoms": len(film),
    }
    return Scene(atoms, owner, parameters | told | particle_parameters(particles, lift))
