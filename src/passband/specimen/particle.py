"""Nanoparticles: spheres, Wulff shapes and rods cut from a crystal, turned to the beam, with faults and twins."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError
from scipy.spatial.transform import Rotation

from passband.recipe import PassbandError
from passband.specimen.crystal import Crystal, FloatArray, equivalent_planes, unit_cell
from passband.specimen.faults import check_defects, crystal_ball, draw_planes, faulted_ball, stacking

Shape = Literal["sphere", "wulff", "rod"]
Miller = tuple[int, int, int]

# Ratios of surface energies. Cubic: counting cut nearest-neighbour bonds (Mackenzie, Moore & Nicholas, J. Phys. Chem.
# Solids 23 (1962) 185): fcc γ100/γ111 = 2/√3, bcc γ100/γ110 = √2. Diamond lattice: silicon as measured by Eaglesham
# et al., Phys. Rev. Lett. 70 (1993) 1643. Wurtzite: all equal, a hexagonal prism about as long as wide.
FCC_ENERGIES: dict[Miller, float] = {(1, 1, 1): 1.0, (1, 0, 0): 1.1547}
BCC_ENERGIES: dict[Miller, float] = {(1, 1, 0): 1.0, (1, 0, 0): 1.4142}
DIAMOND_ENERGIES: dict[Miller, float] = {(1, 1, 1): 1.23, (1, 0, 0): 1.36}
WURTZITE_ENERGIES: dict[Miller, float] = {(1, 0, 0): 1.0, (0, 0, 1): 1.0, (0, 0, -1): 1.0}
PLANE_REACH = 0.7  # faults and twins cut the middle 70 % of a particle, where each side is worth the name


@dataclass(frozen=True)
class Body:
    """A convex solid about the origin: a ball cut by half-spaces n·x ≤ d and, for rods, by a cylinder (Å)."""

    radius: float
    normals: FloatArray = field(default_factory=lambda: np.empty((0, 3)))
    offsets: FloatArray = field(default_factory=lambda: np.empty(0))
    axis: FloatArray | None = None
    axis_radius: float = np.inf

    def contains(self, points: FloatArray, margin: float = 0.0) -> NDArray[np.bool_]:
        """Which of the points (n, 3) lie inside, or within `margin` Å of it: bool (n,)."""
        inside: NDArray[np.bool_] = np.einsum("ij,ij->i", points, points) <= (self.radius + margin) ** 2
        for normal, offset in zip(self.normals, self.offsets, strict=True):
            inside &= points @ normal <= offset + margin
        if self.axis is not None:
            across = np.cross(points, self.axis)
            inside &= np.einsum("ij,ij->i", across, across) <= (self.axis_radius + margin) ** 2
        return inside

    def turned(self, rotation: FloatArray) -> "Body":
        """Return the same solid after x → rotation·x."""
        axis = None if self.axis is None else rotation @ self.axis
        return replace(self, normals=self.normals @ rotation.T, axis=axis)

    def cut(self, normals: FloatArray, offsets: FloatArray) -> "Body":
        """Return what is left within further half-spaces."""
        return replace(
            self, normals=np.vstack([self.normals, normals]), offsets=np.concatenate([self.offsets, offsets])
        )


def _check_diameter(diameter: float) -> None:
    if not (np.isfinite(diameter) and diameter > 0):
        raise PassbandError(f"diameter={diameter:g} Å must be positive; a 4 nm particle is diameter=40")


def sphere(diameter: float) -> Body:
    """Ball of a diameter in Å."""
    _check_diameter(diameter)
    return Body(diameter / 2.0)


def default_surface_energies(material: Crystal) -> dict[Miller, float]:
    """Surface energies (relative) taken where none are given; see the constants of this module for their sources.

    Raises
    ------
    PassbandError
        For crystals that are neither cubic nor wurtzite.
    """
    if material.spacegroup == 186:
        return dict(WURTZITE_ENERGIES)
    if material.spacegroup == 229:
        return dict(BCC_ENERGIES)
    if material.spacegroup == 227 and len(set(material.symbols)) == 1:
        return dict(DIAMOND_ENERGIES)
    if material.spacegroup >= 195:
        return dict(FCC_ENERGIES)
    raise PassbandError(f"no default surface energies for {material.name}; give surface_energies={{(h, k, l): energy}}")


def wulff(material: Crystal, diameter: float, surface_energies: Mapping[Miller, float] | None = None) -> Body:
    """Wulff shape in the crystal's frame: each facet at a distance from the centre proportional to its energy.

    Parameters
    ----------
    diameter
        Å, of the sphere of equal volume.
    surface_energies
        Energy per family (h k l), in any unit; symmetry-equivalent planes are added.

    Raises
    ------
    PassbandError
        Energies not positive, (0 0 0), or facets that do not enclose a volume.
    """
    _check_diameter(diameter)
    energies = default_surface_energies(material) if surface_energies is None else dict(surface_energies)
    for plane, energy in energies.items():
        if not energy > 0 or not any(plane):
            raise PassbandError(
                f"surface energy {plane}: {energy:g} must be positive and of a plane other than (0, 0, 0)"
            )
    families = [equivalent_planes(material, plane) for plane in energies]
    normals = np.vstack(families) if families else np.empty((0, 3))
    distances = np.repeat(list(energies.values()), [len(family) for family in families])
    try:
        corners = HalfspaceIntersection(np.column_stack([normals, -distances]), np.zeros(3)).intersections
        volume = ConvexHull(corners).volume if np.isfinite(corners).all() else np.inf
    except (QhullError, ValueError):
        volume = np.inf
    if not 0 < volume < 1e6 * float(np.max(distances, initial=0.0)) ** 3:
        raise PassbandError(f"facets {list(energies)} of {material.name} do not enclose a volume; add a family")
    scale = (np.pi / 6.0 * diameter**3 / volume) ** (1 / 3)
    return Body(float(scale * np.linalg.norm(corners, axis=1).max()), normals, scale * distances)


def rod(material: Crystal, diameter: float, aspect: float, axis: Miller = (0, 0, 1)) -> Body:
    """Flat-ended cylinder of a diameter in Å and a length of aspect × diameter along the direction [u v w]."""
    _check_diameter(diameter)
    if not aspect > 0:
        raise PassbandError(f"aspect={aspect:g} must be positive; it is length over diameter, 1 to 10 for nanorods")
    along = _direction(material, axis)
    half = aspect * diameter / 2.0
    return Body(
        float(np.hypot(half, diameter / 2.0)),
        np.array([along, -along]),
        np.array([half, half]),
        axis=along,
        axis_radius=diameter / 2.0,
    )


def build_body(
    material: Crystal,
    *,
    shape: Shape,
    diameter: float,
    aspect: float = 1.0,
    axis: Miller = (0, 0, 1),
    surface_energies: Mapping[Miller, float] | None = None,
) -> Body:
    """Solid of one of the three shapes, in the crystal's frame."""
    if shape == "sphere":
        return sphere(diameter)
    if shape == "wulff":
        return wulff(material, diameter, surface_energies)
    if shape == "rod":
        return rod(material, diameter, aspect, axis)
    raise PassbandError(f"shape='{shape}' is unknown; write 'sphere', 'wulff' or 'rod'")


