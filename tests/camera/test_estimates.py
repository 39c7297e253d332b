"""One estimate of the camera from one image: complete, in plain values, and the parts not in each other's way."""

import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from passband.camera.border import Border
from passband.camera.burned_in import Box
from passband.camera.estimates import estimate_camera, grey_levels, slow_variation
from passband.camera.processing import Processing, processed
from passband.camera.scale_bar import ScaleBar
from passband.recipe import PassbandError


def noise(side: int = 256, seed: int = 0) -> NDArray[np.float64]:
    return np.asarray(np.random.default_rng(seed).normal(100.0, 5.0, (side, side)))


def test_an_image_of_everything() -> None:
    done = Processing(clipped_bright=0.01, eight_bit=True, scale_bar=ScaleBar(length=0.3))
    image = np.pad(processed(torch.from_numpy(noise()), done).numpy(), ((9, 0), (0, 4)))
    found = estimate_camera(image)
    assert found.border == Border(9, 0, 0, 4)
    assert found.border_share == pytest.approx(1.0 - 256 * 256 / (265 * 260))
    assert found.scale_bar is not None
    np.testing.assert_allclose(found.scale_bar, Box(9 + 243, 9 + 248, 8, 85), atol=1)
    assert found.grey_levels is not None
    assert 200 <= found.grey_levels <= 257  # and the border
    assert found.saturated == pytest.approx(0.01 + 5 * 77 / 256**2, rel=0.2)
    assert found.blocks == 0.0
    assert found.noise_share == pytest.approx(1.0, abs=0.03)
    assert found.correlation == pytest.approx(0.0, abs=0.1)


def test_empty_corners_are_apart_from_the_border_and_no_saturation() -> None:
    image = noise()
    image[np.add.outer(np.arange(256), 2 * np.arange(256)) < 100] = 0.0
    found = estimate_camera(np.pad(image, ((9, 0), (0, 0))))
    assert found.border == Border(top=9)
    assert found.border_share == pytest.approx(9 / 265)
    assert found.corner_share == pytest.approx(100 * 50 / 2 / (256 * 265), rel=0.25)
    assert found.saturated == 0.0


def test_the_estimates_are_plain_values() -> None:
    values = json.loads(json.dumps(estimate_camera(noise(64)).as_dict(), allow_nan=False))
    assert values["border"] == {"top": 0, "bottom": 0, "left": 0, "right": 0}
    assert values["scale_bar"] is None
    image = noise()
    image[10:14, 20:80] = 0.0
    assert estimate_camera(image).as_dict()["scale_bar"] == {"top": 10, "bottom": 14, "left": 20, "right": 80}


def test_a_border_and_a_bar_are_not_noise() -> None:
    plain, image = noise(128), noise(128)
    image[100:106, 10:60] = 200.0
    bar = estimate_camera(image)
    bordered = estimate_camera(np.pad(plain, ((40, 0), (0, 0))))
    for found in (bar, bordered):
        assert found.noise_share == pytest.approx(estimate_camera(plain).noise_share, abs=0.03)
        assert found.slow_variation == pytest.approx(estimate_camera(plain).slow_variation, abs=0.15)


@pytest.mark.parametrize(
    ("image", "levels"),
    [
        (np.arange(256, dtype=np.uint8).reshape(16, 16), 256),
        (np.arange(1024.0).reshape(32, 32) / 7.0, 1024),
        (np.arange(1025.0).reshape(41, 25), None),
        (np.ones((3, 3)), 1),
        (np.arange(300 * 300.0).reshape(300, 300), None),
    ],
)
def test_grey_levels_are_counted_up_to_1024(image: NDArray[np.float64], levels: int | None) -> None:
    assert grey_levels(image) == levels


def test_rare_grey_levels_are_counted_too() -> None:
    image = np.zeros((600, 600))
    image.ravel()[1 : 10 * 1100 : 10] = np.arange(1100.0) + 1.0  # one in ten, none of them in every fifth pixel
    assert grey_levels(image) is None


def test_hot_pixels_are_in_ten_thousand() -> None:
    image = noise()
    image[5::16, 3::16] += 100.0
    assert estimate_camera(image).hot_pixels == pytest.approx(1e4 / 256, rel=0.02)


@pytest.mark.parametrize("curved", [False, True])
def test_the_slow_variation_is_its_range_in_standard_deviations(curved: bool) -> None:
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    slow = 4.0 * x**2 - 3.0 * y * x if curved else 2.0 * y + x
    image = noise() + 5.0 * slow
    assert slow_variation(image) == pytest.approx(5.0 * np.ptp(slow) / image.std(), rel=0.1)


def test_particles_are_no_slow_variation() -> None:
    y, x = np.mgrid[:256, :256]
    image = noise() - 10.0 * (np.hypot(y - 60, x - 190) < 45)
    variation = slow_variation(image)
    assert variation is not None
    assert variation < 0.5


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64)),
        np.full((64, 64), 1e15),
        np.array([[3.0]]),
        np.arange(7.0)[None],
        np.eye(40),
        np.random.default_rng(0).random((64, 64)) > 0.5,
        np.random.default_rng(0).normal(size=(64, 64)) * 1e14,
        np.random.default_rng(0).normal(size=(64, 64)).astype(np.float16),
        np.iinfo(np.uint16).max - np.arange(64 * 64, dtype=np.uint16).reshape(64, 64),
        np.random.default_rng(0).poisson(0.001, (200, 200)),
    ],
)
def test_hostile_images_give_finite_values_and_stay(image: NDArray[np.float64]) -> None:
    before = image.copy()
    json.dumps(estimate_camera(image).as_dict(), allow_nan=False)
    np.testing.assert_array_equal(image, before)


def test_what_no_network_may_look_at_is_refused() -> None:
    with pytest.raises(PassbandError, match="1 of 16 pixels are NaN or infinite"):
        estimate_camera(np.where(np.eye(16).reshape(16, 16)[:4, :4] * [1, 0, 0, 0] > 0, np.nan, 1.0))
