"""What a tile leaves of rings against the power of plane waves in it, and what becomes of it beyond the last bin."""

from math import pi

import numpy as np
import pytest
import torch

from passband.microscope.power_spectrum import averaged_periodogram, tapered_window
from passband.microscope.rings.resolution import CELL, resolved

SIDE = 192
SHIFTS = (0.0, 0.03, 0.1, 0.3, 0.6, 0.95)


def left_by_the_window(shift: float) -> float:
    """Mean over directions of the depth of cos 2π r·q, r = `shift` sides, in the power convolved with the window's.

    By the spectrum of the window at a hundredth of the bins, not by an autocorrelation.
    """
    window = tapered_window(SIDE)
    fine = np.abs(np.fft.fft(window, 100 * SIDE)) ** 2
    q = np.fft.fftfreq(100 * SIDE)  # cycles a pixel
    directions = np.arange(0.5, 90.0) * (pi / 180.0)
    depths = [
        np.prod([(fine * np.cos(2.0 * pi * q * SIDE * shift * part)).sum() / fine.sum() for part in parts])
        for parts in zip(np.cos(directions), np.sin(directions), strict=True)
    ]
    return float(np.mean(depths))


@pytest.mark.parametrize("shift", SHIFTS)
def test_what_is_left_is_what_the_window_and_a_cell_leave(shift: float) -> None:
    """Rejects the window's own shape, another power of it, and a cell that is not averaged over."""
    expected = left_by_the_window(shift) * np.sinc(CELL * shift)
    assert float(resolved(torch.tensor(shift, dtype=torch.float64))[0]) == pytest.approx(expected, abs=2e-3)


def test_the_sign_of_a_shift_does_not_matter_and_nothing_is_left_beyond_a_tile() -> None:
    shift = torch.tensor([-0.4, 0.4, -1.42, 1.5, 7.0, 0.0], dtype=torch.float64)
    left, slope = resolved(shift)
    assert left[0] == left[1] > 0.3
    assert slope[0] == -slope[1] > 0.0
    assert (left[2:5] == 0.0).all()
    assert (slope[2:5] == 0.0).all()
    assert (left[5], slope[5]) == (1.0, 0.0)


def test_noise_behind_a_lens_has_rings_of_this_depth_in_its_spectrum() -> None:
    """Of the middle of a larger field: a periodic one would keep rings of any period."""
    pixel, c10, length, half = 0.5, -1200.0, 0.0197, SIDE // 2
    q = [np.fft.fftfreq(2 * SIDE, pixel)[:, None], np.fft.fftfreq(2 * SIDE, pixel)[None, :]]
    transfer = np.sin(pi * length * c10 * (q[0] ** 2 + q[1] ** 2))
    rng, power = np.random.default_rng(3), 0.0
    for _ in range(12):
        image = np.fft.ifft2(np.fft.fft2(rng.normal(size=(2 * SIDE, 2 * SIDE))) * transfer).real
        found = averaged_periodogram(image[half:-half, half:-half], pixel_size=(pixel, pixel))
        power = power + found.power
    there = (found.q > 0.5) & (found.q < 0.6)
    shift = 2.0 * length * -c10 * found.q[there] * found.step[0]
    window = (resolved(torch.as_tensor(shift))[0] / torch.sinc(torch.as_tensor(CELL * shift))).numpy()
    rings = window * np.cos(2.0 * pi * length * c10 * found.q[there] ** 2)
    mean, depth = np.linalg.lstsq(np.stack([np.ones_like(rings), rings], 1), power[there], rcond=None)[0]
    assert -depth / mean == pytest.approx(1.0, abs=0.06)
