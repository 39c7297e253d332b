"""Saturation and blocks of JPEG: found where they are, and nowhere else."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from passband.camera.artefacts import block_artefacts, saturated_share
from passband.camera.border import black_border
from passband.camera.burned_in import scale_bar
from passband.camera.image_area import image_area
from passband.recipe import PassbandError


def scene(side: int = 128, *, correlation: float = 1.0, seed: int = 0) -> NDArray[np.float64]:
    """Noise with a dark disc, standard deviation near 1."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), correlation)
    y, x = np.mgrid[:side, :side]
    return np.asarray(noise / noise.std() - 2.0 * (np.hypot(y - side / 2, x - side / 3) < side / 4))


def eight_bit(image: NDArray[np.float64]) -> NDArray[np.uint8]:
    low, high = image.min(), image.max()
    return np.asarray(np.rint((image - low) / (high - low) * 255), np.uint8)


def jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_saturated_pixels_are_counted_at_both_ends(dtype: type) -> None:
    image = scene(256)
    low, high = np.quantile(image, [0.02, 0.95])
    clipped = np.clip(image, low, high)
    ready = eight_bit(clipped) if dtype is np.uint8 else clipped.astype(dtype)
    # of 256 levels half a level beside the ends has their value too, 0.3 % of the pixels
    assert saturated_share(ready) == pytest.approx(0.07, abs=0.004 if dtype is np.uint8 else 1e-4)
    assert saturated_share(np.clip(image, None, high)) == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize(
    "image",
    [
        scene(),
        eight_bit(scene()),
        np.random.default_rng(0).poisson(0.05, (200, 200)),
        np.random.default_rng(0).poisson(2.0, (200, 200)),
        np.random.default_rng(0).poisson(200.0, (200, 200)),
        np.random.default_rng(0).random((200, 200)),
        scene() > 0.0,
        eight_bit(np.minimum(scene(seed=1), np.sort(scene(seed=1).ravel())[-5])),  # five brightest pixels are alike
        np.zeros((20, 20)),
        np.array([[3.0]]),
    ],
)
def test_what_is_not_saturated(image: NDArray[np.float64]) -> None:
    assert saturated_share(image) == 0.0


def test_hot_pixels_far_above_the_image_are_not_its_saturation() -> None:
    image = scene(256)
    image.ravel()[::3000] = 500.0
    assert saturated_share(image) == 0.0


def test_a_border_is_not_saturation() -> None:
    image = scene()
    image[:20] = image.min()
    assert saturated_share(image) == 0.0


def test_rows_are_left_out_of_a_large_image_and_the_share_stays() -> None:
    image = np.random.default_rng(0).random((2000, 1500))
    assert saturated_share(np.minimum(image, 0.9)) == pytest.approx(0.1, abs=0.002)


def test_blocks_of_a_jpeg_are_found_wherever_the_grid_begins() -> None:
    saved = jpeg(eight_bit(scene(256)), 30)
    strengths = [block_artefacts(saved[top:, left:]) for top, left in ((0, 0), (1, 0), (3, 7), (5, 2))]
    assert min(strengths) > 0.1
    assert max(strengths) < 1.3 * min(strengths)
    assert block_artefacts(jpeg(eight_bit(scene(256)), 10)) > 1.5 * max(strengths)


def test_blocks_along_one_axis_are_no_jpeg() -> None:
    """Columns read by several amplifiers have steps too."""
    image = scene(256)
    image += 0.5 * (np.arange(256) // 8 % 2)
    assert block_artefacts(image) == 0.0


@pytest.mark.parametrize(
    "image",
    [
        scene(256),
        scene(256, correlation=0.3),
        eight_bit(scene(256, correlation=3.0)),
        np.kron(scene(128), np.ones((2, 2))),  # enlarged twice: steps at every second pixel
        np.kron(scene(64), np.ones((4, 4))),
        np.sin(2 * np.pi / 8 * np.arange(256))[:, None] * np.sin(2 * np.pi / 8 * np.arange(256)) + 0.3 * scene(256),
        np.ones((100, 100)),
        np.array([[1.0, 2.0]]),
    ],
)
def test_what_has_no_blocks(image: NDArray[np.float64]) -> None:
    assert block_artefacts(image) == 0.0


@pytest.mark.parametrize("measure", [black_border, image_area, saturated_share, block_artefacts, scale_bar])
def test_hostile_images(measure: object) -> None:
    assert callable(measure)
    huge = 1e15 * np.clip(scene(), -1.0, 1.0)
    before = huge.copy()
    measure(huge)
    np.testing.assert_array_equal(huge, before)
    for image, message in (
        (np.full((4, 4), np.nan), "16 of 16 pixels are NaN"),
        (np.zeros((2, 4, 4)), "not 2-D"),
        (np.zeros((0, 4)), "holds no pixels"),
        (np.full((4, 4), 1e30), "outside ±1e"),
    ):
        with pytest.raises(PassbandError, match=message):
            measure(image)
