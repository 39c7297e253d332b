"""Does this network hold on this micrograph: *holds*, *degraded* or *outside*, why, and what to do about it.

What the words mean, with the loss on the scale of arXiv 2512.09067 and the data sets of the calibration that lie inside
the training's conditions as the reference:

* **holds**: the predicted loss is at most that of 90 % of the data sets inside, and no signal speaks against the mask;
* **degraded**: the predicted loss is above that; or a signal of the network's doubt is larger than a false alarm rate
  of 5 % over all signals together allows on micrographs inside; or its features or the spectrum are further from the
  training than those of every micrograph inside; or the conditions leave the training where they are not predicted to
  cost anything, and the interval reaches beyond the worst data set inside;
* **outside**: even the lower end of the interval is above the loss of 99 % of the data sets inside, "the worst"; or a
  known quantity lies beyond everything that was calibrated, so that no prediction is possible; or signals of two
  different kinds (the network's doubt, its features, the spectrum) exceed those of every micrograph inside; or the file
  is of another kind of microscope, another energy, or has too coarse pixels.

Features or a spectrum that are unusual, but not beyond every micrograph inside, are told and change no word: in
studies/ood_structure they found structures that look new, among them those that were segmented best, and doubt
found the masks that were wrong. Where the conditions are not known, the verdict rests on the signals and says so. A
calibration with few images cannot tell a rare signal from a usual one: its signals count as not measured, and where the
conditions are not known either, nothing speaks for the mask and the word is *degraded*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal, NamedTuple

import numpy as np

from passband.distribution import limits
from passband.files.micrograph import Micrograph
from passband.microscope.conditions import validate_conditions
from passband.performance.conformal import p_value
from passband.performance.distance import Outside, outside_of
from passband.performance.error_model import LEVEL, ErrorModel, PredictedPerformance
from passband.performance.signals import SIGNALS
from passband.performance.table import PerformanceTable
from passband.performance.widening import bounding_distribution, trained_range
from passband.segmentation.card import ModelCard
from passband.verdict.advice import best_defocus
from passband.verdict.estimate import ConditionEstimate, compatible_settings

Outcome = Literal["holds", "degraded", "outside", "not calibrated"]
OUTCOMES: tuple[Outcome, ...] = ("holds", "degraded", "outside")

COARSER = 1.25  # pixels coarser than the network's by more than this lack detail that it was trained on
USUAL, WORST = 0.9, 0.99  # quantiles of the losses inside: what still counts as usual, and what as the worst
FALSE_ALARMS = 0.05  # over all signals together, on micrographs inside
MARGIN = 0.1  # of the calibrated width, by which a setting may exceed it
BETTER = 0.8  # a defocus is advised when its predicted loss is below this fraction
KINDS = {"feature_distance": "features", "spectrum_distance": "spectrum", "spectrum_residual": "spectrum"}
UNITS = {"dose": "e⁻/Å²", "angular_spread": "rad"}


class Reason(NamedTuple):
    """One line of evidence: how bad, and in words."""

    level: int  # 0 holds, 1 degraded, 2 outside
    text: str


class PredictionInterval(NamedTuple):
    """A predicted value and between what it lies with probability `level`."""

    value: float
    low: float
    high: float
    level: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        return {"value": self.value, "interval": [self.low, self.high], "level": self.level}


class SignalValue(NamedTuple):
    """A signal, and how often a calibration micrograph inside has one as large."""

    value: float
    p: float


@dataclass(frozen=True)
class Verdict:
    """What to think of a network on one micrograph.

    Attributes
    ----------
    word
        "holds", "degraded", "outside" or "not calibrated".
    reasons
        In plain words, the worst first.
    advice
        What to do.
    loss, dice
        Predicted, with interval; None where the conditions are not known or not calibrated.
    conditions
        As far as they are known, and where they come from.
    sigma, delta_epsilon
        To the training; the mean over what is not known.
    signals
        By name.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    advice: tuple[str, ...] = ()
    loss: PredictionInterval | None = None
    dice: PredictionInterval | None = None
    conditions: ConditionEstimate = field(default_factory=ConditionEstimate)
    sigma: float | None = None
    delta_epsilon: float | None = None
    signals: Mapping[str, SignalValue] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; what scripts rely on."""
        return {
            "verdict": self.outcome,
            "predicted_loss": None if self.loss is None else self.loss.as_dict(),
            "predicted_dice": None if self.dice is None else self.dice.as_dict(),
            "conditions": self.conditions.as_dict(),
            "sigma": self.sigma,
            "delta_epsilon": self.delta_epsilon,
            "reasons": list(self.reasons),
            "advice": list(self.advice),
            "signals": {name: one._asdict() for name, one in self.signals.items()},
        }

    def line(self) -> str:
        """Return the verdict on one line."""
        if self.outcome == "not calibrated":
            return f"not calibrated: {self.advice[0]}"
        predicted = ""
        if self.dice is not None and self.outcome != "outside":
            predicted = f", predicted Dice {self.dice.value:.2f} ({self.dice.low:.2f} to {self.dice.high:.2f})"
        return f"{self.outcome}{predicted}; {self.reasons[0]}"


def loss_thresholds(table: PerformanceTable) -> tuple[float, float]:
    """Losses above which a network is degraded, and outside; quantiles of the data sets inside, see the module."""
    inside = table.column("loss")[table.inside]
    return float(np.quantile(inside, USUAL)), float(np.quantile(inside, WORST))


def file_reasons(card: ModelCard, micrograph: Micrograph) -> list[Reason]:
    """Return what the metadata of a file say against a network: mode, energy, pixels."""
    reasons = []
    if micrograph.mode not in (None, card.mode):
        reasons.append(f"the file says {micrograph.mode} and the network knows {card.mode} images only")
    energies = limits(bounding_distribution(validate_conditions(card.conditions)).energy) if card.conditions else None
    if micrograph.energy is not None and energies and not 0.99 * energies[0] <= micrograph.energy <= 1.01 * energies[1]:
        trained = " to ".join(f"{energy / 1e3:g}" for energy in sorted(set(energies)))
        reasons.append(f"it was taken at {micrograph.energy / 1e3:g} kV and the network trained at {trained} kV")
    coarsest = max(micrograph.pixel_size or (0.0,))
    if coarsest > COARSER * card.pixel_size:
        size = f"{coarsest:.3g} Å per pixel is far from the network's {card.pixel_size:.3g} Å"
        reasons.append(f"{size}, so detail that it was trained on is missing")
    return [Reason(2, text) for text in reasons]


def weigh(
    error_model: ErrorModel | None,
    *,
    estimate: ConditionEstimate,
    signals: Mapping[str, float],
    file: Sequence[Reason] = (),
    camera_pixel: float | None = None,
    level: float = LEVEL,
    advise: bool = True,
) -> Verdict:
    """Weigh what is known of a micrograph against the calibration of a network.

    Parameters
    ----------
    error_model
        Of the network; None where it was never calibrated.
    estimate
        Conditions of the micrograph, as far as they are known.
    signals
        From `performance.signals.signals`.
    file
        From `file_reasons`.
    camera_pixel
        Å.
    level
        Nominal coverage of the intervals.
    advise
        Whether to look for a better defocus, which takes most of the time.
    """
    if error_model is None:
        return _uncalibrated(estimate, file)
    measured = weighed_signals(error_model.table, signals)
    reasons = [*file, *_signal_reasons(error_model.table, measured)]
    advice = _signal_advice(measured, error_model.table)
    mute = _mute(measured, error_model.table)
    if mute:
        alone = "C10" not in estimate.values
        reasons.append(Reason(int(alone), f"{mute}, and nothing else was checked" if alone else mute))
        advice.append("run passband calibrate with more data sets, so that the signals can raise an alarm")
    verdict: dict[str, Any] = {"conditions": estimate, "signals": measured}
    if "C10" not in estimate.values:
        reasons.append(Reason(0, f"the defocus is not known ({estimate.note}); this rests on the signals alone"))
        if not file:
            advice.append("give what you know, for example --c10 -80 --dose 400, for a predicted loss")
    else:
        settings = compatible_settings(estimate, error_model.trained)
        predictions = error_model.predict_groups(settings, camera_pixel=camera_pixel, level=level)
        worst = max(range(len(settings)), key=lambda k: float(np.median(predictions[k].loss.value)))
        found, predicted = _condition_reasons(error_model, predictions[worst], estimate), predictions[worst]
        reasons += found
        beyond = _beyond(error_model.table, predicted, estimate)
        verdict |= {
            "loss": None if beyond else _mixed(predicted.loss, level),
            "dice": None if beyond else _mixed(predicted.dice, level),
            "sigma": float(np.mean([row["sigma"] for row in predicted.rows])),
            "delta_epsilon": float(np.mean([row["delta_epsilon"] for row in predicted.rows])),
        }
        advice += _training_advice(error_model, predicted, estimate)
        if advise and not beyond:
            advice += _defocus_advice(error_model, settings[worst], float(np.median(predicted.loss.value)))
    reasons.sort(key=lambda reason: -reason.level)
    outcome = OUTCOMES[reasons[0].level if reasons else 0]
    if not reasons or reasons[0].level == 0:
        unlike = bool(_unusual(measured, error_model.table)[0])
        reasons.insert(0, Reason(0, _all_well(verdict, 0 if mute else len(measured), unlike=unlike)))
    return Verdict(outcome, tuple(reason.text for reason in reasons), tuple(advice), **verdict)


def _uncalibrated(estimate: ConditionEstimate, file: Sequence[Reason]) -> Verdict:
    cure = ("run passband calibrate, which measures the network under many conditions",)
    outcome: Outcome = "outside" if file else "not calibrated"
    reasons = tuple(reason.text for reason in file) or ("the model was never measured under other conditions",)
    return Verdict(outcome, reasons, cure, conditions=estimate)


def _all_well(verdict: Mapping[str, Any], signals: int, *, unlike: bool) -> str:
    usual = f"all {signals} signals are as on micrographs like the training's"
    if unlike:
        usual = "the network has no more doubt than on micrographs like the training's"
    if not signals:
        usual = "no signal says more"
    return usual if verdict.get("loss") is None else f"the predicted loss is as in training, and {usual}"


def _mute(measured: Mapping[str, SignalValue], table: PerformanceTable) -> str:
    """Why the signals say nothing: even a value beyond all n calibration images has a p-value of 1/(n + 1)."""
    usual = table.in_distribution_signals()
    images = min((usual[name].size for name in measured), default=0)
    if not measured:
        return "no signal was measured that the calibration knows"
    if 1.0 / (images + 1) <= FALSE_ALARMS / len(measured):
        return ""
    fewest = ceil(round(len(measured) / FALSE_ALARMS, 9)) - 1
    few = f"too few calibration images inside the training ({images}) to raise an alarm"
    return f"the {len(measured)} signals say nothing: {few}, which takes {fewest}"


def _mixed(interval: Any, level: float) -> PredictionInterval:
    """One value and interval for settings that stand for what is not known: the middle, and the tails of all."""
    tail = 0.5 * (1.0 - level)
    low, high = np.quantile(interval.low, tail), np.quantile(interval.high, 1.0 - tail)
    return PredictionInterval(float(np.median(interval.value)), float(low), float(high), level)


def weighed_signals(table: PerformanceTable, signals: Mapping[str, float]) -> dict[str, SignalValue]:
    """Signals that the calibration knows, with how often a micrograph inside has one as large."""
    usual = table.in_distribution_signals()
    return {name: SignalValue(value, p_value(usual[name], value)) for name, value in signals.items() if name in usual}


def _unusual(measured: Mapping[str, SignalValue], table: PerformanceTable) -> tuple[list[str], set[str]]:
    """Signals that are too large for the false alarm rate, and the kinds of those beyond every calibration image."""
    usual = table.in_distribution_signals()
    alarming = [name for name, one in measured.items() if one.p <= FALSE_ALARMS / len(measured)]
    beyond = {KINDS.get(name, "network") for name in alarming if measured[name].value > usual[name][-1]}
    return alarming, beyond


def _signal_reasons(table: PerformanceTable, measured: Mapping[str, SignalValue]) -> list[Reason]:
    alarming, beyond = _unusual(measured, table)
    usual = table.in_distribution_signals()
    reasons = []
    for name in alarming:
        harm = name not in KINDS or measured[name].value > usual[name][-1]
        text = (
            f"{SIGNALS[name]} is {measured[name].value:.3g}; 95 % of micrographs inside the training stay below "
            f"{np.quantile(usual[name], 0.95):.3g} and all below {usual[name][-1]:.3g}"
        )
        level = 2 if len(beyond) >= 2 else int(harm)
        reasons.append(Reason(level, text if level else f"{text}: unlike them, which alone is no sign of a worse mask"))
    return reasons


def _signal_advice(measured: Mapping[str, SignalValue], table: PerformanceTable) -> list[str]:
    alarming, _ = _unusual(measured, table)
    kinds = {KINDS.get(name, "network") for name in alarming}
    advice = []
    if "spectrum" in kinds:
        advice.append(
            "compare pixel size, detector and specimen with the card's: the spectrum is not one it was trained on"
        )
    if kinds & {"network", "features"}:
        advice.append("look at the mask before using it, and add structures like these to the simulation")
    return advice


def _condition_reasons(
    error_model: ErrorModel, predicted: PredictedPerformance, estimate: ConditionEstimate
) -> list[Reason]:
    """Return what the conditions say, as far as they are known."""
    beyond = _beyond(error_model.table, predicted, estimate)
    reasons = [
        Reason(
            2, f"{quantity(name, value)} is beyond what was calibrated ({span(name, *limit)}): nothing is known there"
        )
        for name, (value, limit) in beyond.items()
    ]
    left = {name: pair for name, pair in _left(error_model, predicted, estimate).items() if name not in beyond}
    words = [f"{quantity(name, value)} (trained {span(name, *limit)})" for name, (value, limit) in left.items()]
    where = f"; outside the training: {', '.join(words)}" if words else ""
    if beyond:
        return reasons
    usual, worst = loss_thresholds(error_model.table)
    loss = float(np.median(predicted.loss.value))
    low, high = float(np.median(predicted.loss.low)), float(np.median(predicted.loss.high))
    said = f"predicted loss {loss:.3g}"
    if low > worst:
        return [
            Reason(2, f"{said}, {low:.3g} at the least, exceeds the worst inside the training ({worst:.3g}){where}")
        ]
    if loss > usual:
        return [Reason(1, f"{said} exceeds that of 90 % of the conditions inside the training ({usual:.3g}){where}")]
    if words and high > worst:
        return [Reason(1, f"{said} may reach {high:.3g}, beyond the worst inside the training ({worst:.3g}){where}")]
    return [Reason(0, f"outside the training, without predicted harm: {', '.join(words)}")] if words else []


def _left(error_model: ErrorModel, predicted: PredictedPerformance, estimate: ConditionEstimate) -> Outside:
    found = outside_of(predicted.rows[0], error_model.trained)
    return {name: pair for name, pair in found.items() if name in estimate.values}


def _beyond(table: PerformanceTable, predicted: PredictedPerformance, estimate: ConditionEstimate) -> Outside:
    """Known quantities further out than anything that was calibrated, with the calibrated range."""
    found = {}
    for name in estimate.values:
        if name not in table.sets:
            continue  # aberrations that no calibration varies, and azimuths
        column = table.column(name)
        low, high = float(column.min()), float(column.max())
        slack = MARGIN * (high - low)
        value = predicted.rows[0][name]
        if name == "dose":  # in decades, and any more electrons do no harm
            low, high, slack = low / 1.5, float("inf"), 0.0
            value = value or float("inf")
        if not low - slack <= value <= high + slack:
            found[name] = (value, (low, high))
    return found


def _training_advice(
    error_model: ErrorModel, predicted: PredictedPerformance, estimate: ConditionEstimate
) -> list[str]:
    ranges = trained_range(error_model.trained)
    advice = []
    for name, (value, (low, high)) in _left(error_model, predicted, estimate).items():
        if name == "dose" and value < low:
            advice.append(f"record with {low:.3g} e⁻/Å² or more, or train down to {value:.3g}")
        elif name in ranges:
            advice.append(f"add {span(name, min(low, value), max(high, value))} of {name} to the training conditions")
    return advice


def _defocus_advice(error_model: ErrorModel, settings: Sequence[Any], loss: float) -> list[str]:
    low, high = trained_range(error_model.trained)["C10"]
    reach = max(abs(low), abs(high), 100.0)
    best, least = best_defocus(error_model, settings[:6], np.linspace(-reach, reach, 31))
    if least > BETTER * loss:
        return []
    said = f"record at a defocus of {-best / 10.0:+.3g} nm (C10 = {best:.4g} Å)"
    return [f"{said}, where the predicted loss is {least:.3g} instead of {loss:.3g}".replace("-", "\u2212")]


def quantity(name: str, value: float) -> str:
    """Name and value with its unit."""
    return f"{name} = {value:.4g} {UNITS.get(name, 'Å')}"


def span(name: str, low: float, high: float) -> str:
    """Range with its unit."""
    return f"{low:.4g} to {high:.4g} {UNITS.get(name, 'Å')}" if low < high else f"{low:.4g} {UNITS.get(name, 'Å')}"
