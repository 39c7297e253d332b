"""A few images corrected by hand shift the predictions for a camera, as far as they tell, and the intervals hold."""

import math

import numpy as np
import pytest

from passband.performance.laboratory import Correction, correction


def test_images_as_predicted_change_nothing_and_tell_that_the_camera_is_no_exception() -> None:
    found = correction(np.array([-1.0, 1.0, -0.5, 0.5, 0.0]), between=0.5, within=1.0)
    assert found.shift == pytest.approx(0.0, abs=1e-12)
    pooled = (10.0 + 2.5) / 14.0  # of ten images of the simulation and five of the laboratory
    left = 1.0 / (1.0 / 0.5 + 5.0 / pooled)  # of the shift, that five images leave open
    wider = 1.0 + 1.0 / math.sqrt(2.0 * 14.0)
    assert found.factor == pytest.approx(wider * math.sqrt((pooled + left) / 1.5))
    assert found.factor < Correction().factor  # the common part of the error is known now


def test_a_shift_that_all_images_show_is_taken_over_and_one_that_may_be_chance_is_not() -> None:
    """By hand: prior 9 − 1/6, six images of variance 1: 3·(prior/(prior + 1/6)) = 2.944; of noise alone, a part."""
    scores = 3.0 + np.array([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    found = correction(scores, between=0.1, within=1.0)
    pooled = (10.0 + 6.0) / 15.0
    assert found.shift == pytest.approx(3.0 * (9.0 - pooled / 6) / 9.0)
    small = correction(scores - 2.7, between=0.05, within=1.0)
    assert 0.0 < small.shift < 0.5 * 0.3


def test_fewer_images_leave_more_open() -> None:
    scores = np.tile([-1.0, 1.0], 10)
    few, many = (correction(scores[:count], between=1.0, within=1.0) for count in (6, 20))
    assert few.factor > many.factor


@pytest.mark.parametrize("far", [0.0, 3.0])
def test_intervals_of_new_images_of_the_laboratory_hold_their_level(far: float) -> None:
    """Laboratories with a shift of their own, drawn as simulated data sets are, or all of them 3 off.

    2000 laboratories, six images and one more each, normal scores: between them √(0.5 + 1) · 1.2816 holds 80 %; of
    laboratories that are no exception it is held within three standard errors or exceeded, by at most 8 points.
    """
    rng = np.random.default_rng(0)
    held, count = 0, 2000
    for _ in range(count):
        shift = far + np.sqrt(0.5) * rng.normal()
        *known, new = shift + rng.normal(size=7)
        found = correction(np.array(known), between=0.5, within=1.0)
        held += abs(new - found.shift) <= found.factor * np.sqrt(1.5) * 1.2816
    assert 0.8 - 3 * np.sqrt(0.16 / count) <= held / count <= 0.88
