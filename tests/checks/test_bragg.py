"""A lattice has sharp peaks in its spectrum; noise has none, however its spectrum falls, and whatever its rings."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from passband.checks.bragg import bragg_peak
from passband.checks.no_signal import PEAK, SEEN

Array = NDArray[np.float64]
LIMIT = SEEN * PEAK


def noises(seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    white = rng.normal(size=(128, 160))
    q = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(160)[None, :])
    ring = 1.0 + 100.0 * (np.round(q * 160) == 40)
    return {
        "white": white,
        "few counts": rng.poisson(0.2, size=white.shape).astype(float),
        "blurred": gaussian_filter(white, 2.5),
        "blurred along rows": gaussian_filter(white, (0.3, 4.0)),
        "rows that differ": white + 5.0 * rng.normal(size=(128, 1)),
        "a sharp ring": np.fft.ifft2(np.fft.fft2(white) * np.sqrt(ring)).real,
    }


@pytest.mark.parametrize("seed", range(4))
def test_noise_has_no_peak(seed: int) -> None:
    """Rejects the power of white noise, of one ring or of one neighbourhood alone for what noise has."""
    found = {name: bragg_peak(image) for name, image in noises(seed).items()}
    assert all(one < LIMIT for one in found.values()), found


@pytest.mark.parametrize("side", [32, 256])
def test_of_white_noise_it_is_as_strong_as_expected_at_any_size(side: int) -> None:
    """Rejects a largest value that is not compared with how many there were."""
    rng = np.random.default_rng(side)
    found = [bragg_peak(rng.normal(size=(side, side))) for _ in range(20)]
    assert -4.0 < np.mean(found) < 1.0


@pytest.mark.parametrize("strength", [0.3, 3.0])
def test_a_lattice_has_one_though_nothing_else_tells_it_from_noise(strength: float) -> None:
    y, x = np.mgrid[:128, :160]
    waves = np.cos(2.0 * np.pi * (0.11 * y + 0.13 * x)) + np.cos(2.0 * np.pi * (0.15 * y - 0.09 * x))
    assert bragg_peak(noises(0)["white"] + strength * waves) > 2.0 * LIMIT


def test_neither_gain_nor_offset_matters_and_an_even_image_has_none() -> None:
    image = noises(1)["few counts"]
    assert bragg_peak(3.0 * image + 7.0) == pytest.approx(bragg_peak(image), rel=1e-6)
    assert bragg_peak(np.full((40, 40), 3.0)) == 0.0
    assert bragg_peak(np.ones((3, 3))) == 0.0
