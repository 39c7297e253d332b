"""What file and conditions say about a network on one micrograph: reasons with their severity, against thresholds."""

from collections.abc import Mapping, Sequence
from math import isinf
from typing import NamedTuple

import numpy as np

from passband.distribution import limits
from passband.files.micrograph import Micrograph
from passband.microscope.aberrations import cs_text
from passband.microscope.instruments.choice import instrument_of, validate_distribution
from passband.microscope.instruments.instrument import Instrument
from passband.performance.error_model import ErrorModel
from passband.performance.settings import Outside, SettingRow, outside_of
from passband.performance.table import PerformanceTable
from passband.performance.widening import bounding_distribution, trained_energies
from passband.segmentation.card import ModelCard
from passband.segmentation.catalogue import coarsest_pixel, named_for
from passband.verdict.estimate import ConditionEstimate, compatible_settings

USUAL, WORST = 0.9, 0.99  # quantiles of the losses inside the training
MARGIN = 0.1  # of the measured width, by which a setting may exceed it


class Reason(NamedTuple):
    """One line of evidence: how bad, and in words."""

    level: int  # 0 no objection, 1 doubtful, 2 outside
    text: str


class Flag(NamedTuple):
    """One thing that a test of its own found in an image, such as an inverted contrast.

    Attributes
    ----------
    word
        What scripts look for, such as "inverted".
    text
        The same for a person, with its numbers.
    level
        As of a `Reason`: what it does to the word of the verdict.
    """

    word: str
    text: str
    level: int


class Evidence(NamedTuple):
    """What is known of one micrograph.

    Attributes
    ----------
    estimate
        Its conditions, as far as they are known.
    signals
        From `performance.examination.examine`.
    file
        From `file_reasons`.
    camera_pixel
        Å; None is the network's.
    flags
        What tests of their own found.
    """

    estimate: ConditionEstimate
    signals: Mapping[str, float]
    file: Sequence[Reason] = ()
    camera_pixel: float | None = None
    flags: Sequence[Flag] = ()


class LossThresholds(NamedTuple):
    """Losses that most data sets inside the training stay below, and nearly all."""

    usual: float
    worst: float


def loss_thresholds(table: PerformanceTable) -> LossThresholds:
    """Return the thresholds of a network: quantiles of its losses on the data sets inside the training."""
    inside = table.column("loss")[table.inside]
    return LossThresholds(float(np.quantile(inside, USUAL)), float(np.quantile(inside, WORST)))


def file_reasons(card: ModelCard, micrograph: Micrograph) -> list[Reason]:
    """Return what the metadata of a file say against a network: mode, energy, pixels; and which network is for it."""
    reasons = []
    if micrograph.mode not in (None, card.mode):
        reasons.append(f"the file says {micrograph.mode} and the network knows {card.mode} images only")
    energies = trained_energies(validate_distribution(card.conditions)) if card.conditions else None
    if micrograph.energy is not None and energies and not 0.99 * energies[0] <= micrograph.energy <= 1.01 * energies[1]:
        trained = " to ".join(f"{energy / 1e3:g}" for energy in sorted(set(energies)))
        reasons.append(f"it was taken at {micrograph.energy / 1e3:g} kV and the network trained at {trained} kV")
    pixel, coarsest = max(micrograph.pixel_size or (0.0,)), coarsest_pixel(card)
    if pixel > coarsest:
        size = f"{pixel:.3g} Å per pixel is far from the network's {card.pixel_size:.3g} Å"
        reasons.append(f"{size} ({coarsest:.3g} Å at most), so detail that it was trained on is missing")
    if reasons and (other := named_for(micrograph)):
        reasons[-1] = f"{reasons[-1]}; {other}"
    return [Reason(2, text) for text in reasons]


def beyond_reasons(error_model: ErrorModel, beyond: Outside, estimate: ConditionEstimate) -> list[Reason]:
    """Return what is said of quantities further out than anything that was measured."""
    instrument, reasons = instrument_of(error_model.trained), []
    for name, (value, limit) in beyond.items():
        origin = " (of the file)" if estimate.origin(name) == "file" else ""
        measured = range_text(instrument, name, *limit)
        said = f"{quantity_text(instrument, name, value)}{origin} is beyond what was calibrated ({measured})"
        reasons.append(Reason(2, f"{said}: nothing is known there"))
    return reasons


def training_reasons(
    error_model: ErrorModel, row: SettingRow, estimate: ConditionEstimate, *, loss: float | None
) -> list[Reason]:
    """Return what is said of known quantities that the training did not cover; with the mean loss, where one follows.

    `row` is a setting with the known quantities.
    """
    instrument = instrument_of(error_model.trained)
    left = [
        f"{quantity_text(instrument, name, value)} (trained {range_text(instrument, name, *limit)})"
        for name, (value, limit) in beyond_training(error_model, row, estimate).items()
    ]
    follows = "" if loss is None else f"; images taken so have a loss of {loss:.3g} on the average"
    return [Reason(0, f"outside the training: {', '.join(left)}{follows}")] if left else []


def beyond_training(error_model: ErrorModel, row: SettingRow, estimate: ConditionEstimate) -> Outside:
    """Known quantities that the training did not cover, with the trained range."""
    found = outside_of(row, error_model.trained)
    return {name: pair for name, pair in found.items() if name in estimate.values}


def beyond_table(error_model: ErrorModel, row: SettingRow, estimate: ConditionEstimate) -> Outside:
    """Known quantities further out than anything that was measured, with the measured range."""
    found = {}
    for quantity in instrument_of(error_model.trained).QUANTITIES:
        if quantity.name not in estimate.values:
            continue
        column = error_model.table.column(quantity.name)
        low, high = float(column.min()), float(column.max())
        slack = MARGIN * (high - low)
        value = row[quantity.name]
        if quantity.logarithmic:  # in decades, and any more does no harm
            low, high, slack = low / 1.5, float("inf"), 0.0
            value = value or float("inf")
        if not low - slack <= value <= high + slack:
            found[quantity.name] = (value, (low, high))
    return found | _unvaried(error_model, estimate)


def _unvaried(error_model: ErrorModel, estimate: ConditionEstimate) -> Outside:
    """Known coefficients that no measurement varied and that show, with what would not show."""
    trained, found = bounding_distribution(error_model.trained), {}
    instrument, setting = instrument_of(trained), compatible_settings(estimate, trained, draws=1)[0][0]
    scalars = instrument.scalars(trained)
    for name, value in estimate.values.items():
        slack = instrument.negligible(name, setting, pixel_size=error_model.pixel_size)
        if slack is not None:
            low, high = limits(scalars.get(name) or 0.0)
            if not low - slack <= value <= high + slack:
                found[name] = (value, (low - slack, high + slack))
    return found


def quantity_text(instrument: Instrument, name: str, value: float) -> str:
    """Name and value with its unit, such as "C30 = 0.256 mm"."""
    return f"{name} = {value_text(name, value, instrument.unit(name))}"


def value_text(name: str, value: float, unit: str = "") -> str:
    """Value of a quantity in a sentence: a Cs in mm, all else with the `unit` that it is in, if one is given."""
    return cs_text(value) if name == "C30" else f"{value:.4g} {unit}".rstrip()


def range_text(instrument: Instrument, name: str, low: float, high: float) -> str:
    """Range with its unit, as `value_text`; one without an upper end is so much "or more"."""
    start, end = (value_text(name, one, instrument.unit(name)) for one in (low, high))
    if isinf(high):
        return f"{start} or more"
    return f"{start.partition(' ')[0]} to {end}" if low < high else start
