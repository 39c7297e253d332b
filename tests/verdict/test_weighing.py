"""The outcome, its reasons and its advice, on a network whose losses are known."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from passband.files.micrograph import Micrograph
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.performance.error_model import ErrorModel
from passband.performance.widening import trained_range
from passband.segmentation.card import ModelCard
from passband.segmentation.unet import UNetRecipe
from passband.verdict.estimate import ConditionEstimate
from passband.verdict.evidence import Evidence, Flag, Reason, file_reasons, value_text
from passband.verdict.image_evidence import Failure, prediction_reasons, probability
from passband.verdict.verdict import PredictionInterval, Verdict, percent
from passband.verdict.weighing import weigh

QUIET = {
    "entropy": 0.03,
    "unsure_area": 0.02,
    "expected_error_area": 0.01,
    "predicted_area": 0.2,
    "feature_distance": 1.0,
    "spectrum_distance": 1.0,
}
GOOD = {"C10": -80.0, "C30": 0.0, "focal_spread": 8.0, "dose": 600.0}


@pytest.fixture(scope="module")
def error_model(table, trained, pixel) -> ErrorModel:
    return ErrorModel(table, trained, pixel)


def verdict_on(
    error_model: ErrorModel | None,
    estimate: ConditionEstimate,
    signals: dict[str, float],
    *,
    file: Sequence[Reason] = (),
    advise: bool = False,
) -> Verdict:
    return weigh(error_model, Evidence(estimate, signals, file), advise=advise)


def given(**values: float) -> ConditionEstimate:
    return ConditionEstimate("given", {**GOOD, **values}, note="as given")


def uncertain(factor: float) -> dict[str, float]:
    """Signals of an image on which the network is so many times as uncertain."""
    names = ("entropy", "unsure_area", "expected_error_area")
    return QUIET | {name: factor * QUIET[name] for name in names}


def test_an_image_like_the_trainings_raises_no_objection(error_model) -> None:
    found = verdict_on(error_model, given(), QUIET)
    assert found.outcome == "no objection"
    assert found.reasons[0].startswith("predicted error area ")
    fails = "more than 10 % wrong, or a Dice below 0.5 with more than 1 % wrong"
    assert f" % probable that the mask fails ({fails}), doubted above 53 %" in found.reasons[0]
    assert 0.0 < found.failure_probability < found.failure_limit == error_model.images.failure(known=True).limit
    assert 0.0 <= found.error_area.low <= found.error_area.value <= found.error_area.high <= 1.0
    assert found.error_area.value == pytest.approx(0.01, rel=0.5)  # as the drawn images have it
    assert found.dice.low <= found.dice.value <= found.dice.high
    assert 0.0 < found.sigma <= 1.0
    assert found.line().startswith("no objection, predicted error area ")


def test_more_uncertainty_is_doubtful_and_much_more_outside(error_model) -> None:
    # rejects a verdict that rests on the conditions, which are the same
    small = {"predicted_area": 0.02}
    found = [verdict_on(error_model, given(), uncertain(factor) | small) for factor in (1.0, 12.0, 80.0)]
    assert [one.outcome for one in found] == ["no objection", "doubtful", "outside"]
    assert found[0].error_area.value < found[1].error_area.value < found[2].error_area.value
    assert found[2].error_area.low > error_model.images.worst
    assert any("first where the map says that it is doubtful" in one for one in found[1].advice)


def test_a_mask_that_is_more_wrong_than_right_is_doubtful_however_small_its_error(error_model) -> None:
    """As much is wrong as on many images inside; but the mask is not larger than that, or it is much larger."""
    small, large = (verdict_on(error_model, given(), uncertain(4.0) | {"predicted_area": one}) for one in (0.005, 0.4))
    assert small.error_area.value < np.median(error_model.table.images["error_area"])
    assert (small.outcome, large.outcome) == ("doubtful", "no objection")
    assert small.failure_probability > error_model.images.failure(known=True).limit


@pytest.mark.parametrize(
    ("by", "area", "f1", "level"),
    [
        ("dice", (0.8, 0.29, 1.0), (0.9, 0.8, 1.0), 1),
        ("dice", (0.8, 0.099, 1.0), (0.3, 0.2, 0.4), 0),
        ("f1", (0.8, 0.29, 1.0), (0.9, 0.8, 1.0), 0),  # discs of columns may be of another size and all be found
        ("f1", (0.02, 0.01, 0.05), (0.3, 0.2, 0.49), 1),
        ("f1", (0.02, 0.01, 0.05), (0.3, 0.2, 0.51), 0),
    ],
)
def test_no_word_contradicts_an_interval_that_is_all_failure(
    by: str, area: tuple[float, float, float], f1: tuple[float, float, float], level: int
) -> None:
    """Though the probability of a failure is small: rejects a word that rests on it alone."""
    images = SimpleNamespace(worst=0.33, judged_by=by)
    predicted = {"error_area": PredictionInterval(*area, 0.8), "f1": PredictionInterval(*f1, 0.8)}
    (reason,) = prediction_reasons(images, predicted, Failure(0.2, 0.6, rare=False))
    assert reason.level == level
    assert ("; even the " in reason.text) is bool(level)


def test_a_cs_is_told_in_millimetres_in_every_sentence(error_model) -> None:
    found = verdict_on(error_model, given(C30=2.55548e6), QUIET)
    said = [one for one in found.reasons if "C30" in one]
    assert said
    assert all("C30 = 0.256 mm" in one and "Å" not in one and "e+" not in one for one in said)
    assert value_text("C30", 2.55548e6) == "0.256 mm"
    assert value_text("C10", -680.04, "Å") == "-680 Å"
    (trained,) = verdict_on(error_model, given(C30=1.2e5), QUIET).reasons[1:]
    assert trained.startswith("outside the training: C30 = 0.012 mm (trained -0.01 to 0.01 mm)")


def test_percentages_have_no_exponent() -> None:
    assert percent(PredictionInterval(0.8, 0.29, 1.0, 0.8)) == "80 % of the image (29 to 100 %)"


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0004, "less than 0.1 %"),
        (0.0012, "0.12 %"),
        (0.634, "63 %"),
        (0.9949, "more than 99 %"),
        (1.0, "more than 99 %"),
    ],
)
def test_no_probability_is_said_to_be_certain(share: float, said: str) -> None:
    assert probability(share) == said


def test_a_third_of_the_probability_is_enough_where_features_or_spectrum_are_rare(error_model) -> None:
    """The line hardly rises with either distance, so that the limit changes and little else."""
    limit = error_model.images.failure(known=True).limit
    areas = np.geomspace(0.005, 0.1, 40)
    near = [verdict_on(error_model, given(), uncertain(4.0) | {"predicted_area": one}) for one in areas]
    inside = [0.55 * limit < one.failure_probability < 0.75 * limit for one in near]
    between = areas[inside]
    assert len(between)
    usual = uncertain(4.0) | {"predicted_area": float(between[0])}
    for name in ("feature_distance", "spectrum_distance"):
        outcomes = []
        for distance in (1.0, 1.6):  # of 0.5 to 1.5; beyond 2.25 nothing would be predicted
            found = verdict_on(error_model, given(), usual | {name: distance})
            assert limit / 3.0 < found.failure_probability < limit
            outcomes.append(found.outcome)
        assert outcomes == ["no objection", "doubtful"], name
        assert "a third of the usual: images like it are rare inside the training" in " ".join(found.reasons)


def test_what_left_the_training_is_named(error_model) -> None:
    found = verdict_on(error_model, given(C10=-680.0), QUIET, advise=True)
    assert any("C10 = -680 Å (trained -300 to 300 Å)" in one for one in found.reasons)
    assert any("add -680 to 300 Å of C10 to the training conditions" in one for one in found.advice)
    assert any(one.startswith("record at a defocus of") for one in found.advice)
    assert found.error_area.value > verdict_on(error_model, given(), QUIET).error_area.value  # conditions inform it


def test_a_lower_loss_is_found_at_a_defocus_that_can_be_reached(error_model, loss_of) -> None:
    """The true loss is least at C10 = 0, by a factor of about 4 against −650 Å."""
    found = verdict_on(error_model, given(C10=-650.0), QUIET, advise=True)
    (advice,) = [one for one in found.advice if one.startswith("record at a defocus")]
    c10 = float(advice.split("C10 = ")[1].split(" Å")[0].replace("\u2212", "-"))
    best, there = (
        loss_of(Conditions(aberrations=Aberrations(C10=c), focal_spread=8.0, dose=600.0)) for c in (c10, -650.0)
    )
    assert best < 0.8 * there


def test_beyond_everything_that_was_calibrated_nothing_is_predicted(error_model) -> None:
    found = verdict_on(error_model, given(C10=-5000.0), QUIET, advise=True)
    assert found.outcome == "outside"
    assert found.loss is found.error_area is None
    assert "C10 = -5000 Å is beyond what was calibrated" in found.reasons[0]


def test_what_hangs_on_a_guess_is_told_and_puts_no_image_outside(error_model) -> None:
    """Rejects a fit with a Cs that nobody told that takes the number away, and one that is passed on as known."""
    guessed = ConditionEstimate("fitted", {"C10": -5000.0, "C30": 1e7}, note="the rings fit 1 mm", guessed=("C30",))
    found, alone = verdict_on(error_model, guessed, QUIET), verdict_on(error_model, ConditionEstimate(), QUIET)
    assert found.outcome == "doubtful"
    assert found.error_area == alone.error_area
    assert found.sigma is None
    assert "but C30 was fitted too" in found.reasons[0]
    assert any(advice.startswith("give C30 if it is known") for advice in found.advice)
    told = ConditionEstimate("fitted", {"C10": -5000.0, "C30": 1e7})
    assert verdict_on(error_model, told, QUIET).outcome == "outside"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"C30": 1.2e7}, r"C30 = 1\.2 mm is beyond what was calibrated \(.+ to .+ mm\)"),
        ({"dose": 0.1}, r"dose = 0\.1 e⁻/Å² is beyond what was calibrated \([0-9.]+ e⁻/Å² or more\)"),
        ({"focal_spread": 500.0}, r"focal_spread = 500 Å is beyond what was calibrated \(.+ Å\)"),
        ({"angular_spread": 0.02}, r"angular_spread = 0\.02 rad is beyond what was calibrated \(.+ rad\)"),
        ({"C21": 1e6}, r"C21 = 1e\+06 Å is beyond what was calibrated \(.+ Å\)"),
        ({"C34": 1e8}, r"C34 = 1e\+08 Å is beyond what was calibrated \(.+ Å\)"),
    ],
)
def test_what_is_told_counts_without_the_defocus(error_model, told: dict[str, float], said: str) -> None:
    # rejects a verdict that looks at conditions only where the defocus is known, as that of before 2026-11-27
    for values in (told, {**told, "C10": -80.0}):
        found = verdict_on(error_model, ConditionEstimate("given", values, note="no fit"), QUIET)
        assert (found.outcome, found.error_area) == ("outside", None)
        assert re.match(said, found.reasons[0])
    assert not any(
        "it informs the prediction" in one or "image alone" in one for one in (*found.advice, *found.reasons)
    )


def test_what_is_told_and_measured_changes_no_number_without_the_defocus_and_says_so(error_model) -> None:
    # rejects text that promises an influence of the dose, and silence about one that the training did not cover
    told = {"dose": 600.0, "C30": 0.0, "C34": 1e4}
    found = verdict_on(error_model, ConditionEstimate("given", told, note="no fit"), QUIET)
    alone = verdict_on(error_model, ConditionEstimate(note="no fit"), QUIET)
    assert (found.outcome, found.error_area) == (alone.outcome, alone.error_area)
    assert any("the image alone, not on dose = 600 e⁻/Å² and C30 = 0 mm" in one for one in found.reasons)
    assert any(one.endswith("--dose 400: together with the defocus it informs the prediction") for one in found.advice)
    left = verdict_on(error_model, ConditionEstimate("given", {"C30": 2e5}, note="no fit"), QUIET)
    assert left.error_area == alone.error_area
    assert any(re.match(r"outside the training: C30 = 0\.02 mm \(trained .+ mm\)$", one) for one in left.reasons)
    assert any(one.endswith("0.02 mm of C30 to the training conditions") for one in left.advice)


def test_what_is_told_counts_beside_a_fit_that_hangs_on_a_guess(error_model) -> None:
    # rejects a guess that excuses what was told, and a fit without the defocus that counts as told
    values = {"C10": -80.0, "C30": 0.0, "dose": 0.1}
    told = ConditionEstimate("fitted", values, guessed=("C30",), origins={"dose": "given"})
    found = verdict_on(error_model, told, QUIET)
    assert (found.outcome, found.error_area) == ("outside", None)
    assert found.reasons[0].startswith("dose = 0.1 e⁻/Å² is beyond what was calibrated")
    assert not any("C30" in one for one in found.reasons)
    fitted = ConditionEstimate("fitted", {"focal_spread": 500.0}, guessed=("focal_spread",))
    assert verdict_on(error_model, fitted, QUIET).outcome == "no objection"


def test_a_cs_that_nobody_told_is_asked_for_where_the_defocus_is_given(error_model, trained) -> None:
    """The training's is taken, which is said; rejects 0 in silence, and the question where it is known."""
    low, high = (1e-7 * one for one in trained_range(trained)["C30"])
    expected = f"the spherical aberration C30 is not known and is taken as in training ({low:.3g} to {high:.3g} mm)"
    found = verdict_on(error_model, ConditionEstimate("given", {"C10": -80.0}), QUIET)
    assert expected in found.reasons[1:]
    assert "give C30 if it is known" in found.advice
    for known in (given(), ConditionEstimate()):
        other = verdict_on(error_model, known, QUIET)
        assert not any("C30 is not known" in one or "give C30" in one for one in (*other.reasons, *other.advice))


