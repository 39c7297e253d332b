"""Error area of one image from its signals: learned, never falling with uncertainty, with intervals that hold."""

import math

import numpy as np
import pytest
from tests.fixtures.tables import make_images

from passband.performance.conformal import conformal_quantile, coverage, grouped_quantile
from passband.performance.error_model import ErrorModel
from passband.performance.gaussian_process import Kernel
from passband.performance.image_error import ImageErrorModel
from passband.performance.image_regression import Groups, ImageRegression, Line, set_weights

UNCERTAIN = ("entropy", "unsure_area", "expected_error_area")
LIKE = {"entropy": 0.03, "unsure_area": 0.02, "expected_error_area": 0.01}
LIKE |= {"predicted_area": 0.2, "feature_distance": 1.0, "spectrum_distance": 1.0}


@pytest.fixture(scope="module")
def images(table, trained, pixel) -> ImageErrorModel:
    return ErrorModel(table, trained, pixel).images


def test_a_line_is_found_and_a_slope_that_may_not_fall_does_not() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 3))
    values = 2.0 * features[:, 0] - 1.0 * features[:, 1] + 0.5 * features[:, 2] + 3.0
    line = Line.fitted(Groups(features, values, np.arange(400)), np.array([True, True, False]))
    assert line.slopes[0] == pytest.approx(2.0, rel=0.1)
    assert line.slopes[1] == 0.0
    free = Line.fitted(Groups(features, values, np.arange(400)), np.array([False, False, False]))
    np.testing.assert_allclose(free.slopes, [2.0, -1.0, 0.5], rtol=0.05)
    np.testing.assert_allclose(free(features), values, atol=0.2)


