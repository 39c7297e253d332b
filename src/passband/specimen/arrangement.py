"""Where particles lie on a film: apart, in clusters, or grown together into a polycrystal.

Coordinates here are (x, y, h): h in Å counts outwards from the film's surface, whichever side that is. Distances in x
and y are to the nearest periodic image when `border` is "wrap".
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.specimen.crystal import FloatArray
from passband.specimen.particle import Body

ArrangementName = Literal["isolated", "aggregate", "polycrystal"]
Border = Literal["inside", "wrap"]

RESTARTS = 40  # of a whole isolated scene, before it makes do with fewer particles
TRIES = 80  # for one particle
GRAIN_SPACING = (0.4, 0.8)  # centre distance of grains over the sum of their radii: 1 is touching, 0 is one sphere


@dataclass(frozen=True)
class Footprint:
    """How far each particle reaches from its centre: sideways, and towards the film where it rests; Å, (n,) each."""

    lateral: FloatArray
    rest: FloatArray


@dataclass(frozen=True)
class FieldOfView:
    """The square in which particles lie: its side in Å, and what becomes of those at its border."""

    side: float
    border: Border

    def nearest_image(self, offsets: FloatArray) -> FloatArray:
        """Offsets (..., 3) with x and y brought to the nearest periodic image; unchanged when nothing wraps."""
        if self.border == "inside":
            return offsets
        shifted = offsets.copy()
        shifted[..., :2] -= self.side * np.rint(offsets[..., :2] / self.side)
        return shifted

    def random_spot(self, lateral: float, rng: np.random.Generator) -> FloatArray:
        """Place (x, y) for a particle that reaches `lateral` Å to its sides."""
        edge = lateral if self.border == "inside" else 0.0
        spot: FloatArray = edge + rng.random(2) * (self.side - 2.0 * edge)
        return spot

    def holds(self, spot: FloatArray, lateral: float) -> bool:
        """Whether a particle at a place (x, y) may reach `lateral` Å to its sides."""
        return self.border == "wrap" or bool(lateral <= spot.min() and spot.max() <= self.side - lateral)


def place_apart(
    size: Footprint, *, field: FieldOfView, gap: float, rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Centres (m, 3) at least `gap` apart in projection, and whose (m,) they are; m < n in a crowded field."""
    order = np.argsort(-size.lateral, kind="stable")
    best: dict[int, FloatArray] = {}
    for _ in range(RESTARTS):
        placed: dict[int, FloatArray] = {}
        for k in order:
            spot = _free_spot(int(k), placed, size, field=field, gap=gap, rng=rng)
            if spot is not None:
                placed[int(k)] = spot
        if len(placed) > len(best):
            best = placed
        if len(best) == len(order):
            break
    kept = np.array(sorted(best), dtype=np.int64)
    centres = np.array([[*best[int(k)], size.rest[k]] for k in kept]).reshape(-1, 3)
    return centres, kept


def _free_spot(
    k: int,
    placed: dict[int, FloatArray],
    size: Footprint,
    *,
    field: FieldOfView,
    gap: float,
    rng: np.random.Generator,
) -> FloatArray | None:
    others = np.array(list(placed.values())).reshape(-1, 2)
    needed = size.lateral[list(placed)] + size.lateral[k] + gap
    for _ in range(TRIES):
        spot = field.random_spot(float(size.lateral[k]), rng)
        offsets = field.nearest_image(others - spot)
        if (np.linalg.norm(offsets, axis=1) >= needed).all():
            return spot
    return None


def place_together(
    size: Footprint, *, field: FieldOfView, spacing: float, rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Centres (m, 3) of one cluster, each particle in contact with an earlier one, beside it or partly on top of it.

    `spacing` is the distance of the centres over the sum of the radii. Particles that find no place are left out.
    """
    kept: list[int] = []
    centres = np.empty((0, 3))
    for k, (lateral, rest) in enumerate(zip(size.lateral.tolist(), size.rest.tolist(), strict=True)):
        if not kept:
            spot: FloatArray | None = np.array([*field.random_spot(lateral, rng), rest])
        else:
            cluster = _Cluster(centres, spacing * (size.lateral[kept] + lateral))
            spot = _contact(cluster, lateral, rest, field=field, rng=rng)
        if spot is not None:
            kept.append(k)
            centres = np.vstack([centres, spot])
    if field.border == "wrap":
        centres[:, :2] %= field.side
    return centres, np.array(kept, dtype=np.int64)


class _Cluster(NamedTuple):
    """Centres (n, 3) of particles that lie, and at what distance from each the next one is in contact (n,)."""

    centres: FloatArray
    reach: FloatArray


def _contact(
    cluster: _Cluster, lateral: float, rest: float, *, field: FieldOfView, rng: np.random.Generator
) -> FloatArray | None:
    """Of several places touching a random neighbour, the first that is clear of the rest, else the clearest."""
    best: FloatArray | None = None
    clearest = -1.0
    centres = cluster.centres
    for _ in range(TRIES):
        anchor = int(rng.integers(len(centres)))
        reach = cluster.reach[anchor]
        climb = rng.uniform(0.0, np.pi / 3.0) if rng.random() < 0.5 else 0.0
        height = max(rest, centres[anchor, 2] + reach * np.sin(climb))
        aside = np.sqrt(max(reach**2 - (height - centres[anchor, 2]) ** 2, 0.0))
        angle = rng.uniform(0.0, 2.0 * np.pi)
        spot = np.array([*(centres[anchor, :2] + aside * np.array([np.cos(angle), np.sin(angle)])), height])
        if not field.holds(spot[:2], lateral):
            continue
        distances = np.linalg.norm(field.nearest_image(centres - spot), axis=1)
        clear = float((distances / cluster.reach).min())
        if clear > clearest:
            best, clearest = spot, clear
        if clear > 0.999:
            break
    return best


def divide(bodies: list[Body], centres: FloatArray, *, field: FieldOfView) -> list[Body]:
    """Cut overlapping balls along their radical planes (a Voronoi division weighted by radius): the grains, unturned.

    `centres` are (n, 3) in the frame of the bodies; periodic images divide too.
    """
    steps = [-1, 0, 1] if field.border == "wrap" else [0]
    images = np.array([[i * field.side, j * field.side, 0.0] for i in steps for j in steps])
    grains = []
    for k, body in enumerate(bodies):
        offsets = (centres[None] + images[:, None] - centres[k]).reshape(-1, 3)
        others = np.tile([other.radius for other in bodies], len(images))
        distance = np.linalg.norm(offsets, axis=1)
        near = (distance > 1e-9) & (distance < body.radius + others)
        normals = offsets[near] / distance[near, None]
        planes = (distance[near] ** 2 + body.radius**2 - others[near] ** 2) / (2.0 * distance[near])
        grains.append(body.cut(normals, planes))
    return grains
