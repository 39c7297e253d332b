"""Texture observers do best where they learned, and forecasts agree with drawn textures."""

import numpy as np
import pytest
import torch
from tests.fixtures.drawn_spectra import QMAX, SETS, crystal, data

from passband.electron import wavelength
from passband.forecast.spectra import SpecimenSpectra
from passband.forecast.texture import ImagePower, TextureRecipe, image_power, texture_scores
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.information.condition_set import ConditionSet
from passband.microscope.transfer import contrast_transfer, temporal_envelope
from passband.recipe import PassbandError


def powers(sets: list[ConditionSet], spectra: SpecimenSpectra) -> list[ImagePower]:
    return [image_power(one, spectra, qmax=QMAX) for one in sets]


def test_a_weak_texture_is_told_apart_best_where_it_was_learned() -> None:
    # for P₁ near P₀ the weights 1/P₀ − 1/P₁ are those of largest deflection (Cauchy and Schwarz); for strong textures
    # λ is not normal and another training may happen to deflect more
    met = powers([data(-200.0), data(-100.0, c12=20.0), data(200.0)], crystal(scale=0.002))
    error, separation = texture_scores(met, met)
    np.testing.assert_allclose(separation[2], separation[0], rtol=1e-6)  # it cannot tell the sign of C10
    assert np.argmax(separation[:2, :2], axis=0).tolist() == [0, 1]
    assert np.argmin(error[:2, :2], axis=0).tolist() == [0, 1]


def test_images_are_standardised() -> None:
    for one in powers(SETS, crystal()):
        rings = 2.0 * one.modes / (4.0 * np.pi * TextureRecipe().window ** 2)  # Å⁻², of the modes' ½A·d²q
        assert ((0.2 * one.particle + 0.8 * one.support) * rings).sum() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("dose", [50.0, 800.0])
def test_the_power_of_an_image_is_phase_by_transfer_amplitude_by_what_is_left_and_shot_noise(dose: float) -> None:
    one = Conditions(energy=300e3, focal_spread=30.0, aberrations=Aberrations(C10=-150.0, C30=1e5), dose=dose)
    recipe = TextureRecipe(window=3.0, radial_points=50, azimuths=6, lowest=0.05)
    specimen = crystal(amplitude=0.3)
    found = image_power(ConditionSet(conditions=(one,)), specimen, qmax=QMAX, recipe=recipe)
    step = (QMAX - 0.05) / 50
    q = 0.05 + (np.arange(50) + 0.5) * step
    transfer = contrast_transfer(torch.as_tensor(q), torch.zeros(50).double(), one).numpy() ** 2
    envelope = temporal_envelope(torch.as_tensor(q), 30.0, wavelength(300e3)).numpy() ** 2
    powers = [4.0 * (transfer * s[0] + (envelope - transfer) * s[1]) + 1.0 / dose for s in specimen.at(q)]
    variance = ((0.2 * powers[0] + 0.8 * powers[1]) * 2.0 * np.pi * q * step).sum()
    np.testing.assert_allclose(found.particle, powers[0] / variance, rtol=1e-6)
    np.testing.assert_allclose(found.support, powers[1] / variance, rtol=1e-6)
    # ½ A d²q with A = 4π window²
    np.testing.assert_allclose(found.modes, 0.5 * 4.0 * np.pi * 9.0 * 2.0 * np.pi * q * step)


def test_more_electrons_are_easier_to_see_by_and_focus_is_hardest() -> None:
    doses = powers([data(-80.0, dose=dose) for dose in (20.0, 100.0, 400.0, None)], crystal())
    itself = [texture_scores([one], [one]) for one in doses]
    assert np.all(np.diff([one.separation[0, 0] for one in itself]) > 0.0)
    assert np.all(np.diff([one.error[0, 0] for one in itself]) < 0.0)
    met = powers(SETS, crystal(amplitude=0.01))
    assert int(np.argmin(np.diag(texture_scores(met, met).separation))) == 2


def test_without_noise_the_scale_of_the_specimen_does_not_matter() -> None:
    quiet = [data(-200.0, dose=None), data(-80.0, dose=None)]
    first, scaled = (powers(quiet, crystal(scale=scale)) for scale in (1.0, 100.0))
    np.testing.assert_allclose(texture_scores(scaled, scaled).error, texture_scores(first, first).error, rtol=1e-6)


def test_the_forecast_agrees_with_drawn_textures() -> None:
    # |X|² of n independent coefficients of power P is P·Γ(n): λ of drawn ones errs as often as the formula says
    rng = np.random.default_rng(0)
    modes = np.full(20, 6.0)
    learnt = ImagePower(np.linspace(1.6, 1.0, 20), np.linspace(1.0, 1.2, 20), modes)
    met = ImagePower(np.linspace(1.3, 1.1, 20), np.linspace(0.9, 1.3, 20), modes)
    wrong = []
    for power, sign in ((met.particle, -1.0), (met.support, 1.0)):
        energy = power * rng.gamma(6.0, size=(40_000, 20))
        ratio = energy @ (1.0 / learnt.support - 1.0 / learnt.particle)
        ratio -= (np.log(learnt.particle / learnt.support) * modes).sum()
        wrong.append(float((sign * ratio > 0.0).mean()))
    assert texture_scores([learnt], [met]).error[0, 0] == pytest.approx(
        np.mean(wrong), abs=0.015
    )  # λ is not quite normal


def test_the_band_must_reach_beyond_its_lowest_frequency() -> None:
    with pytest.raises(PassbandError, match="give Nyquist of the camera"):
        image_power(SETS[0], crystal(), qmax=0.01, recipe=TextureRecipe())
