"""A burned-in scale bar is found where it was drawn, and nowhere else."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from passband.camera.burned_in import Box, scale_bar
from passband.camera.processing import Processing, processed
from passband.camera.scale_bar import Corner, ScaleBar

CORNERS: tuple[Corner, ...] = ("top left", "top right", "bottom left", "bottom right")


def scene(side: int = 200, *, correlation: float = 0.6, seed: int = 0) -> NDArray[np.float32]:
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), correlation)
    y, x = np.mgrid[:side, :side]
    return np.asarray(noise / noise.std() - 2.0 * (np.hypot(y - side / 2, x - side / 3) < side / 4), np.float32)


def burned(bar: ScaleBar, **others: object) -> NDArray[np.float32]:
    values = {"scale_bar": bar, "clipped_dark": 0.01, "clipped_bright": 0.01} | others
    return processed(torch.from_numpy(scene()), Processing.model_validate(values)).numpy()


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize(("bright", "boxed"), [(True, False), (False, False), (True, True), (False, True)])
def test_a_bar_is_found_where_it_was_drawn(corner: Corner, bright: bool, boxed: bool) -> None:
    bar = ScaleBar(corner=corner, length=0.25, thickness=0.02, bright=bright, boxed=boxed)
    edge = 2 if boxed else 0
    top = 6 + edge if corner.startswith("top") else 200 - 6 - edge - 4
    left = 6 + edge if corner.endswith("left") else 200 - 6 - edge - 50
    found = scale_bar(burned(bar))
    assert found is not None
    # a pixel of the noise beside the bar may have its level
    np.testing.assert_allclose(found, Box(top, top + 4, left, left + 50), atol=1)


def test_a_label_does_not_hide_the_bar() -> None:
    found = scale_bar(burned(ScaleBar(length=0.3, label="5 nm", boxed=True)))
    assert found is not None
    assert found.right - found.left == pytest.approx(60, abs=1)


@pytest.mark.parametrize("quality", [95, 75, 60])
def test_a_bar_is_found_in_a_jpeg(quality: int) -> None:
    found = scale_bar(burned(ScaleBar(length=0.25, thickness=0.03), jpeg_quality=quality, jpeg_grid=(3, 5)))
    assert found is not None
    np.testing.assert_allclose(found, Box(188, 194, 6, 56), atol=2)


def test_a_grey_bar_is_found_where_its_level_is_exact() -> None:
    image = scene()
    image[20:24, 30:80] = 0.7
    assert scale_bar(image) == Box(20, 24, 30, 80)


def test_a_level_ellipse_is_no_bar() -> None:
    image = scene()
    y, x = np.mgrid[:200, :200]
    image[((y - 25) / 6) ** 2 + ((x - 100) / 30) ** 2 < 1] = image.max()
    assert scale_bar(image) is None


def test_a_bar_within_a_border_is_found_in_the_pixels_of_the_whole() -> None:
    image = scene()
    image[:7] = image[:, :11] = -5.0
    image[170:176, 30:90] = image.max()
    assert scale_bar(image) == Box(170, 176, 30, 90)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (slice(95, 99), slice(30, 80)),  # in the middle of the image
        (slice(10, 14), slice(10, 18)),  # too short
        (slice(10, 14), slice(10, 190)),  # as long as a data bar
        (slice(10, 32), slice(20, 120)),  # too thick
        (slice(10, 20), slice(20, 45)),  # not slim
        (slice(10, 11), slice(20, 70)),  # a single line
        (slice(10, 60), slice(10, 14)),  # upright
    ],
)
def test_other_rectangles_are_no_scale_bars(rows: slice, columns: slice) -> None:
    image = scene()
    image[rows, columns] = image.max()
    assert scale_bar(image) is None


@pytest.mark.parametrize(
    "image",
    [
        scene(),
        scene(correlation=4.0),
        np.clip(scene(correlation=3.0), -1.0, 1.0),  # saturated, in blots
        np.repeat(np.arange(100.0)[:, None], 100, axis=1),
        np.random.default_rng(0).poisson(0.02, (200, 200)),
        np.random.default_rng(0).random((200, 200)) > 0.5,
        np.ones((50, 50)),
        np.array([[1.0, 2.0]]),
        np.arange(40.0)[None],
        np.arange(40.0)[:, None],
    ],
)
def test_what_has_no_scale_bar(image: NDArray[np.float64]) -> None:
    assert scale_bar(image) is None
