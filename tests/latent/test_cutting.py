"""Patches have their atom in the middle whatever the pixels, and a symmetry is that of what they show."""

import numpy as np
import pytest
from tests.latent.scenes import lone_object, patches_of, three_fold

from passband.latent.cutting import AtomWindow, cut_patches, drawn_patches
from passband.latent.symmetry import rotational_symmetry
from passband.recipe import PassbandError


def blob(shape: tuple[int, int], y: float, x: float, pixel_size: tuple[float, float], sigma: float = 0.5) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-(((rows - y) * pixel_size[0]) ** 2 + ((columns - x) * pixel_size[1]) ** 2) / (2.0 * sigma**2))


@pytest.mark.parametrize("pixel_size", [(0.1, 0.1), (0.2, 0.1), (0.4, 0.4)])
def test_the_atom_is_in_the_middle_and_round(pixel_size: tuple[float, float]) -> None:
    # rejects whole pixels, half a pixel of shift, y and x exchanged, and pixels that are not square in Å
    place = (31.3, 40.7)
    image = blob((70, 90), *place, pixel_size)
    [patch] = cut_patches(image, [place], AtomWindow(side=3.0, pixels=16), pixel_size)
    offsets = AtomWindow(side=3.0, pixels=16).offsets()
    expected = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / 0.5)
    weight = patch / patch.sum()
    assert float((weight * offsets[:, None]).sum()) == pytest.approx(0.0, abs=0.01)
    assert float((weight * offsets[None]).sum()) == pytest.approx(0.0, abs=0.01)
    assert np.abs(patch - expected).max() < 0.2  # of the smoothing and of coarse pixels


def test_fine_images_are_smoothed_before_few_pixels_are_taken() -> None:
    # rejects taking every sixth pixel, whose noise is that of one pixel
    noise = np.random.default_rng(0).normal(size=(200, 200))
    patch = cut_patches(noise, [(100.0, 100.0)], AtomWindow(side=9.6, pixels=16), (0.1, 0.1))
    assert patch.std() < 0.35


def test_windows_that_leave_the_image_are_told_and_refused() -> None:
    window = AtomWindow(side=4.0, pixels=8)
    places = np.array([[19.5, 19.5], [10.0, 19.5], [19.5, 9.4], [29.5, 29.5], [29.6, 20.0]])
    assert window.inside(places, (40, 40), (0.2, 0.2)).tolist() == [True, True, False, True, False]
    with pytest.raises(PassbandError, match="leaves the image about 2 of 5 atoms"):
        cut_patches(np.zeros((40, 40)), places, window, (0.2, 0.2))
    with pytest.raises(PassbandError, match=r"must be \(y, x\)"):
        cut_patches(np.zeros((2, 40, 40)), places, window, (0.2, 0.2))


def test_drawn_patches_show_what_a_map_would() -> None:
    # rejects x and y exchanged, and neighbours left out at the corners
    positions = np.array([[8.0, 6.0], [9.5, 6.0], [8.0, 8.0], [6.4, 4.4]])
    step, window = 0.1, AtomWindow(side=4.0, pixels=20)
    image = np.minimum(1.0, sum(blob((140, 160), y / step, x / step, (step, step), 0.3) for x, y in positions))
    cut = cut_patches(image, [(60.0, 80.0)], window, (step, step))
    drawn = drawn_patches(positions, [0], window, sigma=0.3)
    assert np.abs(cut - drawn).max() < 0.12
    assert float(drawn.max()) <= 1.0
    without = drawn_patches(positions[:3], [0], window, sigma=0.3)
    assert drawn[0, 0, 0] - without[0, 0, 0] > 0.3  # of a neighbour beyond the corner


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_the_symmetry_is_that_of_the_object(noise: float) -> None:
    # rejects the power of the noise, which is in every component, and a divisor instead of the whole
    angle = np.random.default_rng(0).uniform(-3.0, 3.0, 200)
    assert rotational_symmetry(patches_of(three_fold, angle, noise=noise)) == 3
    assert rotational_symmetry(patches_of(lone_object, angle, noise=noise)) == 1

    def four(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.03) for a, b in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5)))

    assert rotational_symmetry(patches_of(four, angle, noise=noise)) == 4
    assert rotational_symmetry(np.random.default_rng(1).normal(size=(200, 24, 24))) == 1


def test_a_symmetry_is_that_of_the_middle() -> None:
    # rejects looking at corners, and at what is beyond the reach
    def with_an_edge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return three_fold(2.0 * x, 2.0 * y) + 3.0 * (x > 0.6)

    patches = patches_of(with_an_edge, np.zeros(100), side=32)
    assert rotational_symmetry(patches) == 1
    assert rotational_symmetry(patches, reach=0.5) == 3
