"""The outcome, its reasons and its advice, on a network whose losses are known."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from passband.files.micrograph import Micrograph
from passband.microscope.aberrations import Aberrations
from passband.microscope.conditions import Conditions
from passband.performance.error_model import ErrorModel
from passband.segmentation.card import ModelCard
from passband.segmentation.unet import UNetRecipe
from passband.verdict import signal_evidence
from passband.verdict.estimate import ConditionEstimate
from passband.verdict.evidence import Evidence, Flag, Reason, file_reasons, loss_thresholds
from passband.verdict.verdict import Verdict
from passband.verdict.weighing import weigh

QUIET = dict.fromkeys(
    ("entropy", "expected_loss", "symmetry_disagreement", "feature_distance", "spectrum_distance"), 1.0
)
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


def test_a_network_holds_where_it_was_trained(error_model) -> None:
    found = verdict_on(error_model, given(), QUIET)
    assert found.outcome == "holds"
    assert found.reasons[0].startswith("the predicted loss is as in training")
    assert found.loss is not None
    assert found.loss.low <= found.loss.value <= found.loss.high <= 2 * loss_thresholds(error_model.table)[1]
    assert 0.0 < found.sigma <= 1.0


def test_a_large_predicted_loss_is_degraded_and_names_what_left_the_training(error_model) -> None:
    found = verdict_on(error_model, given(C10=-680.0), QUIET, advise=True)
    assert found.outcome in ("degraded", "outside")
    assert "C10 = -680 Å (trained -300 to 300 Å)" in found.reasons[0]
    assert any("add -680 to 300 Å of C10 to the training conditions" in one for one in found.advice)
    assert any(one.startswith("record at a defocus of") for one in found.advice)


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
    assert found.loss is None
    assert "C10 = -5000 Å is beyond what was calibrated" in found.reasons[0]


def test_more_dose_than_was_measured_does_no_harm_and_less_is_beyond(error_model) -> None:
    """In decades: down to two thirds of the least dose that was measured, and any that is more, is predicted for."""
    least = float(error_model.table.column("dose").min())
    assert verdict_on(error_model, given(dose=1e6), QUIET).loss is not None
    assert verdict_on(error_model, given(dose=0.7 * least), QUIET).loss is not None
    assert verdict_on(error_model, given(dose=0.6 * least), QUIET).loss is None


def test_one_signal_out_of_distribution_degrades_and_two_kinds_are_outside(error_model) -> None:
    one = verdict_on(error_model, given(), {**QUIET, "feature_distance": 9.0})
    two = verdict_on(error_model, given(), {**QUIET, "feature_distance": 9.0, "entropy": 9.0})
    same = verdict_on(error_model, given(), {**QUIET, "entropy": 9.0, "expected_loss": 9.0})
    assert (one.outcome, two.outcome, same.outcome) == ("degraded", "outside", "degraded")
    assert "distance of what the network sees" in one.reasons[0]
    assert one.signals["feature_distance"].p < one.signals["entropy"].p


def test_a_rare_distance_is_told_and_a_rare_uncertainty_counts(error_model, monkeypatch) -> None:
    """Rare, yet within what micrographs inside show: a distance changes no outcome, uncertainty does."""
    monkeypatch.setattr(signal_evidence, "FALSE_ALARMS", 0.5)  # this small table has no value rarer than its largest
    known = error_model.table.in_distribution_signals()
    rare = {name: float(np.max(values)) - 1e-9 for name, values in known.items()}
    unlike = verdict_on(error_model, given(), {**QUIET, "feature_distance": rare["feature_distance"]})
    uncertain = verdict_on(error_model, given(), {**QUIET, "entropy": rare["entropy"]})
    assert (unlike.outcome, uncertain.outcome) == ("holds", "degraded")
    assert "no less certain than" in unlike.reasons[0]
    assert unlike.reasons[1].endswith("which alone is no sign of a worse mask")


def test_unknown_conditions_rest_on_the_signals_and_say_so(error_model) -> None:
    estimate = ConditionEstimate(note="no fit: no Thon rings")
    found = verdict_on(error_model, estimate, QUIET, advise=True)
    assert (found.outcome, found.loss, found.sigma) == ("holds", None, None)
    assert any("rests on the signals alone" in reason and "no Thon rings" in reason for reason in found.reasons)
    assert verdict_on(error_model, estimate, {**QUIET, "entropy": 9.0}, advise=True).outcome == "degraded"


def with_images(error_model: ErrorModel, images: int, trained, pixel) -> ErrorModel:
    """The same network, whose signals were measured on so many images inside the training only."""
    table = error_model.table
    inside = np.flatnonzero(table.inside[np.asarray(table.images["set"], dtype=int)])
    kept = np.resize(inside, images)
    columns = {name: tuple(np.asarray(values)[kept].tolist()) for name, values in table.images.items()}
    return ErrorModel(table.model_copy(update={"images": columns}), trained, pixel)


@pytest.mark.parametrize(("signals", "fewest"), [(5, 99), (3, 59), (1, 19)])
def test_signals_that_cannot_alarm_are_no_reassurance(error_model, trained, pixel, signals: int, fewest: int) -> None:
    """p is at least 1/(n + 1), and k signals share 5 %: below n = k/0.05 − 1 the largest value is not rare enough."""
    seen = dict(list(QUIET.items())[:signals])
    few = with_images(error_model, fewest - 1, trained, pixel)
    said = f"the {signals} signals say nothing: too few calibration images inside the training ({fewest - 1}) "
    found = verdict_on(few, given(), seen)
    assert found.outcome == "holds"
    assert found.reasons[0] == "the predicted loss is as in training, and no signal says more"
    assert f"{said}to raise an alarm, which takes {fewest}" in found.reasons
    assert any("calibrate with more data sets" in one for one in found.advice)
    alone = verdict_on(few, ConditionEstimate(note="no fit"), seen, advise=True)
    assert alone.outcome == "degraded"
    assert alone.reasons[0].startswith(said)
    assert alone.reasons[0].endswith("and nothing else was checked")
    assert not any("as on micrographs" in reason for reason in (*found.reasons, *alone.reasons))
    enough = with_images(error_model, fewest, trained, pixel)
    assert f"all {signals} signals are as on" in verdict_on(enough, given(), seen).reasons[0]
    unlike = {**seen, "entropy": 9.0}
    assert verdict_on(enough, given(), unlike).outcome == "degraded"
    assert verdict_on(few, given(), unlike).outcome == "holds"


def test_without_a_signal_that_the_calibration_knows_nothing_is_said_of_them(error_model) -> None:
    found = verdict_on(error_model, ConditionEstimate(note="no fit"), {"new_signal": 1.0}, advise=True)
    assert (found.outcome, found.signals) == ("degraded", {})
    assert found.reasons[0].startswith("no signal was measured")


def test_of_two_signs_the_worse_counts(error_model) -> None:
    """The table makes no difference between signs, so the alternative is made worse by its astigmatism."""
    alone = verdict_on(error_model, given(), QUIET)
    two = ConditionEstimate("fitted", GOOD, ({"C10": 80.0, "C12": 100.0},), note="sign unknown")
    assert verdict_on(error_model, two, QUIET).loss.value > 1.3 * alone.loss.value


def test_a_flag_is_told_and_counts_as_it_says(error_model) -> None:
    flags = [Flag("saturated", "3 % of the pixels are at the highest value", 0), Flag("inverted", "it is inverted", 2)]
    found = [weigh(error_model, Evidence(given(), QUIET, flags=flags[:count]), advise=False) for count in (1, 2)]
    assert [one.flags for one in found] == [("saturated",), ("saturated", "inverted")]
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
        "predicted_loss",
        "predicted_dice",
        "conditions",
        "sigma",
        "delta_epsilon",
        "reasons",
        "advice",
        "signals",
        "flags",
    }
    assert set(found["predicted_loss"]) == {"value", "interval", "level"}
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
