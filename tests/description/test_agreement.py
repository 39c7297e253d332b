"""Columns of the image and of a network as one set."""

import numpy as np
import pytest
from tests.description.column_scenes import draw, square

from passband.description.agreement import column_signs, joined, probability_at, regularity
from passband.description.probabilities import Candidates
from passband.description.refinement import refine
from passband.description.selection import ColumnFinding


def test_lattices_are_regular_and_random_places_are_not() -> None:
    """A square and a honeycomb, to the border: rejects mirror images outside the field that count as missing."""
    grid = square(9, 10.0)
    vectors = np.array([[10.0, 0.0], [5.0, 8.66]])
    cells = np.stack(np.meshgrid(np.arange(9), np.arange(9)), -1).reshape(-1, 2) @ vectors
    honeycomb = np.concatenate([cells, cells + np.array([5.0, 2.887])])
    random = np.random.default_rng(0).uniform(0.0, 90.0, (81, 2))
    inner = (np.abs(grid - 47.0) < 35.0).all(axis=1)
    assert regularity(grid, (94.0, 94.0))[inner].min() > 0.7
    assert regularity(grid, (94.0, 94.0)).mean() > regularity(grid, (300.0, 300.0)).mean() + 0.05
    middle = np.hypot(*(honeycomb - honeycomb.mean(axis=0)).T) < 25.0
    assert np.median(regularity(honeycomb, (200.0, 200.0))[middle]) > 0.4
    assert np.median(regularity(random, (90.0, 90.0))) < 0.2
    assert regularity(grid[:1], (94.0, 94.0)) == pytest.approx(1.0 / 6.0)


def test_each_column_is_there_once_with_who_has_it() -> None:
    places = np.array([[12.0, 12.0], [26.0, 12.0], [40.0, 12.0]])
    image = draw((24, 52), places, [100.0, 100.0, 50.0], 2.0, background=10.0)
    image += np.random.default_rng(0).normal(size=image.shape)
    shown = refine(image, np.column_stack([places[:2], np.full(2, 2.0)]))
    seen = Candidates(places[1:] + 0.6, np.zeros(2, np.intp), np.full(2, 0.9), 1.5)
    one = joined(image, shown, seen, 1.0, ColumnFinding())
    assert one.fit.parameters[:, :2] == pytest.approx(places, abs=0.2)
    assert (one.shown.tolist(), one.seen.tolist()) == ([True, True, False], [False, True, True])
    known = column_signs(one, np.full(3, 0.9), 1.0)
    assert (known.shown.tolist(), known.seen.tolist()) == (one.shown.tolist(), one.seen.tolist())
    assert known.height == pytest.approx([1.0, 1.0, 0.5], abs=0.05)


def test_a_column_may_be_near_the_maximum_of_a_network() -> None:
    maps = np.zeros((2, 20, 30))
    maps[1] = draw((20, 30), [[10.0, 8.0]], 0.9, 1.5)
    maps[0] = 1.0 - maps[1]
    there = probability_at(maps, np.array([[12.0, 8.0], [10.0, 9.0], [25.0, 8.0]]), (0.3, 0.15))  # Å along y, x
    assert there[:2] == pytest.approx(there.max())  # 0.3 Å, two pixels along x and one along y
    assert there[0] > 0.7
    assert there[2] < 0.01
