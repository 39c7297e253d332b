"""An image before a network: grey values, padding, places, and masks that come back to where they were."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from passband.recipe import PassbandError
from passband.zero_shot.sam.view import View, grey_levels

RNG = np.random.default_rng


def test_grey_values_do_not_depend_on_the_bits_of_a_camera() -> None:
    image = RNG(0).normal(size=(80, 90)).astype(np.float32)
    grey = grey_levels(image)
    assert (grey.min(), grey.max(), grey.dtype) == (0.0, 255.0, np.float32)
    np.testing.assert_allclose(grey_levels(image * 30_000 + 9), grey, atol=0.05)  # float32: 16 bits, 24 of mantissa
    hot = image.copy()
    hot[3, 4] = 1e6
    changed = np.abs(grey_levels(hot) - grey)
    assert np.sort(changed.ravel())[-2] < 15  # the hot pixel aside: one in 7200 moves the percentile a little
    few = np.zeros((100, 100), dtype=np.float32)
    few[50, 50] = 1.0  # less than the percentiles see
    assert grey_levels(few)[50, 50] == 255.0


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((0, 5), np.float32), r"shape \(0, 5\) is no"),
        (np.zeros((4, 5, 3), np.float32), r"shape \(4, 5, 3\) is no"),
        (np.full((9, 9), 7.0, np.float32), "every pixel of the image is 7"),
        (np.array([[0.0, np.nan]], np.float32), "NaN or infinity"),
    ],
    ids=["empty", "RGB", "constant", "NaN"],
)
def test_what_no_network_takes_is_one_line(image: np.ndarray, said: str) -> None:
    with pytest.raises(PassbandError, match=said):
        grey_levels(image)


def test_the_longest_side_fills_the_square_and_the_rest_is_zero_after_normalising() -> None:
    grey = np.full((30, 50), 200.0, dtype=np.float32)
    view = View((0, 0, 30, 50), 100)
    pixels = view.pixels(grey)
    assert view.filled == (60, 100)
    assert pixels.shape == (1, 3, 100, 100)
    expected = (200.0 - np.array([123.675, 116.28, 103.53])) / np.array([58.395, 57.12, 57.375])
    np.testing.assert_allclose(pixels[0, :, 30, 50].numpy(), expected, rtol=1e-6)
    assert pixels[:, :, 60:].abs().max() == 0.0
    assert pixels[:, :, :60].abs().min() > 0.0


def test_a_crop_shows_its_own_pixels() -> None:
    levels = RNG(1).uniform(0, 255, (64, 64)).astype(np.float32)
    whole = View((0, 0, 32, 32), 32).pixels(np.ascontiguousarray(levels[8:40, 16:48]))
    assert torch.equal(View((8, 16, 40, 48), 32).pixels(levels), whole)


def test_places_are_x_and_y_in_the_square() -> None:
    view = View((10, 20, 60, 120), 200)  # enlarged twice
    points = np.array([[[10.0, 20.0], [35.0, 30.0]]])
    np.testing.assert_allclose(view.places(points), [[[0.0, 0.0], [20.0, 50.0]]])
    np.testing.assert_allclose(View(view.crop, 200, True).places(points), [[[0.0, 0.0], [20.0, 100.0]]])


@pytest.mark.parametrize("grid", [(64, 64), (256, 256), (40, 40)])
def test_onto_the_grid_of_a_square_is_linear_interpolation(grid: tuple[int, int]) -> None:
    logits = torch.from_numpy(RNG(2).normal(size=(2, 3, 64, 64)))
    values, rows, columns = View((0, 0, 512, 512), 1024).onto_grid(logits, grid, (512, 512))
    expected = interpolate(logits, grid, mode="bilinear", align_corners=False)
    torch.testing.assert_close(values, expected)
    assert (rows, columns) == (slice(0, grid[0]), slice(0, grid[1]))


@pytest.mark.parametrize("stretched", [False, True])
@pytest.mark.parametrize("crop", [(0, 0, 90, 160), (20, 40, 80, 150)])
def test_a_mask_comes_back_to_where_it_was(crop: tuple[int, int, int, int], stretched: bool) -> None:
    # what the square says of each of its places is that place; so each cell of the grid must be told its own
    view, shape, grid = View(crop, 256, stretched), (90, 160), (45, 80)
    middles = (torch.arange(64, dtype=torch.float64) + 0.5) * 4.0
    for axis, ramp in ((0, middles[:, None].expand(64, 64)), (1, middles[None, :].expand(64, 64))):
        values, rows, columns = view.onto_grid(ramp[None], grid, shape)
        across = np.arange(grid[axis])[(rows, columns)[axis]] * 2.0 + 1.0  # middles of the cells, pixels of the image
        ratio = view.filled[axis] / view.size[axis]
        inner = values[0].numpy() if axis == 0 else values[0].numpy().T
        np.testing.assert_allclose(inner[1:-1, 3], ((across - crop[axis]) * ratio)[1:-1], rtol=1e-9)
        assert crop[axis] <= across.min() < crop[axis] + 2
        assert crop[axis + 2] - 2 <= across.max() < crop[axis + 2]
