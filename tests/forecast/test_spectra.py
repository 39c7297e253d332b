"""Weighted σ and ε reduce to the plain ones, spectra have their units, texture observers do best where they learned."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from passband.electron import wavelength
from passband.forecast.spectra import (
    ImagePower,
    SpecimenSpectra,
    TextureRecipe,
    image_power,
    radial_steps,
    specimen_spectra,
    texture_scores,
    weighted_information,
)
from passband.microscope.aberrations import Aberrations
from passband.microscope.condition_set import ConditionSet
from passband.microscope.conditions import Conditions
from passband.microscope.information import Metric, compare_information
from passband.microscope.transfer import contrast_transfer, temporal_envelope
from passband.recipe import PassbandError

QMAX = 0.625


def data(c10: float, *, dose: float | None = 400.0, c12: float = 0.0) -> ConditionSet:
    aberrations = Aberrations(C10=c10, C12=c12)
    one = Conditions(energy=300e3, focal_spread=10.0, aberrations=aberrations, dose=dose)
    return ConditionSet(conditions=(one,), defocus_jitter=15.0)


SETS = [data(-200.0), data(-80.0, c12=30.0), data(0.0), data(200.0)]


def crystal(*, amplitude: float = 0.1, scale: float = 1.0) -> SpecimenSpectra:
    """Particles with a lattice at 0.3 Å⁻¹ over a support whose power falls; amplitude contrast beside the phase's."""
    q = (np.arange(64) + 0.5) * QMAX / 64
    support = 0.05 * np.exp(-3.0 * q)
    particle = support + 0.4 * np.exp(-0.5 * ((q - 0.3) / 0.03) ** 2)
    share = np.array([[1.0], [amplitude]])
    return SpecimenSpectra(q, scale * share * particle, scale * share * support, 0.2)


def test_a_flat_weight_gives_the_area_metric() -> None:
    q = radial_steps(QMAX)
    found = weighted_information(SETS, SETS[:2], q=q, weight=np.full(len(q), 7.0), azimuths=72)
    metric = Metric(weight="area", power=1, qmax=QMAX, radial_points=len(q), azimuths=72)
    expected = compare_information(SETS, SETS[:2], metric=metric)
    np.testing.assert_allclose(found.sigma, expected.sigma.numpy(), rtol=1e-9)
    np.testing.assert_allclose(found.delta_epsilon, expected.delta_epsilon.numpy(), atol=1e-9)
    np.testing.assert_allclose(found.epsilon_training, expected.epsilon_training.numpy(), rtol=1e-9)


def test_only_the_form_of_the_weight_counts_and_its_place_does() -> None:
    q = radial_steps(QMAX)
    weight = crystal().signal(q)
    first, scaled = (weighted_information(SETS, SETS, q=q, weight=w, azimuths=72) for w in (weight, 1e6 * weight))
    np.testing.assert_allclose(scaled.sigma, first.sigma, rtol=1e-12)
    np.testing.assert_allclose(np.diag(first.sigma), 1.0, rtol=1e-9)
    # at 0.3 Å⁻¹ sin²χ of C10 = 200 Å is 0.97 and of 80 Å 0.41: the specimen, not the whole band, says what is seen
    assert first.epsilon_evaluation[0] > 1.3 * first.epsilon_evaluation[1]


def test_weights_must_be_a_spectrum() -> None:
    q = radial_steps(QMAX)
    for weight in (np.zeros(len(q)), -np.ones(len(q))):
        with pytest.raises(PassbandError, match="give a power spectrum"):
            weighted_information(SETS, SETS, q=q, weight=weight)


