"""Contrast of fringes and of shades: which is which, and what each factor does."""

from math import exp, pi

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from passband.microscope.contrast import Contrast, ContrastDistribution, with_contrast

PIXEL = 0.5  # Å


def lines(period):
    """Grating of some period in Å about a vacuum of 1, on 64 Å."""
    x = torch.arange(128, dtype=torch.float64) * PIXEL
    return (1.0 + 0.2 * torch.cos(2.0 * pi * x / period)).expand(96, 128)


@pytest.mark.parametrize(("period", "absorption", "fringes"), [(64.0, 0.5, 2.0), (16.0, 0.3, 1.0), (2.0, 0.5, 0.25)])
def test_a_grating_is_damped_by_the_share_of_shade_and_fringe_that_it_is(period, absorption, fringes):
    shade = exp(-2.0 * (pi * 3.0 / period) ** 2)
    seen = with_contrast(lines(period), Contrast(absorption=absorption, fringes=fringes), pixel_size=PIXEL)
    factor = absorption * shade + fringes * (1.0 - shade)
    torch.testing.assert_close(seen, 1.0 + factor * (lines(period) - 1.0))


def test_vacuum_stays_at_one_and_no_change_is_none():
    dark = 0.6 * lines(2.0)
    seen = with_contrast(dark, Contrast(absorption=0.5), pixel_size=PIXEL)
    assert float(seen.mean()) == pytest.approx(0.8)
    torch.testing.assert_close(with_contrast(dark, Contrast(), pixel_size=PIXEL), dark)


def test_draws_are_those_of_the_distribution_and_never_negative():
    wide = ContrastDistribution.model_validate(
        {"fringes": {"uniform": [0.4, 1.0]}, "absorption": {"normal": [0.2, 1.0]}}
    )
    rng = np.random.default_rng(0)
    drawn = [wide.sample(rng) for _ in range(300)]
    assert 0.4 <= min(one.fringes for one in drawn) < 0.45
    assert 0.95 < max(one.fringes for one in drawn) <= 1.0
    assert min(one.absorption for one in drawn) == 0.0
    with pytest.raises(ValidationError, match=r"fringes=4 is outside 0 to 3; write 0\.5 for half the contrast"):
        ContrastDistribution.model_validate({"fringes": {"choice": [1.0, 4.0]}})
