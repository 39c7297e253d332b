"""Random scenes: particles on an amorphous film, drawn from a stated distribution, the same for the same seed.

Beam order: atoms of small z are met first, so `side="top"` puts the particles on the entrance face of the film.
"""

from typing import Any, NamedTuple

import numpy as np
from ase import Atoms

from passband.distribution import drawn
from passband.recipe import PassbandError
from passband.specimen.arrangement import (
    GRAIN_SPACING,
    FieldOfView,
    Footprint,
    divide,
    place_apart,
    place_together,
)
from passband.specimen.faults import stacking
from passband.specimen.film import FilmRelief, FilmResidue, FilmShape, film_shape, with_hole, with_residue
from passband.specimen.particle import (
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
from passband.specimen.scene_distribution import SPREADS, SceneDistribution, discs

__all__ = ["Scene", "SceneDistribution", "sample_scene", "write_scene"]


class _Ground(NamedTuple):
    """What particles lie on: the film's mean thickness, the side of each, and the film's relief where it has one."""

    thickness: float
    sides: list[str]
    shape: FilmShape | None


class _Kind(NamedTuple):
    """What the particles of one scene share: their arrangement, and their mean diameter where they have one, in Å."""

    arrangement: str
    mean: float | None
    spread: float

    def diameter(self, scenes: SceneDistribution, rng: np.random.Generator) -> float:
        """One of them, in Å."""
        if self.mean is None:
            return drawn(scenes.diameter, rng)
        return self.mean * (1.0 + self.spread * float(np.clip(rng.standard_normal(), -SPREADS, SPREADS)))


def _kind(scenes: SceneDistribution, arrangement: str, rng: np.random.Generator) -> _Kind:
    if scenes.diameter_spread is None:
        return _Kind(arrangement, None, 0.0)
    return _Kind(arrangement, drawn(scenes.diameter, rng), drawn(scenes.diameter_spread, rng))


def _make_particle(scenes: SceneDistribution, kind: _Kind, rng: np.random.Generator) -> Particle:
    material = scenes.crystal(scenes.materials[int(rng.integers(len(scenes.materials)))])
    shape = scenes.shapes[int(rng.integers(len(scenes.shapes)))] if kind.arrangement != "polycrystal" else "sphere"
    diameter = kind.diameter(scenes, rng)
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


def _count(scenes: SceneDistribution, kind: _Kind, rng: np.random.Generator) -> int:
    empty = rng.random() < scenes.empty
    if scenes.coverage is None or kind.mean is None:
        number = round(drawn(scenes.particles, rng))
    else:
        number = max(1, round(drawn(scenes.coverage, rng) * discs(scenes.field, kind.mean)))
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
    kind = _kind(scenes, arrangement, layout)
    requested = _count(scenes, kind, layout)
    particles = [_make_particle(scenes, kind, np.random.default_rng(child)) for child in particle_seed.spawn(requested)]
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
