"""Texture at every pixel: that of the crop about it, whatever the batches, up to the border."""

import numpy as np
import pytest

from passband.recipe import PassbandError
from passband.zero_shot.textures import dense
from passband.zero_shot.textures.dense import embed_pixels
from passband.zero_shot.textures.embeddings import find_texture


def halves(side: int = 96) -> np.ndarray:
    """Fringes of 8 pixels on the left, of 5 on the right."""
    x = np.arange(side)
    row = np.where(x < side // 2, np.sin(2 * np.pi * x / 8), np.sin(2 * np.pi * x / 5))
    noise = np.random.default_rng(0).normal(0.0, 0.1, (side, side))
    return np.asarray(7.0 + row + noise, dtype=np.float32)


def test_features_are_those_of_the_crop_about_a_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    # rejects crops that are beside their pixel, y and x exchanged, and batches in another order
    image = halves()[:80]
    found = embed_pixels(image, side=24, step=7, texture="spectrum")
    assert found.features.shape[:2] == (len(found.y), len(found.x)) == (12, 14)
    normal = (image - image.mean()) / image.std()
    row, column = 5, 9
    corner = found.y[row] - 12, found.x[column] - 12
    crop = normal[None, corner[0] : corner[0] + 24, corner[1] : corner[1] + 24]
    own = find_texture("spectrum").embed(crop, None)[0]
    assert found.features[row, column] == pytest.approx(own, abs=1e-4)
    monkeypatch.setattr(dense, "AT_ONCE", 3000)
    assert np.allclose(embed_pixels(image, side=24, step=7, texture="spectrum").features, found.features, atol=1e-6)


def test_every_pixel_gets_the_nearest_point_of_the_grid() -> None:
    found = embed_pixels(halves(), side=24, step=10)
    assert found.y[0] >= 0
    assert found.y[-1] < 96
    assert max(found.y[0], 95 - found.y[-1]) <= 5
    numbers = np.arange(len(found.y) * len(found.x)).reshape(len(found.y), len(found.x))
    spread = found.spread(numbers, (96, 96))
    assert np.array_equal(spread[found.y[:, None], found.x], numbers)
    assert set(np.unique(spread)) == set(numbers.ravel().tolist())


def test_two_lattices_are_two_groups_of_pixels() -> None:
    found = embed_pixels(halves(), side=24, step=4, texture="radial")
    flat = found.features.reshape(-1, found.features.shape[-1])
    first = flat - flat.mean(0)
    side = (first @ np.linalg.svd(first, full_matrices=False)[2][0]) > 0
    labels = found.spread(side.reshape(len(found.y), len(found.x)).astype(np.int64), (96, 96))
    left = labels[:, :36].mean(), labels[:, 60:].mean()
    assert abs(left[0] - left[1]) > 0.95


@pytest.mark.parametrize(
    ("side", "step", "message"), [(1, None, "side=1 "), (97, None, "side=97 "), (24, 0, "step=0 ")]
)
def test_crops_that_are_none_are_refused(side: int, step: int | None, message: str) -> None:
    with pytest.raises(PassbandError, match=message):
        embed_pixels(halves(), side=side, step=step)


def test_an_image_that_is_not_finite_is_refused() -> None:
    image = halves()
    image[3, 4] = np.nan
    with pytest.raises(PassbandError, match="NaN"):
        embed_pixels(image)  # also where the crops are to be found
