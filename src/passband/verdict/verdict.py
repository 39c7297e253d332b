"""Does this network hold on this micrograph: *holds*, *degraded* or *outside*, why, and what to do about it.

What the words mean, with the loss on the scale of arXiv 2512.09067 and the measured data sets inside the training's
conditions as the reference:

* **holds**: the predicted loss is at most that of 90 % of the data sets inside, and no signal speaks against the mask;
* **degraded**: the predicted loss is above that; or a signal of the network's uncertainty is larger than a false alarm
  rate of 5 % over all signals together allows on micrographs inside; or its features or the spectrum are further from
  the training than those of every micrograph inside; or the conditions leave the training where they are not predicted
  to cost anything, and the interval reaches beyond the worst data set inside;
* **outside**: even the lower end of the interval is above the loss of 99 % of the data sets inside, "the worst"; or a
  known quantity lies beyond everything that was calibrated, so that no prediction is possible; or signals of two
  different kinds (the network's uncertainty, its features, the spectrum) exceed those of every micrograph inside; or
  the file is of another kind of microscope, another energy, or has too coarse pixels.

Features or a spectrum that are out of distribution, but not beyond every micrograph inside, are told and do not change
the outcome: in studies/ood_structure they found new structures, among them those that were segmented best, and the
network's uncertainty found the masks that were wrong. Where the conditions are not known, the verdict rests on the
signals and says so. A table of few images cannot tell a rare signal from a common one: its signals count as not
measured, and where the conditions are not known either, nothing speaks for the mask and the outcome is *degraded*.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from passband.verdict.estimate import ConditionEstimate

Outcome = Literal["holds", "degraded", "outside", "not calibrated"]
OUTCOMES: tuple[Outcome, ...] = ("holds", "degraded", "outside")


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
    outcome
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
        To the training; the mean over what is not known. None for an instrument that has no such distances.
    signals
        By name.
    flags
        Words for what tests of their own found, such as "inverted".
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
    flags: tuple[str, ...] = ()

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
            "flags": list(self.flags),
        }

    def line(self) -> str:
        """Return the verdict on one line."""
        if self.outcome == "not calibrated":
            return f"not calibrated: {self.advice[0]}"
        predicted = ""
        if self.dice is not None and self.outcome != "outside":
            predicted = f", predicted Dice {self.dice.value:.2f} ({self.dice.low:.2f} to {self.dice.high:.2f})"
        return f"{self.outcome}{predicted}; {self.reasons[0]}"
