"""Stores of several beam energies: each structure has its own, and so have all images of it."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from passband.dataset.acquisition import Acquisition
from passband.dataset.imaging import Imaging
from passband.dataset.simulate import simulate
from passband.dataset.simulation import Simulation
from passband.dataset.store import WaveStore
from passband.dataset.structure import simulate_structure
from passband.recipe import PassbandError

LOW, HIGH = 80e3, 300e3


@pytest.fixture(scope="module")
def two(tiny_recipe: Simulation, tmp_path_factory: pytest.TempPathFactory) -> WaveStore:
    recipe = Simulation.model_validate({**tiny_recipe.model_dump(), "structures": 6, "energy": {"choice": [HIGH, LOW]}})
    return simulate(recipe, tmp_path_factory.mktemp("energies") / "store")


def _imaging(energy: Any, **fields: Any) -> Imaging:
    conditions = {"energy": energy, "dose": 400.0, "aberrations": {"C10": -100.0}}
    return Imaging.model_validate({"conditions": conditions, "pixel_size": 0.7, "patch": 32, **fields})


def _energies(store: WaveStore) -> list[float]:
    return [store.recipe.energy_of(index) for index in range(len(store))]


def test_both_energies_occur(two: WaveStore) -> None:
    assert set(_energies(two)) == {LOW, HIGH}
    assert two.recipe.energies == (LOW, HIGH)


def test_a_wave_is_that_of_its_energy(two: WaveStore) -> None:
    for index, energy in enumerate(_energies(two)[:3]):
        alone = simulate_structure(two.recipe.model_copy(update={"energy": energy}), index)
        np.testing.assert_array_equal(two.wave(index), alone.arrays["waves"])
        assert two.scene(index)["focus_offset"] == alone.row["focus_offset"]


def test_images_have_the_energy_of_their_structure(two: WaveStore) -> None:
    images = Acquisition(two, _imaging({"choice": [LOW, HIGH]}), seed=1)
    rows = images.batch(0, 12).rows
    assert {row["conditions"]["energy"] for row in rows} == {LOW, HIGH}
    assert all(row["conditions"]["energy"] == two.recipe.energy_of(row["structure"]) for row in rows)


def test_conditions_of_one_energy_take_its_structures(two: WaveStore) -> None:
    images = Acquisition(two, _imaging(HIGH), in_turn=True)
    assert {row["structure"] for row in images.batch(0, 12).rows} == {
        index for index, energy in enumerate(_energies(two)) if energy == HIGH
    }


def test_no_structure_of_an_energy_is_said(two: WaveStore) -> None:
    high = [index for index, energy in enumerate(_energies(two)) if energy == HIGH]
    with pytest.raises(PassbandError, match=f"none of {len(high)} structures has an energy of the conditions"):
        Acquisition(two, _imaging(LOW), indices=high)


@pytest.mark.parametrize("energy", [200e3, {"uniform": [LOW, HIGH]}, {"choice": [LOW, 200e3]}])
def test_energies_that_no_wave_has_are_refused(two: WaveStore, energy: Any) -> None:
    with pytest.raises(PassbandError, match="the exit waves 80000 and 300000 eV"):
        Acquisition(two, _imaging(energy))


def test_a_mixture_has_one_set_of_energies(two: WaveStore) -> None:
    conditions = {"among": [_imaging(one).conditions.model_dump() for one in (LOW, HIGH)]}
    with pytest.raises(PassbandError, match="give all of its members the same"):
        Acquisition(two, _imaging(LOW, conditions=conditions))


def test_each_energy_of_a_simulation_is_checked(tiny_recipe: Simulation) -> None:
    with pytest.raises(ValidationError, match="energies are in eV"):
        Simulation.model_validate({**tiny_recipe.model_dump(), "energy": {"choice": [300e3, 80.0]}})
