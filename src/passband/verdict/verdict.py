"""What to think of a network's mask of one micrograph: in one word, why, and what to do about it.

The words rest on two predictions for this image: that of its error area, the share of its pixels whose class is wrong,
and the probability that its mask fails (`performance.failure`: more than 10 % of the image is wrong, or the Dice is
below 0.5 with more than 1 % wrong; of columns and defects, F1 is below 0.5). They compare these with the calibration's
images inside the training's conditions:

* **no objection**: a failure is no more probable than of 95 % of the right masks inside (but 10 to 67 %; a third of
  that where a distance of features or spectrum is rarer than 1 % inside), and no flag speaks against it;
* **doubtful**: it is more probable, or the whole interval of the error area is above 10 % (of columns and defects, that
  of F1 below 0.5), or a flag says so; or what was fitted to the rings is beyond everything that was calibrated, with a
  Cs that nobody gave; or a Cs that only the file says is, and the defocus is not known; or nothing can be predicted,
  because the network's features or the spectrum are 1.5 times as far from the training as those of every image that was
  measured, under whatever conditions;
* **outside**: even the lower end of the interval is above the error area of 99 % of the images inside; or a known
  quantity lies beyond everything that was calibrated; or the file is of another kind of microscope, another energy, or
  has too coarse pixels; or a flag says so;
* **not calibrated**: no single images were measured with this network.

Features or a spectrum that are far from the training decide no word alone while an error area can be predicted: in
studies/ood_structure they found new structures, among them those that were segmented best. A third of the probability
of a failure is then enough for a doubt (decision 37). Where they are so far that no error area can be predicted,
nothing speaks for the mask, and the word is *doubtful*: it asks a person to look (decision 21).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from passband.segmentation.segmenter import Segmentation
from passband.verdict.camera_comparison import ComparedQuantity
from passband.verdict.estimate import ConditionEstimate

Outcome = Literal["no objection", "doubtful", "outside", "not calibrated"]
OUTCOMES: tuple[Outcome, ...] = ("no objection", "doubtful", "outside")
LEAST_PERCENT, MOST_PERCENT = 1e-3, 99.5  # that two digits show without an exponent


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
        "no objection", "doubtful", "outside" or "not calibrated".
    reasons
        In plain words, the worst first.
    advice
        What to do.
    error_area, loss, dice, f1
        Of this image, predicted, with interval; the error area is the share of pixels whose class is wrong, F1 that of
        the columns or defects that a network finds. None where nothing can be predicted.
    failure_probability, failure_limit
        That the mask fails, and above which probability it is doubted; None where nothing can be predicted.
    conditions
        As far as they are known, and where they come from.
    sigma, delta_epsilon
        To the training; the mean over what is not known. None for an instrument that has no such distances.
    signals
        By name.
    flags
        Words for what tests of their own found, such as "inverted".
    camera
        Quantities of its camera beside those of the training's images, by name; empty where the card has none of
        these, and of a quick verdict. They are told, and decide no word.
    segmentation
        The mask that it is about, from the same pass of the network; None where there was none.
    error_probability
        That the class of a pixel is wrong, (y, x), float32: where the mask is doubtful.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    advice: tuple[str, ...] = ()
    error_area: PredictionInterval | None = None
    loss: PredictionInterval | None = None
    dice: PredictionInterval | None = None
    f1: PredictionInterval | None = None
    failure_probability: float | None = None
    failure_limit: float | None = None
    conditions: ConditionEstimate = field(default_factory=ConditionEstimate)
    sigma: float | None = None
    delta_epsilon: float | None = None
    signals: Mapping[str, SignalValue] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    camera: Mapping[str, ComparedQuantity] = field(default_factory=dict)
    segmentation: Segmentation | None = field(default=None, compare=False, repr=False)
    error_probability: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; what scripts rely on."""
        return {
            "verdict": self.outcome,
            "predicted_error_area": None if self.error_area is None else self.error_area.as_dict(),
            "predicted_loss": None if self.loss is None else self.loss.as_dict(),
            "predicted_dice": None if self.dice is None else self.dice.as_dict(),
            **({} if self.f1 is None else {"predicted_f1": self.f1.as_dict()}),
            "failure_probability": self.failure_probability,
            "failure_limit": self.failure_limit,
            "conditions": self.conditions.as_dict(),
            "sigma": self.sigma,
            "delta_epsilon": self.delta_epsilon,
            "reasons": list(self.reasons),
            "advice": list(self.advice),
            "signals": {name: one._asdict() for name, one in self.signals.items()},
            "flags": list(self.flags),
            "camera": {name: one.as_dict() for name, one in self.camera.items()},
        }

    def line(self) -> str:
        """Return the verdict on one line."""
        if self.outcome == "not calibrated":
            return f"not calibrated: {self.advice[0]}"
        if self.error_area is None:
            return f"{self.outcome}; {self.reasons[0]}"
        predicted, (first, *_) = f"predicted error area {percent(self.error_area)}", self.reasons
        said = first.removeprefix(predicted)  # a reason may begin with it
        return f"{self.outcome}, {predicted}{said if said != first else f'; {first}'}"


def percent(area: PredictionInterval) -> str:
    """Error area with its interval, in % of the image."""
    value, low, high = (share_text(one) for one in area[:3])
    return f"{value} % of the image ({low} to {high} %)"


def share_text(share: float) -> str:
    """Share in %, with two digits and without an exponent.

    Examples
    --------
    >>> [share_text(one) for one in (1.0, 0.9951, 0.994, 0.0123, 0.0001234, 0.0)]
    ['100', '100', '99', '1.2', '0.012', '0']
    """
    value = 100.0 * share
    return f"{value:.2g}" if LEAST_PERCENT <= value < MOST_PERCENT else f"{value:.0f}"
