"""Families of imaging conditions: many from a few lines of a plan."""

from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator

from passband.dataset.named_conditions import NamedConditions
from passband.distribution import Normal
from passband.experiment.plan import FolderName
from passband.experiment.plan_files import PlanError
from passband.microscope.aberrations import resolve_name
from passband.microscope.conditions import ConditionDistribution, ConditionMixture
from passband.microscope.instruments.choice import AnyDistribution, instrument_of
from passband.microscope.instruments.instrument import SettingDistribution
from passband.microscope.instruments.lens import LensInstrument
from passband.recipe import PassbandError, Recipe
from passband.validation import error_lines


class ConditionFamily(Recipe):
    """Many conditions from a few lines: a grid over coefficients and numbers, random settings, mixtures, or named ones.

    Attributes
    ----------
    base
        What they have in common, of a transmission microscope or, with `kind = "stem"`, a scanning one; a grid replaces
        some of its aberrations and numbers, a draw takes its settings from it.
    grid
        Coefficients (or aliases) and their values in Å or rad, or other numbers of a setting in its own units: `dose`,
        `focal_spread`, `angular_spread`, and of scans `source_size` and `jitter`. Every combination is one condition.
    draw
        Number of random settings of `base`, each a fixed setting from then on.
    seed
        Of the draw.
    name
        What the names of drawn conditions begin with.
    jitter
        Standard deviation in Å of the defocus from image to image, about each condition of a grid or a draw; that of
        the rows of a scan is a number of its settings.
    named
        Conditions given in full.
    mixtures
        Conditions that are several points at once, equally likely, by name: for each point the values of some
        coefficients (or aliases) or numbers, which replace those of `base`; `jitter` applies to each. Not of scans.
    """

    base: AnyDistribution = ConditionDistribution()
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
        if len(self.base.members) > 1 or self.base.members[0] is not self.base:
            raise ValueError("base is a mixture; write it among the named conditions, or its points under mixtures")
        if self.mixtures and not isinstance(self.base, ConditionDistribution):
            raise ValueError("mixtures are of a transmission microscope; let a number of the base vary instead")
        for name in (*self.grid, *(name for points in self.mixtures.values() for point in points for name in point)):
            if name not in self._numbers:
                self._resolved(name)
        alone = ({name: value} for name, values in self.grid.items() for value in values)
        for point in (*alone, *(point for points in self.mixtures.values() for point in points)):
            self._placed(point)  # a value that a setting cannot have is told where it is written
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
            exact = instrument_of(setting).exactly(setting)
            made.append(NamedConditions(name=f"{self.name}{number:03d}", conditions=self._jittered(exact)))
        for name, points in self.mixtures.items():
            mixture = ConditionMixture(among=tuple(self._at(point) for point in points))
            made.append(NamedConditions(name=name, conditions=mixture))
        return (*made, *self.named)

    def _points(self) -> list[dict[str, float]]:
        return [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values()) if self.grid]

    @property
    def _numbers(self) -> tuple[str, ...]:
        """Names of what a setting has beside its aberrations."""
        instrument = instrument_of(self.base)
        return instrument.NUMBERS if isinstance(instrument, LensInstrument) else ()

    def _resolved(self, name: str) -> tuple[str, float]:
        try:
            return resolve_name(name)
        except PassbandError as error:
            raise PassbandError(f"{error}; or write one of {', '.join(self._numbers)}") from error

    def _at(self, point: Mapping[str, float]) -> Any:
        return self._jittered(self._placed(point))

    def _placed(self, point: Mapping[str, float]) -> SettingDistribution:
        aberrations, numbers = _aberrations(self.base), dict[str, float]()
        for name, value in point.items():
            if name in self._numbers:
                numbers[name] = value
                continue
            symbol, sign = resolve_name(name)
            aberrations[symbol] = sign * value + 0.0  # + 0.0: no negative zero in a recipe
        return _changed(self.base, {**numbers, "aberrations": aberrations})

    def _jittered(self, fixed: SettingDistribution) -> SettingDistribution:
        if not self.jitter:
            return fixed
        aberrations = _aberrations(fixed)
        centre = aberrations.get("C10", 0.0)
        if not isinstance(centre, float):
            raise PlanError(f"jitter={self.jitter:g} Å needs a fixed C10 in the base, not {centre!r}; give it in grid")
        return _changed(fixed, {"aberrations": {**aberrations, "C10": Normal(normal=(centre, self.jitter))}})


def _aberrations(distribution: SettingDistribution) -> dict[str, Any]:
    return dict(getattr(distribution, "aberrations", {}))


def _changed(distribution: SettingDistribution, values: Mapping[str, Any]) -> SettingDistribution:
    kind = type(distribution)
    raw = {**distribution.model_dump(), **values}
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise PassbandError(*error_lines(error, model=kind, data=raw)) from error  # they name the quantity


def _grid_name(point: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:g}" for name, value in point.items())
