"""The columns that a network is asked to find: those of the rule, spelt out pair by pair."""

import numpy as np
import pytest

from passband.recipe import PassbandError
from passband.specimen.visible_columns import visible_columns


def periodic_distances(positions, sides):
    box = np.array(sides[::-1])
    apart = positions[:, None] - positions
    apart -= box * np.rint(apart / box)
    return np.hypot(apart[..., 0], apart[..., 1])


def joined(distances, merge):
    """Label of each column by walking from one to the next."""
    label = np.full(len(distances), -1)
    for start in range(len(distances)):
        waiting = [start] if label[start] < 0 else []
        while waiting:
            here = waiting.pop()
            label[here] = start
            waiting += np.flatnonzero((distances[here] <= merge) & (label < 0)).tolist()
    return label


def _rows(found):
    """Given columns that each visible one consists of."""
    return [np.flatnonzero(found.members == row) for row in range(len(found.places))]


@pytest.mark.parametrize("seed", range(25))
def test_visible_are_those_of_the_rule(seed):
    rng = np.random.default_rng(seed)
    sides = tuple(rng.uniform(8.0, 70.0, 2))
    positions = rng.random((int(rng.integers(1, 250)), 2)) * sides[::-1]
    signal = np.exp(rng.uniform(0.0, 5.0, len(positions))) * (rng.random(len(positions)) < 0.95)
    share, reach, merge = rng.uniform(0.05, 0.9), rng.uniform(1.0, 25.0), rng.uniform(0.0, 1.0)
    found = visible_columns(positions, signal, sides=sides, share=share, reach=reach, merge=merge)

    brightest = [members[signal[members].argmax()] for members in _rows(found)]
    assert brightest == sorted(brightest)

    there = signal > 0
    label = np.full(len(positions), -1)
    label[there] = joined(periodic_distances(positions[there], sides), merge)
    for members, place, total in zip(_rows(found), found.places, found.signal, strict=True):
        assert len(set(label[members])) == 1
        assert (label == label[members[0]]).sum() == len(members)
        assert total == pytest.approx(signal[members].sum())
        around = positions[members] - place
        around -= np.array(sides[::-1]) * np.rint(around / sides[::-1])
        assert signal[members] @ around == pytest.approx(0.0, abs=1e-9 * total)
    groups = [np.flatnonzero(label == one) for one in np.unique(label[there])]
    totals = np.array([signal[group].sum() for group in groups])
    everything = visible_columns(positions, signal, sides=sides, share=0.0, merge=merge)
    centres = np.array([everything.places[everything.members[group[0]]] for group in groups]).reshape(-1, 2)
    near = periodic_distances(centres, sides) <= reach
    bright = totals >= share * np.where(near, totals, 0.0).max(axis=1, initial=0.0)
    assert [bool((found.members[group] >= 0).all()) for group in groups] == bright.tolist()
    assert ((found.places >= 0.0) & (found.places < sides[::-1])).all()


def test_columns_are_joined_across_the_border_and_x_comes_first():
    positions = np.array([[0.1, 7.0], [19.9, 7.0], [0.1, 0.2], [0.1, 9.9]])  # a cell 20 Å wide, 10 Å high
    found = visible_columns(positions, np.array([1.0, 3.0, 2.0, 2.0]), sides=(10.0, 20.0))
    assert found.places == pytest.approx(np.array([[19.95, 7.0], [0.1, 0.05]]))
    assert found.signal.tolist() == [4.0, 4.0]
    assert found.members.tolist() == [0, 0, 1, 1]


def test_a_dim_column_is_seen_where_no_bright_one_is_near():
    positions = np.array([[5.0, 30.0], [15.0, 30.0], [30.0, 30.0], [59.0, 30.0]])
    found = visible_columns(positions, np.array([1.0, 10.0, 1.0, 1.0]), sides=(60.0, 60.0))
    assert found.members.tolist() == [-1, 0, -1, 1]  # the last is 16 Å from the bright one, the third 15 Å


def test_nothing_is_seen_of_nothing():
    found = visible_columns(np.empty((0, 2)), np.empty(0), sides=(10.0, 10.0))
    assert found.places.shape == (0, 2)
    dark = visible_columns(np.ones((2, 2)), np.zeros(2), sides=(10.0, 10.0))
    assert dark.members.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("signal", "options", "text"),
    [
        ([-1.0], {}, "negative or not finite"),
        ([np.nan], {}, "negative or not finite"),
        ([1.0], {"share": 12.0}, "share=12 is outside 0 to 1"),
        ([1.0], {"reach": 0.0}, "reach=0 Å holds no neighbour"),
    ],
)
def test_what_cannot_be_used_is_said(signal, options, text):
    with pytest.raises(PassbandError, match=text):
        visible_columns(np.ones((1, 2)), np.array(signal), sides=(10.0, 10.0), **options)
