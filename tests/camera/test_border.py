"""Borders of one grey level: found where they are, and nowhere else."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.camera.test_artefacts import eight_bit, jpeg, scene

from passband.camera.border import Border, black_border


@pytest.mark.parametrize("border", [Border(), Border(5, 0, 0, 0), Border(0, 2, 0, 9), Border(3, 4, 5, 6)])
@pytest.mark.parametrize("level", [0, 255, 90])
def test_a_border_of_one_level_is_found(border: Border, level: int) -> None:
    image = np.full((60, 80), level, np.uint8)
    border.inside(image)[:] = eight_bit(scene(80))[:60].clip(1, 254)[border.top : 60 - border.bottom][
        :, border.left : 80 - border.right
    ]
    assert black_border(image) == border
    kept = (60 - border.top - border.bottom) * (80 - border.left - border.right)
    assert border.share(image.shape) == pytest.approx(1.0 - kept / 4800)


def test_borders_of_several_levels_are_found() -> None:
    image = eight_bit(scene())
    image[:, :4] = 255
    image[:6] = 0  # across the corner
    assert black_border(image) == Border(6, 0, 4, 0)
    image[:, :4] = 255  # across the corner instead
    assert black_border(image) == Border(6, 0, 4, 0)


def test_a_border_in_a_jpeg_is_found_to_the_block() -> None:
    image = eight_bit(scene())
    image[:20] = 0
    border = black_border(jpeg(image, 70))
    assert 16 <= border.top <= 20
    assert border[1:] == (0, 0, 0)


@pytest.mark.parametrize(
    "image",
    [
        np.ones((30, 30)),
        np.repeat(np.arange(60.0)[:, None], 40, axis=1),
        np.repeat(np.arange(20.0)[:, None], 40, axis=1).repeat(3, axis=0),  # a ramp in few levels
        np.random.default_rng(0).poisson(0.02, (100, 100)).astype(float),
        np.clip(scene() + np.linspace(-9.0, 9.0, 128)[:, None], 0.0, None),  # vacuum that fades out
        np.array([[1.0]]),
        np.array([[1.0, 2.0, 3.0]]),
    ],
)
def test_what_is_no_border(image: NDArray[np.float64]) -> None:
    assert black_border(image) == Border()


def test_one_dead_row_is_no_border() -> None:
    image = scene()
    image[0] = 0.0
    assert black_border(image) == Border()
