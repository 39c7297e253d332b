"""Weighted σ and ε reduce to the plain ones, and spectra have their units."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.fixtures.drawn_spectra import QMAX, SETS, crystal

from passband.electron import wavelength
from passband.forecast.spectra import radial_steps, specimen_spectra, weighted_information
from passband.microscope.information.information import compare_information
from passband.microscope.information.metric import Metric
from passband.recipe import PassbandError


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
        recipe=SimpleNamespace(energy_of=lambda index: 300e3),
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
        recipe=SimpleNamespace(energy_of=lambda index: 300e3),
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
        recipe=SimpleNamespace(energy_of=lambda index: 300e3),
    )
    with pytest.raises(PassbandError, match="1 structures show no particle"):
        specimen_spectra(store, [0])


def test_the_signal_is_the_excess_of_the_particles_or_a_thousandth_of_them() -> None:
    specimen = crystal()
    lattice, nothing = specimen.signal(np.array([0.3, 0.02]))
    particle, support = specimen.at(np.array([0.3, 0.02]))
    assert lattice == pytest.approx(particle[0, 0] - support[0, 0])
    assert nothing == pytest.approx(1e-3 * particle[0, 1])
