"""Tests of what slow changes across an image are taken for: no boundary, and no other material."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from tests.zero_shot.scenes import SQUARE, bands, draw

from passband.zero_shot.continuity import Borders, joined, levels, slow_change, transitions, widths
from passband.zero_shot.microstructure import find_materials


def _borders(pairs: list[tuple[int, int]], steps: list[float], *, pairs_each: int = 12) -> Borders:
    """Borders whose steps, from the second mask to the first, are along one direction of three; noise is 1."""
    across = np.zeros((len(pairs), 3))
    across[:, 0] = steps
    return Borders(np.array(pairs), across, np.full(len(pairs), pairs_each), np.abs(across[:, 0]))


def test_a_slope_is_no_step_however_steep_and_a_step_on_a_slope_is_one() -> None:
    """Rejects a comparison of both sides alone, which calls a steep gradient a boundary."""
    masks = np.array([[0, 1]] * 12 + [[1, 2]] * 12)
    slope = np.tile(np.array([9.0, 6.0, 3.0, 0.0])[:, None] * [1.0, 0.0], (12, 1, 1))
    step = slope + np.where(np.arange(4) < 2, 8.0, 0.0)[:, None] * [1.0, 0.0]
    found = Borders.of(masks, np.concatenate([slope, step]), np.ones(2))
    assert found.masks.tolist() == [[0, 1], [1, 2]]
    assert found.counts.tolist() == [12, 12]
    assert found.apart[0] < 1e-6
    assert found.apart[1] > 7.0
    np.testing.assert_allclose(found.steps, [[3.0, 0.0], [11.0, 0.0]])


def test_a_single_pair_of_crops_says_less_than_many() -> None:
    """The mean of many like steps is sure; of one the expected length of noise, √(2 · 8), is taken off in squares."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(200, 4, 8))
    alone = Borders.of(np.arange(200)[:, None] + [[0, 1000]], noise, np.ones(8))
    assert np.mean(alone.apart > 2.5) < 0.25  # with nothing taken off, of nearly all
    many = Borders.of(np.array([[0, 1]] * 200), noise, np.ones(8))
    assert many.apart[0] < 0.5


def test_levels_keep_the_steps_and_lose_the_slope() -> None:
    """Precipitates (1 to 4) 10 above their matrix (0), on a slope of 30 across the image, are all alike."""
    means = np.array([[15.0, 0.0, 0.0], [10.0, 0, 0], [20.0, 0, 0], [30.0, 0, 0], [40.0, 0, 0]])
    borders = _borders([(0, 1), (0, 2), (0, 3), (0, 4)], [-10.0] * 4)
    found = levels(borders, np.arange(5), means)
    np.testing.assert_allclose(found[1:, 0] - found[0, 0], 10.0, atol=0.3)
    np.testing.assert_allclose(found.mean(), means.mean(), atol=0.5)  # where they are as a whole says their own mean


def test_masks_of_one_unit_have_one_level_and_lonely_ones_their_own() -> None:
    borders = _borders([(0, 1), (1, 2)], [1.0, 20.0])
    unit = joined(borders, separation=2.5, units=(4, 1))
    assert unit[0] == unit[1] != unit[2]
    found = levels(borders, unit, np.array([[1.0, 0, 0], [0, 0, 0], [-20.0, 0, 0], [7.0, 0, 0]]))
    np.testing.assert_allclose(found[0], found[1])
    np.testing.assert_allclose(found[3], [7.0, 0.0, 0.0])
    assert found[0, 0] - found[2, 0] == pytest.approx(20.0, abs=0.3)


def test_a_slow_change_is_told_to_crops_whose_mask_has_no_level() -> None:
    corners = np.stack([np.zeros(50, np.int64), np.arange(50)], axis=1)
    away = np.linspace(0.0, 5.0, 50)[:, None]
    known = np.arange(50) % 2 == 0
    found = slow_change(corners, np.where(known[:, None], away, np.nan), known)
    np.testing.assert_allclose(found[10:40], away[10:40], atol=0.2)


@pytest.mark.parametrize(
    ("steps", "between"),
    [
        pytest.param([-5.0, 5.0], True, id="a mixture of both"),
        pytest.param([5.0, 6.0], False, id="brighter than both"),
        pytest.param([-5.0, 1.0], False, id="goes on into one of them"),
    ],
)
def test_what_lies_between_its_neighbours_in_brightness_is_a_transition(steps: list[float], between: bool) -> None:
    """Rejects a rule that takes every strip for an interface: thin films would be lost."""
    borders = _borders([(0, 1), (0, 2)], steps)
    assert transitions(borders, 3, separation=2.5).tolist() == [between, False, False]


def test_widths_go_on_outside_of_the_image() -> None:
    labels = bands((60, 90), [20, 28]) + 1
    found = widths(labels)
    assert found[1] == pytest.approx(8, abs=1.5)
    assert found[0] >= 38  # not cut by the edge of the image
    assert found[2] >= 60
    assert widths(np.ones((40, 50), np.int64))[0] > 50


def _shaded_precipitates() -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Dark precipitates in a matrix, in noise, under a shading larger than their contrast."""
    rng = np.random.default_rng(3)
    texture = gaussian_filter(rng.standard_normal((300, 400)), 12, mode="wrap")
    labels = (texture > np.quantile(texture, 0.6)).astype(np.int64)
    shading = 0.8 * np.linspace(-1, 1, 400)[None] + 0.5 * np.linspace(-1, 1, 300)[:, None] ** 2
    image = gaussian_filter(-1.0 * labels, 1.0) + shading + 0.2 * rng.standard_normal(labels.shape)
    return labels, image.astype(np.float32)


def test_two_phases_under_shading_are_two() -> None:
    """Rejects clusters of brightness as it is: shading over both phases makes one broad cluster, or several."""
    labels, image = _shaded_precipitates()
    found = find_materials(image)
    assert found.materials == 2
    shown = found.labels[labels == 1]
    assert np.mean(shown == np.bincount(shown).argmax()) > 0.85


def test_one_material_under_shading_is_one() -> None:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:300, :400]
    image = rng.standard_normal((300, 400)) + x / 80 + np.square(y / 150 - 1)
    assert find_materials(image).materials == 1
    lattice = draw(bands((300, 400), []), [SQUARE], noise=0.3) * (1.0 - 0.7 * x / 400)
    assert find_materials(lattice + x / 200).materials == 1
