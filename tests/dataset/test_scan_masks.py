"""A mask of points: discs that are apart, cut at the border, and where they meet the nearest point counts."""

import numpy as np
import pytest
from scipy.ndimage import label
from scipy.spatial.distance import cdist

from passband.dataset.scan_masks import SHARE, SMALLEST, disc_mask


def by_hand(places, kind, shape, radius):
    """Every pixel asks every point."""
    apart = cdist(places, places) + np.diag(np.full(len(places), np.inf))
    reach = np.maximum(np.minimum(radius, SHARE * apart.min(axis=1)), SMALLEST)
    pixels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 2)
    away = cdist(pixels, places)
    away[away > reach] = np.inf
    nearest = away.argmin(axis=1)
    return np.where(np.isfinite(away.min(axis=1)), kind[nearest], 0).reshape(shape)


@pytest.mark.parametrize("radius", [0.5, 1.5, 2.5, 6.0])
@pytest.mark.parametrize("seed", range(4))
def test_discs_are_those_of_every_pixel_asking_every_point(seed, radius):
    # points outside too, sparse and dense; rejects discs about rounded places, rows and columns exchanged, and a far
    # point that is written over a near one
    rng = np.random.default_rng(seed)
    places = rng.uniform([-4.0, -4.0], [27.0, 45.0], ((12, 60, 200, 400)[seed], 2))
    kind = rng.integers(1, 4, len(places))
    np.testing.assert_array_equal(
        disc_mask(places, kind, (24, 42), radius=radius), by_hand(places, kind, (24, 42), radius)
    )


def test_discs_of_neighbours_leave_a_gap():
    # rejects a reach of 0.38 or half of the distance, or one that heeds no neighbour
    places = np.array([[10.0, 8.0], [10.0, 18.0], [10.0, 36.0]])
    found, count = label(disc_mask(places, np.ones(3, dtype=np.int64), (21, 46), radius=6.0), np.ones((3, 3)))
    assert count == 3
    assert sorted(np.bincount(found.ravel())[1:]) == [49, 49, 113]  # of radius 4, and of 6


def test_every_point_within_the_image_has_a_pixel():
    # rejects a small disc between four pixels that covers none of them
    for place in ([0.5, 0.5], [3.5, 4.49], [-0.49, 7.49]):
        assert disc_mask(np.array([place]), np.array([3]), (8, 8), radius=0.1).max() == 3


def test_a_point_outside_reaches_in_and_one_far_outside_does_not():
    one = np.array([[-1.0, 4.0]])
    assert disc_mask(one, np.array([2]), (8, 9), radius=2.0).sum() == 2 * (3 + 1)  # rows 0 and 1
    assert not disc_mask(one - [2.0, 0.0], np.array([2]), (8, 9), radius=2.0).any()
    assert not disc_mask(np.empty((0, 2)), np.empty(0, np.int64), (8, 9), radius=2.0).any()
