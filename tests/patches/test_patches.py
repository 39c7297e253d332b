"""Resampling, seamless tiles and the symmetries of the square."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from passband.patches.resampling import resample, resample_classes, resample_to_pixel
from passband.patches.standardising import check_image, standardised
from passband.patches.symmetry import augment_dihedral, dihedral, dihedral_inverse
from passband.patches.tiling import predict_tiled
from passband.recipe import PassbandError


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def two_classes(tiles):
    """Reach 12 pixels (σ = 3 cut at 4σ), and nothing but convolution: tiles can give exactly the whole image."""
    blurred = np.stack([gaussian_filter(tile[0], 3.0) for tile in tiles])
    return np.stack([blurred, 1.0 - blurred], axis=1)


@settings(max_examples=15, deadline=None)
@given(st.integers(20, 400), st.integers(20, 400), st.sampled_from([(128, 64), (160, 64), (256, 128)]))
def test_tiles_give_the_whole_image(height, width, geometry):
    """Up to the border of the image, beyond which nothing is made up: reflected only as far as whole pixels need."""
    image = noise(height, width)
    patch, overlap = geometry
    tiled = predict_tiled(two_classes, image, patch=patch, overlap=overlap, batch=3)
    rounded = np.pad(image, ((0, -height % 32), (0, -width % 32)), mode="reflect")
    whole = two_classes(rounded[None, None])[0][:, :height, :width]
    assert tiled.dtype == np.float32
    np.testing.assert_allclose(tiled, whole, atol=2e-6)


def test_seams_vanish_for_a_function_that_errs_at_tile_edges():
    """Every tile is wrong in its outer 24 pixels, as networks are where they cannot see: none of it may show inside."""

    def wrong_at_the_edge(tiles):
        out = np.ones_like(tiles)
        out[..., :24, :] = out[..., -24:, :] = out[..., :, :24] = out[..., :, -24:] = 1000.0
        return out

    (tiled,) = predict_tiled(wrong_at_the_edge, noise(320, 512), patch=128, overlap=64)
    np.testing.assert_allclose(tiled[24:-24, 24:-24], 1.0, atol=1e-6)
    np.testing.assert_allclose(tiled[:24], 1000.0, rtol=1e-6)  # the border of the image is a border of tiles


@given(st.integers(1, 700), st.sampled_from([(128, 64), (160, 32), (512, 128), (128, 0)]))
def test_tiles_are_few_and_lie_on_the_grid(length, geometry):
    """Rejects tiles beyond the image, a gap between two, neighbours that share too little, and more than they need."""
    patch, overlap = geometry
    seen = []

    def positions(tiles):
        seen.extend(tile[0, 0] for tile in tiles)
        return tiles

    row = np.arange(length, dtype=np.float32)[None].repeat(32, axis=0)
    np.testing.assert_allclose(predict_tiled(positions, row, patch=patch, overlap=overlap)[0], row, rtol=1e-5)
    starts, side, padded = [int(tile[0]) for tile in seen], len(seen[0]), -(-length // 32) * 32
    assert (starts[0], starts[-1] + side) == (0, padded)
    assert all(start % 32 == 0 for start in starts)
    assert all(one + side - other >= overlap for one, other in pairwise(starts))
    assert len(starts) == max(1, -(-(padded - overlap) // (patch - overlap)))
    assert side <= patch
    assert len(starts) * side < padded + (len(starts) - 1) * overlap + 32 * len(starts)


def test_neighbouring_tiles_blend_smoothly():
    """Tiles that disagree, each constant: the blend between two has no step larger than the cosine flank's."""
    calls = iter(range(100))

    def disagreeing(tiles):
        return np.stack([np.full(tile.shape, float(next(calls) % 2), np.float32) for tile in tiles])

    (blend,) = predict_tiled(disagreeing, noise(64, 700), patch=128, overlap=64)
    assert (blend.min(), blend.max()) == (0.0, 1.0)
    assert np.abs(np.diff(blend, axis=1)).max() <= np.pi / 2 / 16 + 1e-6  # ½π over a flank of 16 pixels


