"""Exponentially correlated noise: its recursion, variance and autocorrelation, and how it goes on over the rows."""

import pytest
import torch

from passband.camera.autoregression import recursion, stationary, stationary_over_rows


def white(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99, 1.0])
def test_the_recursion_is_that_of_a_loop(kept):
    values, expected = white(3, 37), white(3, 37)
    for k in range(1, 37):
        expected[:, k] += kept * expected[:, k - 1]
    torch.testing.assert_close(recursion(values, kept), expected, rtol=1e-8, atol=1e-8)
    assert torch.equal(values, white(3, 37))


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.95])
def test_noise_has_variance_one_from_the_first_value_on_and_loses_its_correlation_by_a_constant_factor(kept):
    noise = stationary(white(40_000, 24), kept)  # means over 40 000 series: 0.5 % each
    assert noise[:, 0].var().item() == pytest.approx(1.0, abs=0.04)
    assert noise[:, -1].var().item() == pytest.approx(1.0, abs=0.04)
    for lag in (1, 2, 5):
        assert (noise[:, 10] * noise[:, 10 + lag]).mean().item() == pytest.approx(kept**lag, abs=0.03)


def test_noise_goes_on_from_row_to_row_as_a_loop_over_the_scan_has_it():
    kept, between, drawn = 0.8, 0.5, white(5, 7)
    expected, last = torch.zeros(5, 7, dtype=torch.float64), 0.0
    for row in range(5):
        for column in range(7):
            a = between if column == 0 else kept
            a = 0.0 if row == column == 0 else a
            last = a * last + (1.0 - a * a) ** 0.5 * drawn[row, column].item()
            expected[row, column] = last
    torch.testing.assert_close(stationary_over_rows(drawn, kept, between), expected, rtol=1e-8, atol=1e-8)
