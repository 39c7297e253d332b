"""What is simulated and scanned by a shipped plan with changes, whatever network the plan is for."""

from collections.abc import Sequence

from pydantic import ValidationError

from passband.dataset.beam_path import IMAGINGS, SIMULATIONS, of_kind
from passband.dataset.scan_imaging import ScanImaging
from passband.dataset.scan_simulation import ScanSimulation
from passband.experiment.overrides import read_plan
from passband.experiment.plan_files import PlanError
from passband.recipe import Recipe
from passband.validation import error_lines


class ChangedPlan(Recipe):
    """A shipped plan of a scanning microscope and changes to it, those of `passband simulate --set`."""

    plan: str
    changes: tuple[str, ...] = ()


def scan_recipes(changed: ChangedPlan, more: Sequence[str] = ()) -> tuple[ScanSimulation, ScanImaging]:
    """Return the simulation and the imaging of a plan with its changes and some more after them.

    Raises
    ------
    PlanError
        There is no such plan, or a change is not accepted.
    """
    file, raw = read_plan(changed.plan, [*changed.changes, *more])
    try:
        simulation = of_kind(SIMULATIONS.validate(raw["simulation"]), ScanSimulation)
        return simulation, of_kind(IMAGINGS.validate(raw["imaging"]), ScanImaging)
    except ValidationError as error:
        raise PlanError(*(f"{file.name}: {line}" for line in error_lines(error))) from error