def test_tiles_lie_on_the_networks_grid_and_small_images_take_one():
    seen = []

    def remember(tiles):
        seen.append(tiles.shape)
        return tiles

    predict_tiled(remember, noise(40, 50), patch=512, overlap=128)
    assert seen == [(1, 1, 64, 64)]
    seen.clear()
    predict_tiled(remember, noise(1000, 100), patch=512, overlap=128, batch=2)
    assert [shape[0] for shape in seen] == [2, 1]
    assert all(side % 32 == 0 for shape in seen for side in shape[2:])


def test_one_pixel_and_one_row_are_tiled():
    for shape in ((1, 1), (1, 90)):
        image = noise(*shape)
        np.testing.assert_allclose(predict_tiled(lambda tiles: tiles, image)[0], image, rtol=1e-6)


@pytest.mark.parametrize(
    "geometry", [{"patch": 100}, {"overlap": 48}, {"patch": 128, "overlap": 128}, {"batch": 0}, {"overlap": -64}]
)
def test_impossible_tiles(geometry):
    with pytest.raises(PassbandError, match="patch and overlap must be multiples of 32"):
        predict_tiled(lambda tiles: tiles, noise(9, 9), **geometry)


def wave(pixel_size, pixels, period):
    """Cosine along x of `period` Å on pixels whose centres lie at (i + ½)·pixel_size."""
    x = (np.arange(pixels) + 0.5) * pixel_size
    return np.tile(np.cos(2 * np.pi * x / period), (64, 1))


@pytest.mark.parametrize("level", [100.0, 0.1, 3e7])
def test_an_even_image_stays_even(level: float) -> None:
    # rejects rounding of the weights, which a network would see as contrast
    even = resample_to_pixel(np.full((130, 96), level), (0.4, 0.3), 0.8)
    assert even.shape == (65, 36)
    assert (even == np.float32(level)).all()
    assert not standardised(even).any()
    wavy = wave(0.4, 96, 20.0)
    both = resample_to_pixel(np.stack([wavy, np.full(wavy.shape, level)]), 0.4, 0.8)  # each image of a stack on its own
    assert (both[1] == np.float32(level)).all()
    np.testing.assert_array_equal(both[0], resample_to_pixel(wavy, 0.4, 0.8))


def test_resampling_keeps_the_place_of_things():
    fine = resample_to_pixel(wave(0.25, 800, 20.0), 0.25, 0.8)
    assert fine.shape == (20, 250)
    np.testing.assert_allclose(fine[5, 5:-5], wave(0.8, 250, 20.0)[5, 5:-5], atol=0.03)  # bicubic at 25 pixels a period
    coarse = resample_to_pixel(wave(0.8, 250, 20.0), 0.8, 0.25)
    np.testing.assert_allclose(coarse[5, 15:-15], wave(0.25, 800, 20.0)[5, 15:-15], atol=0.03)


def test_fringes_finer_than_the_new_pixels_vanish_instead_of_folding():
    fringes = wave(0.2, 1000, 1.0)  # 1 Å; pixels of 0.8 Å resolve 1.6 Å and would show 4 Å moiré
    assert np.abs(resample_to_pixel(fringes, 0.2, 0.8)[:, 4:-4]).max() < 0.05  # the kernel's stop band
    assert np.abs(fringes[:, ::4]).max() > 0.8  # what plain decimation shows


def test_constant_images_and_anisotropic_pixels():
    out = resample_to_pixel(np.full((40, 30), 7.0), (0.4, 1.6), 0.8)
    assert out.shape == (20, 60)
    np.testing.assert_allclose(out, 7.0, rtol=1e-6)


def test_pixels_that_agree_are_left_alone_and_no_input_is_edited():
    image = noise(30, 30)
    out = resample_to_pixel(image, 0.8, 0.803)
    np.testing.assert_array_equal(out, image)
    out[0, 0] = 99.0
    assert image[0, 0] != 99.0
    same = resample(image, (30, 30))
    same[0, 0] = 99.0
    assert image[0, 0] != 99.0


