"""What image and network say: the predicted error area against that of images inside the training, and distances."""

from collections.abc import Mapping

from passband.performance.conformal import p_value
from passband.performance.image_error import ImageErrorModel
from passband.performance.signals import SIGNALS
from passband.performance.table import PerformanceTable
from passband.verdict.evidence import Reason
from passband.verdict.verdict import PredictionInterval, SignalValue, percent

RARE = 0.01  # p-value below which a distance is told
HALF = 0.5  # of the limit of the probability of a failure, where a distance is rare


def weighed_signals(table: PerformanceTable, signals: Mapping[str, float]) -> dict[str, SignalValue]:
    """Signals that the table knows, with how often a micrograph inside has one as large."""
    known = table.in_distribution_signals()
    return {name: SignalValue(value, p_value(known[name], value)) for name, value in signals.items() if name in known}


def prediction_reasons(
    images: ImageErrorModel,
    predicted: Mapping[str, PredictionInterval],
    failure: float | None,
    measured: Mapping[str, SignalValue],
    *,
    known: bool,
) -> list[Reason]:
    """Return what the predicted error area and the probability of a failure say; `known` is whether conditions are.

    Where a distance of features or spectrum is rare inside, the limit of that probability is half as high: it was
    learned from images that resemble the training more.
    """
    if failure is None or not predicted:
        return []
    rare = any(SIGNALS[name].kind in ("features", "spectrum") and one.p <= RARE for name, one in measured.items())
    area, worst, limit = (
        predicted["error_area"],
        images.worst,
        images.failure(known=known).limit * (HALF if rare else 1),
    )
    said = f"predicted error area {percent(area)}"
    if area.low > worst:
        return [
            Reason(2, f"{said}: even the lower end exceeds that of 99 % of images inside the training ({_p(worst)})")
        ]
    fails = "F1 below 0.5" if "f1" in predicted else "Dice below 0.5, or more than 10 % wrong"
    why = ", half the usual, for it is far from the training" if rare else ""
    text = f"{said}; the mask fails ({fails}) with a probability of {_p(failure)}, doubted above {_p(limit)}{why}"
    return [Reason(int(failure > limit), text)]


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


def _p(share: float) -> str:
    return f"{100.0 * share:.2g} %" if share >= 0.001 or share == 0.0 else "less than 0.1 %"
