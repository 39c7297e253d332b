"""Weigh the evidence on one micrograph against the measured performance of a network: the verdict."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from passband.microscope.instruments.choice import instrument_of
from passband.microscope.instruments.instrument import Instrument
from passband.performance.error_model import LEVEL, ErrorModel
from passband.performance.image_error import ImageErrorModel
from passband.performance.settings import Outside, SettingRow, setting_row
from passband.performance.widening import trained_range
from passband.verdict.advice import image_advice, setting_advice, training_advice
from passband.verdict.estimate import ConditionEstimate, compatible_settings
from passband.verdict.evidence import (
    Evidence,
    Reason,
    beyond_reasons,
    beyond_table,
    quantity_text,
    range_text,
    training_reasons,
)
from passband.verdict.image_evidence import Failure, distance_reasons, prediction_reasons, weighed_signals
from passband.verdict.verdict import OUTCOMES, Outcome, PredictionInterval, Verdict


class ConditionEvidence(NamedTuple):
    """What the conditions say.

    Attributes
    ----------
    reasons, advice
        In words.
    loss
        Logarithm of the loss that they predict; None where they are not known, or beyond everything measured.
    sigma, delta_epsilon
        Distances to the training.
    beyond
        Whether they are beyond everything that was measured.
    """

    reasons: list[Reason]
    advice: list[str]
    loss: float | None = None
    sigma: float | None = None
    delta_epsilon: float | None = None
    beyond: bool = False


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
    if error_model is None or error_model.images is None:
        return _uncalibrated(error_model, evidence)
    images = error_model.images
    measured = weighed_signals(error_model.table, evidence.signals)
    conditions = _conditions(error_model, evidence, advise=advise)
    predicted = _predicted(images, evidence, conditions, level=level)
    failure = _failure(images, evidence, conditions) if predicted else None
    about = prediction_reasons(images, predicted, failure)
    far = distance_reasons(images, measured)
    reasons = [*evidence.file, *_flag_reasons(evidence), *about, *far, *conditions.reasons]
    if error_model.table.laboratory is not None:
        count = len(error_model.table.laboratory.files)
        reasons.append(Reason(0, f"corrected by {count} images whose masks were corrected by hand"))
    if not predicted and not any(reason.level for reason in reasons):
        reasons.append(Reason(1, "no error area is predicted: no signal was measured that the calibration knows"))
    reasons.sort(key=lambda reason: -reason.level)
    outcome = OUTCOMES[reasons[0].level]
    verdict = Verdict(
        outcome,
        tuple(reason.text for reason in reasons),
        (*image_advice([*about, *far], images.too_far(evidence.signals)), *conditions.advice),
        failure_probability=None if failure is None else failure.probability,
        failure_limit=None if failure is None else failure.limit,
        conditions=evidence.estimate,
        sigma=conditions.sigma,
        delta_epsilon=conditions.delta_epsilon,
        signals=measured,
        flags=_words(evidence),
    )
    return replace(verdict, **predicted)  # type: ignore[arg-type]  # error_area, loss, dice


def _words(evidence: Evidence) -> tuple[str, ...]:
    """Words of the flags, each once: several checks may share one."""
    return tuple(dict.fromkeys(flag.word for flag in evidence.flags))


def _flag_reasons(evidence: Evidence) -> list[Reason]:
    return [Reason(flag.level, flag.text) for flag in evidence.flags]


def _failure(images: ImageErrorModel, evidence: Evidence, conditions: ConditionEvidence) -> Failure | None:
    """Probability that the mask fails, with its limit; None where a signal is missing."""
    found = images.failure_probability(evidence.signals, conditions.loss)
    limit, rare = images.failure_limit(evidence.signals, known=conditions.loss is not None)
    return None if found is None else Failure(found, limit, rare)


def _predicted(
    images: ImageErrorModel, evidence: Evidence, conditions: ConditionEvidence, *, level: float
) -> dict[str, PredictionInterval]:
    """Error area, loss and Dice; nothing where they would mean nothing."""
    if conditions.beyond or images.too_far(evidence.signals):
        return {}
    found = images.predict(evidence.signals, conditions.loss, level=level)
    return {name: PredictionInterval(*one, level) for name, one in found.items()}


def _conditions(error_model: ErrorModel, evidence: Evidence, *, advise: bool) -> ConditionEvidence:
    instrument, estimate = instrument_of(error_model.trained), evidence.estimate
    if instrument.LEADING not in estimate.values:
        return _without_leading(error_model, evidence)
    settings = compatible_settings(estimate, error_model.trained)
    groups = error_model.predict_groups(settings, camera_pixel=evidence.camera_pixel)
    worst = max(range(len(settings)), key=lambda k: float(np.median(groups[k].loss.value)))
    predicted = groups[worst]
    row, loss = predicted.rows[0], float(np.median(predicted.loss.value))
    beyond = beyond_table(error_model, row, estimate)
    if beyond and estimate.guessed:
        told = {name: pair for name, pair in beyond.items() if name in estimate.told.values}
        if not told:
            return _guessed_beyond(instrument, estimate, beyond)
        beyond = told
    reasons, asked = _assumed(error_model, estimate)
    reasons += beyond_reasons(error_model, beyond, estimate) or training_reasons(error_model, row, estimate, loss=loss)
    advice = [*asked, *training_advice(error_model, row, estimate)]
    if advise and not beyond:
        advice += setting_advice(error_model, settings[worst], loss)
    return ConditionEvidence(
        reasons,
        advice,
        None if beyond else float(np.log(predicted.loss.value).mean()),
        _mean(predicted.rows, "sigma"),
        _mean(predicted.rows, "delta_epsilon"),
        bool(beyond),
    )


def _guessed_beyond(instrument: Instrument, estimate: ConditionEstimate, beyond: Outside) -> ConditionEvidence:
    """Say what was fitted beyond everything measured, where it hangs on what nobody told."""
    found = ", ".join(quantity_text(instrument, name, value) for name, (value, _) in beyond.items())
    guessed = " and ".join(estimate.guessed)
    reason = (
        f"what was fitted to the image ({found}) is beyond what was calibrated, but {guessed} was fitted too "
        f"({estimate.note}); the prediction rests on the image alone"
    )
    return ConditionEvidence([Reason(1, reason)], [f"give {guessed} if it is known; {instrument.HINT}"])


def _assumed(error_model: ErrorModel, estimate: ConditionEstimate) -> tuple[list[Reason], list[str]]:
    """Say which quantities that much hangs on nobody told, and ask for them."""
    instrument, trained = instrument_of(error_model.trained), trained_range(error_model.trained)
    names = [name for name in instrument.ASKED if name not in estimate.values]
    reasons = []
    for name in names:
        quantity = instrument.quantity(name)
        words = f"the {quantity.words} {name}" if quantity and quantity.words else name
        ranged = range_text(instrument, name, *trained[name])
        reasons.append(Reason(0, f"{words} is not known and is taken as in training ({ranged})"))
    return reasons, [f"give {name} if it is known" for name in names]


def _without_leading(error_model: ErrorModel, evidence: Evidence) -> ConditionEvidence:
    """Say why the conditions do not inform the prediction, what would tell them, and which speak against the network.

    What user or file say is compared with what was calibrated; the image's own signals are left to predict. What the
    file alone says only raises a doubt: of a corrected microscope it may hold the Cs of the lens without its corrector.
    """
    instrument, estimate, told = instrument_of(error_model.trained), evidence.estimate, evidence.estimate.told
    quantity = instrument.quantity(instrument.LEADING)
    words = quantity.words if quantity and quantity.words else instrument.LEADING
    unknown = f"the {words} is not known ({estimate.note})"
    row = setting_row(compatible_settings(told, error_model.trained, draws=1)[0][0], error_model.pixel_size)
    beyond = beyond_table(error_model, row, told)
    advice = training_advice(error_model, row, told)
    if any(told.origin(name) != "file" for name in beyond):
        reasons = [*beyond_reasons(error_model, beyond, told), Reason(0, unknown)]
        return ConditionEvidence(reasons, advice, beyond=True)
    doubts = [Reason(1, one.text) for one in beyond_reasons(error_model, beyond, told)]
    known = [quantity_text(instrument, name, value) for name, value in told.values.items() if name in row]
    unused = f", not on {' and '.join(known)}" if known else ""
    reasons = [*doubts, Reason(0, f"{unknown}; this rests on the image alone{unused}")]
    reasons += [] if doubts else training_reasons(error_model, row, told, loss=None)
    return ConditionEvidence(reasons, [*advice, *([] if evidence.file else [instrument.HINT])])


def _mean(rows: Sequence[SettingRow], name: str) -> float | None:
    """Mean of a distance to the training; None for an instrument that has no such distance."""
    return float(np.mean([row[name] for row in rows])) if name in rows[0] else None


def _uncalibrated(error_model: ErrorModel | None, evidence: Evidence) -> Verdict:
    cure = "run passband calibrate, which measures the network under many conditions"
    why = "the model was never measured under other conditions"
    if error_model is not None:
        cure = "run passband calibrate with --store, which measures single images under many conditions"
        why = "too few single images, or none, were measured with this network, so the error of one cannot be predicted"
    reasons = sorted((*evidence.file, *_flag_reasons(evidence)), key=lambda reason: -reason.level)
    outcome: Outcome = "outside" if reasons and reasons[0].level == len(OUTCOMES) - 1 else "not calibrated"
    texts = (*(reason.text for reason in reasons), why)
    return Verdict(outcome, texts, (cure,), conditions=evidence.estimate, flags=_words(evidence))
