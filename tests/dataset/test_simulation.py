"""What cannot be simulated is refused before anything is computed."""

import pytest
from pydantic import ValidationError

from passband.dataset.simulation import Simulation


def changed(recipe: Simulation, **fields: object) -> Simulation:
    return Simulation.model_validate({**recipe.model_dump(), **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"energy": 300.0}, "energies are in eV"),
        ({"stored_pixel_size": 0.2}, "finer than pixel_size"),
        ({"stored_pixel_size": 0.8}, r"loses the electrons beyond the cut; use at most 0\.6 Å"),
        ({"pixel_size": 0.1, "stored_pixel_size": 0.4}, r"use at most 0\.15 Å"),
        ({"pixel_size": 0.0}, "greater than 0"),
        ({"structures": 0}, "greater than or equal to 1"),
        ({"focus_reference": "middle"}, "minimum_contrast"),
        ({"pixel_size": 1.0, "scene": {"field": 15.0, "diameter": 6.0}}, "below 16 pixels"),
        ({"phonon": 3}, "phonon"),
        ({"slice_thickness": float("nan")}, "finite|greater"),
    ],
)
def test_impossible_recipes_are_refused(tiny_recipe: Simulation, fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        changed(tiny_recipe, **fields)
