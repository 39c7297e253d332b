"""Rings of a sheet, such as the five- and sevenfold ones of graphene: the faces of its bonds drawn in the plane."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.measure import points_in_poly

Array = NDArray[np.float64]
LARGEST = 9  # atoms of a ring; a reconstructed vacancy is 5 and 9, one that is not has 12


@dataclass(frozen=True, eq=False)
class RingFaces:
    """Faces of a graph of bonds.

    Attributes
    ----------
    atoms
        Of each ring, in order around it, as indices.
    centres
        (rings, 2): mean of the atoms, Å.
    holes
        Of each hole, the atoms around it in order.
    """

    atoms: tuple[tuple[int, ...], ...]
    centres: Array
    holes: tuple[tuple[int, ...], ...]

    @property
    def sizes(self) -> NDArray[np.intp]:
        """Atoms of each ring."""
        return np.array([len(ring) for ring in self.atoms], dtype=np.intp)

    def counts(self) -> dict[int, int]:
        """Return how many rings there are of each size, by size."""
        return dict(sorted(Counter(len(ring) for ring in self.atoms).items()))

    def membership(self, count: int) -> list[str]:
        """Return of each of `count` atoms the sizes of its rings, as "5-6-7"; "6-6-hole" beside a hole.

        An atom in no ring has "". At the edge of the sheet there are fewer rings than in it.
        """
        sizes: list[list[str]] = [[] for _ in range(count)]
        for ring in sorted(self.atoms, key=len):
            for atom in ring:
                sizes[atom].append(str(len(ring)))
        for hole in self.holes:
            for atom in set(hole):
                sizes[atom].append("hole")
        return ["-".join(one) for one in sizes]


def find_rings(positions: ArrayLike, bonds: NDArray[np.intp], *, largest: int = LARGEST) -> RingFaces:
    """Find the rings of atoms (n, 2) whose bonds (bonds, 2) do not cross, as those of `find_bonds`.

    Chains that end are left out. A ring is a face of at most `largest` atoms without an atom twice and with nothing
    in it; larger ones, and those in which other atoms lie, are holes. What lies outside of all is neither; rings that
    the edge of the image cuts are not closed and are not counted.

    Faces are walked along half-edges, turning at each atom to the next bond clockwise (de Berg et al., Computational
    Geometry, ch. 2).
    """
    places = np.asarray(positions, dtype=np.float64)
    faces = _faces(places, _without_ends(bonds, len(places)))
    # the outside of each connected part is walked the other way round
    inner = [face for face in faces if _area(places[face]) > 0.0]
    outer = [face for face in faces if _area(places[face]) <= 0.0]
    rings: list[tuple[int, ...]] = []
    holes: list[tuple[int, ...]] = []
    for face in inner:
        simple = len(set(face)) == len(face) <= largest
        (rings if simple and not _encloses(places, face, outer) else holes).append(tuple(face))
    centres = np.array([places[list(ring)].mean(axis=0) for ring in rings]).reshape(-1, 2)
    return RingFaces(tuple(rings), centres, tuple(holes))


def _without_ends(bonds: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """Bonds without those of atoms that have only one, again and again."""
    while True:
        ends = np.bincount(bonds.ravel(), minlength=count) == 1
        loose = ends[bonds].any(axis=1)
        if not loose.any():
            return bonds
        bonds = bonds[~loose]


def _faces(places: Array, bonds: NDArray[np.intp]) -> list[list[int]]:
    """All faces as walks of atoms; inner ones have a positive area in axes x, y."""
    half = np.concatenate([bonds, bonds[:, ::-1]])
    step = places[half[:, 1]] - places[half[:, 0]]
    angle = np.arctan2(step[:, 1], step[:, 0])
    order = np.lexsort((angle, half[:, 0]))
    following: dict[tuple[int, int], tuple[int, int]] = {}
    around: dict[int, list[int]] = {}
    for number in order.tolist():
        around.setdefault(int(half[number, 0]), []).append(int(half[number, 1]))
    for atom, others in around.items():
        for place, other in enumerate(others):
            # coming from `other`, leave by the bond before it in the order of angles: the face lies on the left
            following[other, atom] = (atom, others[place - 1])
    faces = []
    while following:
        start, edge = following.popitem()
        face = [start[0]]
        while edge != start:
            face.append(edge[0])
            edge = following.pop(edge)
        faces.append(face)
    return faces


def _area(corners: Array) -> float:
    x, y = (corners - corners[0]).T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def _encloses(places: Array, face: list[int], outer: list[list[int]]) -> bool:
    """Whether another connected part lies in a face."""
    own = set(face)
    corners = places[face]
    low, high = corners.min(axis=0), corners.max(axis=0)
    starts = [part[0] for part in outer if part[0] not in own]
    inside = [atom for atom in starts if ((places[atom] > low) & (places[atom] < high)).all()]
    return bool(inside and points_in_poly(places[inside], corners).any())  # type: ignore[no-untyped-call]
