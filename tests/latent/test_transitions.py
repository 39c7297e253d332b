"""Changes of class and births of defects: a table made by hand, and intervals by scipy."""

import numpy as np
import pytest
from scipy.stats import beta

from passband.latent.transitions import Birth, births, transitions
from passband.recipe import PassbandError

#: frame, track, label: atom 1 is missed in frame 2, atom −1 is unknown, atom 3 is seen once.
TABLE = np.array(
    [(0, 1, 0), (1, 1, 0), (3, 1, 1), (4, 1, 1), (0, 2, 1), (1, 2, 0), (2, 2, 1), (0, 3, 2), (0, -1, 0), (1, -1, 1)]
)


def test_a_table_made_by_hand_is_counted() -> None:
    # rejects pairs over a gap, pairs of unknown atoms, rows that depend on the order, and a transposed matrix
    frame, track, label = TABLE[np.random.default_rng(0).permutation(len(TABLE))].T
    found = transitions(frame, track, label, 3)
    assert found.counts.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert found.probability[:2].tolist() == [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]
    assert np.isnan([found.probability[2], found.low[2], found.high[2]]).all()
    assert found.low[0, 2] == 0.0
    assert found.high[0, 2] < 1.0


def test_intervals_are_jeffreys() -> None:
    frame = np.tile([0, 1], 20)
    track = np.repeat(np.arange(20), 2)
    label = np.zeros(40, dtype=int)
    label[1:14:2] = 1
    found = transitions(frame, track, label, 2, confidence=0.9)
    assert found.counts.tolist() == [[13, 7], [0, 0]]
    assert found.low[0, 1] == pytest.approx(beta.ppf(0.05, 7.5, 13.5))
    assert found.high[0, 1] == pytest.approx(beta.ppf(0.95, 7.5, 13.5))
    all_stay = transitions([0, 1], [0, 0], [0, 0], 2)
    assert all_stay.high[0, 0] == 1.0
    assert all_stay.low[0, 0] == pytest.approx(beta.ppf(0.025, 1.5, 0.5))


def test_a_chain_gives_its_own_probabilities() -> None:
    rng = np.random.default_rng(3)
    true = np.array([[0.9, 0.1], [0.4, 0.6]])
    label = np.zeros((400, 60), dtype=int)
    for step in range(1, 60):
        label[:, step] = rng.random(400) < true[label[:, step - 1], 1]
    track, frame = np.divmod(np.arange(label.size), 60)
    found = transitions(frame, track, label.ravel(), 2)
    inside = (found.low < true) & (true < found.high)
    assert inside.all()
    np.testing.assert_allclose(found.probability.sum(1), 1.0)


def state_table(*tracks: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rows = [(number, name, frame) for name, text in enumerate(tracks) for frame, number in enumerate(text)]
    state, track, frame = (np.array(column) for column in zip(*rows, strict=True))
    return frame, track, state, np.stack([10.0 * track + frame, 100.0 * track + frame], axis=1)


def test_a_defect_is_born_where_the_state_changes_for_good() -> None:
    # rejects the first change, a last frame that is mistaken, and one that is mistaken at the start
    tracks = ("AAABABBB", "AAAAAAAB", "BAAAAAAA", "AAAAAAAA", "BBBBAAAA", "AAAABCCC", "AAB")
    frame, track, state, places = state_table(*tracks)
    order = np.random.default_rng(0).permutation(len(frame))
    found = births(frame[order], track[order], state[order], places[order])
    assert found == [
        Birth(4, 4, 44.0, 404.0, "B", "A"),
        Birth(5, 4, 54.0, 504.0, "A", "C"),
        Birth(0, 5, 5.0, 5.0, "A", "B"),
    ]
    assert [one.track for one in births(frame, track, state, places, perfect="A")] == [5, 0]
    assert len(births(frame, track, state, places, hold=1)) == 6


@pytest.mark.parametrize(
    ("label", "options", "said"),
    [
        ([0, 2], {}, "labels from 0 to 2 must be whole numbers below 2"),
        ([0, -1], {}, "labels from -1 to 0"),
        ([0.0, 1.0], {}, "must be whole numbers"),
        ([0, 1], {"confidence": 1.0}, "confidence=1.0 must be between 0 and 1"),
    ],
)
def test_labels_that_cannot_be(label: list[float], options: dict[str, float], said: str) -> None:
    with pytest.raises(PassbandError, match=said):
        transitions([0, 1], [0, 0], label, 2, **options)
    with pytest.raises(PassbandError, match="hold=0"):
        births([0], [0], ["A"], [[0.0, 0.0]], hold=0)