def test_noise_has_the_power_of_its_variance() -> None:
    # white phase of standard deviation s on pixels of p Å has the power s²p² at every frequency (Parseval)
    rng = np.random.default_rng(0)
    side, pixel, spread = 128, 0.8, np.array([0.02, 0.06])
    mask = np.zeros((side, side), dtype=bool)
    mask[32:96, 32:96] = True
    phase = rng.standard_normal((6, side, side)) * np.where(mask, spread[1], spread[0])
    store: Any = SimpleNamespace(
        wave=lambda index: (1.0 + 1j * phase[index : index + 1]).astype(np.complex64),
        mask=lambda index: mask,
        scene=lambda index: {"focus_offset": 0.0},
        pixel_size=pixel,
        recipe=SimpleNamespace(energy=300e3),
    )
    spectra = specimen_spectra(store, range(6), bins=16)
    np.testing.assert_allclose(spectra.particle[0, 2:].mean(), (spread[1] * pixel) ** 2, rtol=0.03)
    np.testing.assert_allclose(spectra.support[0, 2:].mean(), (spread[0] * pixel) ** 2, rtol=0.03)
    assert spectra.particle[1].max() < 1e-3 * spectra.particle[0].max()
    assert spectra.fraction == 0.25
    assert spectra.q[-1] == pytest.approx(0.625 * 31 / 32)


def shown(waves: np.ndarray, mask: np.ndarray, *, offset: float, pixel: float = 0.4) -> Any:
    return SimpleNamespace(
        wave=lambda index: waves[index : index + 1].astype(np.complex64),
        mask=lambda index: mask,
        scene=lambda index: {"focus_offset": offset},
        pixel_size=pixel,
        recipe=SimpleNamespace(energy=300e3),
    )


@pytest.mark.parametrize("offset", [0.0, -35.0, 60.0])
@pytest.mark.parametrize("turn", [0.0, 0.9])
def test_spectra_are_those_at_the_focus_reference_whatever_the_phase_of_vacuum(offset: float, turn: float) -> None:
    # C10 = offset is the zero of defocus: the lens multiplies the stored wave by exp(−iπλ·offset·q²)
    side, pixel = 64, 0.4
    rng = np.random.default_rng(1)
    mask = np.zeros((side, side), dtype=bool)
    mask[16:48, 16:48] = True
    phase = 0.02 * rng.standard_normal((3, side, side)) * (1.0 + mask)
    phase -= phase.mean((-2, -1), keepdims=True)
    q = np.fft.fftfreq(side, pixel)
    away = np.exp(1j * np.pi * wavelength(300e3) * offset * (q[:, None] ** 2 + q[None, :] ** 2))
    waves = np.exp(1j * turn) * np.fft.ifft2(np.fft.fft2(1.0 + 1j * phase) * away)
    found = specimen_spectra(shown(waves, mask, offset=offset), range(3), bins=16)
    expected = specimen_spectra(shown(1.0 + 1j * phase, mask, offset=0.0), range(3), bins=16)
    np.testing.assert_allclose(found.particle[0], expected.particle[0], rtol=1e-3)
    np.testing.assert_allclose(found.support[0], expected.support[0], rtol=1e-3)
    assert found.particle[1].max() < 1e-6 * found.particle[0].max()  # no amplitude is left


def test_structures_without_particles_have_no_spectrum_of_them() -> None:
    store: Any = SimpleNamespace(
        wave=lambda index: np.ones((1, 8, 8), dtype=np.complex64),
        mask=lambda index: np.zeros((8, 8), dtype=bool),
        scene=lambda index: {"focus_offset": 0.0},
        pixel_size=0.8,
        recipe=SimpleNamespace(energy=300e3),
    )
    with pytest.raises(PassbandError, match="1 structures show no particle"):
        specimen_spectra(store, [0])


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


def test_the_signal_is_the_excess_of_the_particles_or_a_thousandth_of_them() -> None:
    specimen = crystal()
    lattice, nothing = specimen.signal(np.array([0.3, 0.02]))
    particle, support = specimen.at(np.array([0.3, 0.02]))
    assert lattice == pytest.approx(particle[0, 0] - support[0, 0])
    assert nothing == pytest.approx(1e-3 * particle[0, 1])


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
