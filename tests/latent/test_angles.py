"""Folded angles: what a turn does to their histogram and flatness, and Kuiper's statistic of known distributions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passband.latent.angles import angle_course, flatness, kuiper_chance, kuiper_statistic
from passband.recipe import PassbandError


def test_sub_lattices_stand_half_a_period_apart() -> None:
    # rejects a fold by a whole turn, and negative angles in the wrong bin
    angle = np.array([0.05, 0.05 + 2.0 * np.pi / 3.0, 0.05 - 2.0 * np.pi / 3.0, 0.05 + np.pi / 3.0, 0.05 - np.pi])
    found = angle_course(np.zeros(5, dtype=int), angle, symmetry=3, bins=4)
    assert found.counts.tolist() == [[3, 0, 2, 0]]
    np.testing.assert_allclose(found.edges, np.arange(5) * np.pi / 6.0)
    just_below = angle_course([0], [-1e-17], symmetry=1, bins=4)
    assert just_below.counts.tolist() == [[0, 0, 0, 1]]


def test_a_bimodal_distribution_flattens() -> None:
    rng = np.random.default_rng(0)
    frame = np.repeat(np.arange(4), 1000)
    spread = np.array([0.05, 0.15, 0.25, 5.0])[frame]
    angle = rng.integers(0, 2, 4000) * np.pi / 3.0 + spread * rng.standard_normal(4000)
    found = angle_course(frame, angle, symmetry=3)
    assert (np.diff(found.entropy) > 0.0).all()
    assert (np.diff(found.kuiper) < 0.0).all()
    assert found.entropy[3] == pytest.approx(1.0, abs=0.005)
    assert found.chance[0] < 1e-10
    assert found.chance[3] > 0.01


def test_entropy_of_few_is_corrected() -> None:
    # rejects the plain entropy, which is 0.06 too small here
    rng = np.random.default_rng(1)
    counts = rng.multinomial(100, np.full(20, 0.05), size=300)
    assert flatness(counts).mean() == pytest.approx(1.0, abs=0.01)
    assert flatness(np.array([[50, 50, 0, 0]])) == pytest.approx(np.log(2.0) / np.log(4.0) + 0.005 / np.log(4.0))
    assert flatness(np.array([[100, 0, 0, 0]])) == 0.0


@given(st.lists(st.floats(0.0, 0.999), min_size=1, max_size=30), st.floats(0.0, 1.0))
def test_kuiper_does_not_see_where_angles_begin(parts: list[float], turn: float) -> None:
    # rejects the statistic of Kolmogorov and Smirnov
    moved = np.mod(np.array(parts) + turn, 1.0)
    assert kuiper_statistic(moved) == pytest.approx(kuiper_statistic(parts), abs=1e-9)


def test_kuiper_of_a_grid_and_of_one_place() -> None:
    assert kuiper_statistic((np.arange(10) + 0.5) / 10.0) == pytest.approx(0.1)
    assert kuiper_statistic(np.full(5, 0.3)) == pytest.approx(1.0)


def test_chances_are_uniform_for_flat_angles() -> None:
    # Stephens' 5 % point of V(√n + 0.155 + 0.24/√n) is 1.747
    n = 50
    assert kuiper_chance(1.747 / (np.sqrt(n) + 0.155 + 0.24 / np.sqrt(n)), n) == pytest.approx(0.05, abs=5e-4)
    rng = np.random.default_rng(2)
    chance = np.array([kuiper_chance(kuiper_statistic(rng.random(n)), n) for _ in range(800)])
    assert np.mean(chance < 0.1) == pytest.approx(0.1, abs=4.0 * np.sqrt(0.09 / 800))
    assert kuiper_chance(0.01, 10) == 1.0


def test_folds_that_cannot_be() -> None:
    with pytest.raises(PassbandError, match="symmetry=0"):
        angle_course([0], [0.0], symmetry=0)
    with pytest.raises(PassbandError, match="bins=1"):
        angle_course([0], [0.0], symmetry=3, bins=1)
    with pytest.raises(PassbandError, match="row 0 holds NaN"):
        angle_course([0], [np.nan], symmetry=3)
