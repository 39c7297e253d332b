"""Jitter and row-correlated noise found in scans of known truth."""

from math import exp, pi

import numpy as np
import pytest
import torch

from passband.camera.scan_estimates import estimate_scan
from passband.camera.scan_path import scan_path
from passband.camera.scan_readout import scan_frames
from passband.camera.scanner import Scanner
from passband.recipe import PassbandError

SIDE = 320  # pixels
BRIGHTEST = 0.05  # of the beam


def lattice(width=3.0, spacing=20.0):
    """Columns of two heights on a square lattice, Gaussians of standard deviation `width` pixels."""
    f = torch.fft.fftfreq(SIDE, dtype=torch.float64)
    places = torch.arange(0.0, SIDE, spacing, dtype=torch.float64)
    spectrum = torch.zeros(SIDE, SIDE, dtype=torch.complex128)
    for offset, height in ((0.0, 1.0), (0.5 * spacing, 0.4)):
        along = torch.exp(-2j * pi * f[:, None] * (places + offset)).sum(dim=1) * torch.exp(
            -2.0 * (pi * width * f) ** 2
        )
        spectrum += height * along[:, None] * along[None, :]
    image = torch.fft.ifft2(spectrum).real
    return (BRIGHTEST * image / image.max()).float()


def scanned_lattice(seed, *, electrons=3000.0, width=3.0, **values):
    current = electrons * 1.602176634e-19 / 1e-5
    scanner = Scanner(dwell_time=1e-5, beam_current=current, flyback_time=1e-3, rotation=0.3, **values)
    path = scan_path(scanner, (SIDE, SIDE), pixel_size=1.0, rng=np.random.default_rng(seed))
    generators = [torch.Generator().manual_seed(seed)]
    return scan_frames(lattice(width)[None], [path], pixel_size=1.0, generators=generators)[0].image.numpy()


@pytest.mark.parametrize("width", [1.5, 3.0])
@pytest.mark.parametrize("jitter", [0.1, 0.3, 0.6])
def test_independent_jitter_is_found(jitter, width):
    found = [estimate_scan(scanned_lattice(seed, jitter=jitter, width=width)) for seed in range(6)]
    # 320 rows tell an rms to 4 %, the mean of six to 2 %; at 1.5 pixels derivatives of the rows around alone are 33 %
    # off, and rows whose derivatives are taken to be alike 5 %
    assert np.mean([one.jitter for one in found]) == pytest.approx(jitter, rel=0.04)
    assert np.mean([one.jitter_limit > jitter for one in found]) >= 5 / 6


def test_jitter_that_rows_share_is_seen_in_part():
    # weights 1/6, −4/6, 1, −4/6, 1/6 on shifts with the autocorrelation a^lag leave 0.526 of the rms for a = exp(−½)
    found = [estimate_scan(scanned_lattice(seed, jitter=0.4, jitter_correlation=2.0)).jitter for seed in range(6)]
    assert np.mean(found) == pytest.approx(0.526 * 0.4, rel=0.15)


def test_no_jitter_is_not_found_even_with_noise_along_the_rows():
    for seed in range(6):
        found = estimate_scan(scanned_lattice(seed, electrons=300.0, amplifier_noise=3.0, amplifier_time=2e-5))
        assert found.jitter is None or found.jitter < 0.15
        assert 0.0 < found.jitter_limit < 0.4


@pytest.mark.parametrize("amplifier_time", [0.0, 1e-5, 3e-5])
def test_noise_along_the_rows_is_told_from_noise_across(amplifier_time):
    found = [
        estimate_scan(
            scanned_lattice(seed, electrons=500.0, jitter=0.1, amplifier_noise=4.0, amplifier_time=amplifier_time)
        )
        for seed in range(4)
    ]
    counted = float(lattice().mean()) * 500.0  # electrons are counted without memory
    kept = exp(-1e-5 / amplifier_time) if amplifier_time else 0.0
    assert np.mean([one.along for one in found]) == pytest.approx(kept * 16.0 / (16.0 + counted), abs=0.04)
    assert np.mean([one.across for one in found]) == pytest.approx(0.0, abs=0.04)


def test_estimates_do_not_depend_on_the_unit():
    image = scanned_lattice(0, jitter=0.3)
    one, other = estimate_scan(image), estimate_scan(1e4 - 7.0 * image.astype(np.float64))
    assert other.jitter == pytest.approx(one.jitter)
    assert (other.along, other.across) == pytest.approx((one.along, one.across))


def test_noise_alone_tells_no_jitter():
    found = [estimate_scan(np.random.default_rng(seed).standard_normal((200, 200))) for seed in range(20)]
    assert sum(one.jitter is not None for one in found) <= 2


@pytest.mark.parametrize("image", [np.zeros((100, 100)), np.eye(20), np.zeros((0, 5))])
def test_images_that_tell_nothing_are_refused_in_one_line(image):
    with pytest.raises(PassbandError) as raised:
        estimate_scan(image)
    assert "\n" not in str(raised.value)
