"""How a fit of rings is judged: evidence, the gain of each sector, dispersion, intervals and misfit."""

from math import pi

import numpy as np
import pytest
import torch

from passband.electron import wavelength
from passband.microscope.conditions import Conditions
from passband.microscope.form_factors import scattering_factor
from passband.microscope.frequencies import spatial_frequencies
from passband.microscope.power_spectrum import Periodogram, averaged_periodogram
from passband.microscope.rings.fit import RADII, SECTORS, RingFit, expected_power, fit_rings, radial_misfit
from passband.microscope.rings.model import RingSetting
from passband.microscope.transfer import contrast_transfer

SIDE, PIXEL = 160, 0.5
SETTING = RingSetting(wavelength(300e3), 0.0, 0.0, 6, (0.1, 0.9))
LARGEST = (600.0, 60.0)


def film(extra: float = 0.0) -> Periodogram:
    """Rings of carbon at C10 = −300 Å in white noise; `extra` spreads the power of the bins beyond that of noise."""
    rng = np.random.default_rng(5)
    q, azimuth = spatial_frequencies((SIDE, SIDE), PIXEL, dtype=torch.float64)
    lens = Conditions.model_validate({"aberrations": {"C10": -300.0}, "focal_spread": 10.0})
    transfer = contrast_transfer(q, azimuth, lens).numpy() * scattering_factor(6, q.numpy())
    scattered = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE, SIDE))) * transfer).real
    image = scattered + 0.3 * scattered.std() * rng.normal(size=(SIDE, SIDE))
    found = averaged_periodogram(image, pixel_size=(PIXEL, PIXEL))
    return found._replace(power=found.power * rng.lognormal(-0.5 * extra**2, extra, found.power.shape))


def fitted(periodogram: Periodogram) -> RingFit:
    return fit_rings(periodogram, SETTING, largest=LARGEST)


@pytest.fixture(scope="module")
def rings() -> RingFit:
    return fitted(film())


def test_gains_of_the_sectors_are_differences_of_log_likelihood(rings: RingFit) -> None:
    best, model = rings.patterns[0], rings.model
    ring, smooth = model.expected(best.refined.parameters), model.expected(best.null.parameters, rings=False)

    def minus_twice_log(expected: torch.Tensor) -> np.ndarray:
        return np.asarray((2.0 * model.weight * (model.power * torch.exp(-expected) + expected)).numpy())

    difference = minus_twice_log(smooth) - minus_twice_log(ring)
    for k in range(SECTORS):
        within = (rings.cells.azimuth >= k * pi / SECTORS) & (rings.cells.azimuth < (k + 1) * pi / SECTORS)
        assert best.gains[k] == pytest.approx(float(difference[within].sum()), rel=1e-9, abs=1e-9)
    assert best.gains.min() > 0.0  # every direction of a film has rings


def test_noise_of_an_image_has_the_dispersion_one_and_more_scatter_is_believed_less(rings: RingFit) -> None:
    wide = fitted(film(0.8))
    plain, spread = rings.patterns[0], wide.patterns[0]
    assert plain.scale == pytest.approx(1.0, abs=0.15)
    expected = torch.exp(wide.model.expected(spread.refined.parameters)).numpy()
    squares = wide.cells.weight * (wide.cells.power / expected - 1.0) ** 2
    assert spread.scale == pytest.approx(squares.sum() / (len(squares) - len(spread.refined.parameters)))
    assert spread.scale > 1.3
    assert spread.evidence == pytest.approx((spread.null.deviance - spread.refined.deviance) / spread.scale)
    assert spread.evidence < plain.evidence / 1.4
    deviation = [float(np.sqrt(one.covariance[0, 0])) for one in (plain, spread)]
    assert deviation[1] > 1.2 * deviation[0]


def test_the_variance_is_never_below_what_the_likelihood_gives(rings: RingFit) -> None:
    best = rings.patterns[0]
    assert (np.diag(best.covariance) >= np.diag(best.refined.covariance.numpy()) * (1.0 - 1e-9)).sum() >= 14
    # among the lens's parameters the sum decides
    assert np.trace(best.covariance[:3, :3]) >= np.trace(best.refined.covariance.numpy()[:3, :3]) * (1.0 - 1e-9)


def test_misfit_is_the_error_over_radius_that_noise_does_not_explain(rings: RingFit) -> None:
    exact = torch.exp(rings.model.expected(rings.patterns[0].refined.parameters)).numpy()
    q = rings.cells.q
    step = np.minimum((q - q.min()) / np.ptp(q) * RADII, RADII - 1).astype(int)
    ripple = 0.2 * np.where(step % 2, 1.0, -1.0)  # one sign in each of the even steps of |q|
    noise = np.mean([1.0 / rings.cells.weight[step == k].sum() for k in range(RADII)])
    rippled = rings._replace(cells=rings.cells._replace(power=exact * (1.0 + ripple)))
    assert radial_misfit(rippled) == pytest.approx(np.sqrt(0.04 - noise), rel=1e-6)
    assert radial_misfit(rings._replace(cells=rings.cells._replace(power=exact))) == 0.0


def test_expected_power_of_a_bin_is_that_of_a_cell_there(rings: RingFit) -> None:
    periodogram = film()
    parameters = rings.patterns[0].refined.parameters
    power = expected_power(periodogram, rings.usable, SETTING, parameters)
    found = np.full(periodogram.power.shape, np.nan)
    found[rings.usable] = power
    cells = torch.exp(rings.model.expected(parameters)).numpy()
    middle = np.abs(rings.cells.q - 0.5) < 0.01
    near = np.abs(periodogram.q - 0.5) < 0.01
    assert np.nanmean(found[near]) == pytest.approx(float(cells[middle].mean()), rel=0.1)


def test_patterns_are_best_first_apart_and_underfocused(rings: RingFit) -> None:
    assert [one.refined.deviance for one in rings.patterns] == sorted(one.refined.deviance for one in rings.patterns)
    assert all(one.lens[0] <= 0.0 for one in rings.patterns)
    assert rings.patterns[0].lens[0] == pytest.approx(-300.0, abs=5.0)
    assert rings.patterns[0].evidence > 50.0
