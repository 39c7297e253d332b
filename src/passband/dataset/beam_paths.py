"""Recipes of any beam path: in plans, and on cards."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny

from passband.dataset.beam_path import IMAGINGS, SIMULATIONS, ImagingRecipe, SimulationRecipe
from passband.kinds import Kinds

__all__ = ["IMAGINGS", "SIMULATIONS", "AnyImaging", "AnySimulation", "imaging_on_card", "simulation_on_card"]

#: A recipe of any beam path; JSON and identity are those of the one that it is.
AnySimulation = Annotated[SerializeAsAny[SimulationRecipe], BeforeValidator(SIMULATIONS.validate)]
AnyImaging = Annotated[SerializeAsAny[ImagingRecipe], BeforeValidator(IMAGINGS.validate)]


def imaging_on_card(values: Mapping[str, Any]) -> ImagingRecipe:
    """Return the imaging of a card, as this version would record it."""
    return IMAGINGS.validate({**values, "physics": _now(values, IMAGINGS)})


def simulation_on_card(values: Mapping[str, Any]) -> SimulationRecipe:
    """Return the simulation of a card, as this version would make it."""
    return SIMULATIONS.validate({**values, "physics": _now(values, SIMULATIONS)})


def _now(values: Mapping[str, Any], kinds: Kinds[Any]) -> int:
    """Version of what a kind makes now."""
    physics: int = kinds[str(values.get("kind", kinds.default))].PHYSICS
    return physics
