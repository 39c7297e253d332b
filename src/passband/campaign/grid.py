"""A campaign: one page of TOML says which networks are trained under what and where they are measured.

A campaign has parts; a part trains one stack of networks for each of its training conditions and each of its series
(optimiser, rate, batch …) and measures all of them on its evaluation conditions. It expands to experiments, each of
which is one value that says everything its rows depend on.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Self

from pydantic import (
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from passband.campaign.expansion import expansion_problems, family_problems
from passband.campaign.families import ConditionFamily
from passband.campaign.part import Part
from passband.dataset.beam_path import SimulationRecipe
from passband.dataset.beam_paths import SIMULATIONS, AnyImaging, AnySimulation
from passband.dataset.named_conditions import NamedConditions
from passband.experiment.consistency import MOST_IMAGES, Study, check
from passband.experiment.experiment import MONITORED, Evaluation, Experiment, Split
from passband.experiment.overrides import read_plan
from passband.experiment.plan import FolderName
from passband.experiment.plan_files import PlanError
from passband.recipe import PassbandError, Recipe
from passband.segmentation.learner import WORST
from passband.segmentation.losses import LossRecipe
from passband.segmentation.networks import DEFAULT_ARCHITECTURE, NamedArchitecture
from passband.training import TrainingRecipe
from passband.validation import error_lines

OWN = "own"  # name of the evaluation on the training's own condition, where no family names it


class CampaignPlan(Recipe):
    """Everything a campaign needs; `experiments` expands it.

    Attributes
    ----------
    name
        Of the campaign.
    simulation, network, loss, training, split
        As in a plan; all experiments have them in common.
    imaging
        As in a plan; its conditions are replaced by those of each family.
    others
        Changes to `simulation` by name, for evaluations on other structures.
    images
        Micrographs of each evaluation.
    families
        Conditions to train and to measure on, by name.
    parts
        See `Part`. Experiments that two parts share are run once.
    """

    name: FolderName
    simulation: AnySimulation
    imaging: AnyImaging
    network: NamedArchitecture = DEFAULT_ARCHITECTURE
    loss: LossRecipe = LossRecipe()
    training: TrainingRecipe = TrainingRecipe()
    split: Split = Split()
    others: dict[str, dict[str, JsonValue]] = Field(default={})
    images: int = Field(default=32, ge=1, le=MOST_IMAGES)
    families: dict[str, ConditionFamily] = Field(min_length=1)
    parts: tuple[Part, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len({part.name for part in self.parts}) < len(self.parts):
            raise ValueError("two parts have one name; give each its own")
        if "" in self.others:
            raise ValueError(
                "others has an entry without a name, which is that of the campaign's own structures; name it"
            )
        for part in self.parts:
            _check_names(part, self.families, self.others)
        found = list(expansion_problems(self.families, self.parts))
        if not found:  # only then may it be expanded
            found = [line for name, one in self.families.items() for line in family_problems(name, one)]
        if found:
            raise PassbandError(*found)
        simulations = self.simulations()
        for part in self.parts:
            self._check_part(part, simulations)
        self.experiments()  # a plan that cannot be expanded is refused when it is read
        return self

    def _check_part(self, part: Part, simulations: Mapping[str, SimulationRecipe]) -> None:
        """Check the recipes of a part against each other: once, for its experiments differ in conditions alone."""
        trained, evaluated = (self.families[name].conditions() for name in (part.train_on, part.evaluate_on))
        for changes in part.series:
            check(
                Study(
                    simulation=self.simulation,
                    imaging=self.imaging.model_copy(update={"conditions": trained[0].conditions}),
                    network=self.network,
                    loss=self.loss,
                    training=self._training(changes, part.seeds),
                    split=self.split,
                    evaluated=[(one.name, one.conditions) for one in (*trained, *evaluated)],
                    monitored=(MONITORED,),
                    together=len(part.seeds) if part.together else 1,
                    scores=(WORST,),
                    others={name: simulations[name] for name in part.structures if name},
                )
            )

    def simulations(self) -> dict[str, SimulationRecipe]:
        """Return every simulation by name; "" is the one that networks are trained on."""
        made = {"": self.simulation}
        for name, changes in self.others.items():
            made[name] = SIMULATIONS.validate(_merged(self.simulation.model_dump(), changes))
        return made

    def experiments(self) -> tuple[Experiment, ...]:
        """Every experiment once, in the order of the parts."""
        found = [one for part in self.parts for one in self.part_experiments(part.name)]
        return tuple({one.identity: one for one in found}.values())

    def part_experiments(self, name: str) -> tuple[Experiment, ...]:
        """Return the experiments of one part."""
        part = next(part for part in self.parts if part.name == name)
        simulations = self.simulations()
        conditions = self.families[part.evaluate_on].conditions()
        evaluations = tuple(
            Evaluation(name=one.name, conditions=one.conditions, structures=structures, camera=one.camera)
            for structures in part.structures
            for one in conditions
        )
        others = {name: simulations[name] for name in part.structures if name in self.others}
        stacks = [part.seeds] if part.together else [(seed,) for seed in part.seeds]
        return tuple(
            Experiment(
                trained_on=named.name,
                simulation=self.simulation,
                imaging=self.imaging.under(named.conditions, named.camera),
                network=self.network,
                loss=self.loss,
                training=self._training(changes, seeds),
                split=self.split,
                seeds=seeds,
                evaluations=_with_own(named, evaluations),
                others=others,
                images=self.images,
                curves=part.curves,
                keep_epochs=part.keep_epochs,
            )
            for named, changes, seeds in product(self.families[part.train_on].conditions(), part.series, stacks)
        )

    def _training(self, changes: Mapping[str, Any], seeds: Sequence[int]) -> TrainingRecipe:
        changed = {**self.training.model_dump(), **changes}
        return TrainingRecipe.model_validate(changed | {"seed": changed["seed"] + seeds[0]})


def _with_own(trained: NamedConditions, evaluations: tuple[Evaluation, ...]) -> tuple[Evaluation, ...]:
    """Add the training's own condition where nothing measures it: induced losses need it."""
    for one in evaluations:
        if one.conditions == trained.conditions and one.camera in (None, trained.camera) and not one.structures:
            return evaluations
    return (Evaluation(name=OWN, conditions=trained.conditions), *evaluations)


