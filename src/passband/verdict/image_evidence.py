"""What image and network say: the predicted error area, the probability that the mask fails, and distances."""

from collections.abc import Mapping
from typing import NamedTuple

from passband.performance.conformal import p_value
from passband.performance.failure import HALF, LARGE, JudgedBy
from passband.performance.image_error import RARE, ImageErrorModel
from passband.performance.signals import SIGNALS
from passband.performance.table import PerformanceTable
from passband.verdict.evidence import Reason
from passband.verdict.verdict import PredictionInterval, SignalValue, percent, share_text

LEAST_TOLD, MOST_TOLD = 0.001, 0.99  # of probabilities
FAILS = {"dice": "more than 10 % wrong, or a Dice below 0.5 with more than 1 % wrong", "f1": "F1 below 0.5"}


class Failure(NamedTuple):
    """Probability that a mask fails, above which one it is doubted, and whether images like it are rare inside."""

    probability: float
    limit: float
    rare: bool


def weighed_signals(table: PerformanceTable, signals: Mapping[str, float]) -> dict[str, SignalValue]:
    """Signals that the table knows, with how often a micrograph inside has one as large."""
    known = table.in_distribution_signals()
    return {name: SignalValue(value, p_value(known[name], value)) for name, value in signals.items() if name in known}


def prediction_reasons(
    images: ImageErrorModel, predicted: Mapping[str, PredictionInterval], failure: Failure | None
) -> list[Reason]:
    """Return what the predicted error area and the probability of a failure say."""
    if failure is None or not predicted:
        return []
    area, worst = predicted["error_area"], images.worst
    said = f"predicted error area {percent(area)}"
    if area.low > worst:
        return [
            Reason(2, f"{said}: even the lower end exceeds that of 99 % of images inside the training ({_p(worst)})")
        ]
    text = f"{said}; {probability(failure.probability)} probable that the mask fails ({FAILS[images.judged_by]})"
    why = ", a third of the usual: images like it are rare inside the training" if failure.rare else ""
    doubted, beyond = failure.probability > failure.limit, _beyond_failure(predicted, images.judged_by)
    text = f"{text}, doubted above {probability(failure.limit)}{why}"
    return [Reason(int(doubted or bool(beyond)), f"{text}; {beyond}" if beyond else text)]


def _beyond_failure(predicted: Mapping[str, PredictionInterval], by: JudgedBy) -> str:
    """Say that all of an interval is beyond what a mask fails with, where it is: no word may contradict that."""
    if by == "f1":
        return f"even the upper end of F1 is below {HALF:g}" if predicted["f1"].high < HALF else ""
    return f"even the lower end exceeds the {_p(LARGE)} of a failure" if predicted["error_area"].low > LARGE else ""


def probability(share: float) -> str:
    """Probability in %, never as 0 or 100 %."""
    if share < LEAST_TOLD:
        return f"less than {100.0 * LEAST_TOLD:g} %"
    return f"{share_text(share)} %" if share < MOST_TOLD else f"more than {100.0 * MOST_TOLD:g} %"


def distance_reasons(images: ImageErrorModel, measured: Mapping[str, SignalValue]) -> list[Reason]:
    """Return what is rare: distances of features and spectrum, which may be too large for a prediction, and noise."""
    too_far = images.too_far({name: one.value for name, one in measured.items()})
    reasons = []
    for name, one in measured.items():
        if SIGNALS[name].kind not in ("features", "spectrum", "camera") or (one.p > RARE and name not in too_far):
            continue
        said = f"{SIGNALS[name].words} is {one.value:.3g}"
        largest = max(images.table.images[name])
        if name in too_far:
            text = (
                f"no error area is predicted: {said}, and at most {largest:.3g} was measured, whatever the conditions"
            )
            reasons.append(Reason(1, text))
        else:
            reasons.append(Reason(0, f"{said}, which is rare inside the training; up to {largest:.3g} was measured"))
    return reasons


def _p(area: float) -> str:
    return f"{share_text(area)} %"
