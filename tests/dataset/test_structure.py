"""One structure: reproducible, cropped exactly, with a truth that depends on the particles alone."""

import numpy as np
import pytest
import torch

from passband.dataset import structure
from passband.dataset.simulation import Simulation
from passband.dataset.structure import simulate_structure
from passband.microscope.frequencies import fourier_resample
from passband.recipe import PassbandError


def changed(recipe: Simulation, **fields: object) -> Simulation:
    return Simulation.model_validate({**recipe.model_dump(), **fields})


def test_a_structure_depends_on_its_number_and_seed_alone(tiny_recipe: Simulation) -> None:
    first = simulate_structure(tiny_recipe, 4)
    simulate_structure(tiny_recipe, 5)
    again = simulate_structure(changed(tiny_recipe, structures=99), 4)
    assert first.arrays["waves"].tobytes() == again.arrays["waves"].tobytes()
    assert first.row == again.row
    other = simulate_structure(changed(tiny_recipe, seed=4), 4)
    assert not np.array_equal(first.arrays["waves"], other.arrays["waves"])


def test_shapes_types_and_counts(tiny_recipe: Simulation) -> None:
    made = simulate_structure(tiny_recipe, 1)
    assert made.arrays["waves"].shape == (2, 80, 80)
    assert made.arrays["waves"].dtype == np.complex64
    assert made.arrays["masks"].shape == made.arrays["labels"].shape == (80, 80)
    assert made.row["particles"] == made.arrays["labels"].max() == len(np.unique(made.atoms["particle"]))
    np.testing.assert_array_equal(made.arrays["labels"] > 0, made.arrays["masks"])
    assert not np.array_equal(made.arrays["waves"][0], made.arrays["waves"][1])  # two phonon configurations
    intensity = (np.abs(made.arrays["waves"].astype(complex)) ** 2).mean()
    assert 0.97 < intensity < 1.001  # a wave loses only what leaves the band


def test_every_structure_and_seed_has_its_own_phonons(tiny_recipe: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float] = []

    def remember(*_: object, rng: np.random.Generator, **__: object) -> torch.Tensor:
        drawn.append(float(rng.random()))
        return torch.ones(2, 80, 80, dtype=torch.complex64)

    monkeypatch.setattr(structure, "exit_waves", remember)
    for recipe, index in ((tiny_recipe, 0), (tiny_recipe, 1), (changed(tiny_recipe, seed=4), 0), (tiny_recipe, 0)):
        simulate_structure(recipe, index)
    assert len(set(drawn)) == 3
    assert drawn[0] == drawn[3]


def test_a_wave_stored_on_coarser_pixels_is_the_whole_wave(tiny_recipe: Simulation) -> None:
    full = simulate_structure(tiny_recipe, 1)
    coarse = simulate_structure(changed(tiny_recipe, stored_pixel_size=0.6), 1)
    assert coarse.arrays["waves"].shape == (2, 53, 53)
    back = fourier_resample(torch.from_numpy(coarse.arrays["waves"]), (80, 80)).numpy()
    np.testing.assert_allclose(back, full.arrays["waves"], atol=3e-6)
    assert coarse.row["transmitted"] == pytest.approx(full.row["transmitted"], abs=2e-6)


@pytest.mark.parametrize("field", [31.0, 32.0, 33.1, 40.0, 47.9])
def test_whatever_the_field_the_stored_pixels_hold_the_band(tiny_recipe: Simulation, field: float) -> None:
    scene = {**tiny_recipe.scene.model_dump(), "field": field}
    recipe = changed(tiny_recipe, scene=scene, stored_pixel_size=0.6, phonons=0)
    assert (recipe.stored_pixels - 1) // 2 >= int(recipe.pixels / 3)
    made = simulate_structure(recipe, 0)
    full = simulate_structure(changed(recipe, stored_pixel_size=None), 0)
    assert made.row["transmitted"] == pytest.approx(full.row["transmitted"], abs=2e-6)


def test_the_row_tells_what_the_waves_hold_of_the_beam(tiny_recipe: Simulation) -> None:
    made = simulate_structure(changed(tiny_recipe, scene={**tiny_recipe.scene.model_dump(), "materials": ["Au"]}), 1)
    held = [float((np.abs(wave.astype(np.complex128)) ** 2).mean()) for wave in made.arrays["waves"]]
    assert made.row["transmitted"] == pytest.approx(np.mean(held), abs=1e-6)
    assert held[0] < 0.9985  # gold scatters beyond 16 mrad
    assert tiny_recipe.band_angle == pytest.approx(0.01969 / (3 * 0.4), rel=1e-3)  # λ/(3·pixel) at 300 kV


def test_the_truth_does_not_depend_on_phonons_or_on_the_film(tiny_recipe: Simulation) -> None:
    expected = simulate_structure(tiny_recipe, 1).arrays["masks"]
    for fields in ({"phonons": 0}, {"displacement": 0.2}, {"focus_reference": "exit_plane"}):
        np.testing.assert_array_equal(simulate_structure(changed(tiny_recipe, **fields), 1).arrays["masks"], expected)
    dense = changed(tiny_recipe, scene={**tiny_recipe.scene.model_dump(), "film_density": 1.0})
    np.testing.assert_array_equal(simulate_structure(dense, 1).arrays["masks"], expected)


def test_focus_references(tiny_recipe: Simulation) -> None:
    offsets = {
        name: simulate_structure(changed(tiny_recipe, focus_reference=name), 1).row["focus_offset"]
        for name in ("exit_plane", "centre", "minimum_contrast")
    }
    made = simulate_structure(tiny_recipe, 1)
    assert offsets["exit_plane"] == 0.0
    assert offsets["centre"] == pytest.approx(made.atoms["z"].mean() - made.row["height"], abs=1e-3)
    assert offsets["centre"] < -5.0  # the particles lie above the exit plane: C10 < 0 takes the wave back to them
    assert offsets["minimum_contrast"] == pytest.approx(offsets["centre"], abs=5.0)


def test_a_field_without_particles_has_an_empty_truth(tiny_recipe: Simulation) -> None:
    empty = changed(tiny_recipe, scene={**tiny_recipe.scene.model_dump(), "empty": 1.0})
    made = simulate_structure(empty, 0)
    assert not made.arrays["masks"].any()
    assert made.row["particles"] == 0
    assert len(made.atoms["x"]) == 0
    assert made.row["focus_offset"] < 0.0  # on the film


def test_a_wave_that_is_not_finite_is_refused(tiny_recipe: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = torch.full((2, 80, 80), complex("nan"), dtype=torch.complex64)
    monkeypatch.setattr(structure, "exit_waves", lambda *_, **__: broken)
    with pytest.raises(PassbandError, match="structure 1 gives an exit wave with NaN"):
        simulate_structure(tiny_recipe, 1)
