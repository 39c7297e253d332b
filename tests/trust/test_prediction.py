"""Predictions learn a known dependence, and their intervals keep their level on conditions they never saw."""

import math

import numpy as np
import pytest

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.recipe import PassbandError
from passband.trust.calibration import Calibration
from passband.trust.conformal import coverage
from passband.trust.prediction import FEATURES, Predictor, features_of


@pytest.fixture(scope="module")
def predictor(table, trained, pixel) -> Predictor:
    return Predictor(table, trained, pixel)


def rows_of(table: Calibration) -> list[dict[str, float]]:
    return [dict(zip(table.sets, values, strict=True)) for values in zip(*table.sets.values(), strict=True)]


def test_intervals_cover_new_conditions_as_often_as_they_say(predictor, make) -> None:
    """160 settings of another seed; four standard errors of the share, and of the 120 calibration scores."""
    new = make(160, seed=50)
    for level in (0.8, 0.9):
        found = predictor.forecast_rows(rows_of(new), level=level)
        share = coverage(found.loss.low, found.loss.high, new.column("loss"))
        assert share == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) * (1 / 160 + 1 / 120)))


def test_the_dependence_is_found(predictor, make) -> None:
    new = make(60, seed=51, noise=0.0)
    found = predictor.forecast_rows(rows_of(new)).loss.value
    error = np.log(found / new.column("loss"))
    assert error.std() < 0.5 * np.log(new.column("loss")).std()


def test_leaving_one_out_in_closed_form_is_leaving_one_out(predictor, table) -> None:
    """Against a Gaussian process with the same kernel, refitted without the case: the formula of the book."""
    from sklearn.gaussian_process import GaussianProcessRegressor

    surface = predictor.loss
    values, deviations = surface.left_out()
    scaled = (features_of(rows_of(table)) - surface.centre) / surface.scale
    target = np.log(table.column("loss"))
    spread, mean = target.std(), target.mean()
    for left in (0, 7):
        others = np.arange(len(target)) != left
        again = GaussianProcessRegressor(surface.process.kernel_, optimizer=None)
        again.fit(scaled[others], (target[others] - mean) / spread)
        value, deviation = again.predict(scaled[left : left + 1], return_std=True)
        assert values[left] == pytest.approx(value[0] * spread + mean, rel=1e-6)
        assert deviations[left] == pytest.approx(deviation[0] * spread, rel=1e-6)
        assert surface.scores[left] == pytest.approx(abs(values[left] - target[left]) / deviations[left], rel=1e-6)


def test_the_interval_holds_the_prediction_widens_with_the_level_and_far_from_the_table(predictor) -> None:
    near = Conditions(aberrations=Aberrations(C10=-100.0), focal_spread=10.0, dose=400.0)
    far = Conditions(aberrations=Aberrations(C10=-3000.0, C30=4e6), focal_spread=200.0, dose=400.0)
    narrow, wide = (predictor.forecast([near, far], level=level) for level in (0.5, 0.95))
    for one in (narrow.loss, narrow.dice, wide.loss, wide.dice):
        assert (one.low <= one.value).all()
        assert (one.value <= one.high).all()
    width, wider = (np.log(one.loss.high / one.loss.low) for one in (narrow, wide))
    assert (wider > width).all()
    assert width[1] > 1.3 * width[0]
    assert (narrow.dice.high <= 1.0).all()


def test_rows_of_the_table_may_come_in_any_order(table, trained, pixel, predictor) -> None:
    order = np.random.default_rng(0).permutation(len(table.sets["loss"]))
    mixed = {name: tuple(np.asarray(values)[order].tolist()) for name, values in table.sets.items()}
    again = Predictor(table.model_copy(update={"sets": mixed}), trained, pixel)
    setting = [Conditions(aberrations=Aberrations(C10=-100.0), focal_spread=10.0, dose=400.0)]
    here, there = predictor.forecast(setting).loss, again.forecast(setting).loss
    np.testing.assert_allclose(
        np.array(here), np.array(there), rtol=2e-2
    )  # the fit of the kernel stops a little elsewhere


def test_features_tell_signs_and_noise_free_images_apart() -> None:
    row = dict.fromkeys(FEATURES, 0.0) | {"C10": -5.0, "dose": 0.0}
    found = dict(zip(FEATURES, features_of([row])[0], strict=True))
    assert (found["C10"], found["abs_C10"], found["log_dose"]) == (-5.0, 5.0, 5.0)


def test_a_level_in_per_cent_is_refused(predictor) -> None:
    with pytest.raises(PassbandError, match="level=80 is not between 0 and 1"):
        predictor.forecast([Conditions(dose=400.0)], level=80)
