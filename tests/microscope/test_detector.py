"""Counted electrons: mean, variance, skewness and whiteness, whichever way they are drawn."""

import numpy as np
import pytest
import torch
from scipy.stats import skew

from passband.microscope.detector import electron_counts

SIDE = 512


def counts(mean, excess=0.0, few=False):
    generator = torch.Generator().manual_seed(1)
    return electron_counts(torch.full((SIDE, SIDE), mean), excess_noise=excess, few=few, generator=generator)


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize("excess", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("mean", [12.0, 150.0])
def test_mean_and_variance_are_those_of_electrons_with_excess_noise(mean, excess, few):
    # 512² pixels: the mean is known to σ/512, the variance to √2/512 = 0.28 %; the expansion adds 2k² to it
    drawn = counts(mean, excess, few).double()
    variance = mean * (1.0 + excess)
    added = 0.0 if few else 2.0 * ((1.0 + 3.0 * excess) / (6.0 * (1.0 + excess))) ** 2
    assert float(drawn.mean()) == pytest.approx(mean, abs=5.0 * variance**0.5 / SIDE)
    assert float(drawn.var()) == pytest.approx(variance + added, rel=0.014)


def test_many_electrons_are_as_skewed_as_a_poisson_distribution():
    # √(6/512²) = 0.005 is the error; a normal distribution has none, a squared one (√λ + z/2)² has 1.5/√λ
    assert skew(counts(16.0).numpy(), axis=None) == pytest.approx(1.0 / 4.0, abs=0.025)


def test_few_electrons_are_whole_ones_and_many_are_never_below_zero():
    few = counts(2.0, few=True)
    assert torch.equal(few, few.round())
    assert float(counts(0.5).min()) >= 0.0


def test_noise_follows_the_image():
    image = torch.cat((torch.full((256, 512), 20.0), torch.full((256, 512), 140.0)))
    drawn = electron_counts(image, excess_noise=0.0, few=False, generator=torch.Generator().manual_seed(0))
    assert float(drawn[256:].var() / drawn[:256].var()) == pytest.approx(7.0, rel=0.03)
    residual = (drawn - image).numpy()
    assert abs(np.mean(residual[:, 1:] * residual[:, :-1]) / residual.var()) < 5.0 / 512


def test_the_expected_image_is_left_alone():
    image = torch.full((8, 8), 30.0)
    electron_counts(image, excess_noise=0.3, few=False, generator=torch.Generator().manual_seed(0))
    assert torch.equal(image, torch.full((8, 8), 30.0))
