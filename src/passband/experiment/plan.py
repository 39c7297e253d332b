"""A plan: everything one study needs, as a TOML file of a page; what is misspelt or impossible is refused."""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from passband.dataset.imaging import Imaging
from passband.dataset.simulation import Simulation
from passband.documents import DocumentError, naming, parse_toml, read_document
from passband.experiment.consistency import Study, check
from passband.experiment.shipped import shipped_plans
from passband.microscope.conditions import NamedConditions
from passband.recipe import PassbandError, Recipe
from passband.segmentation.losses import LossRecipe
from passband.segmentation.networks import DEFAULT_ARCHITECTURE, NamedArchitecture
from passband.training import TrainingRecipe
from passband.validation import error_lines


class PlanError(PassbandError):
    """A plan that cannot be used; the message holds one line per wrong value."""


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


class Split(Recipe):
    """Fractions of the structures held back; all conditions of one structure are on one side.

    Attributes
    ----------
    validation
        Seen during training, but never trained on.
    test
        For the final test alone.
    """

    validation: float = Field(default=0.1, gt=0.0, lt=1.0)
    test: float = Field(default=0.1, gt=0.0, lt=1.0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.validation + self.test >= 1.0:
            held = f"validation={self.validation:g} and test={self.test:g}"
            raise ValueError(f"{held} leave nothing to train on; their sum must be below 1")
        return self


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
        Architecture: `"tiny"`, `"small"` or `"paper"`, or the values of an `Architecture`, such as `UNetRecipe`.
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
    simulation: Simulation
    imaging: Imaging
    validation: tuple[NamedConditions, ...] = Field(min_length=1)
    network: NamedArchitecture = DEFAULT_ARCHITECTURE
    loss: LossRecipe = LossRecipe()
    training: TrainingRecipe = TrainingRecipe()
    split: Split = Split()
    patches_per_structure: int = Field(default=1, ge=1, le=64)

    @model_validator(mode="after")
    def _check(self) -> Self:
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
                split=self.split,
                evaluated=[(one.name, one.conditions) for one in self.validation],
                judges=names,
            )
        )
        return self


def find_plan(name: str | Path) -> Path:
    """Return the file of a plan: a path, or the name of one that comes with passband.

    Raises
    ------
    PlanError
        It is neither; the nearest shipped name is suggested.
    """
    path = Path(name)
    if path.exists() and not path.is_dir():
        return path
    shipped = shipped_plans()
    if str(name) in shipped:
        return shipped[str(name)]
    if path.is_dir():
        raise PlanError(f"plan {name} is a folder; name the TOML file in it")
    near = get_close_matches(str(name), shipped, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"shipped plans: {', '.join(shipped) or 'none'}"
    raise PlanError(f"plan {str(name)!r} is neither a file nor a shipped plan; {hint}")


def load_plan(path: str | Path, overrides: Sequence[str] = (), *, seed: int | None = None) -> Plan:
    """Read and check a plan.

    Parameters
    ----------
    path
        A TOML file, or the name of a shipped plan.
    overrides
        Changes such as `"training.epochs=5"`, values in TOML syntax; checked like the file itself.
    seed
        Replaces the seeds of the simulation and of the training.

    Raises
    ------
    PlanError
        The file is not TOML, or a key or a value is not accepted: one line each, which says which and the cure.
    """
    file, raw = read_plan(path, overrides)
    if seed is not None:
        for table in ("simulation", "training"):
            raw.setdefault(table, {})["seed"] = seed
    return plan_from(raw, source=file.name)


def read_plan(path: str | Path, overrides: Sequence[str] = ()) -> tuple[Path, dict[str, Any]]:
    """Return the file of a plan or a campaign and its raw values, changed as `overrides` say; errors as `load_plan`."""
    file = find_plan(path)
    with naming(file, PlanError):
        raw = parse_toml(read_document(file))
    for override in overrides:
        apply_override(raw, override)
    return file, raw


def plan_from(raw: Mapping[str, Any], *, source: str = "plan") -> Plan:
    """Check raw values, as TOML gives them, and return the plan.

    Raises
    ------
    PlanError
        One line per wrong value, each beginning with `source`.
    """
    try:
        return Plan.model_validate(raw)
    except ValidationError as error:
        lines = error_lines(error, model=Plan, data=raw)
        raise PlanError(*(f"{source}: {line}" for line in lines)) from error


def apply_override(raw: MutableMapping[str, Any], override: str) -> None:
    """Change one value of a raw plan in place: `a.b=c`, list items by number, c in TOML syntax (a bare word is text).

    Raises
    ------
    PlanError
        The form is not `a.b=c`, c is not TOML, or the way to b leads through something that is no table.
    """
    dotted, equals, text = override.partition("=")
    keys = [key.strip() for key in dotted.split(".")]
    if not equals or not all(keys):
        raise PlanError(f"--set {override[:60]!r} is not of the form a.b=c; write for example --set training.epochs=5")
    value = _toml_value(override, text.strip())
    here: Any = raw
    for key in keys[:-1]:
        here = _step(here, key, override)
    _assign(here, keys[-1], value, override)


def _toml_value(override: str, text: str) -> Any:
    try:
        document = parse_toml(f"value = {text}")
    except DocumentError as error:
        if re.fullmatch(r"[A-Za-z][\w./-]*", text):
            return text
        raise PlanError(f"--set {override[:60]!r}: {text[:60]!r} is not a TOML value; quote text as '\"…\"'") from error
    if set(document) != {"value"}:
        raise PlanError(f"--set {override[:60]!r} holds more than one value; give --set once per value")
    return document["value"]


def _step(here: Any, key: str, override: str) -> Any:
    if isinstance(here, list) and key in map(str, range(len(here))):
        return here[int(key)]
    if isinstance(here, dict):
        return here.setdefault(key, {})
    raise PlanError(f"--set {override[:60]!r}: there is no table to go through at {key!r}; check the dotted name")


def _assign(here: Any, key: str, value: Any, override: str) -> None:
    if isinstance(here, dict):
        here[key] = value
    elif isinstance(here, list) and key in map(str, range(len(here))):
        here[int(key)] = value
    else:
        raise PlanError(f"--set {override[:60]!r}: {key!r} cannot be set there; check the dotted name")
