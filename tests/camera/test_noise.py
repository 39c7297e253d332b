"""Estimates of noise: against noise of known correlation, level and gain, and beside specimens."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from passband.camera.camera import Camera
from passband.camera.noise import NoiseSpectrum, gain, hot_pixel_share, noise_spectrum
from passband.camera.recording import record
from passband.microscope.conditions import Conditions


def recorded(side: int = 256, *, seed: int = 0, dose: float = 60.0, slope: float = 0.0, **camera: float) -> NDArray:
    """Slow waves, or nothing, as the simulated camera records them; an electron is 10 grey values."""
    y, x = np.mgrid[:side, :side] / side
    expected = 1.0 + slope * (np.cos(2 * np.pi * x) + np.cos(2 * np.pi * y))
    image = torch.from_numpy(expected)[None]
    options = {"pixel_size": 1.0, "generator": torch.Generator().manual_seed(seed)}
    return record(image, [Conditions(dose=dose)], camera=Camera(**camera), **options)[0].numpy() * dose * 10.0 + 77.0


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6, 0.9, 1.4])
def test_the_correlation_is_that_of_the_camera(correlation: float) -> None:
    found = noise_spectrum(recorded(slope=0.2, correlation=correlation))
    assert found is not None
    # 0.01 at 256² by the benchmark; the square of a correlation near 0 is what is measured
    assert found.correlation == pytest.approx(correlation, abs=0.03 if correlation else 0.1)


@pytest.mark.parametrize("side", [96, 200, 700])
@pytest.mark.parametrize("slope", [0.0, 0.3])
@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_the_share_of_the_noise_is_that_of_its_variance(side: int, slope: float, correlation: float) -> None:
    """Slow contrast counts as contrast, whatever the tiles of the spectrum level."""
    noise = recorded(side, correlation=correlation).std()  # of an even image of the same mean
    image = recorded(side, slope=slope, correlation=correlation)
    found = noise_spectrum(image)
    assert found is not None
    assert found.noise_share == pytest.approx(noise / image.std(), rel=0.06)


def test_white_noise_fills_the_band_and_an_enlarged_image_does_not() -> None:
    white = noise_spectrum(recorded(320))
    assert white is not None
    assert white.nyquist_power == pytest.approx(1.0, abs=0.1)
    assert white.empty_band < 0.01
    spectrum = np.fft.fftshift(np.fft.fft2(recorded(240) - 677.0))
    enlarged = noise_spectrum(np.fft.ifft2(np.fft.ifftshift(np.pad(spectrum, 40))).real)  # 3/4 of the band is filled
    assert enlarged is not None
    assert enlarged.empty_band == pytest.approx(0.25, abs=0.04)
    assert enlarged.nyquist_power < 0.01


def test_fringes_are_not_noise() -> None:
    image = recorded()
    y, x = np.mgrid[:256, :256]
    fringed = image + 200.0 * np.cos(2 * np.pi * (0.42 * x + 0.28 * y)) * (np.hypot(y - 128, x - 128) < 60)
    plain, found = noise_spectrum(image), noise_spectrum(fringed)
    assert plain is not None
    assert found is not None
    assert found.correlation**2 == pytest.approx(plain.correlation**2, abs=0.05)
    assert found.noise_share * fringed.std() == pytest.approx(plain.noise_share * image.std(), rel=0.1)


def gain_of(image: NDArray) -> float | None:
    spectrum = noise_spectrum(image)
    assert spectrum is not None
    return gain(image, spectrum)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_the_gain_is_grey_values_per_electron(correlation: float) -> None:
    image = recorded(512, dose=100.0, slope=0.3, correlation=correlation)
    assert gain_of(image) == pytest.approx(10.0, rel=0.1)


def test_there_is_no_gain_where_the_noise_does_not_grow() -> None:
    rng = np.random.default_rng(0)
    assert gain_of(rng.normal(size=(256, 256)) + np.linspace(0.0, 9.0, 256)) is None
    assert gain_of(recorded(48, slope=0.3)) is None  # too few tiles
    assert gain(np.ones((256, 256)), NoiseSpectrum(0.0, 1.0, 1.0, 0.0, 1.0)) is None


@pytest.mark.parametrize("correlation", [1.2, 1.5])
def test_there_is_no_gain_where_the_correlation_leaves_hardly_any_fine_noise(correlation: float) -> None:
    """What is left of it is less than the edges of discs: 2 and 6 times the gain, were it told."""
    y, x = np.mgrid[:256, :256]
    expected = np.ones((256, 256))
    for row, column in ((60, 60), (60, 190), (190, 60), (190, 190)):
        expected += 0.15 * (1.0 - np.tanh(np.hypot(y - row, x - column) - 30.0))
    options = {"pixel_size": 1.0, "generator": torch.Generator().manual_seed(0)}
    camera = Camera(correlation=correlation)
    image = record(torch.from_numpy(expected)[None], [Conditions(dose=500.0)], camera=camera, **options)[0].numpy()
    assert gain_of(image) is None


@pytest.mark.parametrize("correlation", [0.9, 1.2])
def test_there_is_no_gain_where_white_residues_hide_what_the_correlation_leaves(correlation: float) -> None:
    """They are taken for noise of counting that is hardly correlated: 0.02 of the gain, were it told."""
    image = recorded(512, dose=500.0, slope=0.3, correlation=correlation, gain_residue=0.003)
    spectrum = noise_spectrum(image)
    assert spectrum is not None
    assert spectrum.correlation < 0.4  # so this alone does not say so
    assert gain(image, spectrum) is None


def test_noise_alone_explains_its_spectrum() -> None:
    for correlation in (0.0, 0.5):
        spectrum = noise_spectrum(recorded(512, correlation=correlation))
        assert spectrum is not None
        assert spectrum.explained == pytest.approx(1.0, abs=0.1)


def test_hot_pixels_are_counted() -> None:
    image = recorded()
    assert hot_pixel_share(image) == 0.0
    image[5::16, 3::16] += 20.0 * image.std()
    assert hot_pixel_share(image) == pytest.approx(1.0 / 256, rel=0.02)


@pytest.mark.parametrize("mean", [0.02, 0.5, 5.0])
def test_sparse_counts_have_no_hot_pixels(mean: float) -> None:
    assert hot_pixel_share(np.random.default_rng(0).poisson(mean, (300, 300))) < 1e-4


@pytest.mark.parametrize("unit", [1e-15, 1e14])
def test_the_unit_of_the_image_does_not_matter(unit: float) -> None:
    image = recorded(slope=0.2)
    plain, found = noise_spectrum(image), noise_spectrum(image / image.max() * unit)
    assert plain is not None
    assert found is not None
    np.testing.assert_allclose(found, plain, rtol=1e-6, atol=1e-6)
    level = gain(image, plain)
    assert level is not None
    assert gain(image / image.max() * unit, found) == pytest.approx(level / image.max() * unit, rel=1e-6)


@pytest.mark.parametrize("image", [np.ones((100, 100)), np.eye(8), np.zeros((1, 1)), np.arange(4.0)[None]])
def test_what_says_nothing(image: NDArray) -> None:
    assert noise_spectrum(image) is None
    assert gain(image, NoiseSpectrum(0.0, 1.0, 1.0, 0.0, 1.0)) is None
    assert hot_pixel_share(image) == 0.0


def test_a_ramp_without_noise_has_none() -> None:
    y, x = np.mgrid[:128, :128]
    found = noise_spectrum(0.3 * y + 0.7 * x)
    assert found is None or found.noise_share < 0.01
