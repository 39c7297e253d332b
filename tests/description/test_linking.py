"""Movies of known motion, linked."""

import numpy as np
import pytest
from tests.description.sheets import flake

from passband.description.linking import Linking, assign, drift_between, link_frames
from passband.recipe import PassbandError

SEED = np.random.default_rng


def within(radius, count, rng):
    angle, size = rng.uniform(0.0, 2.0 * np.pi, count), radius * np.sqrt(rng.random(count))
    return np.stack([size * np.cos(angle), size * np.sin(angle)], axis=1)


def movie(frames, *, step, drift=(0.0, 0.0), missing=0.0, seed=0):
    """Frames of a flake whose atoms stay within `step`/2 of their sites, shuffled, with their true numbers."""
    rng, sites = SEED(seed), flake(12, 12)
    for number in range(frames):
        places = sites + within(0.5 * step, len(sites), rng) + number * np.asarray(drift)
        seen = rng.permutation(np.flatnonzero(rng.random(len(sites)) >= missing))
        yield places[seen], seen


def wrong_links(truths, linked):
    """Atoms whose number is not that of their first frame."""
    first: dict[int, int] = {}
    return sum(
        first.setdefault(int(atom), int(number)) != int(number)
        for seen, frame in zip(truths, linked, strict=True)
        for atom, number in zip(seen, frame.identity, strict=True)
    )


@pytest.mark.parametrize("drift", [(0.0, 0.0), (0.4, -0.3)])
def test_motion_below_half_a_bond_is_linked_without_a_fault(drift):
    """Rejects links before the drift is taken off: 0.5 Å of it and 0.6 of motion are more than half a bond."""
    frames, truths = zip(*movie(20, step=0.6, drift=drift), strict=True)
    linked = list(link_frames(frames))
    assert wrong_links(truths, linked) == 0
    assert sum(len(frame.born) + len(frame.died) for frame in linked) == 0
    assert linked[-1].drift == pytest.approx(19 * np.asarray(drift), abs=0.1)


def test_atoms_that_are_missed_keep_their_number_within_the_memory():
    frames, truths = zip(*movie(20, step=0.5, missing=0.05), strict=True)
    patient = list(link_frames(frames, Linking(memory=5)))
    assert wrong_links(truths, patient) == 0
    forgetful = list(link_frames(frames))
    assert wrong_links(truths, forgetful) > 0
    assert forgetful[1].died.size > 0


def test_births_and_deaths_are_told_once():
    places = np.array([[0.0, 0.0], [3.0, 0.0], [6.0, 0.0]])
    frames = [places, places[1:], np.concatenate([places[1:], [[20.0, 20.0]]]), places]
    linked = list(link_frames(frames, Linking(gate=1.0, drift=False)))
    assert [frame.identity.tolist() for frame in linked] == [[0, 1, 2], [1, 2], [1, 2, 3], [4, 1, 2]]
    assert [frame.born.tolist() for frame in linked] == [[], [], [3], [4]]
    assert [frame.died.tolist() for frame in linked] == [[], [0], [], [3]]


def test_links_are_the_best_of_all_and_not_the_first():
    """Greedily 1 → 0.9 goes first, and 0 goes without."""
    before, after = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.9, 0.0], [1.9, 0.0]])
    old, new = assign(before, after, 1.5)
    assert dict(zip(old.tolist(), new.tolist(), strict=True)) == {0: 0, 1: 1}
    assert [len(part) for part in assign(before, after + np.array((0.0, 5.0)), 1.0)] == [0, 0]


def test_assignments_are_those_of_the_full_table():
    from scipy.optimize import linear_sum_assignment

    rng = SEED(3)
    before, after, gate = rng.uniform(0.0, 6.0, (40, 2)), rng.uniform(0.0, 6.0, (35, 2)), 0.9
    square = ((before[:, None] - after[None]) ** 2).sum(axis=2)
    table = np.hstack([np.where(square <= gate**2, square, 1e6), np.where(np.eye(40) > 0, gate**2, 1e6)])
    rows, columns = linear_sum_assignment(table)
    old, new = assign(before, after, gate)
    assert square[old, new].sum() + gate**2 * (40 - len(old)) == pytest.approx(table[rows, columns].sum())
    assert len(set(old.tolist())) == len(old) == len(set(new.tolist()))


def test_the_drift_is_not_moved_by_those_that_come_and_go():
    rng, sites = SEED(4), flake(10, 10)
    after = np.concatenate(
        [sites[20:] + np.array((0.5, 0.3)) + rng.normal(0.0, 0.05, (180, 2)), rng.uniform(0.0, 20.0, (20, 2))]
    )
    assert drift_between(sites, after, 0.71) == pytest.approx([0.5, 0.3], abs=0.02)


def test_frames_come_one_at_a_time_and_may_be_empty():
    asked = []

    def frames():
        for number, places in enumerate([np.empty((0, 2)), [[0.0, 0.0]], [], [[0.1, 0.0]], [[0.1, 0.1], [4.0, 4.0]]]):
            asked.append(number)
            yield places

    linked = link_frames(frames(), Linking(memory=1, gate=1.0))
    next(linked)
    assert asked == [0]  # rejects one that reads the whole movie
    assert [frame.identity.tolist() for frame in linked] == [[0], [], [0], [0, 1]]
    with pytest.raises(PassbandError, match=r"must be \(n, 2\), finite"):
        list(link_frames([[[0.0, np.inf]]]))