def _check_names(part: Part, families: Mapping[str, ConditionFamily], others: Mapping[str, Any]) -> None:
    if len(set(part.seeds)) < len(part.seeds):
        raise ValueError(f"part {part.name!r}: seeds={list(part.seeds)} has one twice; it would train the same again")
    for family in (part.train_on, part.evaluate_on):
        if family not in families:
            raise ValueError(f"part {part.name!r} names the family {family!r}; known: {', '.join(sorted(families))}")
    for name in part.structures:
        if name and name not in others:
            raise ValueError(f"part {part.name!r} names the structures {name!r}; known: {', '.join(sorted(others))}")


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def load_campaign(path: str | Path, overrides: Sequence[str] = ()) -> CampaignPlan:
    """Read and check the plan of a campaign.

    Parameters
    ----------
    path
        A TOML file.
    overrides
        Changes such as `"training.epochs=5"`, values in TOML syntax; checked like the file itself.

    Raises
    ------
    PlanError
        The file is not TOML, or a key or a value is not accepted: one line each.
    """
    file, raw = read_plan(path, overrides)
    if "validation" in raw and "parts" not in raw:
        raise PlanError(f"{file.name} is the plan of a single study; use it with passband simulate, train and evaluate")
    try:
        return CampaignPlan.model_validate(raw)
    except ValidationError as error:
        lines = error_lines(error, model=CampaignPlan, data=raw)
        raise PlanError(*(f"{file.name}: {line}" for line in lines)) from error
