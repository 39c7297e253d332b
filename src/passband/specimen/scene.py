"""One scene: particles and film put together without overlap, boxed, and written for other programs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from passband.specimen.arrangement import FieldOfView
from passband.specimen.crystal import Crystal, FloatArray, nearest_distance
from passband.specimen.particle import Body, Shape

CONTACT = 0.8  # atoms of touching particles stay this fraction of a bond apart


@dataclass(frozen=True)
class Scene:
    """One specimen: its atoms in a box, which particle each belongs to, and the numbers that describe it.

    Attributes
    ----------
    atoms
        Å; the cell is (field, field, height), all atoms inside, periodic in x and y.
    particle_of
        int64 (n,): -1 for the film, k ≥ 0 for particle k.
    parameters
        Plain numbers, text and lists, ready for JSON. Lists have one entry per particle; `centres` are Å in the box,
        `orientations` quaternions (x, y, z, w) from the crystal's Cartesian frame to the box's.
    """

    atoms: Atoms
    particle_of: NDArray[np.int64]
    parameters: dict[str, Any]


@dataclass
class Particle:
    """A particle on its way into a scene: its solid and its atoms about its own centre, and where that centre lies."""

    material: Crystal
    shape: Shape
    diameter: float
    orientation: FloatArray
    embedded: float
    body: Body
    atoms: Atoms
    faults: int
    twins: int
    centre: FloatArray


def _wrapped(positions: FloatArray, field: float) -> FloatArray:
    """Positions with x and y in [0, field); z is kept."""
    inside = positions.copy()
    inside[:, :2] %= field
    inside[:, :2][inside[:, :2] >= field] = 0.0  # −tiny % field rounds up to field
    return inside


def _crowded(points: FloatArray, others: FloatArray, distance: float, field: float) -> NDArray[np.bool_]:
    """Which points (n, 3) lie nearer than `distance` to any of `others`, across the periodic borders too."""
    if not len(points) or not len(others):
        return np.zeros(len(points), bool)
    tree = cKDTree(_wrapped(others, field), boxsize=np.array([field, field, 0.0]))
    near, _ = tree.query(_wrapped(points, field), distance_upper_bound=distance)
    return np.isfinite(near)


def separate(particles: list[Particle], *, field: FieldOfView) -> list[Particle]:
    """Take from each particle what lies inside an earlier one or too near to its atoms; drop those left empty."""
    done: list[Particle] = []
    for particle in particles:
        positions = particle.atoms.positions + particle.centre
        keep = np.ones(len(positions), bool)
        for earlier in done:
            offsets = field.nearest_image(positions - earlier.centre)
            keep &= ~earlier.body.contains(offsets)
            bond = CONTACT * min(nearest_distance(particle.material), nearest_distance(earlier.material))
            keep &= ~_crowded(positions, earlier.atoms.positions + earlier.centre, bond, field.side)
        particle.atoms = particle.atoms[keep]
        if keep.any():
            done.append(particle)
    return done


def without_overlap(film: Atoms, particles: list[Particle], *, field: float, clearance: float) -> Atoms:
    """Film without the atoms inside a particle's solid or nearer than `clearance` Å to a particle's atom."""
    keep = np.ones(len(film), bool)
    periodic = FieldOfView(field, "wrap")
    for particle in particles:
        offsets = periodic.nearest_image(film.positions - particle.centre)
        reach = particle.body.radius + clearance
        near = np.flatnonzero(keep & (np.abs(offsets[:, 2]) <= reach) & ((offsets**2).sum(axis=1) <= reach**2))
        hit = particle.body.contains(offsets[near])
        free = np.flatnonzero(~hit)
        hit[free] = _crowded(film.positions[near[free]], particle.atoms.positions + particle.centre, clearance, field)
        keep[near[hit]] = False
    return film[keep]


def boxed(
    film: Atoms, particles: list[Particle], *, field: float, thickness: float, margin: float
) -> tuple[Atoms, NDArray[np.int64], float]:
    """All atoms in one box with `margin` Å of vacuum above and below; also each one's particle, and the lift in z."""
    groups = [p.atoms.positions + p.centre for p in particles] + [film.positions]
    positions = np.concatenate(groups)
    numbers = np.concatenate([p.atoms.numbers for p in particles] + [film.numbers])
    owner = np.repeat(np.array([*range(len(particles)), -1]), [len(group) for group in groups])
    heights = positions[:, 2]
    if thickness > 0 or not len(heights):
        heights = np.append(heights, [0.0, thickness])
    lift = margin - float(heights.min())
    positions = _wrapped(positions, field)
    positions[:, 2] += lift
    height = float(heights.max()) + lift + margin
    atoms = Atoms(numbers, positions, cell=[field, field, max(height, 1.0)], pbc=(True, True, False))
    return atoms, owner.astype(np.int64), lift


def particle_parameters(particles: list[Particle], lift: float) -> dict[str, Any]:
    """Describe particles by lists with one entry each, as in `Scene.parameters`."""
    return {
        "particles": len(particles),
        "materials": [p.material.name for p in particles],
        "shapes": [str(p.shape) for p in particles],
        "diameters": [p.diameter for p in particles],
        "centres": [[float(x) for x in p.centre + np.array([0.0, 0.0, lift])] for p in particles],
        "orientations": [[float(x) for x in Rotation.from_matrix(p.orientation).as_quat()] for p in particles],
        "faults": [p.faults for p in particles],
        "twins": [p.twins for p in particles],
        "embedded": [p.embedded for p in particles],
        "particle_atoms": [len(p.atoms) for p in particles],
    }


def write_scene(scene: Scene, path: str | Path) -> Path:
    """Write extended XYZ with the array `particle_of` and, as JSON text in `info["scene"]`, the parameters.

    `ase.io.read(path)` gives it back; the folder is made where needed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    atoms = scene.atoms.copy()
    atoms.set_array("particle_of", scene.particle_of)
    atoms.info["scene"] = json.dumps(scene.parameters, sort_keys=True)
    from ase.io import write

    write(path, atoms, format="extxyz")
    return path