def test_a_data_set_of_many_images_weighs_as_much_as_one_of_few() -> None:
    np.testing.assert_allclose(set_weights(np.array([3, 3, 3, 7])), [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_a_data_set_is_predicted_without_itself() -> None:
    """One set stands alone at the end of the feature, with values that no other set has."""
    features = np.concatenate([np.linspace(0, 1, 60), [5.0, 5.0]])[:, None]
    values = np.concatenate([np.linspace(0, 1, 60), [9.0, 9.0]])
    sets = np.concatenate([np.arange(60) % 9, [9, 9]])
    found = ImageRegression.fitted(Groups(features, values, sets), np.array([True]))
    assert found.errors[-1] > 2.0


def test_a_process_predicts_what_the_line_leaves_and_fades_away() -> None:
    """A bend that no line has, between 0 and 3; far away the line alone, and a larger error."""
    rng = np.random.default_rng(3)
    features = rng.uniform(0.0, 3.0, (240, 1))
    values = np.abs(features[:, 0] - 1.5) + 0.05 * rng.normal(size=240)
    groups = Groups(features, values, np.arange(240) // 2)
    kernel = Kernel(variance=1.0, length=1.0, noise=0.02)
    plain, bent = (ImageRegression.fitted(groups, np.array([True]), one) for one in (None, kernel))
    assert bent.errors.std() < 0.3 * plain.errors.std()
    far = np.array([[1.0], [60.0]])
    (near, there), (usual, larger) = bent.predict(far)
    assert near == pytest.approx(0.5, abs=0.1)
    assert there == pytest.approx(float(bent.line(far)[1]), abs=1e-3)
    assert larger > 3.0 * usual


def test_more_uncertainty_never_predicts_less(images: ImageErrorModel) -> None:
    """Of the line, and so of all predictions far from the calibration; near it a process may know better."""
    slopes = images.regression("error_area", known=True).line.slopes
    assert (slopes[images.rising(known=True)] >= 0.0).all()
    assert (~images.rising(known=True)).sum() == 1  # the area of the mask may count either way
    more = [LIKE | {name: factor * LIKE[name] for name in UNCERTAIN} for factor in (1, 30, 60, 90)]
    values = [images.predict(one, level=0.8)["error_area"].value for one in more]
    assert values == sorted(values)


def test_intervals_of_single_images_hold_their_level_on_new_data_sets(images: ImageErrorModel) -> None:
    """A new image of each of 400 new data sets; four standard errors of the share, and of 120 sets' scores."""
    rng = np.random.default_rng(9)
    new = make_images(0.02 * np.exp(rng.uniform(0.0, 2.5, 400)), rng)
    rows = [{name: float(new[name][k]) for name in images.names} for k in range(400)]
    for level in (0.8, 0.9):
        slack = 4 * math.sqrt(level * (1 - level) * (1 / 400 + 1 / 120))
        for quantity in ("error_area", "loss", "dice"):
            found = [images.predict(row, level=level)[quantity] for row in rows]
            share = coverage([one.low for one in found], [one.high for one in found], new[quantity])
            assert share == pytest.approx(level, abs=slack), quantity


def test_images_that_share_their_error_are_one_voice() -> None:
    """50 sets of 20 equal scores: the quantile is that of 50 scores, and of 4 sets nothing is promised."""
    rng = np.random.default_rng(1)
    scores = rng.normal(size=50)
    assert grouped_quantile(np.repeat(scores, 20), np.repeat(np.arange(50), 20), 0.8) == conformal_quantile(scores, 0.8)
    assert grouped_quantile(np.repeat(scores[:4], 20), np.repeat(np.arange(4), 20), 0.9) == math.inf


def test_the_worst_error_is_that_of_images_inside(images: ImageErrorModel) -> None:
    true = np.asarray(images.table.images["error_area"])
    assert (true[images.inside] > images.worst).mean() <= 0.02


def test_the_mean_of_many_keeps_what_they_have_in_common(images: ImageErrorModel) -> None:
    one = images.predict(LIKE, level=0.8)["error_area"]
    widths = []
    for count in (1, 4, 10_000):
        mean = images.mean([one] * count, level=0.8)
        widths.append(math.log((mean.high + 1e-3) / (mean.low + 1e-3)))
    between, within = images.regression("error_area", known=False).variances
    assert widths[2] / widths[1] == pytest.approx(math.sqrt(between / (between + within / 4)), rel=0.01)
    assert widths[0] > widths[1] > widths[2] > 0.0
    sure = images.predict(LIKE, level=0.999)["error_area"]  # more than 120 data sets can tell
    assert images.mean([sure, sure], level=0.999)[1:] == (0.0, 1.0) == sure[1:]


@pytest.mark.parametrize("level", [0.001, 0.01, 0.1, 0.8])
def test_what_is_predicted_lies_in_its_interval_however_low_the_level(images: ImageErrorModel, level: float) -> None:
    """Rejects the quantiles alone: the middle of the scores of data sets left out is not 0."""
    for one in images.predict(LIKE, level=level).values():
        assert one.low <= one.value <= one.high
    mean = images.mean([images.predict(LIKE, level=level)["error_area"]] * 3, level=level)
    assert 0.0 < mean.low <= mean.value <= mean.high < 0.1


@pytest.mark.parametrize("count", [2, 5])
def test_the_mean_of_a_data_set_lies_in_its_interval_as_often_as_it_says(images: ImageErrorModel, count: int) -> None:
    """Of 300 new data sets; four standard errors of the share, and of the table's 120 sets of two images each."""
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(300):
        new = make_images(np.full(count, 0.02 * np.exp(rng.uniform(0.0, 2.5))), rng)
        rows = [{name: float(new[name][k]) for name in images.names} for k in range(count)]
        mean = images.mean([images.predict(row, level=0.8)["error_area"] for row in rows], level=0.8)
        held += mean.low <= new["error_area"].mean() <= mean.high
    assert held / 300 == pytest.approx(0.8, abs=4 * math.sqrt(0.16 * (1 / 300 + 1 / 120)))


def test_variances_within_and_between_data_sets() -> None:
    rng = np.random.default_rng(2)
    sets = np.repeat(np.arange(300), 4)
    errors = np.repeat(0.6 * rng.normal(size=300), 4) + 0.8 * rng.normal(size=1200)
    one = ImageRegression(Line(np.zeros(1), 0.0), None, np.zeros(1200), errors, np.ones(1200), sets)
    between, within = one.variances
    spread = float(np.abs(errors).mean())
    assert between * spread**2 == pytest.approx(0.36, rel=0.15)
    assert within * spread**2 == pytest.approx(0.64, rel=0.1)
