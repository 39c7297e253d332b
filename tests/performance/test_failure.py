"""The probability that a mask fails: learned from masks that did, never falling with uncertainty, and a frequency."""

import numpy as np
import pytest
from scipy.special import expit
from tests.fixtures.tables import make_images

from passband.performance.error_model import ErrorModel
from passband.performance.failure import Examples, FailureModel, Logistic, failed
from passband.performance.image_error import ImageErrorModel
from passband.performance.table import Laboratory


@pytest.fixture(scope="module")
def images(table, trained, pixel) -> ImageErrorModel:
    return ErrorModel(table, trained, pixel).images


def examples(count: int, *, slope: float = 2.0, offset: float = -1.0, each: int = 1, seed: int = 0) -> Examples:
    """Images of two features, of which the first decides by a logistic function and the second by nothing."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 2))
    return Examples(features, rng.random(count) < expit(slope * features[:, 0] + offset), np.arange(count) // each)


def test_what_a_failure_is() -> None:
    area = [0.11, 0.1, 0.05, 0.05, 0.01, 0.02, 0.2]
    dice = [0.9, 0.9, 0.49, 0.5, 0.0, -1.0, -1.0]
    assert failed({"error_area": area, "dice": dice}).tolist() == [True, False, True, False, False, False, True]
    of_columns = failed({"error_area": area[:4], "dice": dice[:4], "f1": [0.5, 0.49, 0.0, -1.0]}, "f1")
    assert of_columns.tolist() == [False, True, True, False]  # columns count, pixels do not


def test_without_a_dice_the_area_decides_alone() -> None:
    assert failed({"error_area": [0.11, 0.05]}).tolist() == [True, False]


def test_slopes_are_found_and_one_that_may_not_fall_does_not() -> None:
    found = Logistic.fitted(examples(6000), np.array([True, False]))
    assert found.slopes == pytest.approx([2.0, 0.0], abs=0.15)
    assert found.offset == pytest.approx(-1.0, abs=0.15)
    falling = examples(6000, slope=-2.0)
    held = Logistic.fitted(falling, np.array([True, False]))
    assert held.slopes[0] == 0.0
    assert expit(held.offset) == pytest.approx(falling.failed.mean(), abs=0.01)


def test_a_data_set_of_many_images_weighs_as_much_as_one_of_few() -> None:
    """Nine sets of one right image, and one of ninety failed ones: one in ten fails, not ten in eleven."""
    sets = np.append(np.arange(9), np.full(90, 9))
    found = Logistic.fitted(Examples(np.zeros((99, 1)), sets == 9, sets), np.array([True]))
    assert expit(found.offset) == pytest.approx((9.9 + 0.5) / 100.0, abs=1e-4)


def test_where_no_mask_failed_a_failure_is_improbable_but_not_impossible() -> None:
    never = examples(200)._replace(failed=np.zeros(200, dtype=bool))
    found = FailureModel.fitted(never, np.array([True, False]), np.ones(200, dtype=bool))
    assert found.probability(np.zeros((1, 2))) == pytest.approx(0.5 / 201.0, rel=0.05)
    assert found.limit == 0.1
    always = FailureModel.fitted(
        never._replace(failed=~never.failed), np.array([True, False]), np.ones(200, dtype=bool)
    )
    assert always.limit == 0.1  # no mask inside is right: nothing is believed that fails once in ten


def test_a_data_set_is_judged_without_itself() -> None:
    """Ten sets side by side, one of which failed, against what the others would say."""
    sets = np.repeat(np.arange(10), 20)
    rng = np.random.default_rng(2)
    features = (rng.normal(size=200) + 4.0 * (sets == 9))[:, None]
    found = FailureModel.fitted(Examples(features, sets == 9, sets), np.array([True]), np.ones(200, dtype=bool))
    assert found.left_out[sets == 9].max() < 0.05
    assert found.probability(features[sets == 9]).min() > 0.15


def test_one_right_mask_in_twenty_inside_is_doubted() -> None:
    known = examples(4000, offset=-2.0)
    inside = np.arange(4000) % 2 == 0
    found = FailureModel.fitted(known, np.array([True, False]), inside)
    assert 0.1 < found.limit < 2 / 3
    doubted = found.left_out > found.limit
    assert doubted[inside & ~known.failed].mean() == pytest.approx(0.05, abs=0.002)
    assert doubted[known.failed].mean() > 0.3


def test_a_mask_that_fails_twice_in_three_times_is_doubted_however_usual_that_is() -> None:
    found = FailureModel.fitted(examples(4000, offset=2.0), np.array([True, False]), np.ones(4000, dtype=bool))
    assert found.limit == 2 / 3


def test_a_laboratorys_own_images_move_the_odds_as_far_as_they_tell() -> None:
    """One failed image of even odds: the shift s with s = 1 / (1 + exp(s)) is 0.40106."""
    even = FailureModel(Logistic(np.zeros(1), 0.0), np.zeros(1), 0.5)
    one = even.shift(np.zeros((1, 1)), [True])
    assert one == pytest.approx(0.40106, abs=1e-4)
    assert even.shift(np.zeros((1, 1)), [False]) == pytest.approx(-one, abs=1e-4)
    many = even.shift(np.zeros((50, 1)), [True] * 50)
    assert one < many < 5.0
    assert even.probability(np.zeros((1, 1)), shift=many) == pytest.approx(expit(many))


def test_probabilities_are_frequencies_on_new_data_sets(images: ImageErrorModel) -> None:
    """Of 1,500 new images, each of a set of its own, in thirds of the probability; four standard errors."""
    rng = np.random.default_rng(5)
    new = make_images(0.02 * np.exp(rng.uniform(0.0, 2.5, 1500)), rng)
    rows = [{name: float(new[name][k]) for name in images.names} for k in range(1500)]
    probability, true = np.array([images.failure_probability(row) for row in rows]), failed(new)
    for part in np.array_split(np.argsort(probability), 3):
        expected = probability[part].mean()
        error = 4 * np.sqrt(expected * (1 - expected) * (1 / 500 + 1 / 80))  # and of a third of the table's images
        assert true[part].mean() == pytest.approx(expected, abs=error)
    assert probability[true].mean() > 2 * probability[~true].mean()


def test_conditions_inform_it_and_a_missing_signal_does_not_let_it_speak(images: ImageErrorModel) -> None:
    signals = {name: float(images.table.images[name][0]) for name in images.names}
    near, far = (images.failure_probability(signals, float(np.log(loss))) for loss in (0.005, 0.5))
    assert 0.0 < near < far < 1.0
    assert images.failure_probability({name: signals[name] for name in images.names[1:]}) is None


def test_masks_of_a_laboratory_that_all_failed_raise_it(table, trained, pixel, images: ImageErrorModel) -> None:
    right = np.flatnonzero(~failed(table.images))[:6]
    own = {name: tuple(values[k] for k in right) for name, values in table.images.items() if name != "set"}
    signals = {name: own[name][0] for name in images.names}
    found = []
    for area in (own["error_area"], (0.5,) * 6):
        laboratory = Laboratory(files=tuple("ab" * 32 for _ in right), images=own | {"error_area": area})
        corrected = ErrorModel(table.model_copy(update={"laboratory": laboratory}), trained, pixel).images
        found.append(corrected.failure_probability(signals))
    assert found[0] < images.failure_probability(signals) < found[1]


def test_failures_of_a_laboratory_are_those_that_the_table_counts(table, trained, pixel) -> None:
    """By F1 where the table has it; own images without one move nothing."""
    f1 = np.where(np.arange(len(table.images["set"])) % 3 == 0, 0.2, 0.9)
    with_f1 = table.model_copy(update={"images": table.images | {"f1": tuple(f1.tolist())}})
    own = {name: values[:6] for name, values in table.images.items() if name != "set"}
    found = []
    for more in ({}, {"f1": (0.9,) * 6}, {"f1": (0.1,) * 6}):
        laboratory = Laboratory(files=tuple("ab" * 32 for _ in range(6)), images=own | more)
        images = ErrorModel(with_f1.model_copy(update={"laboratory": laboratory}), trained, pixel).images
        assert images.judged_by == "f1"
        found.append(images.failure_probability({name: own[name][0] for name in images.names}))
    plain = ErrorModel(with_f1, trained, pixel).images
    assert found[0] == plain.failure_probability({name: own[name][0] for name in plain.names})
    assert found[1] < found[0] < found[2]


def test_a_distance_that_the_laboratorys_own_images_have_is_not_rare(table, trained, pixel) -> None:
    own = {name: values[:6] for name, values in table.images.items() if name != "set"}
    far = {name: table.images[name][0] for name in own} | {"spectrum_distance": 1.7}
    for largest, rare in ((1.0, True), (1.8, False)):
        laboratory = Laboratory(
            files=tuple("ab" * 32 for _ in range(6)), images=own | {"spectrum_distance": (largest,) * 6}
        )
        images = ErrorModel(table.model_copy(update={"laboratory": laboratory}), trained, pixel).images
        limit = images.failure(known=False).limit
        assert images.failure_limit(far, known=False) == (limit / 3 if rare else limit, rare)
    assert ErrorModel(table, trained, pixel).images.failure_limit(far, known=False)[1]
