"""Intervals by resampling images: crops of one image together, and the truth inside as often as is said."""

import numpy as np

from passband.scores.bootstrap import LEVEL, interval, resamplings


def test_crops_of_one_image_come_and_go_together() -> None:
    image = np.array([7, 7, 2, 2, 2, 9])
    drawn = resamplings(image, 200, np.random.default_rng(0))
    assert drawn.shape == (200, 6)
    for number in (7, 2, 9):
        assert np.ptp(drawn[:, image == number], axis=1).max() == 0
    assert set(drawn[:, [0, 2, 5]].sum(1)) == {3.0}
    assert (drawn[:, [0, 2, 5]] > 0).sum(1).min() == 2
    again = resamplings(image, 200, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, again)


def test_the_truth_is_inside_as_often_as_is_said() -> None:
    """Mean of crops of 12 images that have a level of their own: with crops resampled singly it were half as often."""
    rng, inside, tries = np.random.default_rng(1), 0, 300
    image = np.repeat(np.arange(12), 8)
    for _ in range(tries):
        values = rng.normal(size=12)[image] + 0.3 * rng.normal(size=len(image))
        drawn = resamplings(image, 100, rng)
        low, high = interval(float(values.mean()), drawn @ values / drawn.sum(1), 12)
        inside += low <= 0.0 <= high
    error = np.sqrt(LEVEL * (1.0 - LEVEL) / tries)
    assert abs(inside / tries - LEVEL) < 4.0 * error


def test_few_images_give_a_wide_interval_within_what_can_be() -> None:
    resampled = np.array([0.1, 0.2, 0.3])
    narrow, wide = (interval(0.2, resampled, images) for images in (1000, 2))
    assert wide[1] - wide[0] > 8 * (narrow[1] - narrow[0])
    assert interval(0.2, resampled, 2, least=0.0, most=0.4) == (0.0, 0.4)
