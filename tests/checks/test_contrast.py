"""Negatives are found by their particles and by their grain, and masks that follow grey levels by their negatives."""

import numpy as np
import pytest
import torch
from tests.fixtures.drawn_micrographs import (
    PIXEL,
    average,
    counted,
    darkness,
    film,
    micrograph,
    particles,
    roughness,
    rule,
)
from torch import Tensor

from passband.checks.contrast import FOLLOWS_GREY, GRAIN, NEGATIVE, dark_grain, surety
from passband.checks.grain import grain
from passband.checks.subject import Subject, texture


def value(check, image: np.ndarray, logit=roughness) -> float:
    found = check.measure(Subject(rule(logit), image, PIXEL, side=128))
    assert found is not None
    return found


def grain_of(image: np.ndarray, logit=roughness) -> float:
    return dark_grain(Subject(rule(logit), image, PIXEL, side=128))


def dark_fringes(images: Tensor) -> Tensor:
    """Logit of a network that calls a particle what is dark and varies."""
    return roughness(images) - 20.0 * torch.relu(average(images) + 0.3)


@pytest.mark.parametrize("logit", [roughness, dark_fringes])
@pytest.mark.parametrize("seed", range(3))
def test_a_negative_has_the_opposite_value(seed: int, logit) -> None:
    # rejects a value that does not change its sign with the image: then no threshold could tell the two apart
    image = micrograph(seed)
    assert value(NEGATIVE, image, logit) == pytest.approx(-value(NEGATIVE, -image, logit), abs=0.05)
    assert value(NEGATIVE, image, logit) < -NEGATIVE.least < NEGATIVE.least < value(NEGATIVE, -image, logit)


def test_a_network_that_sees_particles_in_one_of_both_tells_which_is_the_negative() -> None:
    """Rejects the grain alone: there is none in an image without noise, and at most 3 standard deviations count."""
    even = film(np.random.default_rng(0)) * particles(dark=0.4, fringes=0.3)
    for image in (even, even**0.3):
        assert value(NEGATIVE, image, dark_fringes) < -GRAIN
        assert value(NEGATIVE, -image, dark_fringes) > GRAIN
    assert abs(value(NEGATIVE, micrograph(), roughness)) == pytest.approx(GRAIN)


@pytest.mark.parametrize("seed", range(3))
def test_a_tone_curve_that_is_bent_down_makes_no_negative_of_particles_that_the_network_sees(seed: int) -> None:
    """Rejects the grain alone, which a gamma of 0.3 turns over."""
    bent = micrograph(seed) ** 0.3
    assert -grain(texture(bent)) > NEGATIVE.least
    assert value(NEGATIVE, bent, dark_fringes) < NEGATIVE.least < value(NEGATIVE, -micrograph(seed), dark_fringes)
    rng = np.random.default_rng(seed)
    assert value(NEGATIVE, counted(film(rng), rng, 20.0) ** 0.3, dark_fringes) > NEGATIVE.least  # a bare film


def test_surety_is_of_every_square() -> None:
    """Probabilities of 0.5, 0.95 and 0.02: entropies of 0.693, 0.199 and 0.098 nats."""
    squares = np.stack([np.full((8, 8), p) for p in (0.5, 0.95, 0.02)])
    assert surety(squares) == pytest.approx([-0.1985, 0.0, 0.95], abs=1e-4)
    squares[0, :4] = 0.92
    assert surety(squares[:1]) == pytest.approx([-0.5 * (0.6931 + 0.2788), 0.5, 0.92], abs=1e-4)
    assert np.isfinite(surety(np.stack([np.zeros((8, 8)), np.ones((8, 8))]))).all()


def test_the_grain_of_a_large_image_weighs_no_more() -> None:
    """Rejects standard deviations, which grow with the side of an image while the threshold does not."""
    rng = np.random.default_rng(0)
    small, large = (-rng.poisson(20.0, size=(side, side)).astype(float) for side in (128, 512))
    assert grain_of(large) == pytest.approx(grain_of(small), rel=0.2)
    assert -grain(texture(large)) > 3.0 * grain_of(large)


def test_only_the_film_has_grain() -> None:
    """Rejects the grain of the whole image: what a particle looks like is no noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:128, :128]
    particle = np.hypot(y - 64.0, x - 64.0) < 44.0
    image = rng.normal(size=(128, 128)) - particle * (6.0 + 3.0 * rng.exponential(size=(128, 128)))
    assert -grain(texture(image)) > 2.0
    assert grain_of(image, darkness) < 2.0


def test_a_mask_that_follows_grey_levels_is_another_one_in_the_negative() -> None:
    image = micrograph()
    assert value(FOLLOWS_GREY, image, darkness) > 0.15  # the particles, and the bright half of the rest
    assert value(FOLLOWS_GREY, image, roughness) == pytest.approx(0.0, abs=1e-6)
