"""Predictions learn a known dependence, and their intervals keep their level on conditions they never saw."""

import math

import numpy as np
import pytest

from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.microscope.instruments.choice import instrument_named
from passband.performance.conformal import coverage
from passband.performance.error_model import ErrorModel, with_kernels
from passband.performance.settings import feature_names, features_of
from passband.performance.table import PerformanceTable, measured_performance
from passband.recipe import PassbandError
from passband.segmentation.card import read_card
from passband.segmentation.shipped import find_model


@pytest.fixture(scope="module")
def error_model(table, trained, pixel) -> ErrorModel:
    return ErrorModel(table, trained, pixel)


def rows_of(table: PerformanceTable) -> list[dict[str, float]]:
    return [dict(zip(table.sets, values, strict=True)) for values in zip(*table.sets.values(), strict=True)]


def test_intervals_cover_new_conditions_as_often_as_they_say(error_model, make) -> None:
    """160 settings of another seed; four standard errors of the share, and of the 120 calibration scores."""
    new = make(160, seed=50)
    for level in (0.8, 0.9):
        found = error_model.predict_rows(rows_of(new), level=level)
        share = coverage(found.loss.low, found.loss.high, new.column("loss"))
        assert share == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) * (1 / 160 + 1 / 120)))


def test_the_dependence_is_found(error_model, make) -> None:
    new = make(60, seed=51, noise=0.0)
    found = error_model.predict_rows(rows_of(new)).loss.value
    error = np.log(found / new.column("loss"))
    assert error.std() < 0.5 * np.log(new.column("loss")).std()


def test_kernels_on_the_card_are_used_and_predict_what_a_search_for_them_does(
    table, trained, pixel, error_model
) -> None:
    stored = with_kernels(table)
    assert stored.model_copy(update={"kernels": None}) == table
    again = PerformanceTable.model_validate_json(stored.model_dump_json())
    settings = [Conditions(aberrations=Aberrations(C10=c10), focal_spread=10.0, dose=400.0) for c10 in (-200.0, 900.0)]
    here, there = (one.predict(settings) for one in (error_model, ErrorModel(again, trained, pixel)))
    np.testing.assert_allclose(np.array([*here.loss, *here.dice]), np.array([*there.loss, *there.dice]), rtol=1e-9)
    noisy = stored.kernels.loss.model_copy(update={"noise": 1.0})
    other = stored.model_copy(update={"kernels": stored.kernels.model_copy(update={"loss": noisy})})
    changed = ErrorModel(other, trained, pixel).predict(settings)
    assert abs(np.log(changed.loss.value / here.loss.value)).max() > 0.05
    np.testing.assert_allclose(changed.dice.value, here.dice.value, rtol=1e-9)


def test_the_scores_are_errors_in_units_of_the_uncertainty_where_left_out(error_model, table) -> None:
    values, deviations = error_model.loss.process.leave_one_out()
    error = np.abs(np.log(table.column("loss")) - values)
    np.testing.assert_allclose(error_model.loss.scores, error / deviations)


def test_the_shipped_network_carries_the_kernels_of_its_table() -> None:
    """As `passband calibrate au_hrtem -o DIR` writes them; another BLAS may stop the search a little elsewhere."""
    shipped = measured_performance(read_card(find_model(None)))
    again = with_kernels(shipped)
    for one, other in ((shipped.kernels.loss, again.kernels.loss), (shipped.kernels.dice, again.kernels.dice)):
        assert list(one.model_dump().values()) == pytest.approx(list(other.model_dump().values()), rel=0.02)


def test_the_interval_holds_the_prediction_widens_with_the_level_and_far_from_the_table(error_model) -> None:
    near = Conditions(aberrations=Aberrations(C10=-100.0), focal_spread=10.0, dose=400.0)
    far = Conditions(aberrations=Aberrations(C10=-3000.0, C30=4e6), focal_spread=200.0, dose=400.0)
    narrow, wide = (error_model.predict([near, far], level=level) for level in (0.5, 0.95))
    for one in (narrow.loss, narrow.dice, wide.loss, wide.dice):
        assert (one.low <= one.value).all()
        assert (one.value <= one.high).all()
    width, wider = (np.log(one.loss.high / one.loss.low) for one in (narrow, wide))
    assert (wider > width).all()
    assert width[1] > 1.3 * width[0]
    assert (narrow.dice.high <= 1.0).all()


def test_rows_of_the_table_may_come_in_any_order(table, trained, pixel, error_model) -> None:
    order = np.random.default_rng(0).permutation(len(table.sets["loss"]))
    mixed = {name: tuple(np.asarray(values)[order].tolist()) for name, values in table.sets.items()}
    again = ErrorModel(table.model_copy(update={"sets": mixed}), trained, pixel)
    setting = [Conditions(aberrations=Aberrations(C10=-100.0), focal_spread=10.0, dose=400.0)]
    here, there = error_model.predict(setting).loss, again.predict(setting).loss
    np.testing.assert_allclose(
        np.array(here), np.array(there), rtol=2e-2
    )  # the fit of the kernel stops a little elsewhere


def test_features_tell_signs_and_noise_free_images_apart() -> None:
    tem = instrument_named("tem")
    names = feature_names(tem)
    row = dict.fromkeys(names, 0.0) | {"C10": -5.0, "dose": 0.0}
    found = dict(zip(names, features_of([row], tem)[0], strict=True))
    assert names == (
        *("C10", "abs_C10", "C12", "C21", "C23", "C30", "abs_C30", "focal_spread", "angular_spread", "log_dose"),
        *("pixel_size", "epsilon", "sigma", "delta_epsilon"),
    )
    assert (found["C10"], found["abs_C10"], found["log_dose"]) == (-5.0, 5.0, 5.0)


def test_a_level_in_per_cent_is_refused(error_model) -> None:
    with pytest.raises(PassbandError, match="level=80 is not between 0 and 1"):
        error_model.predict([Conditions(dose=400.0)], level=80)
