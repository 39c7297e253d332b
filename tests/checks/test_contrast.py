"""Negatives are found by their particles and by their grain, and masks that follow grey levels by their negatives."""

import numpy as np
import pytest
from tests.fixtures.drawn_micrographs import PIXEL, counted, darkness, film, micrograph, roughness, rule

from passband.checks.contrast import BRIGHT_PARTICLES, DARK_GRAIN, FOLLOWS_GREY, brightness
from passband.checks.grain import grain
from passband.checks.subject import Subject, texture


def value(check, image: np.ndarray, logit=roughness) -> float:
    found = check.measure(Subject(rule(logit), image, PIXEL, side=128))
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_negative_has_bright_particles_and_dark_grain(seed: int) -> None:
    # rejects a value that does not change its sign with the image: then no threshold could tell the two apart
    image = micrograph(seed)
    for check in (BRIGHT_PARTICLES, DARK_GRAIN):
        assert value(check, image) == pytest.approx(-value(check, -image), rel=1e-4)
        assert value(check, image) < 0.0
    assert value(DARK_GRAIN, -image) > DARK_GRAIN.least
    assert value(BRIGHT_PARTICLES, -image) > 0.2


def test_a_network_that_calls_dark_what_is_a_particle_cannot_hide_a_negative() -> None:
    # rejects a value of the image alone, which is as negative for any image
    image = micrograph()
    assert value(BRIGHT_PARTICLES, -image, darkness) == pytest.approx(
        -value(BRIGHT_PARTICLES, image, darkness), abs=1e-4
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_tone_curve_that_is_bent_down_makes_no_negative_of_dark_particles(seed: int) -> None:
    """Rejects the grain alone, which a gamma of 0.3 turns over, and a silence that bare films share with particles."""
    bent = micrograph(seed) ** 0.3
    assert -grain(texture(bent)) > DARK_GRAIN.least
    assert value(DARK_GRAIN, bent) <= 0.0
    assert value(DARK_GRAIN, -micrograph(seed)) > DARK_GRAIN.least
    rng = np.random.default_rng(seed)
    assert value(DARK_GRAIN, counted(film(rng), rng, 20.0) ** 0.3) > DARK_GRAIN.least


def test_the_grain_of_a_large_image_weighs_no_more() -> None:
    """Rejects standard deviations, which grow with the side of an image while the threshold does not."""
    rng = np.random.default_rng(0)
    small, large = (-rng.poisson(20.0, size=(side, side)).astype(float) for side in (128, 512))
    assert value(DARK_GRAIN, large) == pytest.approx(value(DARK_GRAIN, small), rel=0.2)
    assert -grain(texture(large)) > 3.0 * value(DARK_GRAIN, large)


def test_only_the_film_has_grain() -> None:
    """Rejects the grain of the whole image: what a particle looks like is no noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:128, :128]
    particle = np.hypot(y - 64.0, x - 64.0) < 44.0
    image = rng.normal(size=(128, 128)) - particle * (6.0 + 3.0 * rng.exponential(size=(128, 128)))
    assert -grain(texture(image)) > DARK_GRAIN.least
    assert value(DARK_GRAIN, image, darkness) < DARK_GRAIN.least


def test_a_mask_that_follows_grey_levels_is_another_one_in_the_negative() -> None:
    image = micrograph()
    assert value(FOLLOWS_GREY, image, darkness) > 0.15  # the particles, and the bright half of the rest
    assert value(FOLLOWS_GREY, image, roughness) == pytest.approx(0.0, abs=1e-6)


def test_brightness_has_the_sign_of_the_particles() -> None:
    image = np.zeros((64, 64))
    image[20:40, 20:40] = 1.0
    mask = image.copy()
    assert brightness(mask, image) > 0.5
    assert brightness(mask, -image) < -0.5
    assert brightness(mask, np.zeros((64, 64))) == brightness(np.zeros((64, 64)), image) == 0.0
