"""Textures and bins, against scipy and numpy."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from passband.checks.subject import binned, smoothed


@pytest.mark.parametrize("shape", [(200, 131), (40, 90), (1, 7)])
def test_a_gaussian_average_is_that_of_scipy(shape: tuple[int, int]) -> None:
    # the kernel reaches 64 pixels: rejects another continuation at the borders, a kernel not cut, or axes mixed up
    image = 1000.0 + np.random.default_rng(0).normal(size=shape).cumsum(axis=0)
    np.testing.assert_allclose(smoothed(image, 16.0), gaussian_filter(image, 16.0), rtol=1e-12)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_bins_are_means_over_squares_of_pixels(width: int) -> None:
    image = np.random.default_rng(1).integers(0, 60000, size=(13, 8)).astype(np.uint16)  # sums overflow 16 bits
    rows, columns = 13 // width, 8 // width
    expected = [
        [image[y * width : (y + 1) * width, x * width : (x + 1) * width].mean() for x in range(columns)]
        for y in range(rows)
    ]
    np.testing.assert_allclose(binned(image, width), expected, rtol=1e-12)