def test_stacks_are_resampled_plane_by_plane():
    stack = noise(3, 20, 24)
    together = resample(stack, (31, 17))
    np.testing.assert_allclose(together[1], resample(stack[1], (31, 17)), atol=1e-6)


def test_big_endian_and_integer_images():
    image = np.arange(600, dtype=">u2").reshape(20, 30)
    np.testing.assert_array_equal(resample(image, (20, 30)), image.astype(np.float32))


@pytest.mark.parametrize("size", [0, -0.5, float("inf"), (0.5, 0.0), (1.0, 1.0, 1.0)])
def test_impossible_pixel_sizes(size):
    with pytest.raises(PassbandError, match="positive lengths in Å"):
        resample_to_pixel(noise(9, 9), size, 0.8)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((4, 4, 3)), "not 2-D"),
        (np.zeros(4), "not 2-D"),
        (np.zeros((0, 4)), "no pixels"),
        (np.zeros((4, 4), complex), "not real numbers"),
        (np.array([["a", "b"]]), "not real numbers"),
        (np.array([[1.0, np.nan], [np.inf, 0.0]]), "2 of 4 pixels are NaN or infinite"),
        (np.array([[1.0, -1e300]]), r"from -1e\+300 to 1 are outside ±1e\+15; rescale"),
    ],
)
def test_images_that_no_network_can_look_at(image, words):
    with pytest.raises(PassbandError, match=words):
        check_image(image)


def test_eight_distinct_symmetries_with_their_inverses():
    image = torch.arange(9.0).reshape(1, 3, 3)
    views = [dihedral(image, element) for element in range(8)]
    assert len({tuple(view.flatten().tolist()) for view in views}) == 8
    for element, view in enumerate(views):
        assert torch.equal(dihedral(view, dihedral_inverse(element)), image)
    with pytest.raises(PassbandError, match="use 0 to 7"):
        dihedral(image, 8)


def test_augmentation_moves_masks_with_their_images_each_by_its_own_symmetry():
    masks = torch.arange(64 * 36).reshape(64, 6, 6)
    images = masks[:, None].float()
    before = images.clone()
    turned, turned_masks = augment_dihedral(images, masks, generator=torch.Generator().manual_seed(0))
    assert torch.equal(turned[:, 0].long(), turned_masks)
    assert torch.equal(images, before)
    assert [sorted(mask.flatten().tolist()) for mask in turned_masks] == [m.flatten().tolist() for m in masks]
    used = {tuple((mask - mask.min()).flatten().tolist()) for mask in turned_masks}
    assert len(used) == 8  # 64 draws miss one of eight with probability 0.0016
    again, _ = augment_dihedral(images, masks, generator=torch.Generator().manual_seed(0))
    assert torch.equal(turned, again)


def test_only_square_patches_are_augmented():
    with pytest.raises(PassbandError, match="not square"):
        augment_dihedral(torch.zeros(1, 1, 4, 6), torch.zeros(1, 4, 6), generator=torch.Generator())


@pytest.mark.parametrize("shape", [(20, 30), (40, 60), (33, 47), (55, 90)])
def test_two_classes_are_resampled_as_a_threshold_at_half(shape):
    """Rejects another tie: at half the size many pixels are exactly half a particle, and stay background."""
    mask = np.kron(np.random.default_rng(0).integers(0, 2, size=(8, 12)), np.ones((5, 5), int))
    np.testing.assert_array_equal(resample_classes(mask, shape, classes=2), resample(mask, shape) > 0.5)


def test_each_class_keeps_its_place_and_its_number():
    """Rejects numbers that are averaged: between classes 0 and 2 there is no class 1."""
    mask = np.zeros((60, 60), int)
    mask[10:30, 10:50], mask[30:50, 10:50] = 2, 1
    small = resample_classes(mask, (30, 30), classes=3)
    np.testing.assert_array_equal(small, mask[::2, ::2])
