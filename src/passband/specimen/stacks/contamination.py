"""Drops of amorphous carbon on the faces of a sample that the beam goes in and out through."""

from typing import NamedTuple

import numpy as np

from passband.specimen.crystal import FloatArray
from passband.specimen.network import carbon_network
from passband.specimen.stacks.disordered import LEAST
from passband.specimen.stacks.stack import Contamination
from passband.specimen.support import CARBON_DENSITY


class Drop(NamedTuple):
    """A drop: its middle, its diameter and its height in Å, and whether it lies on the entrance face."""

    x: float
    y: float
    diameter: float
    height: float
    entrance: bool


def draw_drops(contamination: Contamination, field: tuple[float, float], rng: np.random.Generator) -> list[Drop]:
    """Draw drops of half to all of the diameter, anywhere in a field (x, y) in Å, all of one shape."""
    drops = []
    for _ in range(contamination.spots):
        size = float(rng.uniform(0.5, 1.0))
        x, y = (float(rng.uniform(0.0, side)) for side in field)
        side = bool(rng.integers(2))
        drops.append(Drop(x, y, size * contamination.diameter, size * contamination.height, side))
    return drops


def fill_drop(drop: Drop, depth: float, rng: np.random.Generator) -> FloatArray:
    """Atoms (n, 3) of a drop, half an ellipsoid on a face at `depth` along the beam; Å."""
    box = np.array([drop.diameter, drop.diameter, drop.height])
    places = carbon_network(np.maximum(box, LEAST), CARBON_DENSITY, rng) / box
    middle = 2.0 * (places - [0.5, 0.5, 0.0]) * [1.0, 1.0, 0.5]
    kept = places[(middle**2).sum(axis=1) < 1.0] * box
    kept[:, 2] = depth - kept[:, 2] if drop.entrance else depth + kept[:, 2]
    found: FloatArray = kept + np.array([drop.x - drop.diameter / 2.0, drop.y - drop.diameter / 2.0, 0.0])
    return found
