"""Weighted σ and ε reduce to the plain ones, spectra have their units, texture observers do best where they learned."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.information import Metric, compare_information
from passband.microscope.polar import DataSet
from passband.recipe import PassbandError
from passband.trust.spectra import (
    ImagePower,
    SpecimenSpectra,
    TextureRecipe,
    image_power,
    radial_steps,
    specimen_spectra,
    texture_scores,
    weighted_information,
)

QMAX = 0.625


def data(c10: float, *, dose: float | None = 400.0, c12: float = 0.0) -> DataSet:
    aberrations = Aberrations(C10=c10, C12=c12)
    one = Conditions(energy=300e3, focal_spread=10.0, aberrations=aberrations, dose=dose)
    return DataSet(conditions=(one,), defocus_jitter=15.0)


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


def powers(sets: list[DataSet], spectra: SpecimenSpectra) -> list[ImagePower]:
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
