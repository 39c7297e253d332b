"""Variants of one plan: each adds some ingredients to it, and each seed is a training with a stream of its own."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError

from passband.dataset.beam_path import ImagingRecipe, SimulationRecipe
from passband.experiment.overrides import apply_override
from passband.experiment.plan import FolderName, Plan, plan_from
from passband.experiment.plan_files import PlanError, read_toml
from passband.recipe import Recipe
from passband.validation import error_lines

Changes = tuple[str, ...]


class HeldOutCameras(Recipe):
    """What every network is measured on.

    Attributes
    ----------
    ingredients, changes
        Of the plan that the held-out structures and their conditions follow from.
    cameras
        Further changes by the name of each camera.
    images
        Micrographs of each camera.
    """

    ingredients: tuple[str, ...] = ()
    changes: Changes
    cameras: dict[str, Changes]
    images: int = Field(ge=1)


class Variants(Recipe):
    """The file of variants beside a plan.

    Attributes
    ----------
    title
        Of the report.
    ingredients
        Changes to the plan such as `"training.epochs=5"` (those of `passband train --set`), by name.
    variants
        Names of the ingredients of each variant, in the order of the tables.
    held_out
        What every network is measured on.
    """

    title: str = "What makes a network from simulations hold on real gold"
    ingredients: dict[str, Changes]
    variants: dict[FolderName, tuple[str, ...]]
    held_out: HeldOutCameras


class Run(NamedTuple):
    """One network: a variant with a seed, and the whole plan that it is trained by."""

    variant: str
    seed: int
    plan: Plan

    @property
    def name(self) -> str:
        """Of its folder; another plan has another one."""
        return f"{self.variant}-{self.seed}-{self.plan.identity[:8]}"


class HeldOut(NamedTuple):
    """Micrographs that no network is trained on: structures of their own, under a camera that is held out."""

    name: str
    simulation: SimulationRecipe
    imaging: ImagingRecipe
    images: int


class StudyPlan:
    """A plan and its variants, as two files say them.

    Parameters
    ----------
    plan, variants
        Files.

    Raises
    ------
    PlanError
        A file is not TOML, a value is not accepted, or a variant names an ingredient that is not there.
    """

    def __init__(self, plan: Path, variants: Path) -> None:
        self._raw, raw = read_toml(plan), read_toml(variants)
        try:
            self.variants = Variants.model_validate(raw)
        except ValidationError as error:
            lines = error_lines(error, model=Variants, data=raw)
            raise PlanError(*(f"{variants.name}: {line}" for line in lines)) from error

    def runs(self, names: Sequence[str], seeds: Sequence[int]) -> list[Run]:
        """Return the runs, every variant once before any has a second seed; all variants where no name is given.

        The seed is that of the initial weights and of the stream of micrographs.

        Raises
        ------
        PlanError
            There is no such variant or ingredient, or its values are not accepted.
        """
        return [
            Run(name, seed, self._plan(f"variant {name}", self._ingredients(name), (f"training.seed={seed}",)))
            for seed in seeds
            for name in names or self.variants.variants
        ]

    def held_out(self) -> list[HeldOut]:
        """Return the held-out micrographs, by camera.

        Raises
        ------
        PlanError
            There is no such ingredient, or the values are not accepted.
        """
        table, sets = self.variants.held_out, []
        for name, changes in table.cameras.items():
            plan = self._plan(f"held-out camera {name}", table.ingredients, (*table.changes, *changes))
            sets.append(HeldOut(name, plan.simulation, plan.imaging, table.images))
        return sets

    def _ingredients(self, variant: str) -> tuple[str, ...]:
        if variant not in self.variants.variants:
            raise PlanError(f"{variant!r} is no variant; there are {', '.join(self.variants.variants)}")
        return self.variants.variants[variant]

    def _plan(self, source: str, ingredients: Sequence[str], changes: Sequence[str]) -> Plan:
        raw: dict[str, Any] = copy.deepcopy(self._raw)
        known: Mapping[str, Changes] = self.variants.ingredients
        for name in ingredients:
            if name not in known:
                raise PlanError(f"{source} names {name!r}, which is no ingredient; there are {', '.join(known)}")
        for change in (*(change for name in ingredients for change in known[name]), *changes):
            apply_override(raw, change)
        return plan_from(raw, source=source)
