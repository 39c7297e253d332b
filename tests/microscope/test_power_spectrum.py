"""The averaged periodogram has the level, the distribution and the geometry that a likelihood counts on."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, median_filter
from scipy.signal.windows import tukey
from scipy.special import gammainccinv

from passband.microscope.power_spectrum import (
    averaged_periodogram,
    gather,
    spot_bins,
    tapered_window,
    usable_bins,
)
from passband.recipe import PassbandError

BAND = (0.1, 0.9)


def test_white_noise_has_power_one_and_the_spread_of_its_looks() -> None:
    noise = np.random.default_rng(0).normal(3.0, 2.0, size=(256, 256))
    periodogram = averaged_periodogram(noise, pixel_size=(0.5, 0.5))
    power = periodogram.power[usable_bins(periodogram, BAND)]
    assert periodogram.looks == 1.0
    assert power.mean() == pytest.approx(1.0, abs=5.0 / np.sqrt(len(power) / 1.32))
    assert power.std() == pytest.approx(1.0, abs=0.05)  # exponential: the standard deviation is the mean


def test_tiles_average_and_bound_the_transform() -> None:
    noise = np.random.default_rng(1).normal(size=(2800, 1600))
    periodogram = averaged_periodogram(noise, pixel_size=(2.0, 2.0))
    assert periodogram.power.shape == (512, 257)
    assert 10.0 < periodogram.looks <= 2800 * 1600 / 512**2
    power = periodogram.power[usable_bins(periodogram, (0.02, 0.24))]
    # 10 × 6 tiles that overlap by half: neighbours share ρ² = 0.2 of their scatter along each axis (Welch 1967)
    assert power.std() == pytest.approx((1.4 * 1.4 / 60) ** 0.5, rel=0.1)
    # `looks` counts the area once, because what overlap takes from a bin's scatter it gives to that of its neighbours
    assert periodogram.looks == pytest.approx(2800 * 1600 / 512**2, rel=0.01)


def test_coarse_pixels_get_tiles_that_resolve_the_rings_of_several_micrometres() -> None:
    # at 3.4 µm and 300 kV rings are 1/(2λC10 q) = 0.0028 Å⁻¹ apart at 0.27 Å⁻¹; tiles of 256 Å have bins of 0.0039 Å⁻¹
    found = averaged_periodogram(np.random.default_rng(0).normal(size=(600, 600)), pixel_size=(1.77, 1.77))
    assert 2.0 * max(found.step) < 0.0028


def test_a_wave_is_found_at_its_frequency_in_rectangular_pixels() -> None:
    y, x = np.mgrid[:256, :256]
    image = np.cos(2.0 * np.pi * (0.4 * x * 0.5 + 0.2 * y * 0.8))
    periodogram = averaged_periodogram(image, pixel_size=(0.8, 0.5))
    assert periodogram.step == pytest.approx((float(periodogram.q_y[1, 0]), float(periodogram.q_x[0, 1])))
    assert periodogram.nyquist == pytest.approx(0.5 / 0.8)
    row, column = np.unravel_index(np.argmax(periodogram.power), periodogram.power.shape)
    assert periodogram.q_y[row, 0] == pytest.approx(0.2, abs=periodogram.step[0])
    assert periodogram.q_x[0, column] == pytest.approx(0.4, abs=periodogram.step[1])


def test_spots_are_found_and_noise_is_left_alone() -> None:
    y, x = np.mgrid[:256, :256]
    noise = np.random.default_rng(2).normal(size=(256, 256))
    assert not spot_bins(averaged_periodogram(noise, pixel_size=(0.5, 0.5))).any()
    with_spots = noise + 0.5 * np.cos(2.0 * np.pi * (0.3 * x + 0.1 * y) * 0.5)
    periodogram = averaged_periodogram(with_spots, pixel_size=(0.5, 0.5))
    spots = spot_bins(periodogram)
    assert 5 <= spots.sum() <= 60
    assert (
        np.hypot(
            periodogram.q_y[:, 0][np.nonzero(spots)[0]] - 0.1, 0.3 - periodogram.q_x[0][np.nonzero(spots)[1]]
        ).max()
        < 0.05
    )


@pytest.mark.parametrize(("side", "waves"), [(128, 0), (300, 1), (640, 3)])
def test_spots_are_the_bins_far_above_the_median_around_them(side: int, waves: int) -> None:
    """Against a median filter over every bin; a corner of nothing makes its neighbours spots."""
    y, x = np.mgrid[:side, :side]
    image = np.random.default_rng(side).normal(size=(side, side))
    for wave in range(waves):
        image += 0.3 * np.cos(2.0 * np.pi * (0.2 + 0.05 * wave) * (x + 0.3 * y))
    periodogram = averaged_periodogram(image, pixel_size=(0.4, 0.4))
    periodogram.power[:20, -12:] = 0.0
    rarest, middle = gammainccinv(periodogram.looks, 1e-6), gammainccinv(periodogram.looks, 0.5)
    around = median_filter(periodogram.power, size=9, mode="nearest")
    expected = binary_dilation(periodogram.power > rarest / middle * np.maximum(around, 1e-300), iterations=2)
    assert expected.any()
    np.testing.assert_array_equal(spot_bins(periodogram), expected)


def test_the_window_is_tukeys() -> None:
    for length in (64, 129, 640):
        np.testing.assert_allclose(tapered_window(length), tukey(length, 0.25), atol=1e-12)


def test_cells_keep_every_bin_once() -> None:
    noise = np.random.default_rng(3).normal(size=(128, 128))
    periodogram = averaged_periodogram(noise, pixel_size=(0.5, 0.5))
    usable = usable_bins(periodogram, BAND)
    cells = gather(periodogram, usable)
    assert cells.weight.sum() * 1.32 == pytest.approx(usable.sum())
    assert np.average(cells.power, weights=cells.weight) == pytest.approx(periodogram.power[usable].mean())
    assert (np.hypot(cells.along, cells.across) <= cells.squared * (1.0 + 1e-12)).all()
    azimuth = np.arctan2(periodogram.q_y, periodogram.q_x)[usable]
    assert np.average(cells.across, weights=cells.weight) == pytest.approx(
        (periodogram.q[usable] ** 2 * np.sin(2.0 * azimuth)).mean(), abs=1e-12
    )


def test_pixels_that_are_not_finite_are_counted() -> None:
    image = np.ones((64, 64))
    image[3, 4] = np.inf
    with pytest.raises(PassbandError, match="1 pixels of the image are NaN or infinite"):
        averaged_periodogram(image, pixel_size=(1.0, 1.0))
