"""Rescaling of a recorded image: what stays registered, what noise becomes, and parts of a periodic field."""

from typing import get_args

import numpy as np
import pytest
import torch

from passband.camera.camera import Camera, Kernel
from passband.camera.recording import exposed
from passband.camera.resampling import Window, grid_shift, periodic_part, resampling_matrix, window
from passband.microscope.conditions import Conditions

KERNELS = get_args(Kernel)
PIXELS = 60  # of the image, along a side of the field


def blob(pixels, centre, width=2.5):
    """Periodic Gaussian on a field of PIXELS image pixels, sampled on `pixels` with pixel 0 at the origin."""
    at = torch.arange(pixels, dtype=torch.float64) * (PIXELS / pixels)
    y, x = (torch.exp(-0.5 * (((at - c + PIXELS / 2) % PIXELS - PIXELS / 2) / width) ** 2) for c in centre)
    return y[:, None] * x[None, :]


def resampled(field, kernel, ratio, first, size):
    """Patch of a noise-free field on camera pixels, as an acquisition makes it."""
    seen = exposed(field, Conditions(), Camera(), pixel_size=1.0, shift=grid_shift(kernel, ratio))
    part = periodic_part(seen, *(window(kernel, ratio, one, size) for one in first))
    down, across = (resampling_matrix(kernel, ratio, one, size, like=seen) for one in first)
    return down @ part @ across.T


def displacement(kernel, pixels, centre):
    """Pixels (y, x) by which the centroid of a blob moves."""
    first = (int(centre[0]) - 16, int(centre[1]) - 14)
    image = resampled(blob(pixels, centre), kernel, pixels / PIXELS, first, 32)
    at = torch.arange(32, dtype=torch.float64)
    sums = [float((image.sum(1 - axis) * (at + first[axis])).sum() / image.sum()) for axis in (0, 1)]
    return np.array(sums) - centre


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("pixels", [42, 54, 61, 77, 90, 119, 120, 150])
def test_an_image_stays_where_it_is(kernel, pixels):
    moved = np.array([displacement(kernel, pixels, (11.3 + 5.2 * k, 9.8 + 4.9 * k)) for k in range(12)])
    assert np.abs(moved.mean(0)).max() < 0.03
    # the nearest camera pixel is half of one off at most, and so are its neighbours where the ratio is near a whole one
    assert np.abs(moved).max() < (0.5 * PIXELS / pixels if kernel == "nearest" else 0.1)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("ratio", [0.7, 1.3, 2.0, 2.5])
def test_a_constant_is_kept_and_the_window_holds_all_that_counts(kernel, ratio):
    weights = resampling_matrix(kernel, ratio, -7, 24, like=torch.ones(1, dtype=torch.float64))
    assert weights.shape == (24, window(kernel, ratio, -7, 24).size)
    torch.testing.assert_close(weights.sum(1), torch.ones(24, dtype=torch.float64))
    assert float(weights[:, :4].abs().max()) == float(weights[:, -4:].abs().max()) == 0.0


def test_area_at_a_whole_ratio_is_binning():
    field = torch.rand(40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    part = periodic_part(field, *(window("area", 2.0, first, 6) for first in (3, 1)))
    down, across = (resampling_matrix("area", 2.0, first, 6, like=field) for first in (3, 1))
    binned = field.reshape(20, 2, 20, 2).mean((1, 3))[3:9, 1:7]
    torch.testing.assert_close(down @ part @ across.T, binned)


def test_noise_becomes_aliased_or_correlated():
    # variance of white noise: Σ of squared weights; binning by 2 × 2 leaves ¼, nearest all, 0.5 × between neighbours
    one = torch.ones(1, dtype=torch.float64)
    kept = {kernel: float(resampling_matrix(kernel, 2.0, 0, 8, like=one).square().sum(1).mean()) for kernel in KERNELS}
    assert kept["area"] == pytest.approx(0.5)
    assert kept["nearest"] == 1.0
    assert kept["bilinear"] == pytest.approx(0.5)
    assert kept["bicubic"] == pytest.approx(2.0 * (0.5625**2 + 0.0625**2))
    assert 0.3 < kept["lanczos"] < 0.6
    wide = resampling_matrix("bilinear", 0.7, 0, 64, like=one)
    together = wide @ wide.T
    assert float((together.diagonal(1) / together.diagonal().mean()).mean()) > 0.3


def test_lanczos_low_passes_and_bicubic_does_not():
    # a grating of 0.4 cycles per camera pixel is beyond the Nyquist frequency of pixels 2.5 times as wide
    lines = torch.cos(2.0 * torch.pi * 0.4 * torch.arange(200, dtype=torch.float64)).expand(200, 200)
    left = {}
    for kernel in ("lanczos", "bicubic", "area"):
        part = periodic_part(lines, *(window(kernel, 2.5, 20, 30),) * 2)
        down = resampling_matrix(kernel, 2.5, 20, 30, like=lines)
        left[kernel] = float((down @ part @ down.T).abs().max())
    assert left["lanczos"] < 0.1
    assert left["bicubic"] > 0.4


def test_nearest_takes_camera_pixels_as_they_are():
    weights = resampling_matrix("nearest", 1.7, 5, 20, like=torch.ones(1))
    assert set(weights.unique().tolist()) == {0.0, 1.0}
    places = weights.argmax(1) + window("nearest", 1.7, 5, 20).first
    assert places.tolist() == [int(np.floor(j * 1.7 + 0.5)) for j in range(5, 25)]


def test_parts_of_a_periodic_field_reach_over_its_borders():
    field = torch.arange(35).reshape(5, 7)
    for rows, columns in ((Window(-3, 4), Window(2, 3)), (Window(1, 3), Window(-9, 25)), (Window(12, 1), Window(6, 2))):
        y, x = (
            (torch.arange(one.size) + one.first) % side for one, side in zip((rows, columns), field.shape, strict=True)
        )
        assert torch.equal(periodic_part(field, rows, columns), field[y][:, x])
