"""Spectra: white noise is 1 at all frequencies, fringes are where they belong, and shifts do not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from passband.scores.spectrum_distance import FLOOR, PowerSpectra, power_spectra, spectrum_distances


def fringes(along: int, down: int, side: int = 64, shift: tuple[int, int] = (0, 0)) -> NDArray[np.float32]:
    y, x = np.mgrid[:side, :side]
    phase = 2.0 * np.pi * (along * (x - shift[1]) + down * (y - shift[0])) / side
    return np.asarray(np.sin(phase), dtype=np.float32)[None]


@pytest.mark.parametrize("side", [32, 33])
def test_white_noise_has_power_1_everywhere(side: int) -> None:
    count = 600
    found = power_spectra(np.random.default_rng(0).normal(size=(count, side, side)).astype(np.float32))
    for name in ("row", "column"):
        powers = getattr(found, name)
        assert powers.shape == (count, side // 2)
        error = powers.std(0) / np.sqrt(count)
        assert (np.abs(powers.mean(0) - 1.0) < 4.5 * error).all()
    np.testing.assert_allclose(found.radial.mean(0)[1:], 1.0, atol=0.06)


def test_fringes_are_at_their_frequency_and_in_their_direction() -> None:
    along, down = power_spectra(fringes(9, 0)), power_spectra(fringes(0, 9))
    for one in (along, down):
        assert one.radial[0].argmax() == 8
    assert along.row[0].argmax() == 8
    assert down.column[0].argmax() == 8
    assert along.column[0, 2:].max() < 1e-6 * along.row[0].max()
    np.testing.assert_allclose(along.row, down.column, rtol=1e-4, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 63), st.integers(0, 63))
def test_where_fringes_stand_does_not_matter(y: int, x: int) -> None:
    """Under a Hann window frequencies do not meet that are more than two apart."""
    still = power_spectra(fringes(8, 4) + 0.5 * fringes(16, 12))
    moved = power_spectra(fringes(8, 4, shift=(y, x)) + 0.5 * fringes(16, 12, shift=(y, x)))
    for one, other in zip(still, moved, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_distances_are_decades_above_the_floor() -> None:
    ones = np.ones(5)
    real, generated = PowerSpectra(ones, ones, ones), PowerSpectra(10.0 * ones, ones, np.zeros(5))
    found = spectrum_distances(real, generated)
    assert (found.radial, found.row, found.column) == pytest.approx((1.0, 0.0, -np.log10(FLOOR)))


def test_row_jitter_shows_down_columns() -> None:
    """Rows displaced at random: along each row all is as it was."""
    rng = np.random.default_rng(0)
    still = np.stack([fringes(6, 3, shift=tuple(rng.integers(64, size=2)))[0] for _ in range(20)])
    jittered = np.stack([np.stack([np.roll(row, rng.integers(-2, 3)) for row in one]) for one in still])
    weights = np.ones(20)
    found = spectrum_distances(power_spectra(still).mean(weights), power_spectra(jittered).mean(weights))
    assert found.column > 4 * found.row
