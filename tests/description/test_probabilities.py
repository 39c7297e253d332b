"""Candidates in drawn probability maps: one in each blob, whatever its top looks like."""

import numpy as np
import pytest
from tests.description.column_scenes import draw, nearest, square

from passband.description.probabilities import find_candidates
from passband.patches.resampling import resample


def candidates(foreground):
    return find_candidates(np.stack([1.0 - foreground, foreground]))


def sure(image):
    """Probability as of a network that is sure of itself."""
    return 1.0 / (1.0 + np.exp(-12.0 * (image - 0.5)))


def test_a_plateau_that_was_resampled_is_one_column():
    """Rejects every ripple of its top taken for a column of its own."""
    places = square(5, 12.0)
    fine = np.clip(resample(sure(draw((60, 60), places, 1.0, 2.2)).astype(np.float32), (137, 137)), 0.0, 1.0)
    found = candidates(fine.astype(float))
    assert len(found.places) == 25
    distance, _ = nearest(found.places, (places + 0.5) * 137 / 60 - 0.5)
    assert distance.max() < 1.0
    assert (found.probability > 0.9).all()


@pytest.mark.parametrize(("apart", "count"), [(3.0, 1), (6.5, 2)])
def test_blobs_that_touch_are_told_apart_where_there_is_a_saddle(apart, count):
    found = candidates(sure(draw((40, 40), [[15.0, 20.0], [15.0 + apart, 20.0]], 1.0, 2.2)))
    assert len(found.places) == count
    assert found.places[:, 1] == pytest.approx(20.0, abs=0.1)


def test_a_single_pixel_is_a_column_and_what_is_improbable_is_none():
    foreground = np.zeros((20, 30))
    foreground[5, 8], foreground[12, 20], foreground[0, 29] = 0.9, 0.49, 0.6
    found = candidates(foreground)
    assert found.places.tolist() == [[29.0, 0.0], [8.0, 5.0]]
    assert found.probability.tolist() == [0.6, 0.9]
    assert len(candidates(np.zeros((20, 30))).places) == 0


def test_the_middle_of_a_plateau_is_to_a_fraction_of_a_pixel():
    foreground = np.zeros((20, 30))
    foreground[4:8, 10:15] = 1.0
    assert candidates(foreground).places == pytest.approx(np.array([[12.0, 5.5]]), abs=1e-6)


def test_a_map_that_is_full_is_one_column_at_most():
    assert len(candidates(np.ones((20, 30))).places) <= 1
