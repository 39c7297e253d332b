"""How a fit of rings is judged: evidence, the gain of each sector, dispersion, intervals and misfit."""

from math import pi

import numpy as np
import pytest
import torch

from passband.electron import wavelength
from passband.microscope.conditions import Conditions
from passband.microscope.form_factors import scattering_factor
from passband.microscope.frequencies import spatial_frequencies
from passband.microscope.power_spectrum import Periodogram, as_cells, averaged_periodogram
from passband.microscope.rings.doubt import doubt, zeros
from passband.microscope.rings.fit import RADII, SECTORS, RingFit, expected_power, fit_rings, radial_misfit
from passband.microscope.rings.model import ABSORPTION, C30, C30_UNIT, DRIFT, NOISE, RingSetting, ring_model
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


def with_lens(rings: RingFit, c10: float, cs: float) -> RingFit:
    """The same fit, of rings of another lens (Å) without absorption or astigmatism."""
    best = rings.patterns[0]
    parameters = best.refined.parameters.clone()
    parameters[: ABSORPTION + 1] = 0.0
    parameters[0], parameters[C30] = c10, cs / C30_UNIT
    pattern = best._replace(refined=best.refined._replace(parameters=parameters))
    return rings._replace(patterns=[pattern, *rings.patterns[1:]])


@pytest.mark.parametrize(
    ("c10", "cs"),
    [(-300.0, 0.0), (900.0, 0.0), (-4000.0, 0.0), (0.0, 3e7), (-1500.0, 2e7), (-4000.0, 4e7)],
    ids=["few", "over", "steep", "only Cs", "through a stationary phase", "steep before and after one"],
)
def test_rings_count_as_far_as_the_bins_of_the_spectrum_resolve_them(rings: RingFit, c10: float, cs: float) -> None:
    # rejects the phase at the end of the band over π, which is 274 to 509 rings in 192 bins of some images
    found = zeros(with_lens(rings, c10, cs))
    scattering, noise = rings.model.parts(rings.patterns[0].refined.parameters)
    visible = (scattering / (scattering + noise)).numpy() > 0.05
    length, step = SETTING.wavelength, 1.0 / (SIDE * PIXEL)
    q = np.arange(1, 200_000) * (rings.cells.q[visible].max() / 200_000)
    chi = pi * length * q**2 * (c10 + 0.5 * cs * length**2 * q**2)
    slope = np.abs(2.0 * pi * length * q * (c10 + cs * length**2 * q**2))
    crossed = np.flatnonzero(np.diff(np.floor(np.abs(chi) / pi)))
    resolved = int((pi / slope[crossed] > 2.0 * step).sum())
    assert abs(found - resolved) <= 2  # a bin at either end of what is resolved
    assert found <= 0.5 * rings.cells.q.max() / step


def test_rings_count_as_far_as_noise_lets_them_be_seen(rings: RingFit) -> None:
    # rejects a count to the end of the band
    best = rings.patterns[0]
    parameters = best.refined.parameters.clone()
    parameters[NOISE] += 5.5
    noisy = rings._replace(patterns=[best._replace(refined=best.refined._replace(parameters=parameters))])
    scattering, noise = rings.model.parts(parameters)
    seen = float(rings.cells.q[(scattering / (scattering + noise)).numpy() > 0.05].max())
    assert 0.4 < seen < 0.8
    assert abs(zeros(noisy) - SETTING.wavelength * 300.0 * seen**2) <= 1.0
    assert zeros(noisy) < zeros(rings)


def test_rings_count_in_a_direction_as_far_as_drift_leaves_them_there(rings: RingFit) -> None:
    """Rejects a count to where another direction shows rings: the focus along x is −500 Å, and it drifted by 3 Å."""
    best = rings.patterns[0]
    parameters = best.refined.parameters.clone()
    parameters[: ABSORPTION + 1] = 0.0
    parameters[:2] = torch.tensor([-300.0, -200.0])
    parameters[NOISE] += 4.0
    found = []
    for v in (9.0, -9.0):  # along x, along y
        parameters[DRIFT : DRIFT + 2] = torch.tensor([v, 0.0])
        drifted = best.refined._replace(parameters=parameters.clone())
        found.append(zeros(rings._replace(patterns=[best._replace(refined=drifted)])))
    assert found[0] < found[1]


def test_the_phase_at_a_frequency_is_that_of_a_cell_there(rings: RingFit) -> None:
    # rejects rings of another azimuth, and another Cs: zeros are counted along the direction that has most
    bins = as_cells(film(), rings.usable)
    parameters = rings.patterns[0].refined.parameters.clone()
    parameters[: ABSORPTION + 1] = torch.tensor([-300.0, 40.0, -25.0, 3.0, 0.1])
    expected = ring_model(bins, SETTING).phase(parameters).numpy()
    np.testing.assert_allclose(rings.model.phase_at(parameters, bins.q, bins.azimuth), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("strong", "said"), [(60.0, "3.5"), (14.0, "3.9"), (13.5, "")])
def test_directions_that_differ_are_told_by_what_was_tested(rings: RingFit, strong: float, said: str) -> None:
    """Means of 3.58, 3.997 and 4.02 standard errors; rejects a count of signs: all twelve directions prefer rings."""
    gains = np.r_[np.ones(6), np.full(6, strong)]
    told = doubt(rings._replace(patterns=[rings.patterns[0]._replace(gains=gains)]), SETTING, LARGEST)
    assert (f"(mean over 12 directions {said} standard errors, 4 needed)" in told) == bool(said)
    assert ("differs too much between directions" in told) == bool(said)


def test_patterns_are_best_first_apart_and_underfocused(rings: RingFit) -> None:
    assert [one.refined.deviance for one in rings.patterns] == sorted(one.refined.deviance for one in rings.patterns)
    assert all(one.lens[0] <= 0.0 for one in rings.patterns)
    assert rings.patterns[0].lens[0] == pytest.approx(-300.0, abs=5.0)
    assert rings.patterns[0].evidence > 50.0
