"""Filters of saved images: against scipy, and what they must keep."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from passband.camera.filters import gaussian_filtered, locally_normalised, median_filtered, sharpened


def noise(shape: tuple[int, int] = (40, 33), seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.7])
def test_the_gaussian_is_that_of_scipy_with_repeated_borders(sigma: float) -> None:
    image = noise()
    # scipy cuts off at int(4 σ + 0.5), here at ⌈4 σ⌉: both leave less than 7e-5 of the weight outside
    expected = ndimage.gaussian_filter(image.numpy().astype(float), sigma, mode="nearest")
    np.testing.assert_allclose(gaussian_filtered(image, sigma), expected, atol=2e-4 * float(image.abs().max()))


def test_a_gaussian_wider_than_the_image_leaves_its_range() -> None:
    image = noise((5, 9))
    smooth = gaussian_filtered(image, 20.0)
    assert smooth.shape == image.shape
    assert bool(torch.isfinite(smooth).all())
    assert float(smooth.std()) < 0.3 * float(image.std())


def test_the_median_is_that_of_scipy() -> None:
    image = noise()
    np.testing.assert_array_equal(median_filtered(image), ndimage.median_filter(image.numpy(), 3, mode="nearest"))


def test_sharpening_raises_fine_detail_by_what_the_gaussian_takes() -> None:
    """At Nyquist a sampled Gaussian of 1 pixel leaves 2 exp(−π²/2) = 1.4 %: an amount of 2 nearly triples the rest."""
    stripes = torch.cos(torch.pi * torch.arange(64.0))[None].expand(64, 64)
    ratio = sharpened(stripes, 2.0)[:, 8:-8] / stripes[:, 8:-8]
    np.testing.assert_allclose(ratio, 1.0 + 2.0 * (1.0 - 2.0 * np.exp(-0.5 * np.pi**2)), rtol=1e-4)


def test_local_contrast_evens_out_a_slope_and_unequal_contrast() -> None:
    """Left half with a third of the contrast on a slope: afterwards both halves are alike, and the whole too."""
    image = noise((128, 128))
    image[:, :64] /= 3.0
    sloped = image + torch.linspace(0.0, 3.0, 128)[:, None] + 7.0
    evened = locally_normalised(sloped, 1.0)
    left, right = evened[8:-8, 8:52], evened[8:-8, 76:-8]
    assert float(left.std() / right.std()) == pytest.approx(1.0, abs=0.1)
    assert float(evened[8:24].mean() - evened[-24:-8].mean()) == pytest.approx(0.0, abs=0.1 * float(evened.std()))
    assert float(evened.mean()) == pytest.approx(float(sloped.mean()), abs=0.1 * float(sloped.std()))


def test_the_local_mean_and_deviation_are_those_of_a_window() -> None:
    image = noise((48, 64))
    centred = image - image.mean()
    window = (2 * (48 // 16) + 1, 2 * (64 // 16) + 1)
    level = ndimage.uniform_filter(centred.numpy().astype(float), window)
    spread = np.sqrt(ndimage.uniform_filter(centred.numpy().astype(float) ** 2, window) - level**2)
    expected = float(image.mean()) + float(image.std(correction=0)) / spread * (centred.numpy() - level)
    inside = (slice(4, -4), slice(5, -5))
    np.testing.assert_allclose(locally_normalised(image, 1.0)[inside], expected[inside], rtol=1e-4, atol=1e-4)


def test_an_even_image_stays_even() -> None:
    even = torch.full((32, 32), 3.0)
    for result in (gaussian_filtered(even, 2.0), sharpened(even, 3.0), locally_normalised(even, 1.0)):
        np.testing.assert_allclose(result, even, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 2)])
def test_tiny_images_are_filtered(shape: tuple[int, int]) -> None:
    image = noise(shape)
    for result in (gaussian_filtered(image, 1.0), median_filtered(image), locally_normalised(image, 0.5)):
        assert result.shape == image.shape
        assert bool(torch.isfinite(result).all())
