"""Negatives are found by their particles and by their grain, and masks that follow grey levels by their negatives."""

import numpy as np
import pytest
from tests.fixtures.drawn_micrographs import PIXEL, darkness, micrograph, roughness, rule

from passband.checks.contrast import BRIGHT_PARTICLES, DARK_GRAIN, FOLLOWS_GREY, brightness
from passband.checks.subject import Subject


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
