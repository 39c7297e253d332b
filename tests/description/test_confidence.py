"""How sure a column is that a network sees."""

import numpy as np
import pytest

from passband.description.confidence import column_confidence


def test_it_rises_with_the_probability_and_with_what_stands_out_of_the_noise() -> None:
    """Rejects the probability alone, and the score alone."""
    probability, score = (axis.ravel() for axis in np.meshgrid(np.linspace(0.5, 1.0, 9), np.linspace(-3.0, 30.0, 12)))
    sure = column_confidence(probability, score).reshape(12, 9)
    assert np.all(np.diff(sure, axis=1)[:, :-1] > 0.0)
    assert np.all(np.diff(sure, axis=0)[1:] > 0.0)
    assert np.all((sure > 0.0) & (sure < 1.0))


@pytest.mark.parametrize(("probability", "score", "least", "most"), [(0.6, 0.0, 0.1, 0.4), (1.0, 20.0, 0.97, 1.0)])
def test_noise_is_more_likely_wrong_and_a_clear_column_right(probability, score, least, most) -> None:
    assert least < column_confidence(np.array([probability]), np.array([score]))[0] < most
