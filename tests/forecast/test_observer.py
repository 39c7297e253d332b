"""The mismatched observer: best where it learned, blind to units, the same every time."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from passband.forecast.observer import Observer, ObserverRecipe, PixelSample, area_under_curve, observer_scores
from passband.recipe import PassbandError

LINEAR = ObserverRecipe()


def texture(direction: float, *, seed: int, contrast: float = 2.0, count: int = 4000) -> PixelSample:
    """Two normal classes in four channels, apart by `contrast` along a direction (rad) of the first two."""
    rng = np.random.default_rng(seed)
    truth = rng.random(count) < 0.3
    channels = rng.standard_normal((count, 4))
    channels[:, :2] += contrast * truth[:, None] * np.array([np.cos(direction), np.sin(direction)])
    return PixelSample(channels, truth, np.zeros(count, dtype=np.int64))


@pytest.mark.parametrize("kind", ["linear", "quadratic", "random"])
def test_the_loss_is_lowest_where_the_observer_learned(kind: str) -> None:
    recipe = ObserverRecipe.model_validate({"kind": kind, "hidden": 32})
    directions = (0.0, 0.8, 1.6)
    learnt, met = ([texture(angle, seed=seed + k) for k, angle in enumerate(directions)] for seed in (0, 10))
    scores = observer_scores(learnt, met, recipe)
    for table, best in ((scores.loss, np.argmin), (scores.cross_entropy, np.argmin), (scores.auc, np.argmax)):
        assert best(table, axis=0).tolist() == [0, 1, 2]
    assert scores.loss[0, 2] > scores.loss[0, 1] > scores.loss[0, 0]


def test_a_harder_data_set_costs_more() -> None:
    met = [texture(0.0, seed=5, contrast=contrast) for contrast in (3.0, 2.0, 1.0)]
    scores = observer_scores([texture(0.0, seed=1)], met, LINEAR)
    assert np.all(np.diff(scores.loss[0]) > 0)
    assert np.all(np.diff(scores.auc[0]) < 0)


def test_logits_are_the_logarithm_of_the_odds() -> None:
    # equal covariances: ln odds = c·x₁ − c²/2 + ln(0.3/0.7), Gaussians c apart along the first channel
    observer = Observer(texture(0.0, seed=2, count=40_000), LINEAR.model_copy(update={"ridge": 1e-6}))
    x = np.zeros((3, 4))
    x[:, 0] = (-1.0, 1.0, 3.0)
    np.testing.assert_allclose(observer.logits(x), 2.0 * x[:, 0] - 2.0 + np.log(0.3 / 0.7), atol=0.2)


def test_cross_entropy_is_scikit_learns() -> None:
    learnt, met = texture(0.0, seed=1), texture(0.4, seed=2)
    probability = 1.0 / (1.0 + np.exp(-Observer(learnt, LINEAR).logits(met.channels)))
    expected = log_loss(met.truth, probability)
    assert observer_scores([learnt], [met], LINEAR).cross_entropy[0, 0] == pytest.approx(expected, rel=1e-9)


def test_what_each_kind_can_tell_apart() -> None:
    # a ring around the middle: its radius is a sum of squares, which a line knows nothing of
    rng = np.random.default_rng(0)
    channels = rng.standard_normal((6000, 2))
    sample = PixelSample(channels, np.hypot(*channels.T) > 1.2, np.zeros(6000, np.int64))
    kinds = [{"kind": "linear"}, {"kind": "quadratic"}, {"kind": "random", "hidden": 64}]
    linear, quadratic, random = (
        observer_scores([sample], [sample], ObserverRecipe.model_validate(kind)).auc[0, 0] for kind in kinds
    )
    assert linear < 0.55
    assert quadratic > 0.99
    assert random > 0.97


@pytest.mark.parametrize("kind", ["linear", "quadratic", "random"])
def test_how_each_kind_extrapolates(kind: str) -> None:
    sample = texture(0.0, seed=1)
    observer = Observer(sample, ObserverRecipe.model_validate({"kind": kind, "hidden": 16}))
    along = sample.channels.mean(0) + np.arange(0.0, 3.0, 0.5)[:, None] * np.array([[0.7, -0.4, 0.3, 0.5]])
    bend = np.diff(observer.logits(along), 3 if kind == "quadratic" else 2)
    if kind == "random":  # bent where a sum crosses its offset, not on the ray from the middle alone
        assert np.abs(bend[1:]).max() > 1e-3
    else:
        np.testing.assert_allclose(bend, 0.0, atol=1e-9)


def test_units_of_the_channels_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    gain, offset = rng.uniform(0.1, 10.0, 4), rng.standard_normal(4)
    pair = [texture(0.0, seed=1), texture(0.5, seed=2)]
    other = [PixelSample(one.channels * gain + offset, one.truth, one.image) for one in pair]
    expected, found = (observer_scores(side[:1], side[1:], LINEAR) for side in (pair, other))
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-6)


def test_equal_seeds_give_equal_scores_and_the_random_sums_follow_the_seed() -> None:
    learnt, met = [texture(0.0, seed=1)], [texture(0.4, seed=2)]
    recipes = [ObserverRecipe(kind="random", hidden=8, seed=seed) for seed in (3, 3, 4)]
    first, again, other = (observer_scores(learnt, met, recipe).loss[0, 0] for recipe in recipes)
    assert first == again
    assert first != other


def test_the_loss_is_that_of_the_paper() -> None:
    learnt, met = texture(0.0, seed=1), texture(0.0, seed=2)
    probability = 1.0 / (1.0 + np.exp(-Observer(learnt, LINEAR).logits(met.channels)))
    right = np.where(met.truth, probability, 1.0 - probability)
    # their second softmax: −ln softmax(p, 1 − p) minus ln(1 + e⁻¹)
    expected = (np.log(1.0 + np.exp(1.0 - 2.0 * right)) - np.log(1.0 + np.exp(-1.0))).mean()
    assert observer_scores([learnt], [met], LINEAR).loss[0, 0] == pytest.approx(expected, abs=1e-6)


def test_area_under_curve_agrees_with_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(500) < 0.2
    values = np.round(rng.standard_normal(500) + truth, 1)
    assert area_under_curve(values, truth) == pytest.approx(roc_auc_score(truth, values), abs=1e-12)
    assert np.isnan(area_under_curve(values, np.ones(500, dtype=bool)))


@pytest.mark.parametrize("ridge", [1e-3, 0.1])
def test_the_ridge_is_per_pixel(ridge: float) -> None:
    # every pixel ten times over is the same data set: sums over pixels and the penalty grow alike
    recipe = LINEAR.model_copy(update={"ridge": ridge})
    once = texture(0.0, seed=3, count=400)
    tenfold = PixelSample(*(np.repeat(values, 10, axis=0) for values in (once.channels, once.truth, once.image)))
    met = texture(0.4, seed=4).channels
    expected = Observer(once, recipe).logits(met)
    np.testing.assert_allclose(Observer(tenfold, recipe).logits(met), expected, atol=1e-4)
    free = Observer(once, LINEAR.model_copy(update={"ridge": 1e-9})).logits(met)
    assert np.abs(expected).mean() < (0.995 if ridge < 0.01 else 0.8) * np.abs(free).mean()  # and it does hold back


def test_one_class_cannot_be_learned() -> None:
    sample = PixelSample(np.zeros((5, 2)), np.zeros(5, dtype=bool), np.zeros(5, dtype=np.int64))
    with pytest.raises(PassbandError, match="all 5 pixels are of one class; train on structures with particles"):
        Observer(sample, LINEAR)
