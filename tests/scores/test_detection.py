"""Pairs of found and true points are one to one, as many as can be, and none is farther apart than told."""

from itertools import permutations
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passband.scores.detection import detection_scores, f1, matches


def most_pairs(close):
    """By trying every order of the longer side."""
    close = close if close.shape[0] <= close.shape[1] else close.T
    return max(
        sum(close[k, one] for k, one in enumerate(way)) for way in permutations(range(close.shape[1]), len(close))
    )


def test_two_found_at_one_true_point_are_one_match():
    # rejects a nearest neighbour of each found point, and of each true one
    twice = [[0.0, 0.0], [0.0, 0.1]]
    assert sorted(matches(twice, [[0.0, 0.02], [9.0, 9.0]], within=0.5).tolist()) == [-1, 0]
    assert (matches([[0.0, 0.05]], twice, within=0.5) >= 0).tolist() == [True]
    assert f1(twice, [[0.0, 0.02]], within=0.5) == pytest.approx(2 / 3)
    assert f1([[0.0, 0.02]], twice, within=0.5) == pytest.approx(2 / 3)


def test_the_nearest_is_left_to_another_that_has_no_other():
    # rejects pairs taken greedily by distance: 1.0 with 1.1 leaves 0.4 and 1.7 alone
    assert matches([[1.0, 0.0], [1.7, 0.0]], [[1.1, 0.0], [0.4, 0.0]], within=0.65).tolist() == [1, 0]


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 6))
def test_pairs_are_one_to_one_close_and_as_many_as_can_be(seed, found, true):
    rng = np.random.default_rng(seed)
    one, other = rng.uniform(0.0, 3.0, (found, 2)), rng.uniform(0.0, 3.0, (true, 2))
    pairs = matches(one, other, within=0.8)
    apart = np.linalg.norm(one[:, None] - other, axis=2)
    taken = pairs[pairs >= 0]
    assert pairs.shape == (found,)
    assert len(set(taken)) == len(taken)
    assert (apart[pairs >= 0, taken] <= 0.8).all()
    assert len(taken) == most_pairs(apart <= 0.8)


def test_points_at_the_same_place_are_pairs():
    # rejects a sparse matrix of distances, in which a distance of 0 is no entry
    places = [[0.0, 0.0], [4.0, 5.0], [2.0, 2.0]]
    assert matches(places, places[::-1], within=0.5).tolist() == [2, 1, 0]
    assert f1(places, places, within=0.5) == 1.0


def test_nothing_found_or_nothing_there():
    assert matches([], [[1.0, 1.0]], within=0.5).tolist() == []
    assert matches([[1.0, 1.0]], [], within=0.5).tolist() == [-1]
    assert f1([], [[1.0, 1.0]], within=0.5) == 0.0
    assert f1([[1.0, 1.0]], np.empty((0, 2)), within=0.5) == 0.0
    assert isnan(f1([], [], within=0.5))


def test_f1_is_the_harmonic_mean_of_precision_and_recall():
    found, true = [[0.0, 0.0], [9.0, 9.0]], [[0.0, 0.3], [3.0, 3.0], [5.0, 5.0]]
    precision, recall = 1 / 2, 1 / 3
    assert f1(found, true, within=0.5) == pytest.approx(2 * precision * recall / (precision + recall))
    assert f1(found, true, within=0.2) == 0.0


def test_a_point_of_another_class_is_not_the_one_that_was_there():
    # rejects scores that pair across classes, and precision for recall
    found, true = [[0.0, 0.0], [5.0, 5.0], [9.0, 9.0]], [[0.0, 0.1], [5.0, 5.1]]
    one, other = detection_scores(found, [0, 1, 0], true, [0, 0], within=0.5, classes=2)
    assert (one.true, one.found, one.matched) == (2, 2, 1)
    assert (other.true, other.found, other.matched) == (0, 1, 0)
    assert (one.precision, one.recall, one.f1) == (0.5, 0.5, 0.5)
    assert other.precision == 0.0
    assert isnan(other.recall)
    both = one.with_another(other)
    assert (both.precision, both.recall) == (pytest.approx(1 / 3), 0.5)
    assert both.f1 == pytest.approx(2 / (1 / 0.5 + 3))


def test_nothing_found_has_no_precision_and_nothing_there_no_recall():
    (none,) = detection_scores([], [], [[1.0, 1.0]], [0], within=0.5, classes=1)
    assert isnan(none.precision)
    assert (none.recall, none.f1) == (0.0, 0.0)
    (empty,) = detection_scores([], [], [], [], within=0.5, classes=1)
    assert isnan(empty.f1)
