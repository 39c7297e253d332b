import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from passband.microscope.frequencies import fourier_resample, spatial_frequencies
from passband.recipe import PassbandError

SIDES = st.integers(2, 17)


def wave(shape: tuple[int, int], ky: int, kx: int) -> torch.Tensor:
    y = torch.arange(shape[0], dtype=torch.float64)[:, None] / shape[0]
    x = torch.arange(shape[1], dtype=torch.float64)[None, :] / shape[1]
    return torch.cos(2 * math.pi * (ky * y + kx * x) + 0.4)


def test_frequencies_are_those_of_numpy_for_unequal_pixels() -> None:
    q, azimuth = spatial_frequencies((6, 5), (0.2, 0.5), dtype=torch.float64)
    qy, qx = np.fft.fftfreq(6, 0.2)[:, None], np.fft.fftfreq(5, 0.5)[None, :]
    np.testing.assert_allclose(q.numpy(), np.hypot(qy, qx), rtol=1e-14)
    np.testing.assert_allclose((q * torch.sin(azimuth)).numpy(), np.broadcast_to(qy, (6, 5)), atol=1e-14)
    np.testing.assert_allclose((q * torch.cos(azimuth)).numpy(), np.broadcast_to(qx, (6, 5)), atol=1e-14)


def test_single_precision_is_rounded_from_double() -> None:
    q, azimuth = spatial_frequencies((64, 48), 0.2)
    exact, exact_azimuth = spatial_frequencies((64, 48), 0.2, dtype=torch.float64)
    assert q.dtype == azimuth.dtype == torch.float32
    assert torch.equal(q, exact.float())
    assert torch.equal(azimuth, exact_azimuth.float())


@pytest.mark.parametrize(("shape", "pixel"), [((0, 4), 0.2), ((4, 4), 0.0), ((4, 4), -1.0)])
def test_impossible_grids_are_refused(shape: tuple[int, int], pixel: float) -> None:
    with pytest.raises(PassbandError, match=r"shape=|pixel_size="):
        spatial_frequencies(shape, pixel)


@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 2**16))
@settings(max_examples=40, deadline=None)
def test_enlarging_then_reducing_is_the_identity_and_keeps_the_mean(
    y: int, x: int, dy: int, dx: int, seed: int
) -> None:
    images = torch.randn((2, y, x), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    before = images.clone()
    larger = fourier_resample(images, (y + dy, x + dx))
    assert larger.shape == (2, y + dy, x + dx)
    torch.testing.assert_close(larger.mean((-2, -1)), images.mean((-2, -1)))
    torch.testing.assert_close(fourier_resample(larger, (y, x)), images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("shape", [(12, 10), (9, 7), (16, 24), (12, 9)])
def test_a_band_limited_image_is_resampled_exactly(shape: tuple[int, int]) -> None:
    resampled = fourier_resample(wave((11, 14), 2, -3), shape)
    torch.testing.assert_close(resampled, wave(shape, 2, -3))


def test_a_wave_stays_complex_and_is_resampled_part_by_part() -> None:
    real, imaginary = wave((8, 8), 1, 2), wave((8, 8), 3, 0)
    resampled = fourier_resample(torch.complex(real, imaginary), (11, 6))
    torch.testing.assert_close(resampled.real, fourier_resample(real, (11, 6)))
    torch.testing.assert_close(resampled.imag, fourier_resample(imaginary, (11, 6)))


def test_frequencies_beyond_the_new_nyquist_are_removed() -> None:
    assert fourier_resample(wave((16, 16), 0, 7), (16, 8)).abs().max() < 1e-12


def test_an_unchanged_shape_gives_a_copy() -> None:
    image = torch.ones(4, 4)
    copy = fourier_resample(image, (4, 4))
    copy[0, 0] = 5
    assert image[0, 0] == 1
