"""Transforms of a band, between grids, and how far waves reach."""

import math

import numpy as np
import pytest
import torch

from passband.microscope.band import (
    Band,
    exact_grid,
    highest_frequency,
    highest_indices,
    spectral_power,
)


def random_wave(shape, seed=0, dtype=torch.complex128):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def indices(size):
    return torch.fft.fftfreq(size, 1.0 / size, dtype=torch.float64)


def limited(shape, highest):
    """A wave (2, *shape) without frequencies beyond `highest`, and its spectrum."""
    spectrum = torch.fft.fft2(random_wave((2, *shape)))
    spectrum[..., indices(shape[0]).abs() > highest[0] + 0.5, :] = 0.0
    spectrum[..., indices(shape[1]).abs() > highest[1] + 0.5] = 0.0
    return torch.fft.ifft2(spectrum), spectrum


@pytest.mark.parametrize("shape", [(16, 24), (15, 21), (16, 21), (1, 9)])
@pytest.mark.parametrize("highest", [(0, 0), (3, 7), (7, 3), (5, 30), (30, 30)])
def test_transform_is_the_whole_one_without_what_is_beyond(shape, highest):
    wave, spectrum = limited(shape, highest)
    band = Band(shape, highest)
    kept = band.forward(wave)
    torch.testing.assert_close(kept, band.select(spectrum.transpose(-1, -2)))
    assert kept.shape[1:] == tuple(min(2 * reach + 1, size) for reach, size in zip(highest, shape, strict=True))[::-1]
    torch.testing.assert_close(band.inverse(kept), wave)
    torch.testing.assert_close(band.inverse(kept), wave)  # its work space is as it was
    assert highest_indices(spectral_power(spectrum)) == tuple(
        min(reach, size // 2) for reach, size in zip(highest, shape, strict=True)
    )


@pytest.mark.parametrize("grid", [(32, 60), (11, 40), (12, 15)])
def test_a_band_on_another_grid_is_the_same_wave(grid):
    wave, _ = limited((16, 24), (5, 7))
    band = Band((16, 24), (5, 7), grid=grid)
    moved = band.inverse(band.select(torch.fft.fft2(wave).transpose(-1, -2)) * band.scale)
    expected = torch.zeros((2, *grid), dtype=wave.dtype)
    source = torch.fft.fft2(wave, norm="forward")
    for y in range(-5, 6):
        for x in range(-7, 8):
            expected[:, y % grid[0], x % grid[1]] = source[:, y % 16, x % 24]
    torch.testing.assert_close(moved, torch.fft.ifft2(expected, norm="forward"))


@pytest.mark.parametrize("highest", [(5, 7), (5, 12), (8, 7), (8, 12)])
@pytest.mark.parametrize("grid", [(16, 24), (24, 32)])
def test_factors_along_both_axes_multiply_the_spectra(highest, grid):
    band = Band((16, 24), highest, grid=grid)
    spectra = band.select(random_wave((2, 24, 16)))
    along = random_wave((spectra.shape[-1],), seed=1), random_wave((spectra.shape[-2],), seed=2)
    before = spectra.clone()
    waves = band.inverse(spectra, along)
    torch.testing.assert_close(waves, band.inverse(spectra * along[0] * along[1][:, None]))
    assert torch.equal(spectra, before)


def test_selecting_in_two_steps_is_selecting_at_once():
    spectra = random_wave((3, 20, 18))
    wide, narrow = Band((18, 20), (7, 8)), Band((18, 20), (2, 5))
    assert torch.equal(narrow.select(wide.select(spectra)), narrow.select(spectra))
    y, x = narrow.frequencies(0.5)
    assert (y * 9).round().long().tolist() == [0, 1, 2, -2, -1]
    assert (x * 10).round().long().tolist() == [0, 1, 2, 3, 4, 5, -5, -4, -3, -2, -1]


@pytest.mark.parametrize("highest", [0, 1, 7, 85, 170, 256])
@pytest.mark.parametrize("kept", [0, 5, 64, 257])
def test_exact_grid_keeps_squares_off_what_is_kept(highest, kept):
    size, other = exact_grid((highest, 3), (kept, 4))
    assert size - 2 * highest > kept
    assert other == 12
    factors = size
    for prime in (2, 3, 5):
        while factors % prime == 0:
            factors //= prime
    assert factors == 1
    assert size % 2 == 0


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize(("beam", "length"), [((0, 9), 9.0), ((9, 0), 9.0), ((-9, 5), math.hypot(9, 5)), ((0, 0), 0.0)])
def test_highest_frequency_is_that_of_the_outermost_beam(beam, length, dtype):
    shape, pixel_size = (40, 40), 0.25
    spectrum = torch.zeros((1, *shape), dtype=torch.complex128)
    spectrum[0, 0, 0] = 1.0
    spectrum[0, beam[0], beam[1]] += 1e-3
    spectrum[0, 19, 19] = 1e-9 if dtype == torch.complex64 else 1e-18  # noise
    power = spectral_power(torch.fft.fft2(torch.fft.ifft2(spectrum).to(dtype)))
    assert highest_frequency(power, pixel_size) == pytest.approx(length / (40 * pixel_size), abs=1e-12)
    assert highest_indices(power) == (abs(beam[0]), abs(beam[1]))


def test_highest_frequency_of_an_oblong_field_is_in_reciprocal_lengths():
    spectrum = torch.zeros((2, 30, 50), dtype=torch.complex128)
    spectrum[0, 0, 0] = spectrum[1, 6, 0] = spectrum[0, 0, -9] = 1.0  # 6/30 = 0.2 and 9/50 = 0.18 of 1/pixel
    assert highest_frequency(spectral_power(spectrum), 0.5) == pytest.approx(0.4)
    np.testing.assert_allclose(spectral_power(spectrum).sum(), 3.0)


def test_highest_frequency_tells_two_beams_of_nearly_the_same_length_apart():
    spectrum = torch.zeros((1, 40, 40), dtype=torch.complex128)
    spectrum[0, 0, 0] = spectrum[0, 9, 0] = spectrum[0, 9, 2] = spectrum[0, 2, -9] = 1.0
    assert highest_frequency(spectral_power(spectrum), 0.25) == pytest.approx(math.hypot(9, 2) / 10.0)
