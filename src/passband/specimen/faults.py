"""Stacking faults and twins: which planes of a crystal take them, and the pieces a faulted crystal is made of.

A faulted crystal is a pile of slabs along the stacking direction. Each slab is the perfect crystal under an affine map
x → turn·x + shift: a fault adds an in-plane shift to everything above its plane, a twin mirrors it.

Wurtzite: basal shift ⅓⟨10-10⟩ (the intrinsic fault I₂). Face-centred cubic, diamond and sphalerite: {111} shift ⅙⟨112⟩
and mirror twins Σ3 {111}. Source: Hirth & Lothe, Theory of Dislocations (1982), chapters 10 and 11. Of the planes and
signs that these vectors allow, those are kept that leave every atom its nearest neighbours (glide, not shuffle planes).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from passband.recipe import PassbandError
from passband.specimen.crystal import Crystal, FloatArray, nearest_distance, unit_cell

LAYER_TOLERANCE = 1e-3  # Å; atoms nearer than this along the stacking direction are one layer


@dataclass(frozen=True)
class Plane:
    """One place in the stacking period to cut the crystal at: heights in Å, `shift` for a fault, else a mirror."""

    cut: float
    mirror: float
    shift: tuple[float, float, float] | None


@dataclass(frozen=True)
class Stacking:
    """Stacking direction (unit), its period in Å, and the planes within one period."""

    normal: tuple[float, float, float]
    period: float
    faults: tuple[Plane, ...]
    twins: tuple[Plane, ...]


@dataclass(frozen=True)
class Slab:
    """The crystal under x → turn·x + shift, between two heights along the stacking normal (the upper one included)."""

    turn: FloatArray
    shift: FloatArray
    low: float
    high: float


def crystal_ball(material: Crystal, centre: FloatArray, radius: float) -> tuple[FloatArray, NDArray[np.int64]]:
    """Positions (n, 3) and atomic numbers (n,) of all atoms of the endless crystal within `radius` of `centre`."""
    cell = unit_cell(material)
    reach = radius * np.linalg.norm(cell.cell.reciprocal().array, axis=1)
    middle = cell.cell.scaled_positions(centre)
    axes = [np.arange(np.floor(m - r) - 1, np.ceil(m + r) + 1) for m, r in zip(middle, reach, strict=True)]
    corners = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3) @ cell.cell.array
    longest = float(np.linalg.norm(cell.positions, axis=1).max())
    corners = corners[np.linalg.norm(corners - centre, axis=1) <= radius + longest]
    positions = (corners[:, None] + cell.positions[None]).reshape(-1, 3)
    numbers = np.tile(cell.numbers, len(corners))
    inside = np.linalg.norm(positions - centre, axis=1) <= radius
    return positions[inside], numbers[inside]


def _neighbours(positions: FloatArray, numbers: NDArray[np.int64], bond: float) -> set[tuple[int, tuple[int, ...]]]:
    """Return the surroundings that occur: an element and the sorted elements within 1.1 bonds, well inside."""
    tree = cKDTree(positions)
    extent = np.linalg.norm(positions, axis=1).max() - 1.5 * bond
    inner = np.flatnonzero(np.linalg.norm(positions, axis=1) < extent)
    near = [tree.query_ball_point(positions[k], 1.1 * bond) for k in inner]
    return {
        (int(numbers[k]), tuple(sorted(int(numbers[j]) for j in around if j != k)))
        for k, around in zip(inner, near, strict=True)
    }


def _keeps_bonds(material: Crystal, normal: FloatArray, plane: Plane) -> bool:
    """Whether a crystal with this one defect has the surroundings of the perfect one, and no atoms closer."""
    bond = nearest_distance(material)
    centre, radius = plane.cut * normal, 4.0 * bond
    perfect, numbers = crystal_ball(material, centre, radius)
    expected = _neighbours(perfect - centre, numbers, bond)
    positions, numbers = faulted_ball(material, centre, radius, normal=normal, planes=[plane])
    closest = np.asarray(cKDTree(positions).query(positions, k=2)[0])[:, 1].min()
    return bool(closest > 0.98 * bond and _neighbours(positions - centre, numbers, bond) == expected)


def _layers(material: Crystal, normal: FloatArray, period: float) -> FloatArray:
    """Distinct heights of atoms in one period, ascending from the first layer, and that layer again one period up."""
    heights = np.sort(crystal_ball(material, np.zeros(3), 2.0 * period)[0] @ normal)
    heights = heights[np.concatenate([[True], np.diff(heights) > LAYER_TOLERANCE])]
    start = int(np.searchsorted(heights, -LAYER_TOLERANCE))
    stop = int(np.searchsorted(heights, heights[start] + period - LAYER_TOLERANCE))
    one_period: FloatArray = heights[start : stop + 1]
    return one_period


@lru_cache(maxsize=32)
def stacking(material: Crystal) -> Stacking | None:
    """Return the planes of a crystal that take faults and twins, or None where no rule of this module applies."""
    cell = unit_cell(material).cell.array
    if material.spacegroup == 186:
        normal, period, step = np.array([0.0, 0.0, 1.0]), float(cell[2, 2]), (2 * cell[0] + cell[1]) / 3.0
    elif material.spacegroup in (216, 225, 227) and len(unit_cell(material)) <= 8:  # not spinels
        a = float(cell[0, 0])
        normal, period, step = np.ones(3) / np.sqrt(3.0), a * np.sqrt(3.0), np.array([1.0, 1.0, -2.0]) * a / 6.0
    else:
        return None
    layers = _layers(material, normal, period)
    gaps = (layers[1:] + layers[:-1]) / 2.0
    shifts = [tuple(float(x) for x in sign * step) for sign in (1, -1)]
    faults = [Plane(float(gap), float(gap), shift) for gap in gaps for shift in shifts]  # type: ignore[arg-type]
    twins = [Plane(float(gap), float(gap), None) for gap in gaps]
    twins += [Plane(float(gap), float(layer), None) for gap, layer in zip(gaps, layers[:-1], strict=True)]
    if material.spacegroup == 186:
        twins = []
    return Stacking(
        normal=tuple(float(x) for x in normal),  # type: ignore[arg-type]
        period=float(period),
        faults=tuple(plane for plane in faults if _keeps_bonds(material, normal, plane)),
        twins=tuple(plane for plane in twins if _keeps_bonds(material, normal, plane)),
    )


def check_defects(material: Crystal, *, faults: int, twins: int) -> None:
    """Refuse negative counts, and faults or twins that this crystal has no plane for."""
    if faults < 0 or twins < 0:
        raise PassbandError(f"faults={faults}, twins={twins} must not be negative; 0 means none")
    planes = stacking(material)
    if faults and not (planes and planes.faults):
        raise PassbandError(f"{material.name} has no stacking fault here (wurtzite, fcc, diamond have); set faults=0")
    if twins and not (planes and planes.twins):
        raise PassbandError(f"{material.name} has no {{111}} twin here (fcc and diamond have); set twins=0")


def pile(normal: FloatArray, planes: list[Plane]) -> list[Slab]:
    """Slabs from bottom to top for the defects at `planes`, which must ascend."""
    reflection = np.eye(3) - 2.0 * np.outer(normal, normal)
    turn, shift, low, sign = np.eye(3), np.zeros(3), -np.inf, 1.0
    slabs = []
    for plane in planes:
        slabs.append(Slab(turn, shift, low, plane.cut))
        low = plane.cut
        if plane.shift is None:
            turn, shift = reflection @ turn, reflection @ shift + 2.0 * plane.mirror * normal
            sign = -sign
        else:  # in a twin the stacking runs the other way, and so does the shift
            shift = shift + sign * np.array(plane.shift)
    return [*slabs, Slab(turn, shift, low, np.inf)]


def faulted_ball(
    material: Crystal, centre: FloatArray, radius: float, *, normal: FloatArray, planes: list[Plane]
) -> tuple[FloatArray, NDArray[np.int64]]:
    """`crystal_ball` of the crystal with defects at `planes` (ascending) along the unit vector `normal`."""
    parts = []
    for slab in pile(normal, planes):
        source, numbers = crystal_ball(material, slab.turn.T @ (centre - slab.shift), radius + LAYER_TOLERANCE)
        positions = source @ slab.turn.T + slab.shift
        height = positions @ normal
        kept = (height > slab.low) & (height <= slab.high)
        parts.append((positions[kept], numbers[kept]))
    return np.concatenate([p for p, _ in parts]), np.concatenate([n for _, n in parts])


def draw_planes(
    planes: Stacking, *, faults: int, twins: int, low: float, high: float, rng: np.random.Generator
) -> list[Plane]:
    """Distinct random planes with cuts between two heights, ascending; fewer where fewer fit."""
    chosen: dict[float, Plane] = {}
    for kind, count in ((planes.faults, faults), (planes.twins, twins)):
        periods = np.arange(np.floor(low / planes.period) - 1, np.ceil(high / planes.period) + 1) * planes.period
        raised = [_raised(plane, float(up)) for up in periods for plane in kind]
        free = [plane for plane in raised if low < plane.cut < high and round(plane.cut, 3) not in chosen]
        for k in rng.permutation(len(free))[:count]:
            chosen[round(free[k].cut, 3)] = free[k]
    return sorted(chosen.values(), key=lambda plane: plane.cut)


def _raised(plane: Plane, up: float) -> Plane:
    return Plane(plane.cut + up, plane.mirror + up, plane.shift)
