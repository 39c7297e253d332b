"""What image and network say: the predicted error area against that of images inside the training, and distances."""

from collections.abc import Mapping

from passband.performance.conformal import p_value
from passband.performance.image_error import ImageErrorModel
from passband.performance.signals import SIGNALS
from passband.performance.table import PerformanceTable
from passband.verdict.evidence import Reason
from passband.verdict.verdict import PredictionInterval, SignalValue, percent

RARE = 0.01  # p-value below which a distance is told
HALF, SOME = 0.5, 0.01  # Dice below which, and error area above which, a mask is more wrong than right


def weighed_signals(table: PerformanceTable, signals: Mapping[str, float]) -> dict[str, SignalValue]:
    """Signals that the table knows, with how often a micrograph inside has one as large."""
    known = table.in_distribution_signals()
    return {name: SignalValue(value, p_value(known[name], value)) for name, value in signals.items() if name in known}


def prediction_reasons(
    images: ImageErrorModel, predicted: Mapping[str, PredictionInterval], *, known: bool
) -> list[Reason]:
    """Return what the predicted error area and Dice say; `known` is whether the conditions are."""
    if not predicted:
        return []
    area, dice = predicted["error_area"], predicted["dice"]
    usual, worst = images.usual(known=known), images.worst
    said = f"predicted error area {percent(area)}"
    if area.low > worst:
        return [
            Reason(2, f"{said}: even the lower end exceeds that of 99 % of images inside the training ({_p(worst)})")
        ]
    against = f"what is predicted for 93 % of images inside the training ({_p(usual)})"
    if area.value > usual:
        return [Reason(1, f"{said} exceeds {against}")]
    if dice.value < HALF and area.value > SOME:
        return [Reason(1, f"{said}, predicted Dice {dice.value:.2f}: more wrong than right")]
    return [Reason(0, f"{said} is below {against}")]


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
    return f"{100.0 * area:.2g} %"