def test_a_value_of_the_file_is_said_to_be_its_own(error_model) -> None:
    values, origins = {"C10": -80.0, "C30": 1.2e7}, {"C30": "file"}
    found = verdict_on(error_model, ConditionEstimate("given", values, origins=origins), QUIET)
    assert found.outcome == "outside"
    assert found.reasons[0].startswith("C30 = 1.2 mm (of the file) is beyond what was calibrated")
    assert any(one.startswith("give C30 if the file is wrong about it") for one in found.advice)
    given_by_user = verdict_on(error_model, ConditionEstimate("given", values), QUIET)
    assert not any("of the file" in one for one in given_by_user.reasons)
    assert not any("file is wrong" in one for one in given_by_user.advice)


def test_a_cs_that_only_the_file_says_raises_a_doubt_where_the_defocus_is_not_known(error_model) -> None:
    """Of a corrected microscope it may be the lens's; rejects silence, *outside*, and a number that is withheld."""
    told = ConditionEstimate("file", {"C30": 1.2e7}, note="no fit", origins={"C30": "file"})
    found, alone = (verdict_on(error_model, one, QUIET) for one in (told, ConditionEstimate(note="no fit")))
    assert (found.outcome, alone.outcome) == ("doubtful", "no objection")
    assert found.error_area == alone.error_area
    assert found.reasons[0].startswith("C30 = 1.2 mm (of the file) is beyond what was calibrated")
    assert any(one.startswith("give C30 if the file is wrong about it") for one in found.advice)
    by_user = replace(told, origins={"C30": "given"})
    assert verdict_on(error_model, by_user, QUIET).outcome == "outside"


