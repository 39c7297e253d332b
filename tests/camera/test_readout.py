"""After counting: the spectrum of the noise, what the residues add, spots and saturation."""

from math import pi

import numpy as np
import pytest
import torch

from passband.camera.camera import Camera
from passband.camera.readout import correlated, read_out
from passband.camera.recording import record
from passband.microscope.conditions import Conditions

VACUUM = 100.0


def read(counts, camera, *, noise=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return read_out(counts, camera, vacuum=VACUUM, readout_noise=noise, generator=generator)


def flat(side=256):
    return torch.full((side, side), VACUUM, dtype=torch.float64)


def ring_power(noise):
    """Mean power in rings 0.1 of the sampling frequency wide, and the mean frequency² in each."""
    power = np.abs(np.fft.fft2(noise, norm="ortho")) ** 2
    f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in noise.shape), indexing="ij"))
    rings = [(f >= low) & (f < low + 0.02) for low in (0.05, 0.15, 0.25, 0.35, 0.45)]
    return np.array([power[ring].mean() for ring in rings]), rings, f


@pytest.mark.parametrize("correlation", [0.0, 0.4, 0.6, 0.9])
def test_recorded_noise_has_the_power_of_its_noise_transfer_function(correlation):
    camera = Camera(correlation=correlation, excess_noise=0.5)
    image = record(
        torch.ones(1, 512, 512, dtype=torch.float64),
        [Conditions(dose=400.0, readout_noise=2.0)],
        pixel_size=0.5,
        generator=torch.Generator().manual_seed(2),
        camera=camera,
    )[0]
    found, rings, f = ring_power(image.numpy() - 1.0)
    # shot and excess noise through the Gaussian, read-out noise white; a ring of n pixels is known to √(1/n)
    transfer = np.exp(-4.0 * (pi * correlation * f) ** 2)
    expected = np.array([(1.5 * transfer[ring].mean() / 100.0) + (2.0 / 100.0) ** 2 for ring in rings])
    errors = np.array([5.0 / ring.sum() ** 0.5 for ring in rings])
    assert (np.abs(found / expected - 1.0) < errors + 0.003).all()


def test_correlation_keeps_the_mean_and_damps_the_signal_too():
    x = torch.arange(64, dtype=torch.float64)
    lines = (1.0 + 0.3 * torch.cos(2.0 * pi * x / 4.0)).expand(64, 64)
    damped = 1.0 + 0.3 * np.exp(-2.0 * (pi * 0.6 / 4.0) ** 2) * torch.cos(2.0 * pi * x / 4.0).expand(64, 64)
    torch.testing.assert_close(correlated(lines, 0.6), damped)


def test_residues_are_of_pixels_and_of_columns_in_equal_parts():
    for camera in (Camera(gain_residue=0.04), Camera(dark_residue=0.04)):
        pattern = (read(flat(1024), camera) / VACUUM - 1.0).numpy()
        columns = pattern.mean(axis=0).var()
        # the variance of 1024 columns is known to √(2/1024) = 4.4 %
        assert columns == pytest.approx(0.5 * 0.04**2, rel=0.2)
        assert (pattern - pattern.mean(axis=0)).var() == pytest.approx(0.5 * 0.04**2, rel=0.01)
        assert pattern.mean(axis=1).var() < 1e-5


def test_gain_follows_the_signal_and_dark_does_not():
    halves = torch.cat((flat()[:128] * 0.25, flat()[128:]))
    spread = [
        [float((read(halves, camera) - halves)[half].std()) for half in (slice(128), slice(128, None))]
        for camera in (Camera(gain_residue=0.04), Camera(dark_residue=0.04))
    ]
    assert spread[0][1] / spread[0][0] == pytest.approx(4.0, rel=0.02)
    assert spread[1][1] / spread[1][0] == pytest.approx(1.0, rel=0.02)


def test_read_out_noise_adds_to_the_residues_in_quadrature():
    noisy = read(flat(1024), Camera(dark_residue=0.04), noise=3.0)
    assert float((noisy - noisy.mean(0)).var()) == pytest.approx(3.0**2 + 0.5 * 4.0**2, rel=0.01)


def test_hot_pixels_are_as_many_and_as_bright_as_asked_for():
    image = flat(512) + torch.randn((512, 512), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    added = read(image, Camera(hot_pixels=20.0, spot_height=30.0)) - image
    bright = added[added > 0.0]
    expected = 20.0 * 512**2 / 1e4
    assert len(bright) == pytest.approx(expected, abs=5.0 * expected**0.5)
    assert float(bright.mean()) == pytest.approx(30.0, rel=0.08)  # of a standard deviation of 1
    assert float(bright.min()) >= 15.0 * 0.99


def test_x_rays_cover_one_to_three_pixels_a_side():
    image = flat(512) + torch.randn((512, 512), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    added = read(image, Camera(xrays=5.0, spot_height=30.0)) - image
    covered = int((added > 0.0).sum())
    expected = 5.0 * 512**2 / 1e4
    assert covered / expected == pytest.approx((1.0 + 4.0 + 9.0) / 3.0, rel=0.35)
    assert bool(((added[:-1] > 0.0) & (added[1:] > 0.0)).any())


def test_saturation_cuts_the_brightest_fraction_after_the_offset():
    image = torch.linspace(0.0, 99.0, 100, dtype=torch.float64).reshape(10, 10)
    cut = read(image, Camera(saturation=0.1, offset=0.5))
    assert float(cut.max()) == 90.0 + 50.0
    torch.testing.assert_close(cut.flatten()[:90], image.flatten()[:90] + 50.0)


def test_without_a_fault_counts_come_out_as_they_are():
    assert torch.equal(read(flat(), Camera()), flat())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept_and_the_input_untouched(dtype):
    image = torch.full((32, 32), VACUUM, dtype=dtype)
    camera = Camera(correlation=0.5, gain_residue=0.1, dark_residue=0.1, hot_pixels=100.0, xrays=100.0, saturation=0.1)
    assert read(image, camera, noise=1.0).dtype == dtype
    assert torch.equal(image, torch.full((32, 32), VACUUM, dtype=dtype))
