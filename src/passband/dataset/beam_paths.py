"""The beam paths that there are, and recipes of any of them.

A beam path in files of its own is imported here, so that it is known wherever a simulation or an imaging is named.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny

import passband.dataset.imaging
import passband.dataset.scan_imaging
import passband.dataset.scan_simulation
import passband.dataset.simulation  # noqa: F401  these register their kinds
from passband.dataset.beam_path import IMAGINGS, SIMULATIONS, ImagingRecipe, SimulationRecipe

__all__ = ["IMAGINGS", "SIMULATIONS", "AnyImaging", "AnySimulation", "imaging_on_card", "simulation_on_card"]

#: A recipe of any beam path; JSON and identity are those of the one that it is.
AnySimulation = Annotated[SerializeAsAny[SimulationRecipe], BeforeValidator(SIMULATIONS.validate)]
AnyImaging = Annotated[SerializeAsAny[ImagingRecipe], BeforeValidator(IMAGINGS.validate)]


def imaging_on_card(values: dict[str, Any]) -> ImagingRecipe:
    """Return the imaging of a card, as this version would record it."""
    kind = IMAGINGS[str(values.get("kind", IMAGINGS.default))]
    return kind.model_validate({**values, "physics": kind.PHYSICS})


def simulation_on_card(values: dict[str, Any]) -> SimulationRecipe:
    """Return the simulation of a card, as this version would make it."""
    kind = SIMULATIONS[str(values.get("kind", SIMULATIONS.default))]
    return kind.model_validate({**values, "physics": kind.PHYSICS})
