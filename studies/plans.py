"""Plans of studies that are no campaigns: one TOML file, one value."""

import copy
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from passband.experiment.plan_files import PlanError, read_toml
from passband.recipe import Recipe
from passband.validation import error_lines

Plan = TypeVar("Plan", bound=Recipe)


def read_study_plan(model: type[Plan], file: Path) -> Plan:
    """Read a plan of a study.

    Raises
    ------
    PlanError
        It is not accepted: a line for each reason.
    """
    raw = read_toml(file)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        lines = error_lines(error, model=model, data=copy.deepcopy(raw))
        raise PlanError(*(f"{file.name}: {line}" for line in lines)) from error
