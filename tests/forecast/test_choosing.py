"""Training conditions that cover what can be reached."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passband.forecast.choosing import choose_conditions, greedy_cover
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import ConditionDistribution, Conditions
from passband.recipe import PassbandError

BASE = Conditions(focal_spread=10.0, dose=400.0)


def at(c10: float) -> Conditions:
    return BASE.model_copy(update={"aberrations": Aberrations(C10=c10)})


def test_two_groups_get_one_member_each() -> None:
    similarity = np.array(
        [[1.0, 0.9, 0.8, 0, 0], [0.9, 1, 0.9, 0, 0], [0.8, 0.9, 1, 0, 0], [0, 0, 0, 1, 0.9], [0, 0, 0, 0.9, 1]]
    )
    assert greedy_cover(similarity, 2) == [1, 3]
    reachable = [at(c) for c in (-30.0, -20.0, -10.0, 200.0, 210.0)]
    chosen = choose_conditions(reachable, 2, similarity=similarity)
    assert [one.aberrations["C10"] for one in chosen] == [-20.0, 200.0]
    assert all(isinstance(one, ConditionDistribution) for one in chosen)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_greedy_is_within_the_bound_of_the_best(seed: int) -> None:
    """1 − 1/e of the optimum, found by trying all pairs and triples."""
    matrix = np.random.default_rng(seed).uniform(size=(7, 9))
    for k in (1, 3):
        found = matrix[greedy_cover(matrix, k)].max(axis=0).sum()
        best = max(matrix[list(rows)].max(axis=0).sum() for rows in itertools.combinations(range(7), k))
        assert found >= (1 - 1 / np.e) * best - 1e-9
        assert len(set(greedy_cover(matrix, k))) == k


def test_negative_similarities_such_as_a_loss_are_covered_too() -> None:
    loss = np.array([[0.1, 0.9], [0.5, 0.4], [0.9, 0.1]])
    assert greedy_cover(-loss, 1) == [1]
    assert set(greedy_cover(-loss, 3)) == {0, 1, 2}


def test_strategies() -> None:
    reachable = [at(c) for c in (-200.0, -150.0, -100.0, -50.0)]
    uniform = choose_conditions(reachable, 2, strategy="uniform", seed=3)
    assert uniform == choose_conditions(reachable, 2, strategy="uniform", seed=3)
    assert len(uniform) == 2
    assert len(choose_conditions(reachable, 3, strategy="single")) == 1
    assert len(choose_conditions(reachable, 4)) == 4  # σ by default


@pytest.mark.parametrize("k", [0, 3])
def test_a_budget_beyond_what_can_be_reached_is_refused(k: int) -> None:
    with pytest.raises(PassbandError, match=f"k={k} is not between 1 and the 2 reachable conditions"):
        choose_conditions([at(-50.0), at(50.0)], k)


def test_a_matrix_of_another_size_is_refused() -> None:
    with pytest.raises(PassbandError, match=r"similarity of shape \(3, 3\) must be \(2, 2\)"):
        choose_conditions([at(-50.0), at(50.0)], 1, similarity=np.eye(3))
