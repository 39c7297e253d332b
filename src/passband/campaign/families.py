"""Families of imaging conditions: many from a few lines of a plan."""

from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from passband.dataset.named_conditions import NamedConditions
from passband.distribution import Normal
from passband.experiment.plan import FolderName
from passband.experiment.plan_files import PlanError
from passband.microscope.aberrations import resolve_name
from passband.microscope.conditions import ConditionDistribution, ConditionMixture
from passband.recipe import Recipe


class ConditionFamily(Recipe):
    """Many conditions from a few lines: a grid over coefficients, random settings, mixtures, or named ones.

    Attributes
    ----------
    base
        What they have in common; a grid replaces some of its aberrations, a draw takes its settings from it.
    grid
        Coefficients (or aliases) and their values in Å or rad; every combination is one condition.
    draw
        Number of random settings of `base`, each a fixed setting from then on.
    seed
        Of the draw.
    name
        What the names of drawn conditions begin with.
    jitter
        Standard deviation in Å of the defocus from image to image, about each condition of a grid or a draw.
    named
        Conditions given in full.
    mixtures
        Conditions that are several points at once, equally likely, by name: for each point the values of some
        coefficients (or aliases), which replace those of `base`; `jitter` applies to each.
    """

    base: ConditionDistribution = ConditionDistribution()
    grid: dict[str, tuple[float, ...]] = Field(default={})
    draw: int = Field(default=0, ge=0, le=100_000)
    seed: int = Field(default=0, ge=0)
    name: FolderName = "set"
    jitter: float = Field(default=0.0, ge=0.0)
    named: tuple[NamedConditions, ...] = ()
    mixtures: dict[str, Annotated[tuple[dict[str, float], ...], Field(min_length=1)]] = Field(default={})

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.grid or self.draw or self.named or self.mixtures):
            raise ValueError("no condition is given; write a grid, a number to draw, named conditions or mixtures")
        if self.grid and self.draw:
            raise ValueError("grid and draw are both given; use two parts, or one of them")
        for name in (*self.grid, *(name for points in self.mixtures.values() for point in points for name in point)):
            resolve_name(name)
        return self

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        if not self.mixtures:  # plans from before there were mixtures keep their identity
            values.pop("mixtures", None)
        return values

    @property
    def count(self) -> int:
        """How many conditions there are, counted without making one."""
        points = prod(len(values) for values in self.grid.values()) if self.grid else 0
        return points + self.draw + len(self.mixtures) + len(self.named)

    def conditions(self) -> tuple[NamedConditions, ...]:
        """Every condition of the family, in a fixed order; equal families give equal conditions."""
        made = [NamedConditions(name=_grid_name(point), conditions=self._at(point)) for point in self._points()]
        rng = np.random.default_rng(self.seed)
        for number, setting in enumerate(self.base.sample(self.draw, rng)):
            exact = ConditionDistribution.exactly(setting)
            made.append(NamedConditions(name=f"{self.name}{number:03d}", conditions=self._jittered(exact)))
        for name, points in self.mixtures.items():
            mixture = ConditionMixture(among=tuple(self._at(point) for point in points))
            made.append(NamedConditions(name=name, conditions=mixture))
        return (*made, *self.named)

    def _points(self) -> list[dict[str, float]]:
        return [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values()) if self.grid]

    def _at(self, point: Mapping[str, float]) -> ConditionDistribution:
        aberrations = dict(self.base.aberrations)
        for name, value in point.items():
            symbol, sign = resolve_name(name)
            aberrations[symbol] = sign * value + 0.0  # + 0.0: no negative zero in a recipe
        return self._jittered(self.base.model_copy(update={"aberrations": aberrations}))

    def _jittered(self, fixed: ConditionDistribution) -> ConditionDistribution:
        if not self.jitter:
            return fixed
        centre = fixed.aberrations.get("C10", 0.0)
        if not isinstance(centre, float):
            raise PlanError(f"jitter={self.jitter:g} Å needs a fixed C10 in the base, not {centre!r}; give it in grid")
        aberrations = {**fixed.aberrations, "C10": Normal(normal=(centre, self.jitter))}
        return ConditionDistribution.model_validate(fixed.model_dump() | {"aberrations": aberrations})


def _grid_name(point: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:g}" for name, value in point.items())
