"""How sure a column is for which much or little speaks, and which ones are kept."""

import numpy as np
import pytest

from passband.description.agreement import ColumnSigns
from passband.description.confidence import column_confidence, likely_columns


def sure(**known: float) -> float:
    """Confidence of one column; of one that the image shows and little is known of but for what is given."""
    values = {"probability": 0.6, "shown": 1, "seen": 0, "regularity": 0.2, "surroundings": 0.2, "height": 0.5} | known
    held = {name: np.array([value]) for name, value in values.items()}
    held |= {name: held[name].astype(bool) for name in ("shown", "seen")}
    return float(column_confidence(ColumnSigns(**held))[0])


@pytest.mark.parametrize(
    "more", [{"probability": 0.9}, {"seen": 1}, {"regularity": 0.8}, {"surroundings": 0.8}, {"height": 1.0}], ids=str
)
def test_it_rises_with_all_that_speaks_for_a_column(more: dict[str, float]) -> None:
    assert sure() + 0.05 < sure(**more)


@pytest.mark.parametrize(
    ("known", "least", "most"),
    [
        ({"shown": 0, "seen": 1, "regularity": 0.1, "surroundings": 0.1}, 0.1, 0.4),  # seen in noise
        ({"probability": 1.0, "seen": 1, "regularity": 0.9, "surroundings": 0.8}, 0.99, 1.0),
        ({"probability": 0.0, "regularity": 0.1, "surroundings": 0.1}, 0.0, 0.1),  # shown by an amorphous layer
        ({"probability": 0.0, "regularity": 0.9, "surroundings": 0.8, "height": 1.0}, 0.6, 1.0),  # by a crystal
    ],
)
def test_what_it_says_of_what_is_met(known: dict[str, float], least: float, most: float) -> None:
    assert least < sure(**known) < most


def test_columns_that_the_network_alone_has_stand_and_fall_with_how_certain_it_is_of_all() -> None:
    """Two undecided columns among twenty, which it is certain of or not: rejects a confidence of each by itself."""
    odd = np.arange(20) < 2

    def known(probability: float, *, shown: bool) -> ColumnSigns:
        each, low = np.where(odd, 0.6, probability), np.full(20, 0.12)
        return ColumnSigns(each, np.full(20, shown), np.full(20, True), low, low, np.full(20, 0.85))

    sees_noise, sees_crystal = (column_confidence(known(one, shown=False)) for one in (0.6, 0.95))
    assert sees_noise[0] < 0.4
    assert sees_crystal[0] > sees_noise[0] + 0.2
    shown = [column_confidence(known(one, shown=True))[0] for one in (0.6, 0.95)]
    assert shown[0] == shown[1]
    assert likely_columns(sees_noise, 0.2).sum() == 0
    assert likely_columns(sees_crystal, 0.2).all()


@pytest.mark.parametrize(
    ("confidence", "kept"),
    [
        ([0.4, 0.45, 0.35], [False, False, False]),  # noise: most would be wrong
        ([0.9, 0.4, 0.95, 0.2], [True, True, True, False]),
        ([0.6, 0.35, 0.35], [True, False, False]),  # 0.475 of two
        ([], []),
    ],
)
def test_those_are_kept_that_are_right_by_half(confidence: list[float], kept: list[bool]) -> None:
    assert likely_columns(np.array(confidence), 0.3).tolist() == kept