def test_the_line_says_the_error_area_once(error_model) -> None:
    line = verdict_on(error_model, ConditionEstimate(), QUIET).line()
    assert line.startswith("no objection, predicted error area ")
    assert line.count("predicted error area") == 1
    assert " probable that the mask fails (" in line


def test_more_dose_than_was_measured_does_no_harm_and_less_is_beyond(error_model) -> None:
    """In decades: down to two thirds of the least dose that was measured, and any that is more, is predicted for."""
    least = float(error_model.table.column("dose").min())
    assert verdict_on(error_model, given(dose=1e6), QUIET).loss is not None
    assert verdict_on(error_model, given(dose=0.7 * least), QUIET).loss is not None
    assert verdict_on(error_model, given(dose=0.6 * least), QUIET).loss is None


def test_a_rare_distance_is_told_and_one_beyond_all_that_was_measured_removes_the_number(error_model) -> None:
    """Decision 21: a distance decides no word, but where nothing can be predicted a person should look."""
    largest = max(error_model.table.images["feature_distance"])
    found = [
        verdict_on(error_model, given(), QUIET | {"feature_distance": factor * largest})
        for factor in (1.01, 1.49, 1.51)
    ]
    assert [one.outcome for one in found] == ["no objection", "no objection", "doubtful"]
    assert any("is rare inside the training" in one for one in found[0].reasons)
    assert found[1].error_area is not None
    assert found[2].error_area is found[2].loss is found[2].dice is None
    assert found[2].reasons[0].startswith("no error area is predicted: distance of what the network sees")
    assert any("--images and --labels" in one for one in found[2].advice)
    assert found[0].signals["feature_distance"].p < found[0].signals["entropy"].p


