"""What the checks of one micrograph say: is there a signal, is it a negative, is the mask stable, and others."""

import numpy as np
from numpy.typing import NDArray

from passband.checks.subject import Subject
from passband.checks.table import calibrated_checks, checks_of, measured_checks
from passband.files.micrograph import Micrograph
from passband.microscope.instruments.choice import instrument_named
from passband.performance.table import PerformanceTable
from passband.segmentation.model import Model
from passband.verdict.evidence import Flag

#: Over all calibrated checks together, on micrographs inside: a verdict has other ways to doubt one of them.
FALSE_ALARMS = 0.03
RIGHT = 0.5  # F1
SIDE = 128  # pixels, of the squares where no table says it


def image_flags(model: Model, micrograph: Micrograph, table: PerformanceTable | None) -> list[Flag]:
    """Return what the checks find in a micrograph of known pixel size.

    Calibrated checks speak of values that are rare inside the training, see `thresholds`; where the table has none of
    them, or too few, they are left out.

    Raises
    ------
    PassbandError
        The network cannot look at the image, see `Model.predict`.
    """
    checks = checks_of(model.card.mode)
    limits = {check.name: check.least for check in checks if not check.calibrated}
    if table is not None:
        limits |= thresholds(table)
    speaking = [check for check in checks if check.name in limits]
    side = SIDE if table is None else table.patch
    subject = Subject(model, micrograph.array, micrograph.known_pixel_size, side=side)
    values = measured_checks(subject, speaking)
    flags = []
    for check in speaking:
        value, limit = values.get(check.name, -np.inf), limits[check.name]
        if value > limit:
            flags.append(Flag(check.word, f"{check.text} ({check.name} {value:.3g} > {limit:.3g})", check.level))
    return flags


def thresholds(table: PerformanceTable) -> dict[str, float]:
    """Values above which calibrated checks speak, by name; none where the table has too few images to tell.

    Every check speaks of an equal share of the images inside the training, the largest with which all of them together
    speak of at most `FALSE_ALARMS`: checks that speak of the same images share their alarms (the smallest p-value of
    dependent tests; Westfall & Young, Resampling-Based Multiple Testing (1993), section 2.3). Of networks that find
    columns, images with an F1 below `RIGHT` do not count: an objection to them is no false alarm.
    """
    mode = instrument_named(table.instrument).MODE
    checks = [check for check in calibrated_checks(mode) if check.name in table.images]
    sets = np.asarray(table.images.get("set", ()), dtype=np.int64)
    inside = table.inside[sets] if len(sets) else np.zeros(0, dtype=bool)
    if "f1" in table.images:
        inside = inside & (np.asarray(table.images["f1"], dtype=np.float64) >= RIGHT)
    count = int(inside.sum())
    if not checks or len(checks) / (count + 1) > FALSE_ALARMS:
        return {}
    columns = [np.asarray(table.images[check.name], dtype=np.float64)[inside] for check in checks]
    rank = np.min([_rank(values, check.least) for values, check in zip(columns, checks, strict=True)], axis=0)
    spoken = np.sort(rank)[int(FALSE_ALARMS * count)]  # the first image that may not be spoken of
    place = min(int(spoken), count) - 1
    return {
        check.name: max(check.least, float(np.sort(values)[::-1][place]))
        for check, values in zip(checks, columns, strict=True)
    }


def _rank(values: NDArray[np.float64], least: float) -> NDArray[np.int64]:
    """How many images have a value as large, for each (n,); all of them for values that are never spoken of."""
    larger = len(values) - np.searchsorted(np.sort(values), values, side="left")
    return np.where(values > least, larger, len(values))
