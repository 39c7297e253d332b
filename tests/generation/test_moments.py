import numpy as np
import pytest

from passband.generation.moments import PointMoments, count_modes, moment_errors
from passband.recipe import PassbandError

CENTRES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def mixture(modes: list[int], count: int = 400, deviation: float = 0.05) -> np.ndarray:
    rng = np.random.default_rng(0)
    return CENTRES[rng.choice(modes, count)] + deviation * rng.standard_normal((count, 2))


def test_all_modes_of_a_true_mixture_are_found() -> None:
    found = count_modes(mixture([0, 1, 2, 3]), CENTRES, 0.05)
    assert found.missed == ()
    assert found.shares.sum() == pytest.approx(1.0)
    assert found.sharp > 0.99
    assert found.text == "no mode collapse: all 4 modes are drawn; 100% of the points are on a mode"


def test_missed_modes_are_said() -> None:
    found = count_modes(mixture([0, 3]), CENTRES, 0.05)
    assert found.missed == (1, 2)
    assert found.text == "mode collapse: 2 of 4 modes are missed (1, 2); 100% of the points are on a mode"


def test_a_rare_mode_is_missed() -> None:
    rare = np.concatenate([mixture([0, 1, 2], 400), mixture([3], 20)])  # 5 % in place of 25 %
    assert count_modes(rare, CENTRES, 0.05).missed == (3,)
    less_rare = np.concatenate([mixture([0, 1, 2], 400), mixture([3], 40)])
    assert count_modes(less_rare, CENTRES, 0.05).missed == ()


def test_points_between_modes_are_of_none() -> None:
    found = count_modes(np.full((100, 2), 0.5), CENTRES, 0.05)
    assert found.missed == (0, 1, 2, 3)
    assert found.sharp == 0.0


@pytest.mark.parametrize(
    ("points", "deviation", "words"), [(mixture([0]), 0.2, "overlap"), (mixture([0], 40), 0.05, "draw 80")]
)
def test_what_cannot_be_told(points: np.ndarray, deviation: float, words: str) -> None:
    with pytest.raises(PassbandError, match=words):
        count_modes(points, CENTRES, deviation)


def test_errors_of_moments() -> None:
    true = PointMoments(np.zeros(2), np.diag([3.0, 1.0]))
    found = moment_errors(PointMoments(np.array([1.0, 0.0]), np.diag([3.0, 2.0])), true)
    assert found.mean == pytest.approx(0.5)  # of √4
    assert found.covariance == pytest.approx(1 / np.sqrt(10.0))
