"""A plan: everything one study needs, as a TOML file of a page; what is misspelt or impossible is refused."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, model_validator

from passband.dataset.beam_paths import AnyImaging, AnySimulation
from passband.dataset.named_conditions import NamedConditions
from passband.dataset.store import split_sizes
from passband.experiment.consistency import Study, check
from passband.experiment.experiment import Evaluation, Experiment, Split
from passband.experiment.overrides import read_plan
from passband.experiment.plan_files import PlanError
from passband.recipe import PassbandError, Recipe
from passband.segmentation.losses import LossRecipe
from passband.segmentation.networks import DEFAULT_ARCHITECTURE, NamedArchitecture
from passband.training import TrainingRecipe
from passband.validation import error_lines

_DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{number}" for kind in ("com", "lpt") for number in range(10))}


def _folder_name(value: str) -> str:
    """Return a name that can be a folder on every system, or say which it cannot."""
    rule = "use letters, digits, '_', '-' and '.', beginning with a letter or digit, 100 at most"
    if not re.fullmatch(r"\w[\w.-]{0,99}", value) or value.endswith("."):
        raise PassbandError(f"{value[:40]!r} cannot name a folder; {rule}")
    if value.split(".")[0].lower() in _DEVICES:
        raise PassbandError(f"{value!r} is a device on Windows and cannot name a folder; choose another one")
    return value


#: A name that files and folders may carry.
FolderName = Annotated[str, AfterValidator(_folder_name)]


class Plan(Recipe):
    """One study: what is simulated, imaged and trained, and on which named conditions it is measured.

    Attributes
    ----------
    name
        Of the study, in tables and reports.
    simulation
        Scenes and exit waves.
    imaging
        Conditions that training micrographs are taken under.
    validation
        Named conditions that every network is measured on.
    network
        Architecture: the name of a preset, such as `"small"` or `"fringes"`, or the values of an `Architecture`, such
        as `UNetRecipe` or `FineUNetRecipe`.
    loss
        What training makes small.
    training
        Optimiser, schedule, length and early stopping.
    split
        Fractions of the structures held back for validation and for the final test.
    patches_per_structure
        Micrographs taken of each held-back structure under each named condition.
    """

    name: FolderName
    simulation: AnySimulation
    imaging: AnyImaging
    validation: tuple[NamedConditions, ...] = Field(min_length=1)
    network: NamedArchitecture = DEFAULT_ARCHITECTURE
    loss: LossRecipe = LossRecipe()
    training: TrainingRecipe = TrainingRecipe()
    split: Split = Split()
    patches_per_structure: int = Field(default=1, ge=1, le=64)

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> Self:
        trains = not isinstance(info.context, Mapping) or info.context.get("trains", True)
        names = [conditions.name for conditions in self.validation]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"validation has {twice[0]!r} twice; give each condition its own name")
        check(
            Study(
                simulation=self.simulation,
                imaging=self.imaging,
                network=self.network,
                loss=self.loss,
                training=self.training,
                split=self.split if trains else None,
                evaluated=[(one.name, one.conditions) for one in self.validation],
                monitored=names,
            )
        )
        return self

    def experiment(self) -> Experiment:
        """Return the plan as an experiment: one network, validated and measured on each of the named conditions."""
        held = split_sizes(self.simulation.structures, self.split.validation, self.split.test)
        validation_images, images = (count * self.patches_per_structure for count in held)
        named = tuple(
            Evaluation(name=one.name, conditions=one.conditions, camera=one.camera) for one in self.validation
        )
        return Experiment(
            trained_on=self.name,
            simulation=self.simulation,
            imaging=self.imaging,
            network=self.network,
            loss=self.loss,
            training=self.training,
            split=self.split,
            seeds=(self.training.seed,),
            evaluations=named,
            images=images,
            validation=named,
            validation_images=validation_images,
        )


def load_plan(path: str | Path, overrides: Sequence[str] = (), *, seed: int | None = None, trains: bool = True) -> Plan:
    """Read and check a plan.

    Parameters
    ----------
    path
        A TOML file, or the name of a shipped plan.
    overrides
        Changes such as `"training.epochs=5"`, values in TOML syntax; checked like the file itself.
    seed
        Replaces the seeds of the simulation and of the training.
    trains
        Whether a network is to be trained by it, or measured: its structures must suffice for the split then.

    Raises
    ------
    PlanError
        The file is not TOML, or a key or a value is not accepted: one line each, which says which and the cure.
    """
    file, raw = read_plan(path, overrides)
    if "parts" in raw and "validation" not in raw:
        raise PlanError(f"{file.name} is the plan of a campaign; run it with passband campaign run")
    if seed is not None:
        for table in ("simulation", "training"):
            raw.setdefault(table, {})["seed"] = seed
    return plan_from(raw, source=file.name, trains=trains)


def plan_from(raw: Mapping[str, Any], *, source: str = "plan", trains: bool = True) -> Plan:
    """Check raw values, as TOML gives them, and return the plan; `trains` is that of `load_plan`.

    Raises
    ------
    PlanError
        One line per wrong value, each beginning with `source`.
    """
    try:
        return Plan.model_validate(raw, context={"trains": trains})
    except ValidationError as error:
        lines = error_lines(error, model=Plan, data=raw)
        raise PlanError(*(f"{source}: {line}" for line in lines)) from error
