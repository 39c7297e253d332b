"""Weigh the evidence on one micrograph against the measured performance of a network: the verdict."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from passband.microscope.instrument import Instrument
from passband.microscope.instruments import instrument_of
from passband.performance.error_model import LEVEL, ErrorModel, PredictionIntervals
from passband.performance.settings import SettingRow
from passband.verdict.advice import setting_advice, signal_advice, training_advice
from passband.verdict.estimate import compatible_settings
from passband.verdict.evidence import Evidence, Reason, beyond_table, condition_reasons
from passband.verdict.signal_evidence import out_of_distribution, signal_reasons, too_few_images, weighed_signals
from passband.verdict.verdict import OUTCOMES, Outcome, PredictionInterval, Verdict

#: Fields of a verdict, reasons, and advice.
Part = tuple[dict[str, Any], list[Reason], list[str]]


def weigh(error_model: ErrorModel | None, evidence: Evidence, *, level: float = LEVEL, advise: bool = True) -> Verdict:
    """Weigh what is known of a micrograph against the measured performance of a network.

    Parameters
    ----------
    error_model
        Of the network; None where it was never measured.
    evidence
        What is known of the micrograph.
    level
        Nominal coverage of the intervals.
    advise
        Whether to look for a better setting, such as another defocus, which takes most of the time.
    """
    if error_model is None:
        return _uncalibrated(evidence)
    table, instrument = error_model.table, instrument_of(error_model.trained)
    measured = weighed_signals(table, evidence.signals)
    told = [Reason(flag.level, flag.text) for flag in evidence.flags]
    reasons = [*evidence.file, *told, *signal_reasons(table, measured)]
    advice = signal_advice(table, measured)
    known = instrument.LEADING in evidence.estimate.values
    few = too_few_images(table, measured)
    if few:
        reasons.append(Reason(int(not known), few if known else f"{few}, and nothing else was checked"))
        advice.append("run passband calibrate with more data sets, so that the signals can raise an alarm")
    if known:
        predictions, more, further = _from_conditions(error_model, evidence, level=level, advise=advise)
    else:
        predictions, more, further = _without_conditions(instrument, evidence)
    reasons, advice = reasons + more, advice + further
    reasons.sort(key=lambda reason: -reason.level)
    outcome = OUTCOMES[reasons[0].level if reasons else 0]
    if outcome == "holds":
        unlike = bool(out_of_distribution(table, measured)[0])
        signals = 0 if few else len(measured)
        reasons.insert(0, Reason(0, _all_well(signals, unlike=unlike, predicted=predictions.get("loss") is not None)))
    texts = tuple(reason.text for reason in reasons)
    flags = tuple(flag.word for flag in evidence.flags)
    return Verdict(
        outcome, texts, tuple(advice), conditions=evidence.estimate, signals=measured, flags=flags, **predictions
    )


def _from_conditions(error_model: ErrorModel, evidence: Evidence, *, level: float, advise: bool) -> Part:
    """Predictions for the fields of a verdict, reasons and advice, where the conditions are known."""
    estimate = evidence.estimate
    settings = compatible_settings(estimate, error_model.trained)
    groups = error_model.predict_groups(settings, camera_pixel=evidence.camera_pixel, level=level)
    worst = max(range(len(settings)), key=lambda k: float(np.median(groups[k].loss.value)))
    predicted = groups[worst]
    beyond = beyond_table(error_model, predicted, estimate)
    fields = {
        "loss": None if beyond else _mixed(predicted.loss, level),
        "dice": None if beyond else _mixed(predicted.dice, level),
        "sigma": _mean(predicted.rows, "sigma"),
        "delta_epsilon": _mean(predicted.rows, "delta_epsilon"),
    }
    advice = training_advice(error_model, predicted, estimate)
    if advise and not beyond:
        advice += setting_advice(error_model, settings[worst], float(np.median(predicted.loss.value)))
    return fields, condition_reasons(error_model, predicted, estimate), advice


def _without_conditions(instrument: Instrument, evidence: Evidence) -> Part:
    """Return no prediction, but why, and what would make one possible."""
    quantity = instrument.quantity(instrument.LEADING)
    words = quantity.words if quantity and quantity.words else instrument.LEADING
    reason = f"the {words} is not known ({evidence.estimate.note}); this rests on the signals alone"
    return {}, [Reason(0, reason)], [] if evidence.file else [instrument.HINT]


def _mean(rows: Sequence[SettingRow], name: str) -> float | None:
    """Mean of a distance to the training; None for an instrument that has no such distance."""
    return float(np.mean([row[name] for row in rows])) if name in rows[0] else None


def _mixed(interval: PredictionIntervals, level: float) -> PredictionInterval:
    """One value and interval for settings that stand for what is not known: the middle, and the tails of all."""
    tail = 0.5 * (1.0 - level)
    low, high = np.quantile(interval.low, tail), np.quantile(interval.high, 1.0 - tail)
    return PredictionInterval(float(np.median(interval.value)), float(low), float(high), level)


def _uncalibrated(evidence: Evidence) -> Verdict:
    cure = ("run passband calibrate, which measures the network under many conditions",)
    outcome: Outcome = "outside" if evidence.file else "not calibrated"
    reasons = tuple(reason.text for reason in evidence.file) or ("the model was never measured under other conditions",)
    return Verdict(outcome, reasons, cure, conditions=evidence.estimate)


def _all_well(signals: int, *, unlike: bool, predicted: bool) -> str:
    """First reason of a network that holds, from the number of signals that say something."""
    text = f"all {signals} signals are as on micrographs like the training's"
    if unlike:
        text = "the network is no less certain than on micrographs like the training's"
    if not signals:
        text = "no signal says more"
    return f"the predicted loss is as in training, and {text}" if predicted else text
