"""Where particles lie on a film: apart, in clusters, or grown together into a polycrystal.

Coordinates here are (x, y, h): h in Å counts outwards from the film's surface, whichever side that is. Distances in x
and y are to the nearest periodic image when `border` is "wrap".
"""

from dataclasses import dataclass
from typing import Literal

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


def nearest_image(offsets: FloatArray, field: float, border: Border) -> FloatArray:
    """Offsets (..., 3) with x and y brought to the nearest periodic image; unchanged when nothing wraps."""
    if border == "inside":
        return offsets
    shifted = offsets.copy()
    shifted[..., :2] -= field * np.rint(offsets[..., :2] / field)
    return shifted


def _random_spot(lateral: float, field: float, border: Border, rng: np.random.Generator) -> FloatArray:
    edge = lateral if border == "inside" else 0.0
    spot: FloatArray = edge + rng.random(2) * (field - 2.0 * edge)
    return spot


def place_apart(
    size: Footprint, *, field: float, gap: float, border: Border, rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Centres (m, 3) at least `gap` apart in projection, and whose (m,) they are; m < n in a crowded field."""
    order = np.argsort(-size.lateral, kind="stable")
    best: dict[int, FloatArray] = {}
    for _ in range(RESTARTS):
        placed: dict[int, FloatArray] = {}
        for k in order:
            spot = _free_spot(int(k), placed, size, field=field, gap=gap, border=border, rng=rng)
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
    field: float,
    gap: float,
    border: Border,
    rng: np.random.Generator,
) -> FloatArray | None:
    others = np.array(list(placed.values())).reshape(-1, 2)
    needed = size.lateral[list(placed)] + size.lateral[k] + gap
    for _ in range(TRIES):
        spot = _random_spot(float(size.lateral[k]), field, border, rng)
        offsets = nearest_image(others - spot, field, border)
        if (np.linalg.norm(offsets, axis=1) >= needed).all():
            return spot
    return None


def place_together(
    size: Footprint, *, field: float, spacing: float, border: Border, rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Centres (m, 3) of one cluster, each particle in contact with an earlier one, beside it or partly on top of it.

    `spacing` is the distance of the centres over the sum of the radii. Particles that find no place are left out.
    """
    kept: list[int] = []
    centres = np.empty((0, 3))
    for k in range(len(size.lateral)):
        if not kept:
            first = _random_spot(float(size.lateral[k]), field, border, rng)
            spot: FloatArray | None = np.array([*first, size.rest[k]])
        else:
            spot = _contact(k, kept, centres, size, field=field, spacing=spacing, border=border, rng=rng)
        if spot is not None:
            kept.append(k)
            centres = np.vstack([centres, spot])
    if border == "wrap":
        centres[:, :2] %= field
    return centres, np.array(kept, dtype=np.int64)


def _contact(
    k: int,
    kept: list[int],
    centres: FloatArray,
    size: Footprint,
    *,
    field: float,
    spacing: float,
    border: Border,
    rng: np.random.Generator,
) -> FloatArray | None:
    """Of several places touching a random neighbour, the first that is clear of the rest, else the clearest."""
    best: FloatArray | None = None
    clearest = -1.0
    radii = size.lateral[kept]
    edge = float(size.lateral[k])
    for _ in range(TRIES):
        anchor = int(rng.integers(len(kept)))
        reach = spacing * (radii[anchor] + edge)
        climb = rng.uniform(0.0, np.pi / 3.0) if rng.random() < 0.5 else 0.0
        height = max(float(size.rest[k]), centres[anchor, 2] + reach * np.sin(climb))
        aside = np.sqrt(max(reach**2 - (height - centres[anchor, 2]) ** 2, 0.0))
        angle = rng.uniform(0.0, 2.0 * np.pi)
        spot = np.array([*(centres[anchor, :2] + aside * np.array([np.cos(angle), np.sin(angle)])), height])
        if border == "inside" and not (edge <= spot[:2].min() and spot[:2].max() <= field - edge):
            continue
        distances = np.linalg.norm(nearest_image(centres - spot, field, border), axis=1)
        clear = float((distances / (spacing * (radii + edge))).min())
        if clear > clearest:
            best, clearest = spot, clear
        if clear > 0.999:
            break
    return best


def divide(bodies: list[Body], centres: FloatArray, *, field: float, border: Border) -> list[Body]:
    """Cut overlapping balls along their radical planes (a Voronoi division weighted by radius): the grains, unturned.

    `centres` are (n, 3) in the frame of the bodies; periodic images divide too.
    """
    steps = [-1, 0, 1] if border == "wrap" else [0]
    images = np.array([[i * field, j * field, 0.0] for i in steps for j in steps])
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
