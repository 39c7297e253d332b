"""How sure a column is for which much or little speaks, and which ones are kept."""

import numpy as np
import pytest

from passband.description.agreement import ColumnSigns
from passband.description.confidence import column_confidence, likely_columns


def sure(**known: float) -> float:
    """Confidence of one column; of one that little is known of but for what is given."""
    values = {"probability": 0.6, "both": 0.0, "regularity": 0.2, "surroundings": 0.2, "height": 0.5} | known
    return float(column_confidence(ColumnSigns(*(np.array([value]) for value in values.values())))[0])


@pytest.mark.parametrize(
    "more", [{"probability": 0.9}, {"both": 1.0}, {"regularity": 0.8}, {"surroundings": 0.8}, {"height": 1.0}], ids=str
)
def test_it_rises_with_all_that_speaks_for_a_column(more: dict[str, float]) -> None:
    assert sure() + 0.05 < sure(**more)


@pytest.mark.parametrize(
    ("known", "least", "most"),
    [
        ({"regularity": 0.1, "surroundings": 0.1}, 0.1, 0.4),  # seen in noise
        ({"probability": 1.0, "both": 1.0, "regularity": 0.9, "surroundings": 0.8}, 0.99, 1.0),
        ({"probability": 0.0, "regularity": 0.1, "surroundings": 0.1}, 0.0, 0.1),  # shown by an amorphous layer
        ({"probability": 0.0, "regularity": 0.9, "surroundings": 0.8, "height": 1.0}, 0.8, 1.0),  # by a crystal
    ],
)
def test_what_it_says_of_what_is_met(known: dict[str, float], least: float, most: float) -> None:
    assert least < sure(**known) < most


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