def test_unknown_conditions_rest_on_the_image_and_say_so(error_model) -> None:
    estimate = ConditionEstimate(note="no fit: no Thon rings")
    found = verdict_on(error_model, estimate, QUIET, advise=True)
    assert (found.outcome, found.sigma) == ("no objection", None)
    assert found.error_area is not None
    assert any("rests on the image alone" in reason and "no Thon rings" in reason for reason in found.reasons)
    assert verdict_on(error_model, estimate, uncertain(12.0)).outcome in ("doubtful", "outside")


def test_without_the_signals_of_the_calibration_nothing_is_predicted(error_model) -> None:
    found = verdict_on(error_model, ConditionEstimate(note="no fit"), {"new_signal": 1.0}, advise=True)
    assert (found.outcome, found.signals, found.error_area) == ("doubtful", {}, None)
    assert found.reasons[0].startswith("no error area is predicted: no signal was measured")


def test_a_calibration_without_single_images_is_none(error_model, trained, pixel) -> None:
    """As cards of before 2026-11-26 are: their images have no error area."""
    images = {name: one for name, one in error_model.table.images.items() if name != "error_area"}
    old = ErrorModel(error_model.table.model_copy(update={"images": images}), trained, pixel)
    found = verdict_on(old, given(), QUIET)
    assert (found.outcome, found.error_area) == ("not calibrated", None)
    assert found.line().startswith("not calibrated: run passband calibrate with --store")
    other = Reason(2, "of another microscope")
    assert verdict_on(old, given(), QUIET, file=[other]).outcome == "outside"


