"""What the checks of one micrograph say: is there a signal, is it a negative, is the mask stable, and others."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from passband.checks.check import Check
from passband.checks.subject import Subject
from passband.checks.table import CHECKS, measured_checks
from passband.files.micrograph import Micrograph
from passband.performance.conformal import conformal_quantile
from passband.performance.table import PerformanceTable
from passband.segmentation.model import Model
from passband.verdict.evidence import Flag

#: Over all calibrated checks together, on micrographs inside: a verdict has other ways to doubt one of them.
FALSE_ALARMS = 0.02
SIDE = 128  # pixels, of the squares where no table says it


def image_flags(model: Model, micrograph: Micrograph, table: PerformanceTable | None) -> list[Flag]:
    """Return what the checks find in a micrograph of known pixel size.

    A calibrated check speaks of a value that less than its part of `FALSE_ALARMS` of the images inside the training
    have; where the table has too few of them to tell, or none, it is left out.

    Raises
    ------
    PassbandError
        The network cannot look at the image, see `Model.predict`.
    """
    known = {} if table is None else table.in_distribution_signals()
    thresholds = {check.name: threshold(check, known) for check in CHECKS.values()}
    speaking = [check for check in CHECKS.values() if thresholds[check.name] < float("inf")]
    side = SIDE if table is None else table.patch
    subject = Subject(model, micrograph.array, micrograph.known_pixel_size, side=side)
    values = measured_checks(subject, speaking)
    return [
        Flag(check.word, f"{check.text} ({_said(check, values[check.name], thresholds[check.name])})", check.level)
        for check in speaking
        if values.get(check.name, -float("inf")) > thresholds[check.name]
    ]


def threshold(check: Check, known: Mapping[str, NDArray[np.float64]]) -> float:
    """Value above which a check speaks, from the values of images inside the training; infinite where it cannot."""
    if not check.calibrated:
        return check.least
    count = sum(one.calibrated for one in CHECKS.values())
    return max(check.least, conformal_quantile(known.get(check.name, ()), 1.0 - FALSE_ALARMS / count))


def _said(check: Check, value: float, limit: float) -> str:
    return f"{check.name} {value:.3g}, at most {limit:.3g} is usual"
