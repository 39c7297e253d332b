"""Advice on one micrograph: what to check, what to train on, and a setting with a lower predicted loss."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from passband.microscope.instruments.choice import instrument_of
from passband.microscope.instruments.instrument import Setting
from passband.performance.error_model import ErrorModel
from passband.performance.settings import SettingRow
from passband.performance.signals import SIGNALS
from passband.performance.widening import trained_range
from passband.verdict.estimate import ConditionEstimate
from passband.verdict.evidence import Reason, beyond_training, range_text

BETTER = 0.8  # another setting is advised when its predicted loss is below this fraction
FEW = 6  # settings that stand for what is not known while a better one is looked for


def image_advice(reasons: Sequence[Reason], too_far: Sequence[str]) -> list[str]:
    """Return what to do about a large predicted error area, or none, and about distances that are too large for one."""
    advice = []
    if any(reason.level for reason in reasons):
        advice.append("look at the mask before using it, first where the map says that it is doubtful")
    kinds = {SIGNALS[name].kind for name in too_far}
    if "spectrum" in kinds:
        advice.append("compare pixel size, detector and specimen with the card's: the spectrum is like none measured")
    if kinds:
        advice.append("correct the masks of five images or more and run passband calibrate with --images and --labels")
    return advice


def training_advice(error_model: ErrorModel, row: SettingRow, estimate: ConditionEstimate) -> list[str]:
    """Return what to add to the training, or how to record, where known quantities leave the training."""
    instrument, advice = instrument_of(error_model.trained), []
    for name, (value, (low, high)) in beyond_training(error_model, row, estimate).items():
        quantity = instrument.quantity(name)
        if name in instrument.ASKED and estimate.origin(name) == "file":
            advice.append(f"give {name} if the file is wrong about it, as it may be where a corrector was on")
        if quantity is not None and quantity.logarithmic and value < low:
            advice.append(f"record with {low:.3g} {quantity.unit} or more, or train down to {value:.3g}")
        else:
            wider = range_text(instrument, name, min(low, value), max(high, value))
            advice.append(f"add {wider} of {name} to the training conditions")
    return advice


def setting_advice(error_model: ErrorModel, settings: Sequence[Setting], loss: float) -> list[str]:
    """Return a setting to record at, such as another defocus, where its predicted loss is well below `loss`."""
    instrument = instrument_of(error_model.trained)
    reachable = instrument.reachable(trained_range(error_model.trained)[instrument.LEADING])
    best, least = best_defocus(error_model, settings[:FEW], reachable)
    if least > BETTER * loss:
        return []
    said = instrument.said(instrument.with_values(settings[0], {instrument.LEADING: best}), advice=True)
    return [f"record at {said}, where the predicted loss is {least:.3g} instead of {loss:.3g}".replace("-", "\u2212")]


def best_defocus(error_model: ErrorModel, settings: Sequence[Setting], reachable: ArrayLike) -> tuple[float, float]:
    """Leading quantity (in TEM C10, Å), of what can be reached, with the lowest predicted loss, and that loss.

    `settings` stand for what is not known (their predictions are averaged as logarithms); their own value is replaced.
    """
    values, instrument = np.asarray(reachable, dtype=np.float64), instrument_of(error_model.trained)
    moved = [instrument.with_values(one, {instrument.LEADING: float(value)}) for value in values for one in settings]
    loss = np.log(error_model.predict(moved).loss.value).reshape(len(values), len(settings)).mean(axis=1)
    best = int(loss.argmin())
    return float(values[best]), float(np.exp(loss[best]))