def test_of_two_signs_the_worse_counts(error_model) -> None:
    """The table makes no difference between signs, so the alternative is made worse by its astigmatism."""
    alone = verdict_on(error_model, given(), QUIET)
    two = ConditionEstimate("fitted", GOOD, ({"C10": 80.0, "C12": 100.0},), note="sign unknown")
    assert verdict_on(error_model, two, QUIET).error_area.value > 1.1 * alone.error_area.value


def test_a_flag_is_told_and_counts_as_it_says(error_model) -> None:
    flags = [Flag("saturated", "3 % of the pixels are at the highest value", 0), Flag("inverted", "it is inverted", 2)]
    found = [weigh(error_model, Evidence(given(), QUIET, flags=flags[:count]), advise=False) for count in (1, 2)]
    assert [one.flags for one in found] == [("saturated",), ("saturated", "inverted")]
    twice = weigh(error_model, Evidence(given(), QUIET, flags=[*flags, flags[1]]), advise=False)
    assert twice.flags == ("saturated", "inverted")  # two checks share a word, which stands once
    assert found[0].outcome == verdict_on(error_model, given(), QUIET).outcome
    assert (found[1].outcome, found[1].reasons[0]) == ("outside", "it is inverted")


def test_without_a_calibration_the_cure_is_named() -> None:
    found = verdict_on(None, ConditionEstimate(), {}, advise=True)
    assert found.outcome == "not calibrated"
    assert found.line() == "not calibrated: run passband calibrate, which measures the network under many conditions"


def test_everything_is_plain_json(error_model) -> None:
    found = json.loads(json.dumps(verdict_on(error_model, given(), QUIET, advise=True).as_dict(), allow_nan=False))
    assert set(found) == {
        "verdict",
        "predicted_error_area",
        "predicted_loss",
        "predicted_dice",
        "failure_probability",
        "failure_limit",
        "conditions",
        "sigma",
        "delta_epsilon",
        "reasons",
        "advice",
        "signals",
        "flags",
        "camera",
    }
    for quantity in ("error_area", "loss", "dice"):
        assert set(found[f"predicted_{quantity}"]) == {"value", "interval", "level"}
    assert found["conditions"]["source"] == "given"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"mode": "STEM"}, "the file says STEM and the network knows TEM images only"),
        ({"energy": 80e3}, "it was taken at 80 kV and the network trained at 300 kV"),
        ({"pixel_size": (2.0, 2.0)}, "2 Å per pixel is far from the network's 0.8 Å"),
    ],
)
def test_files_of_another_kind_are_outside(error_model, trained, facts, said) -> None:
    card = ModelCard(architecture=UNetRecipe.preset("tiny"), pixel_size=0.8, conditions=trained.model_dump(mode="json"))
    micrograph = Micrograph(np.zeros((4, 4)), **{"pixel_size": (0.8, 0.8), "energy": 300e3, "mode": "TEM"} | facts)
    reasons = file_reasons(card, micrograph)
    assert said in reasons[0].text
    assert verdict_on(error_model, given(), QUIET, file=reasons).outcome == "outside"
    fine = Micrograph(np.zeros((4, 4)), pixel_size=(0.8, 0.8), energy=300e3, mode="TEM")
    assert file_reasons(card, fine) == []


def test_the_network_that_fits_is_named(trained, shipped_columns: str) -> None:
    card = ModelCard(architecture=UNetRecipe.preset("tiny"), pixel_size=0.8, conditions=trained.model_dump(mode="json"))
    [reason] = file_reasons(card, Micrograph(np.zeros((4, 4)), pixel_size=0.2, energy=300e3, mode="STEM"))
    assert reason.text.endswith(f"knows TEM images only; {shipped_columns} is for such images: passband atoms")
