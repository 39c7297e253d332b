"""Ranking: Spearman's ρ as SciPy has it, honest intervals, and predictions that never saw their own conditions."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from passband.recipe import PassbandError
from studies.ranking import (
    Clusters,
    explained_variance,
    held_out_predictions,
    rank_correlations,
    spearman,
    within_groups,
)

NAMES = [f"set{k}" for k in range(12)]
TRAINING = [one for one in NAMES for _ in NAMES]
EVALUATION = NAMES * len(NAMES)
CLUSTERS = Clusters(TRAINING, EVALUATION)


def grid(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A measure, and a loss that follows it with effects of its training and its evaluation, and noise."""
    rng = np.random.default_rng(seed)
    measure = rng.standard_normal((12, 12))
    effects = rng.standard_normal((12, 1)) + rng.standard_normal((1, 12))
    return measure.ravel(), (measure + effects + 0.3 * rng.standard_normal((12, 12))).ravel()


def test_spearman_agrees_with_scipy_with_ties_and_leaves_out_nan() -> None:
    rng = np.random.default_rng(0)
    x, y = np.round(rng.standard_normal((2, 80)), 1)
    assert spearman(x, x + y) == pytest.approx(spearmanr(x, x + y).statistic, abs=1e-12)
    assert spearman([*x, np.nan, 5.0], [*(x + y), 1.0, np.nan]) == spearman(x, x + y)
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))


def test_intervals_hold_the_value_and_know_that_pairs_share_conditions() -> None:
    measure, loss = grid(1)
    clustered = rank_correlations({"m": measure}, loss, CLUSTERS, draws=300)["m"]
    apart = [str(k) for k in range(len(loss))]
    paired = rank_correlations({"m": measure}, loss, Clusters(apart, ["all"] * len(loss)), draws=300)["m"]
    assert clustered.value == paired.value == spearman(measure, loss)
    assert clustered.low < clustered.value < clustered.high
    assert clustered.high - clustered.low > 1.2 * (paired.high - paired.low)


def test_the_interval_holds_95_per_cent_of_the_resamplings() -> None:
    # one pair for each condition: an ordinary bootstrap of both sides, here of ρ = 0.5 from 400 pairs
    rng = np.random.default_rng(0)
    measure = rng.standard_normal(400)
    loss = measure + np.sqrt(3.0) * rng.standard_normal(400)
    names = [str(k) for k in range(400)]
    found = rank_correlations({"m": measure}, loss, Clusters(names, ["all"] * 400), draws=600)["m"]
    # Fisher's z, whose deviation is √(1.06/(n − 3)) for ρ (Fieller, Hartley & Pearson 1957)
    half = 1.96 * np.sqrt(1.06 / 397)
    expected = np.tanh(np.arctanh(found.value) + np.array([-half, half]))
    assert (found.low, found.high) == pytest.approx(expected, abs=0.03)


def test_a_measure_does_not_gain_over_itself_and_gains_over_noise() -> None:
    measure, loss = grid(2)
    noise = np.random.default_rng(9).standard_normal(len(loss))
    gains = rank_correlations({"m": measure, "n": noise}, loss, CLUSTERS, against="n", draws=200)
    assert tuple(gains["n"]) == (0.0, 0.0, 0.0)
    assert gains["m"].low > 0.0
    assert gains["m"].value == pytest.approx(spearman(measure, loss) - spearman(noise, loss))


def test_held_out_predictions_recover_a_line_and_ignore_their_own_conditions() -> None:
    measure, loss = grid(3)
    np.testing.assert_allclose(held_out_predictions([measure], 3.0 * measure - 1.0, CLUSTERS), 3.0 * measure - 1.0)
    before = held_out_predictions([measure], loss, CLUSTERS)
    touched = np.array(["set4" in pair for pair in zip(TRAINING, EVALUATION, strict=True)])
    after = held_out_predictions([measure], np.where(touched, 1e3, loss), CLUSTERS)
    np.testing.assert_array_equal(after[touched], before[touched])
    assert not np.allclose(after[~touched], before[~touched])


def test_effects_of_conditions_cannot_be_learned_from_others() -> None:
    _, loss = grid(4)
    nothing = held_out_predictions([], loss, CLUSTERS)
    assert explained_variance(nothing, loss) < 0.0
    assert explained_variance(loss, loss) == 1.0


def test_within_groups_takes_group_effects_out() -> None:
    measure = np.tile(np.arange(5.0), 3)
    loss = measure + np.repeat([100.0, 0.0, 50.0], 5)
    groups = np.repeat(["a", "b", "c"], 5).tolist()
    assert within_groups(measure, loss, groups) == pytest.approx(1.0)
    assert spearman(measure, loss) < 0.5


def test_errors_say_what_to_give() -> None:
    with pytest.raises(PassbandError, match="give one value per pair"):
        rank_correlations({"m": np.zeros(3)}, np.zeros(4), Clusters(["a"] * 4, ["b"] * 4))
    with pytest.raises(PassbandError, match="use 3 or more folds"):
        held_out_predictions([], np.zeros(2), Clusters(["a", "b"], ["a", "b"]))
