"""What the signals of one micrograph say: which are out of distribution, and what that means for the mask."""

from collections.abc import Mapping
from math import ceil

import numpy as np

from passband.performance.conformal import p_value
from passband.performance.signals import SIGNALS
from passband.performance.table import PerformanceTable
from passband.verdict.evidence import Reason
from passband.verdict.verdict import SignalValue

FALSE_ALARMS = 0.05  # over all signals together, on micrographs inside


def weighed_signals(table: PerformanceTable, signals: Mapping[str, float]) -> dict[str, SignalValue]:
    """Signals that the table knows, with how often a micrograph inside has one as large."""
    known = table.in_distribution_signals()
    return {name: SignalValue(value, p_value(known[name], value)) for name, value in signals.items() if name in known}


def too_few_images(table: PerformanceTable, measured: Mapping[str, SignalValue]) -> str:
    """Why the signals say nothing: even a value beyond all n images of the table has a p-value of 1/(n + 1)."""
    known = table.in_distribution_signals()
    images = min((known[name].size for name in measured), default=0)
    if not measured:
        return "no signal was measured that the calibration knows"
    if 1.0 / (images + 1) <= FALSE_ALARMS / len(measured):
        return ""
    fewest = ceil(round(len(measured) / FALSE_ALARMS, 9)) - 1
    few = f"too few calibration images inside the training ({images}) to raise an alarm"
    return f"the {len(measured)} signals say nothing: {few}, which takes {fewest}"


def out_of_distribution(table: PerformanceTable, measured: Mapping[str, SignalValue]) -> tuple[list[str], set[str]]:
    """Signals that are too large for the false alarm rate, and the kinds of those beyond every image of the table."""
    known = table.in_distribution_signals()
    alarming = [name for name, one in measured.items() if one.p <= FALSE_ALARMS / len(measured)]
    beyond: set[str] = {SIGNALS[name].kind for name in alarming if measured[name].value > known[name][-1]}
    return alarming, beyond


def signal_reasons(table: PerformanceTable, measured: Mapping[str, SignalValue]) -> list[Reason]:
    """Return what the signals that are out of distribution say."""
    alarming, beyond = out_of_distribution(table, measured)
    known = table.in_distribution_signals()
    reasons = []
    for name in alarming:
        harm = SIGNALS[name].kind == "network" or measured[name].value > known[name][-1]
        text = (
            f"{SIGNALS[name].words} is {measured[name].value:.3g}; 95 % of micrographs inside the training stay below "
            f"{np.quantile(known[name], 0.95):.3g} and all below {known[name][-1]:.3g}"
        )
        level = 2 if len(beyond) >= 2 else int(harm)
        reasons.append(Reason(level, text if level else f"{text}: unlike them, which alone is no sign of a worse mask"))
    return reasons
