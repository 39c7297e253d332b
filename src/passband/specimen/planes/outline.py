"""Where in a field the lattice ends: an edge, particles in vacuum or holes, and how it thins out towards there."""

from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from passband.distribution import Choice, Scalar, Uniform, check_limits, check_weights, chosen, drawn
from passband.recipe import Recipe
from passband.specimen.crystal import FloatArray

OutlineKind = Literal["whole", "half", "particles", "holes"]

_KINDS: dict[OutlineKind, float] = {"whole": 6.0, "half": 1.5, "particles": 1.5, "holes": 1.0}


class PlaneOutline(Recipe):
    """Which outlines may occur.

    Attributes
    ----------
    kinds
        Relative weights: the whole field; a part of it beyond a straight edge; particles; all but holes.
    count
        Of particles or holes, rounded; they may overlap.
    size
        Their radius, and how far the straight edge is at most from the middle, in parts of the field.
    corners
        Of their outline, rounded; below 3 it is round.
    taper
        Å over which the thickness rises from the outline inwards, as the square root of the depth.
    """

    kinds: dict[OutlineKind, float] = Field(default_factory=lambda: dict(_KINDS))
    count: Scalar = Choice(choice=(1, 1, 1, 2, 3))
    size: Scalar = Uniform(uniform=(0.2, 0.45))
    corners: Scalar = Choice(choice=(0, 0, 4, 6, 8))
    taper: Scalar = Uniform(uniform=(0.0, 25.0))

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_weights("kinds", self.kinds)
        check_limits(self, {"count": (1.0, 50.0), "size": (0.0, 0.5), "corners": (0.0, 20.0), "taper": (0.0, 500.0)})
        return self


class Outline(NamedTuple):
    """One outline in a periodic field of side `field` Å.

    Each of its pieces has a centre (p, 2) and lies between straight edges at distances (p, c) from there along unit
    vectors (c, 2), or is round where c is 1; Å.
    """

    kind: str
    field: float
    taper: float
    centres: FloatArray
    distances: FloatArray
    normals: FloatArray

    def depth(self, places: FloatArray) -> FloatArray:
        """How far inside the outline places (n, 2) are, Å (n,); negative outside."""
        if self.kind == "whole":
            return np.full(len(places), np.inf)
        if self.kind == "half":
            straight: FloatArray = (places - 0.5 * self.field) @ self.normals[0] + self.distances[0, 0]
            return straight
        apart = places[:, None] - self.centres
        apart -= self.field * np.rint(apart / self.field)
        if len(self.normals) == 1:
            depth = self.distances[:, 0] - np.hypot(apart[..., 0], apart[..., 1])
        else:
            depth = (self.distances - apart @ self.normals.T).min(axis=2)
        inside: FloatArray = depth.max(axis=1)
        return inside if self.kind == "particles" else -inside

    def thickness(self, depth: FloatArray) -> FloatArray:
        """Thickness (n,) at a depth (n,) ≥ 0, in parts of that far from the edge."""
        if not self.taper:
            return np.ones_like(depth)
        found: FloatArray = np.sqrt(np.minimum(depth / self.taper, 1.0))
        return found


def plane_outline(recipe: PlaneOutline, *, field: float, rng: np.random.Generator) -> Outline:
    """One outline; the same one for the same recipe and generator."""
    kind = chosen(recipe.kinds, rng)
    pieces, corners = round(drawn(recipe.count, rng)), max(1, round(drawn(recipe.corners, rng)))
    corners = 1 if corners < 3 or kind == "half" else corners
    sizes = field * np.array([drawn(recipe.size, rng) for _ in range(pieces)])
    distances = sizes[:, None] * (rng.uniform(0.75, 1.1, (pieces, corners)) if corners > 1 else np.ones((pieces, 1)))
    if kind == "half":
        distances *= rng.uniform(-1.0, 1.0)
    angles = rng.uniform(0.0, 2.0 * np.pi) + 2.0 * np.pi * np.arange(corners) / corners
    normals = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return Outline(kind, field, drawn(recipe.taper, rng), rng.random((pieces, 2)) * field, distances, normals)