def _direction(material: Crystal, uvw: Miller) -> FloatArray:
    vector = np.array(uvw, float) @ unit_cell(material).cell.array
    length = float(np.linalg.norm(vector))
    if length == 0.0:
        raise PassbandError("[0, 0, 0] is no direction; give a zone axis or rod axis such as (0, 0, 1)")
    unit: FloatArray = vector / length
    return unit


def random_orientation(rng: np.random.Generator) -> FloatArray:
    """Rotation matrix (3, 3), uniform over all orientations."""
    matrix: FloatArray = Rotation.from_quat(rng.normal(size=4)).as_matrix()  # Shoemake 1992
    return matrix


def zone_axis_orientation(material: Crystal, uvw: Miller, *, rng: np.random.Generator) -> FloatArray:
    """Rotation (3, 3) that brings the lattice direction [u v w] along the beam (+z), turned at random about it."""
    along = _direction(material, uvw)
    helper = np.eye(3)[np.argmin(np.abs(along))]
    right = np.cross(helper, along)
    right /= np.linalg.norm(right)
    upright = np.array([right, np.cross(along, right), along])
    matrix: FloatArray = Rotation.from_euler("z", rng.uniform(0.0, 2.0 * np.pi)).as_matrix() @ upright
    return matrix


def _check_orientation(orientation: FloatArray) -> None:
    proper = np.shape(orientation) == (3, 3) and np.allclose(
        orientation @ np.transpose(orientation), np.eye(3), atol=1e-6
    )
    if not proper or np.linalg.det(orientation) < 0:
        raise PassbandError("orientation must be a proper rotation matrix (3, 3); see random_orientation")


def fill_body(
    material: Crystal,
    body: Body,
    *,
    orientation: FloatArray,
    faults: int = 0,
    twins: int = 0,
    rng: np.random.Generator,
) -> Atoms:
    """Atoms of a crystal inside a solid already turned to the beam; the lattice is shifted at random against it.

    Which of the equivalent {111} planes of a cubic crystal takes the faults is drawn too. `info["faults"]` and
    `info["twins"]` tell how many planes fitted.

    Parameters
    ----------
    orientation
        Rotation (3, 3) from the crystal's Cartesian frame to the microscope's: that by which `body` was turned.
    faults, twins
        Number of stacking faults and twin planes at random places in the middle of the particle.

    Raises
    ------
    PassbandError
        No rotation matrix, or defects that this crystal has no plane for.
    """
    _check_orientation(orientation)
    check_defects(material, faults=faults, twins=twins)
    centre = rng.random(3) @ unit_cell(material).cell.array
    planes = stacking(material) if faults or twins else None
    chosen = []
    if planes is None:
        positions, numbers = crystal_ball(material, centre, body.radius)
    else:
        normal = np.array(planes.normal)
        low, high = centre @ normal + np.array([-1.0, 1.0]) * PLANE_REACH * body.radius
        chosen = draw_planes(planes, faults=faults, twins=twins, low=low, high=high, rng=rng)
        positions, numbers = faulted_ball(material, centre, body.radius, normal=normal, planes=chosen)
        if material.spacegroup >= 195:  # twofold axes carry [111] to the other three body diagonals
            signs = [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
            orientation = orientation @ np.diag(signs[int(rng.integers(4))])
    positions = (positions - centre) @ orientation.T
    inside = body.contains(positions)
    atoms = Atoms(numbers[inside], positions[inside])
    mirrors = sum(plane.shift is None for plane in chosen)
    atoms.info |= {"faults": len(chosen) - mirrors, "twins": mirrors}
    return atoms
