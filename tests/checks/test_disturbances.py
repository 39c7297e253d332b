"""Enlarged images, gradients, damage, and masks that change with what should not change them."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, zoom
from tests.fixtures.drawn_micrographs import PIXEL, average, darkness, micrograph, rule

from passband.checks.check import Check
from passband.checks.damage import BLACK_BORDER, BURNED_SCALE, SATURATED_PIXELS
from passband.checks.gradient import GRADIENT
from passband.checks.sampling import EMPTY_MAGNIFICATION
from passband.checks.slow_contrast import SLOW_CONTRAST
from passband.checks.stability import UNSTABLE_BLUR, UNSTABLE_NOISE, UNSTABLE_SCALE
from passband.checks.subject import Subject


def value(check: Check, image: np.ndarray, logit=darkness) -> float:
    found = check.measure(Subject(rule(logit), image, PIXEL, side=128))
    assert found is not None
    return found


def test_an_enlarged_image_has_no_fine_detail() -> None:
    image = micrograph()
    assert value(EMPTY_MAGNIFICATION, image) < EMPTY_MAGNIFICATION.least / 2
    assert value(EMPTY_MAGNIFICATION, zoom(image, 2, order=3)) > EMPTY_MAGNIFICATION.least
    assert value(EMPTY_MAGNIFICATION, np.zeros((64, 64))) == 0.0


def test_contrast_of_thickness_is_slow_and_grain_is_not() -> None:
    """Rejects a ratio that a gradient, the level or the gain of an image changes, and one of white noise."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(256, 256))
    y, x = np.mgrid[:256, :256]
    discs = sum(np.hypot(y - a, x - b) < 16.0 for a, b in ((60, 70), (150, 100), (90, 190), (200, 210)))
    assert value(SLOW_CONTRAST, noise) == pytest.approx(0.0, abs=0.1)
    assert value(SLOW_CONTRAST, 3.0 * discs + 0.3 * noise) > 1.5
    grain = gaussian_filter(noise, 1.2) - gaussian_filter(noise, 2.4)
    assert value(SLOW_CONTRAST, discs + grain / grain.std()) < 0.0
    slow = value(SLOW_CONTRAST, 2.0 * discs + noise)
    assert value(SLOW_CONTRAST, 50.0 + 20.0 * discs + 10.0 * noise) == pytest.approx(slow, abs=1e-3)
    assert value(SLOW_CONTRAST, np.ones((64, 64))) == 0.0


def test_a_gradient_is_the_share_that_a_slow_surface_explains() -> None:
    y, x = np.mgrid[-1.0:1.0:128j, -1.0:1.0:128j]
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(128, 128))
    ramp = (x - 2.0 * y + x * y) / np.std(x - 2.0 * y + x * y)
    assert value(GRADIENT, ramp + noise) == pytest.approx(0.5, abs=0.03)  # of variance 1 + 1
    assert value(GRADIENT, noise) < 0.01
    assert value(GRADIENT, micrograph() + 0.0 * x) < GRADIENT.least < value(GRADIENT, micrograph() + 60.0 * x)
    assert value(GRADIENT, np.ones((64, 64))) == 0.0


def test_damage_is_found_along_both_axes() -> None:
    image = micrograph()
    dark, bar = image.copy(), np.round(image)
    dark[:13] = 0.0  # 10 %
    assert value(BLACK_BORDER, dark) == pytest.approx(13 / 128, abs=1e-3)
    assert value(BLACK_BORDER, image) <= BLACK_BORDER.least < value(BLACK_BORDER, dark.T)
    clipped = np.clip(image, None, np.quantile(image, 0.9))
    assert value(SATURATED_PIXELS, clipped) > SATURATED_PIXELS.least >= value(SATURATED_PIXELS, image)
    bar[115:120, 10:50] = image.max() + 20.0
    assert value(BURNED_SCALE, bar) == pytest.approx(200 / 128**2, rel=0.05)
    assert value(BURNED_SCALE, bar.T) == value(BURNED_SCALE, bar) > value(BURNED_SCALE, image) == 0.0


def test_a_mask_of_fine_detail_changes_with_blur_and_noise() -> None:
    # rejects disturbances that do nothing, and a change that is not seen at the image's own size
    image = micrograph()

    def fine(images: torch.Tensor) -> torch.Tensor:
        return 4.0 * (images - average(images, 3))

    for check in (UNSTABLE_BLUR, UNSTABLE_NOISE):
        assert value(check, image, fine) > 2.0 * value(check, image, darkness) > 0.0


def test_a_mask_of_a_width_in_pixels_changes_with_the_scale() -> None:
    image = micrograph()

    def sized(images: torch.Tensor) -> torch.Tensor:
        return 20.0 * (average(images, 3) - average(images, 7))

    assert value(UNSTABLE_SCALE, image, sized) > 2.0 * value(UNSTABLE_SCALE, image, darkness) > 0.0
    assert value(UNSTABLE_SCALE, image, lambda images: images * 0.0 - 4.0) == pytest.approx(0.0, abs=1e-6)
