"""Crops of images of any size, pixel size and depth."""

import numpy as np
import pytest
from numpy.typing import NDArray

from passband.files.micrograph import Micrograph
from passband.recipe import PassbandError
from passband.scores.cropping import common_side, cut_crops, on_common_pixels


def image(shape: tuple[int, int], pixel_size: float | None = 0.5, seed: int = 0) -> Micrograph:
    return Micrograph(np.random.default_rng(seed).normal(size=shape), pixel_size)  # type: ignore[arg-type]


def test_all_get_the_coarsest_pixels_and_it_is_said() -> None:
    fine = Micrograph(np.sin(2 * np.pi * np.arange(256) / 16.0)[None].repeat(256, 0), 0.25)  # type: ignore[arg-type]
    sets, pixel_size, notes = on_common_pixels([[fine, image((128, 90))], [image((64, 64))]])
    assert pixel_size == 0.5
    assert [one.array.shape for some in sets for one in some] == [(128, 128), (128, 90), (64, 64)]
    assert notes == ["1 image resampled to the coarsest pixels of all, 0.5 Å"]
    spectrum = np.abs(np.fft.rfft(sets[0][0].array[40]))
    assert spectrum[1:].argmax() + 1 == 16  # the period is 4 Å still, 8 of the new pixels


def test_without_all_pixel_sizes_nothing_is_resampled() -> None:
    sets, pixel_size, notes = on_common_pixels([[image((64, 64), 0.1)], [image((64, 64), None)]])
    assert pixel_size is None
    assert sets[0][0].array.shape == (64, 64)
    assert "1 of 2 images do not say their pixel size" in notes[0]
    assert on_common_pixels([[image((64, 64), None)], [image((64, 64), None)]])[2] == []


def test_a_data_bar_is_no_specimen() -> None:
    pixels = np.random.default_rng(0).integers(20, 200, size=(128, 128)).astype(np.uint8)
    pixels[100:] = 0
    pixels[105:110, 20:60] = 255
    sets, _, notes = on_common_pixels([[Micrograph(pixels)], [image((64, 64), None)]])
    assert sets[0][0].array.shape == (100, 128)
    assert "data bar" in notes[0]


def test_the_side_is_one_that_each_set_has() -> None:
    assert common_side([[image((200, 300)), image((20, 20))], [image((70, 500))]]) == 64
    assert common_side([[image((200, 300))], [image((40, 500))]]) == 40
    with pytest.raises(PassbandError, match="at most 15 pixels"):
        common_side([[image((200, 300))], [image((15, 500))]])


def test_crops_lie_side_by_side_and_know_their_image() -> None:
    rows = np.arange(100.0)[:, None] * 1000.0 + np.arange(70.0)
    crops = cut_crops([Micrograph(rows)], 32, most=100, each=False, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(crops.crops[:, 0, 0], [2003, 2035, 34003, 34035, 66003, 66035])
    np.testing.assert_array_equal(crops.crops[1], rows[2:34, 35:67])


def test_images_have_equal_shares_of_few_crops_and_small_ones_are_left_out() -> None:
    images = [image((640, 640)), image((20, 20)), image((128, 128)), image((64, 64))]
    crops = cut_crops(images, 64, most=12, each=True, rng=np.random.default_rng(0))
    assert np.bincount(crops.image).tolist() == [4, 4, 1]
    assert (crops.images, crops.left_out) == (3, 1)
    many = cut_crops([image((64, 64), seed=k) for k in range(30)], 64, most=12, each=True, rng=np.random.default_rng(0))
    assert len(many.crops) == many.images == 12
    with pytest.raises(PassbandError, match="no image has 700"):
        cut_crops(images, 700, most=12, each=True, rng=np.random.default_rng(0))


def test_bit_depth_and_unit_do_not_show() -> None:
    """The same image as 16 bits, floats of another unit, and with an offset."""
    counts: NDArray[np.uint16] = np.random.default_rng(0).integers(100, 60_000, size=(128, 128)).astype(np.uint16)
    versions = [counts, counts.astype(np.float64) * 1e-9, counts.astype(np.int32) - 40_000]
    found = [cut_crops([Micrograph(one)], 64, most=9, each=True, rng=np.random.default_rng(0)) for one in versions]
    for one in found[1:]:
        np.testing.assert_allclose(one.crops, found[0].crops, atol=1e-5)
    coarse = np.round(counts / 4096).astype(np.uint8)
    crops = cut_crops([Micrograph(coarse)], 64, most=9, each=True, rng=np.random.default_rng(0))
    np.testing.assert_allclose(crops.spacing, 1.0 / coarse.std(), rtol=1e-6)
