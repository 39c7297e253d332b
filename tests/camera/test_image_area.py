"""What of an image is image: corners that a turn left empty are found, and what only looks like one is not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, rotate
from tests.camera.test_artefacts import eight_bit, jpeg, scene

from passband.camera.border import Border
from passband.camera.image_area import ImageArea, image_area

Image = NDArray[np.uint8]


def film(side: int = 160) -> Image:
    """Grey values from 1 to 254."""
    return np.asarray(eight_bit(scene(side)).clip(1, 254), dtype=np.uint8)


def turned(image: Image, degrees: float, *, level: float = 0.0, order: int = 1) -> tuple[Image, NDArray[np.bool_]]:
    """Image that was turned, and which of its pixels are empty."""
    found = rotate(image.astype(np.float64), degrees, order=order, cval=level).clip(0, 255).round().astype(np.uint8)
    return found, rotate(np.ones(image.shape), degrees, order=1, cval=0.0) < 0.5


@pytest.mark.parametrize("degrees", [3.0, 10.0, 30.0, 45.0, 80.0, -10.0])
@pytest.mark.parametrize(("level", "order"), [(0.0, 1), (255.0, 0), (128.0, 3)])
def test_corners_that_a_turn_left_empty_are_found(degrees: float, level: float, order: int) -> None:
    image, empty = turned(film(), degrees, level=level, order=order)
    seen = image_area(image).seen(image.shape)
    assert (seen & empty).sum() <= 0.03 * empty.sum()
    assert (~seen & ~empty).sum() <= 0.09 * (~empty).sum()  # two or three pixels beside each


def test_corners_that_a_shear_left_empty_are_found() -> None:
    image = affine_transform(film().astype(np.float64), [[1.0, 0.0], [0.2, 1.0]], cval=0.0, order=1)
    seen = image_area(image.round()).seen(image.shape)
    assert (image[seen] == 0.0).mean() < 0.002
    assert 0.87 < seen.mean() < 0.91


@pytest.mark.parametrize(("side", "degrees", "quality"), [(320, 12.0, 80), (160, 30.0, 85), (240, 8.0, 95)])
def test_corners_of_a_jpeg_are_found_with_what_rang_into_them(side: int, degrees: float, quality: int) -> None:
    """Rejects exact equality alone: the last two have no triangle of exactly one level."""
    image, empty = turned(film(side), degrees)
    seen = image_area(jpeg(image, quality)).seen(image.shape)
    assert (seen & empty).sum() <= 0.04 * empty.sum()


def test_a_border_and_empty_corners_are_both_left_out() -> None:
    image, empty = turned(film(), 20.0)
    padded = np.pad(image, ((7, 0), (0, 9)))
    area = image_area(padded)
    assert area.border.top >= 7
    assert area.border.right >= 9
    assert (area.inside(padded) == 0).mean() < 0.002
    assert area.share(padded.shape) == pytest.approx(1.0 - (~empty).sum() / padded.size, abs=0.05)
    around = area.around(np.ones((2, *area.inside(padded).shape)), 5.0)
    assert around.shape == (2, *padded.shape)
    assert set(np.unique(around)) == {1.0, 5.0}
    np.testing.assert_array_equal(around[0] == 1.0, area.seen(padded.shape))


def test_what_is_empty_is_filled_with_the_mirror_image() -> None:
    """Rejects a filling by one level, by the nearest pixel, and one that looks into another empty corner."""
    image = np.add.outer(100.0 * np.arange(40), np.arange(40))
    empty = np.zeros(image.shape, dtype=bool)
    empty[:6] = True
    filled = ImageArea(empty=empty).inside(image)
    np.testing.assert_array_equal(filled[6:], image[6:])
    np.testing.assert_array_equal(filled[:6], image[12:6:-1])
    empty[9:] = True  # three rows are left, and mirror images of the others lie beyond them
    filled = ImageArea(empty=empty).inside(image)
    assert set(np.unique(filled // 100)) == {6.0, 7.0, 8.0}


@pytest.mark.parametrize("degrees", [5.0, 30.0, 45.0])
def test_the_rectangle_has_no_empty_pixel_and_the_next_larger_one_has(degrees: float) -> None:
    image, _ = turned(film(), degrees)
    area = image_area(image)
    part = area.rectangle(image)
    assert part.base is not None
    assert part.min() > 0
    rows, columns = ((whole - side) // 2 for whole, side in zip(image.shape, part.shape, strict=True))
    assert area.seen(image.shape)[rows:-rows, columns:-columns].all()
    assert not area.seen(image.shape)[rows - 1 : 1 - rows, columns - 1 : 1 - columns].all()


def corner_particle() -> NDArray[np.float64]:
    """A saturated particle that the corner of the image cuts off."""
    image = film().astype(np.float64)
    image[np.hypot(*np.mgrid[:160, :160]) < 40] = 0.0
    return image


def vacuum() -> NDArray[np.float64]:
    """An uneven edge of a film, and beyond it vacuum at the end of the range."""
    y, x = np.mgrid[:160, :160]
    edge = 60.0 + 20.0 * np.sin(y / 12.0)
    return np.where(x + 0.4 * y < edge, 255.0, film())


@pytest.mark.parametrize(
    "image",
    [
        film(),
        corner_particle(),
        vacuum(),
        np.random.default_rng(0).poisson(0.02, (100, 100)).astype(float),
        np.random.default_rng(1).poisson(0.002, (100, 100)).astype(float),
        np.where(np.add.outer(np.arange(90), np.arange(90)) < 40, 0.0, gaussian_filter(film(90) / 1.0, 1) > 120),
        np.ones((30, 30)),
        np.add.outer(np.arange(50.0), np.arange(50.0)),
        np.array([[1.0, 1.0, 2.0]]),
        np.array([[1.0]]),
    ],
    ids=["film", "particle", "vacuum", "few", "fewer", "mask", "even", "ramp", "row", "pixel"],
)
def test_what_is_no_empty_corner(image: NDArray[np.float64]) -> None:
    assert image_area(image).empty is None


def test_what_has_no_empty_corner_is_not_copied() -> None:
    image = np.pad(film(), ((0, 5), (0, 0)))
    area = image_area(image)
    assert area == ImageArea(Border(0, 5, 0, 0))
    assert np.shares_memory(area.inside(image), image)
    assert np.shares_memory(area.rectangle(image), image)
    whole = ImageArea()
    assert whole.around(image) is image
    assert whole.share(image.shape) == 0.0
